"""Agendas, the queue and the feed of a user over REST."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from crm_api.domains.work.feeds import CalendarFeeds, feed_actor, feed_of
from crm_api.domains.work.schemas import Agenda, CalendarFeedMade, CalendarFeedOut, Queue
from crm_api.domains.work.service import WorkService
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.ics import MEDIA_TYPE
from crm_api.kit.links.visiting import caller_of
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import IfNoneMatch
from crm_api.kit.rest.requests import Reading, StrictRoute, Writing, let_in, services_of
from crm_api.kit.rest.router import new_router
from crm_api.kit.schema import Day

Responses = dict[int | str, dict[str, Any]]
TAG = "work"
UserId = Annotated[
    UUID | None,
    Query(
        description="Whose work it is; without it that of the user who asks. Of others only "
        "what whoever asks sees of their records."
    ),
]
_ICS: Responses = {
    200: {
        "description": "An iCalendar document.",
        "content": {"text/calendar": {"schema": {"type": "string"}}},
    },
    304: {"description": "Not modified"},
}
work = new_router(TAG, "me")
public = APIRouter(prefix="/public/feeds", tags=[TAG], route_class=StrictRoute)


@work.get(
    "/agenda",
    operation_id="getAgenda",
    summary="What is planned and due in some days",
    responses={200: {"model": Agenda}} | problems(403, 404, 422),
)
async def agenda(
    tx: Reading,
    first: Annotated[
        Day | None, Query(alias="from", description="The first day; without it today.")
    ] = None,
    last: Annotated[
        Day | None, Query(alias="to", description="The last day; without it six days later.")
    ] = None,
    user_id: UserId = None,
) -> Response:
    """Days are those of the user's time zone. What is of a whole day comes before what has a time.

    It is made of all parts of the product that the reader may read and that are switched on.
    """
    return answers.plain(await WorkService(tx).agenda(first, last, user_id))


@work.get(
    "/next",
    operation_id="getNextWork",
    summary="What to do next",
    responses={200: {"model": Queue}} | problems(403, 404, 422),
)
async def next_work(
    tx: Reading,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    user_id: UserId = None,
) -> Response:
    """One queue of all that is open, overdue, or due within a fortnight, the most urgent first.

    The score is the sum of the points of its `reasons`: what kind it is (10 to 40), its priority
    (-10 to 30), when it is due (overdue 50 to 70, within the hour 45, today 35, tomorrow 20, within
    seven days 10), what else is known of it, and 5 for each further item about the same record.
    Equal scores go by what is due first.
    """
    return answers.plain(await WorkService(tx).next(limit, user_id))


@work.get(
    "/calendar-feed",
    operation_id="getCalendarFeed",
    summary="Whether there is a calendar feed",
    responses={200: {"model": CalendarFeedOut}} | problems(403, 404),
)
async def read_feed(tx: Reading) -> Response:
    """Of the user who asks; not its address, which is told once."""
    return answers.plain(await CalendarFeeds(tx).get())


@work.post(
    "/calendar-feed",
    status_code=201,
    operation_id="makeCalendarFeed",
    summary="Make a calendar feed, or give it another address",
    responses={201: {"model": CalendarFeedMade}} | problems(403, 409, 422),
)
async def make_feed(tx: Writing) -> Response:
    """The address at which a calendar reads the agenda; the one before opens nothing any more."""
    made = await CalendarFeeds(tx).make()
    return answers.plain(made, status=201, headers=answers.UNKEPT)


@work.delete(
    "/calendar-feed",
    status_code=204,
    operation_id="revokeCalendarFeed",
    summary="Have the address of the calendar feed open nothing any more",
    responses=problems(403, 409, 422),
)
async def revoke_feed(tx: Writing) -> Response:
    """For good; `POST` makes another one."""
    await CalendarFeeds(tx).revoke()
    return Response(status_code=204)


@public.get(
    "/{token}.ics",
    operation_id="readCalendarFeed",
    summary="The agenda of a user, for whoever has the address",
    responses=_ICS | problems(404, 409, 422, 429),
    openapi_extra={"security": []},
)
async def read_calendar(
    request: Request,
    token: Annotated[str, Path(max_length=200, description="What `makeCalendarFeed` told.")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """From 31 days ago to a year ahead, with the rights that the user has at this moment."""
    services = services_of(request)
    address = caller_of(request).address
    actor, id = await feed_actor(services.database, token, address)
    async with unit_of_work(await let_in(request, actor), services.ring) as tx:
        document, etag = await feed_of(tx, id)
    if answers.matches(if_none_match, etag):
        return answers.unchanged(etag)
    headers = {"ETag": etag, "Cache-Control": answers.PRIVATE}
    return Response(document, headers=headers, media_type=MEDIA_TYPE)


ROUTERS = (work, public)
