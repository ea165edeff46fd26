"""Outreach as a part of the product."""

from collections.abc import Iterable
from typing import Any

from crm_api.kit.access import Managed
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.crud.personal import Copies, Person, Trace, rows_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.jobs import Chore, forgetting
from crm_api.kit.module import Faces, Module
from crm_api.kit.touchpoints import Touchpoint, of_target
from crm_api.platform.outreach.actions import Mail
from crm_api.platform.outreach.gate import Barring, Gate, Opening
from crm_api.platform.outreach.guarding import Approving, Guards
from crm_api.platform.outreach.repository import PEOPLE
from crm_api.platform.outreach.service import (
    ConsentService,
    ConsentTextService,
    GuardRuleService,
    SuppressionService,
    collect_suppressions,
    forget_evidence,
    hide_values,
    wipe_evidence,
)
from crm_api.platform.outreach.touches import FORGET, erase_touches, purge_touches

_TRACES = [
    Trace(
        "consents.evidence",
        ("consents",),
        forget_evidence,
        Copies("Consents are records, with their evidence."),
    ),
    Trace("suppressions", ("suppressions",), hide_values, collect_suppressions),
    Trace(
        "outreach_touches",
        ("outreach_touches",),
        erase_touches,
        rows_of(outreach_touches="record_id = ANY($2)"),
    ),
]


def outreach_module(
    services: Iterable[type[CrudService[Any]]],
    opening: Opening,
    approving: Approving,
    barring: Barring,
) -> Module:
    """Who of the people among these records may be reached.

    `opening` knows the hours, `approving` who is approved for what, `barring` who is in a
    suppression.
    """
    people = [service for service in services if isinstance(service.personal, Person)]
    PEOPLE[:] = [service.repository.listing for service in people]
    Gate.people = {service.repository.listing.entity: service for service in people}
    Gate.opening = staticmethod(opening)
    Gate.barring = staticmethod(barring)
    Guards.approving = staticmethod(approving)
    Guarded.purged += [wipe_evidence, purge_touches]

    def faces() -> Faces:
        from crm_api.platform.outreach.graphql import MUTATIONS, QUERIES
        from crm_api.platform.outreach.public_rest import public
        from crm_api.platform.outreach.rest import (
            consents,
            gate,
            guards,
            rules,
            suppressions,
            texts,
        )

        return Faces(
            routers=[texts, consents, suppressions, rules, gate, guards, public],
            queries=QUERIES,
            mutations=MUTATIONS,
        )

    return Module(
        key="outreach",
        title="Outreach",
        description="What people have agreed to, who is not to be reached, and the gate between.",
        switchable=False,
        faces=faces,
        tags={
            "consents": "What people have decided, never changed.",
            "outreach": "Who may be reached, and if not why.",
        },
        managed={
            "consents": Managed("manage_consents"),
            "suppressions": Managed("manage_consents", secret=True),
            "guard_rules": Managed("manage_consents"),
        },
        touchpoints=[Touchpoint("consent.recorded", "advertising", of_target, "in")],
        services=[ConsentTextService, ConsentService, SuppressionService, GuardRuleService],
        events=["consent.recorded"],
        actions=[Mail],
        traces=_TRACES,
        chores=[Chore("forget touches", forgetting(FORGET))],
    )
