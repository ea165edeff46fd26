"""Outreach as a part of the product."""

from collections.abc import Iterable
from typing import Any

from crm_api.kit.access import Managed
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.crud.personal import Person, Trace
from crm_api.kit.crud.service import CrudService
from crm_api.kit.module import Faces, Module
from crm_api.kit.touchpoints import Touchpoint, of_target
from crm_api.platform.outreach.actions import Mail
from crm_api.platform.outreach.gate import Gate, Opening
from crm_api.platform.outreach.repository import PEOPLE
from crm_api.platform.outreach.service import (
    ConsentService,
    ConsentTextService,
    SuppressionService,
    forget_evidence,
    hide_values,
    wipe_evidence,
)


def outreach_module(services: Iterable[type[CrudService[Any]]], opening: Opening) -> Module:
    """Who of the people among these records may be reached; `opening` knows the hours."""
    people = [service for service in services if isinstance(service.personal, Person)]
    PEOPLE[:] = [service.repository.listing for service in people]
    Gate.people = {service.repository.listing.entity: service for service in people}
    Gate.opening = staticmethod(opening)
    Guarded.purged.append(wipe_evidence)

    def faces() -> Faces:
        from crm_api.platform.outreach.graphql import MUTATIONS, QUERIES
        from crm_api.platform.outreach.rest import consents, gate, suppressions, texts

        return Faces(
            routers=[texts, consents, suppressions, gate],
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
        },
        touchpoints=[Touchpoint("consent.recorded", "advertising", of_target, "in")],
        services=[ConsentTextService, ConsentService, SuppressionService],
        events=["consent.recorded"],
        actions=[Mail],
        traces=[
            Trace("consents.evidence", ("consents",), forget_evidence),
            Trace("suppressions", ("suppressions",), hide_values),
        ],
    )
