"""Agendas, the queue and the feed of a user over GraphQL."""

from datetime import date
from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.work import schemas
from crm_api.domains.work.feeds import CalendarFeeds
from crm_api.domains.work.service import WorkService
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.mutations import mutation
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.types import type_from


@type_from(schemas.Agenda)
class Agenda:
    """What is planned and due in some days."""


@type_from(schemas.Queue)
class WorkQueue:
    """What to do next."""


@type_from(schemas.CalendarFeedOut)
class CalendarFeed:
    """The address at which a calendar reads the agenda of the user."""


@type_from(schemas.CalendarFeedMade)
class CalendarFeedMade:
    """A new address; it is told this once."""


@strawberry.type
class WorkQuery:
    """What users have to do."""

    @strawberry.field
    async def agenda(
        self,
        info: GraphInfo,
        first_day: date | None = None,
        last_day: date | None = None,
        user_id: UUID | None = None,
    ) -> Agenda:
        """What is planned and due in some days, in the user's time zone."""
        found = await WorkService(info.context.tx).agenda(first_day, last_day, user_id)
        return cast("Any", found)

    @strawberry.field
    async def next_work(
        self, info: GraphInfo, first: int = 20, user_id: UUID | None = None
    ) -> WorkQueue:
        """What to do next, with the reasons; 100 at the most."""
        limit = page_size(first, 100)
        return cast("Any", await WorkService(info.context.tx).next(limit, user_id))

    @strawberry.field
    async def calendar_feed(self, info: GraphInfo) -> CalendarFeed:
        """Whether there is a calendar feed of the user who asks."""
        return cast("Any", await CalendarFeeds(info.context.tx).get())


@strawberry.type
class WorkMutation:
    """What is done with the calendar feed of the user who asks."""

    @mutation
    async def make_calendar_feed(self, info: GraphInfo) -> CalendarFeedMade:
        """Make a calendar feed, or give it another address."""
        return cast("Any", await CalendarFeeds(info.context.tx).make())

    @mutation
    async def revoke_calendar_feed(self, info: GraphInfo) -> bool:
        """Have the address of the calendar feed open nothing any more."""
        await CalendarFeeds(info.context.tx).revoke()
        return True


QUERIES = (WorkQuery,)
MUTATIONS = (WorkMutation,)
