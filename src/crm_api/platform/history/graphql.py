"""Events and history over GraphQL."""

from uuid import UUID

import strawberry

from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.types import type_from
from crm_api.platform.history.schemas import EventPage as EventPageShape
from crm_api.platform.history.schemas import HistoryPage as HistoryPageShape
from crm_api.platform.history.service import HistoryService, Services


@type_from(EventPageShape)
class EventPage:
    """A stretch of the feed."""


@type_from(HistoryPageShape)
class HistoryPage:
    """A record's changes."""


def history_query(services: Services) -> type:
    """`events(after:)` and `history(entity:, id:)` of these collections."""

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
            """What happened to whatever the credential may read, in the order of the commits."""
            service = HistoryService(info.context.tx, services)
            return await service.feed(  # pyright: ignore[reportReturnType]
                after=after, limit=min(max(first, 1), 200), types=types or ()
            )

        @strawberry.field
        async def history(
            self, info: GraphInfo, entity: str, id: UUID, after: str | None = None, first: int = 50
        ) -> HistoryPage:
            """The changes of a record."""
            service = HistoryService(info.context.tx, services)
            return await service.of_record(  # pyright: ignore[reportReturnType]
                entity, id, cursor=after, limit=min(max(first, 1), 200)
            )

    return HistoryQuery
