"""The audit trail as a part of the product."""

from collections.abc import Sequence
from typing import Any

from crm_api.kit.access import Managed
from crm_api.kit.crud.service import CrudService
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Faces, Module
from crm_api.platform.audit.jobs import verify_audit
from crm_api.platform.audit.sealing import EVERY_S, seal_events
from crm_api.platform.audit.service import AREA, AuditService, kinds_of


def audit_module(services: Sequence[type[CrudService[Any]]]) -> Module:
    """The trail of what happened to the records of these collections, and beside them."""
    AuditService.services = kinds_of(services)

    def faces() -> Faces:
        from crm_api.platform.audit.graphql import AuditMutation, AuditQuery
        from crm_api.platform.audit.rest import router

        return Faces(
            routers=[router],
            queries=[AuditQuery],
            mutations=[AuditMutation],
        )

    return Module(
        key="audit",
        title="Audit",
        description="Who did what, sealed so that nobody changes it unnoticed.",
        switchable=False,
        areas=[AREA],
        managed={AREA: Managed("audit", secret=True)},
        faces=faces,
        tags={"audit": "What happened, who did it, and whether that is still what was written."},
        jobs=[verify_audit],
        chores=[Chore("audit.seal", seal_events, every_s=EVERY_S, shared=True)],
        events=[
            "audit.configured",
            "audit.erased",
            "audit.verified",
            *(f"{entity}.read" for entity in AuditService.services),
        ],
    )
