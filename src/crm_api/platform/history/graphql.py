"""Events and history over GraphQL."""

from collections.abc import AsyncGenerator
from typing import Any, cast
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from crm_api.kit.crud.sight import Services
from crm_api.kit.errors import Unauthenticated
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.types import type_from
from crm_api.kit.live import Ended
from crm_api.platform.history.following import Follower
from crm_api.platform.history.schemas import EventOut
from crm_api.platform.history.schemas import EventPage as EventPageShape
from crm_api.platform.history.schemas import HistoryPage as HistoryPageShape
from crm_api.platform.history.service import HistoryService, types_of


@type_from(EventOut)
class Event:
    """One thing that happened to one record."""


@type_from(EventPageShape)
class EventPage:
    """A stretch of the feed."""


@type_from(HistoryPageShape)
class HistoryPage:
    """A record's changes."""


@strawberry.type
class ToldEvent:
    """An event, and where the feed goes on after it."""

    event: Event
    cursor: str


def history_subscription(services: Services) -> type:
    """`events(after:, types:, filter:)` of these collections, as they happen."""

    @strawberry.type
    class HistorySubscription:
        """What happens."""

        @strawberry.subscription
        async def events(
            self,
            info: GraphInfo,
            after: str | None = None,
            types: list[str] | None = None,
            filter: JSON | None = None,
        ) -> AsyncGenerator[ToldEvent, None]:
            """Every event from now on, or after a cursor, which then misses nothing."""
            live, tx = info.context.live, info.context.tx
            assert live is not None
            wanted = types_of(",".join(types or ()))
            follower = Follower(services, live.tx, live.listening, wanted, filter)
            place = await follower.begin(tx, after)
            try:
                async for told in follower.follow(tx.organization_id, place):
                    if told.event is not None:
                        yield ToldEvent(event=cast("Any", told.event), cursor=told.cursor)
            except Ended as end:
                raise Unauthenticated(str(end), code=end.code) from None

    return HistorySubscription


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
            filter: JSON | None = None,
        ) -> EventPage:
            """What happened to whatever the credential may read, in the order of the commits.

            `filter` is over the records of the events, and takes topics of one kind of record.
            """
            service = HistoryService(info.context.tx, services)
            return await service.feed(  # pyright: ignore[reportReturnType]
                after=after,
                limit=page_size(first),
                types=types_of(",".join(types or ())),
                filter=filter,
            )

        @strawberry.field
        async def history(
            self, info: GraphInfo, entity: str, id: UUID, after: str | None = None, first: int = 50
        ) -> HistoryPage:
            """The changes of a record."""
            service = HistoryService(info.context.tx, services)
            return await service.of_record(  # pyright: ignore[reportReturnType]
                entity, id, cursor=after, limit=page_size(first)
            )

    return HistoryQuery
