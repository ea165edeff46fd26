"""The audit trail over GraphQL."""

from typing import Any
from uuid import UUID

import strawberry

from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.filters import where_of
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import asked, asks_count, connected, connection_of
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.audit.repository import EVENTS
from crm_api.platform.audit.schemas import AuditEventOut, AuditStatusOut
from crm_api.platform.audit.schemas import AuditSettings as AuditSettingsShape
from crm_api.platform.audit.service import AuditService


@type_from(AuditEventOut)
class AuditEvent:
    """One thing that happened, and who did it."""


@type_from(AuditStatusOut)
class AuditStatus:
    """How far the events are sealed."""


@type_from(AuditSettingsShape)
class AuditSettings:
    """What is written down beside changes."""


AuditEventConnection = connection_of("audit_event", AuditEvent)
AuditEventWhere = where_of(EVENTS)
AuditSettingsInput = input_from(AuditSettingsShape)


@strawberry.type
class AuditQuery:
    """The audit trail."""

    @strawberry.field
    async def audit_events(  # pyright: ignore[reportUnknownParameterType]
        self,
        info: GraphInfo,
        where: AuditEventWhere | None = None,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        order_by: list[str] | None = None,
        first: int = 50,
        after: str | None = None,
    ) -> AuditEventConnection:  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        """Every event of the organization, newest first."""
        tx = info.context.tx
        query = asked(
            EVENTS,
            tx,
            where=where,
            order_by=order_by,
            first=first,
            after=after,
            count=asks_count(info),
        )
        return connected(await AuditService(tx).page(query), after)

    @strawberry.field
    async def audit_status(self, info: GraphInfo) -> AuditStatus:
        """How far the events are sealed, and how they were found last."""
        found: Any = await AuditService(info.context.tx).status()
        return found

    @strawberry.field
    async def audit_settings(self, info: GraphInfo) -> AuditSettings:
        """Which readings are written down."""
        found: Any = AuditService(info.context.tx).settings()
        return found


@strawberry.type
class AuditMutation:
    """What may be done about the audit trail."""

    @mutation
    async def verify_audit(self, info: GraphInfo) -> UUID:
        """Have the trail verified; the id of the job."""
        return AuditService(info.context.tx).begin_verifying()

    @mutation
    async def set_audit_settings(
        self,
        info: GraphInfo,
        input: AuditSettingsInput,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> AuditSettings:
        """Say which readings are written down."""
        data = shape_given(AuditSettingsShape, input)
        found: Any = await AuditService(info.context.tx).configure(data)
        return found
