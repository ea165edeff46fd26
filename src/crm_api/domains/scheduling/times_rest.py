"""The times of resources over REST."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from crm_api.domains.scheduling.busy_calendars import BusyCalendars
from crm_api.domains.scheduling.free_busy import FreeBusies
from crm_api.domains.scheduling.invitations import calendar_of
from crm_api.domains.scheduling.repository import RESOURCES
from crm_api.domains.scheduling.resource_feeds import ResourceFeeds, feed_actor, feed_of
from crm_api.domains.scheduling.times_schemas import (
    BusyCalendarOut,
    By,
    FreeBusy,
    FreeBusyAsked,
    ResourceFeedCreate,
    ResourceFeedMade,
    ResourceFeedOut,
    Utilisation,
    UtilisationAsked,
)
from crm_api.domains.scheduling.utilisation import asked_for, utilisation_of
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.errors import Unsupported
from crm_api.kit.ics import MEDIA_TYPE
from crm_api.kit.links.visiting import caller_of
from crm_api.kit.query.page import PageQuery
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfNoneMatch
from crm_api.kit.rest.requests import Reading, StrictRoute, Writing, let_in, services_of
from crm_api.kit.rest.router import filtered, new_router
from crm_api.kit.schema import Day

Responses = dict[int | str, dict[str, Any]]
_BUSY: Responses = {200: {"model": BusyCalendarOut}}
_UTILISED: Responses = {200: {"model": Utilisation}}
_FILTERED: dict[str, Any] = filtered(RESOURCES)
_ICS_PLAIN: Responses = {
    200: {
        "description": "An iCalendar document.",
        "content": {"text/calendar": {"schema": {"type": "string"}}},
    }
}
_ICS: Responses = {**_ICS_PLAIN, 304: {"description": "Not modified"}}
times = new_router("resources", "resources")
invitations = new_router("bookings", "bookings")
availability = new_router("resources", "availability")
public = APIRouter(prefix="/public/resource-feeds", tags=["resources"], route_class=StrictRoute)


@times.get(
    "/utilisation",
    operation_id="getResourceUtilisation",
    summary="How much of resources is booked",
    responses=_UTILISED | problems(403, 422),
    openapi_extra=_FILTERED,
)
async def utilisation(
    request: Request,
    tx: Reading,
    first: Annotated[Day, Query(alias="from", description="The first day.")],
    last: Annotated[Day, Query(alias="to", description="The last day, included.")],
    by: Annotated[
        By, Query(description="62 days at the most by day, 371 by week, 732 by month.")
    ] = "week",
    limit: params.Limit = 50,
    cursor: params.Cursor = None,
    sort: params.Sort = None,
) -> Response:
    """What could be booked, and what was, in days of the organization's time zone.

    All bookings count, also those that one does not see. Calendars, capacities and costs are those
    of now.
    """
    query = PageQuery(
        selection=asked_for(),
        filter=params.filter_of(request, RESOURCES, tx),
        sort=sort,
        limit=limit,
        cursor=cursor,
    )
    asked = UtilisationAsked(since=first, until=last, by=by)
    return answers.plain(await utilisation_of(tx, asked, query))


@times.get(
    "/{id}/calendar-feed",
    operation_id="getResourceFeed",
    summary="Whether there is a calendar feed of a resource",
    responses={200: {"model": ResourceFeedOut}} | problems(403, 404, 422),
)
async def read_feed(id: Id, tx: Reading) -> Response:
    """Not its address, which is told once."""
    return answers.plain(await ResourceFeeds(tx).get(id))


@times.post(
    "/{id}/calendar-feed",
    status_code=201,
    operation_id="makeResourceFeed",
    summary="Make a calendar feed of a resource, or give it another address",
    responses={201: {"model": ResourceFeedMade}} | problems(400, 403, 404, 409, 415, 422),
)
async def make_feed(id: Id, tx: Writing, body: ResourceFeedCreate) -> Response:
    """The address at which a calendar reads the bookings; the one before opens nothing any more."""
    made = await ResourceFeeds(tx).make(id, tells_titles=body.tells_titles)
    return answers.plain(made, status=201, headers=answers.UNKEPT)


@times.delete(
    "/{id}/calendar-feed",
    status_code=204,
    operation_id="revokeResourceFeed",
    summary="Have the address of a resource's calendar feed open nothing any more",
    responses=problems(403, 404, 409, 422),
)
async def revoke_feed(id: Id, tx: Writing) -> Response:
    """For good; `POST` makes another one."""
    await ResourceFeeds(tx).revoke(id)
    return Response(status_code=204)


@times.get(
    "/{id}/busy-calendar",
    operation_id="getBusyCalendar",
    summary="What a resource is busy with elsewhere",
    responses=_BUSY | problems(403, 404, 422),
)
async def read_busy_calendar(id: Id, tx: Reading) -> Response:
    """What was taken from the calendar file that was sent last."""
    return answers.plain(await BusyCalendars(tx).get(id))


@times.put(
    "/{id}/busy-calendar",
    operation_id="setBusyCalendar",
    summary="Have a resource be busy as a calendar file says",
    responses=_BUSY | problems(403, 404, 409, 413, 415, 422),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"text/calendar": {"schema": {"type": "string"}}},
        }
    },
)
async def set_busy_calendar(request: Request, id: Id, tx: Writing) -> Response:
    """Takes the place of the file before. 2 MB and 5,000 events at the most.

    What is busy there is booked as little as outside working time (409 `busy_elsewhere`). Of what
    repeats, instances from 31 days ago to 548 days ahead count. Days, and times without a zone, are
    where the resource is. Cancelled and transparent events are left out.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "text/calendar":
        raise Unsupported("Send text/calendar.")
    return answers.plain(await BusyCalendars(tx).replace(id, await request.body()))


@times.delete(
    "/{id}/busy-calendar",
    status_code=204,
    operation_id="deleteBusyCalendar",
    summary="Have a resource be busy nowhere else",
    responses=problems(403, 404, 409, 422),
)
async def delete_busy_calendar(id: Id, tx: Writing) -> Response:
    """Forgets what the calendar file said."""
    await BusyCalendars(tx).remove(id)
    return Response(status_code=204)


@public.get(
    "/{token}.ics",
    operation_id="readResourceFeed",
    summary="The bookings of a resource, for whoever has the address",
    responses=_ICS | problems(404, 409, 422, 429),
    openapi_extra={"security": []},
)
async def read_calendar(
    request: Request,
    token: Annotated[str, Path(max_length=200, description="What `makeResourceFeed` told.")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """From 31 days ago to a year ahead, without what is cancelled."""
    services = services_of(request)
    address = caller_of(request).address
    actor, id, resource_id = await feed_actor(services.database, token, address)
    async with unit_of_work(await let_in(request, actor), services.ring) as tx:
        document, etag = await feed_of(tx, id, resource_id)
    return _calendar(document, etag, if_none_match)


@invitations.get(
    "/{id}/calendar",
    operation_id="getBookingCalendar",
    summary="A booking as an iCalendar document",
    responses=_ICS | problems(403, 404, 422),
)
async def booking_calendar(id: Id, tx: Reading, if_none_match: IfNoneMatch = None) -> Response:
    """An invitation by iTIP (RFC 5546): `REQUEST`, or `CANCEL` once it is cancelled or expired.

    Its `UID` stays, its `SEQUENCE` rises as it is rescheduled and cancelled. Attendees are its
    contact and its resources, as far as the reader may see them.
    """
    document, etag = await calendar_of(tx, id)
    return _calendar(document, etag, if_none_match)


@availability.post(
    "/free-busy",
    operation_id="getFreeBusy",
    summary="When nothing of resources is free",
    responses={200: {"model": FreeBusy}} | problems(400, 403, 415, 422),
)
async def free_busy(tx: Reading, body: FreeBusyAsked) -> Response:
    """Without what takes them; it takes the right to read resources alone."""
    return answers.plain(await FreeBusies(tx).of(body))


@availability.post(
    "/free-busy/calendar",
    operation_id="getFreeBusyCalendar",
    summary="When nothing of resources is free, as an iCalendar document",
    responses=_ICS_PLAIN | problems(400, 403, 415, 422),
)
async def free_busy_calendar(tx: Reading, body: FreeBusyAsked) -> Response:
    """The same, as a `VFREEBUSY` for each."""
    return Response(await FreeBusies(tx).document(body), media_type=MEDIA_TYPE)


def _calendar(document: bytes, etag: str, if_none_match: str | None) -> Response:
    if answers.matches(if_none_match, etag):
        return answers.unchanged(etag)
    headers = {"ETag": etag, "Cache-Control": answers.PRIVATE}
    return Response(document, headers=headers, media_type=MEDIA_TYPE)


ROUTERS = (times, invitations, availability, public)
