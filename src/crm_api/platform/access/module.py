"""Access as a part of the product."""

from collections.abc import Iterable
from typing import Any

from crm_api.kit.access import Managed
from crm_api.kit.crud.applying import CollectionApplier
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.settling import settle_by
from crm_api.kit.module import Faces, Module
from crm_api.kit.query.rules import share_by_rules
from crm_api.platform.access.jobs import apply_sharing_rule
from crm_api.platform.access.repository import OTHERS, SHAREABLE
from crm_api.platform.access.rules import SharingRuleService
from crm_api.platform.access.service import RoleAssignmentService, RoleService
from crm_api.platform.access.sharing import ShareService


def access_module(
    services: Iterable[type[CrudService[Any]]], others: type[CrudService[Any]]
) -> Module:
    """Roles about the records of these collections, and of custom objects."""
    targets = {s.repository.listing.entity: s for s in services if s.plain or s.governed}
    RoleService.targets = targets
    # Parts are seen with what they are a part of.
    whole = {e: s for e, s in targets.items() if s.repository.listing.within is None}
    ShareService.targets = SharingRuleService.targets = frozenset(whole)
    settle_by(share_by_rules)
    SHAREABLE[:] = (service.repository.listing for service in whole.values())
    OTHERS[:] = [others.repository.listing]

    def faces() -> Faces:
        from crm_api.platform.access.graphql import MUTATIONS, QUERIES
        from crm_api.platform.access.rest import (
            record_routes,
            role_assignments,
            roles,
            shares,
            sharing_rules,
        )

        return Faces(
            routers=[
                roles,
                role_assignments,
                shares,
                sharing_rules,
                record_routes([*targets.values(), others], [*whole.values(), others]),
            ],
            queries=QUERIES,
            mutations=MUTATIONS,
        )

    return Module(
        key="access",
        title="Access",
        description="Roles, who has them, and with whom records are shared.",
        switchable=False,
        faces=faces,
        jobs=[apply_sharing_rule],
        appliers=[CollectionApplier(RoleService, by=["name"])],
        services=[RoleService, RoleAssignmentService, ShareService, SharingRuleService],
        events=[
            "sharing_rule.applied",
            *(f"{entity}.{verb}" for entity in whole for verb in ("shared", "unshared")),
        ],
        managed={
            "roles": Managed("manage_roles"),
            "sharing_rules": Managed("manage_sharing"),
        },
    )
