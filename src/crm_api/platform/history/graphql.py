"""Events and history over GraphQL."""

from typing import Any
from uuid import UUID

import strawberry

from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.types import type_from
from crm_api.platform.history.schemas import EventPage as EventPageShape
from crm_api.platform.history.schemas import HistoryPage as HistoryPageShape
from crm_api.platform.history.service import HistoryService


@type_from(EventPageShape)
class EventPage:
    """A stretch of the feed."""


@type_from(HistoryPageShape)
class HistoryPage:
    """A record's changes."""


@strawberry.type
class HistoryQuery:
    """What happened."""

    @strawberry.field
    async def events(
        self,
        info: GraphInfo,
        after: str | None = None,
        first: int = 50,
        types: list[str] | None = None,
    ) -> EventPage:
        """Everything that happened, in the order of the commits."""
        tx = info.context.tx
        return await HistoryService(tx).feed(  # pyright: ignore[reportReturnType]
            after=after, limit=min(max(first, 1), 200), types=types or ()
        )


def history_query(areas: dict[str, str]) -> type:
    """`history(entity:, id:)`; `areas` names the scope that reads each entity."""

    async def resolver(
        info: GraphInfo, entity: str, id: UUID, after: str | None = None, first: int = 50
    ) -> Any:
        return await HistoryService(info.context.tx).of_record(
            areas.get(entity, entity), entity, id, cursor=after, limit=min(max(first, 1), 200)
        )

    resolver.__annotations__["return"] = HistoryPage
    field = strawberry.field(resolver=resolver, description="The changes of a record.")
    return strawberry.type(type("RecordHistoryQuery", (), {"history": field}))
