"""Approvals as a part of the product."""

from collections.abc import Iterable
from typing import Any

from crm_api.kit.access import Managed
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.settling import settle_by
from crm_api.kit.module import Faces, Module
from crm_api.kit.parts import Use
from crm_api.platform.approvals.actions import StartApproval
from crm_api.platform.approvals.approvers import Acting, Approvers
from crm_api.platform.approvals.course import Course, Working
from crm_api.platform.approvals.events import EVENTS
from crm_api.platform.approvals.jobs import escalate
from crm_api.platform.approvals.policies import (
    MANAGE,
    ApprovalDelegationService,
    ApprovalPolicyService,
)
from crm_api.platform.approvals.repository import OTHERS, TARGETS
from crm_api.platform.approvals.service import ApprovalService
from crm_api.platform.approvals.voiding import end_with_record, void_changed
from crm_api.platform.approvals.working import WORK

_ABOUT = """
    SELECT count(*) AS n FROM approval_policies
    WHERE organization_id = $1 AND target = ANY($2) AND is_active AND deleted_at IS NULL
"""


def approvals_module(
    services: Iterable[type[CrudService[Any]]],
    others: type[CrudService[Any]],
    acting: Acting,
    working: Working,
) -> Module:
    """Approvals of the records of these collections, and of custom objects.

    `acting` gives somebody the rights of a user at that moment, `working` counts working time.
    """
    targets = {s.repository.listing.entity: s for s in services if s.plain}
    ApprovalPolicyService.targets = frozenset(targets)
    TARGETS[:] = (service.repository.listing for service in targets.values())
    OTHERS[:] = [others.repository.listing]
    Approvers.acting, Course.working = staticmethod(acting), staticmethod(working)
    settle_by(void_changed)
    Guarded.purged.append(end_with_record)

    def faces() -> Faces:
        from crm_api.platform.approvals.graphql import MUTATIONS, QUERIES
        from crm_api.platform.approvals.rest import approvals, delegations, policies

        return Faces(
            routers=[policies, delegations, approvals],
            queries=QUERIES,
            mutations=MUTATIONS,
        )

    return Module(
        key="approvals",
        title="Approvals",
        description="What is to be approved, by whom, and what was decided.",
        switchable=False,
        events=EVENTS,
        faces=faces,
        jobs=[escalate],
        services=[ApprovalPolicyService, ApprovalDelegationService, ApprovalService],
        managed={
            "approval_policies": Managed(MANAGE),
            # Users see to their own beside that.
            "approval_delegations": Managed(MANAGE),
        },
        uses=[Use("approval_policies", _ABOUT)],
        actions=[StartApproval],
        work=WORK,
    )
