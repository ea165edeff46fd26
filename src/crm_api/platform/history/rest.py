"""Events and history over REST."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response

from crm_api.kit.crud.service import CrudService
from crm_api.kit.crud.sight import Services
from crm_api.kit.db.json import encode
from crm_api.kit.live import Ended
from crm_api.kit.rest import answers
from crm_api.kit.rest.params import Cursor, Limit, filter_source
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import filtered, new_router
from crm_api.kit.rest.routes import joined
from crm_api.kit.rest.streams import EventStream, live_of
from crm_api.platform.history.following import Follower, Told
from crm_api.platform.history.schemas import EventPage, HistoryPage
from crm_api.platform.history.service import HistoryService, types_of

_FEED: dict[int | str, dict[str, Any]] = {200: {"model": EventPage}}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events of the feed.", "content": {"text/event-stream": {}}}
}
_HISTORY: dict[int | str, dict[str, Any]] = {200: {"model": HistoryPage}}
Topics = Annotated[
    str | None, Query(max_length=2000, description="Topics: `contact.created,company.*`.")
]


def feed_routes(services: Services) -> APIRouter:
    """`GET /v1/events`."""
    router = new_router("events", "events")

    @router.get(
        "",
        operation_id="listEvents",
        summary="Everything that happened, in the order of the commits",
        responses=_FEED | problems(403, 422),
        openapi_extra=filtered(),
    )
    async def list_events(
        request: Request,
        tx: Reading,
        after: Annotated[
            str | None, Query(max_length=500, description="`next_cursor` of the stretch before.")
        ] = None,
        limit: Limit = 50,
        types: Topics = None,
    ) -> Response:
        """A durable feed: ask again after `next_cursor`, and nothing is missed or repeated.

        Beside `events:read` it takes the scope that reads a record to see its events. `filter` is
        over the records of the events as they are now, and takes topics of one kind of record; of
        a record that was destroyed the last event passes any filter.
        """
        found = await HistoryService(tx, services).feed(
            after=after, limit=limit, types=types_of(types), filter=filter_source(request)
        )
        return answers.plain(found)

    @router.get(
        "/stream",
        operation_id="streamEvents",
        summary="Follow what happens",
        responses=_STREAM | problems(403, 422),
        openapi_extra=filtered(),
    )
    async def stream_events(
        request: Request,
        tx: Reading,
        after: Annotated[
            str | None, Query(max_length=500, description="Begin after this cursor, not now.")
        ] = None,
        types: Topics = None,
        last_event_id: Annotated[
            str | None, Header(max_length=500, description="The `id` of the last event received.")
        ] = None,
    ) -> Response:
        """Server-sent events, one for each event of the feed; the `id` of each is its cursor.

        Without a cursor it begins now. Whoever comes back with `Last-Event-ID` misses nothing. It
        ends with an event `end`: after an hour, or when the credential does.
        """
        live = live_of(request)
        wanted, source = types_of(types), filter_source(request)
        follower = Follower(services, live.tx, live.listening, wanted, source)
        place = await follower.begin(tx, last_event_id or after)
        told = _written(follower.follow(tx.organization_id, place))
        return EventStream(request, tx.organization_id, told)

    return router


async def _written(events: AsyncIterator[Told]) -> AsyncIterator[bytes]:
    # At once, so that the client knows that it is connected.
    yield b": following\n\n"
    try:
        async for told in events:
            place = b"id: " + told.cursor.encode() + b"\n"
            if told.event is None:
                yield b": still here\n" + place + b"\n"
                continue
            name = b"event: " + told.event["type"].encode() + b"\n"
            yield place + name + b"data: " + encode(told.event) + b"\n\n"
    except Ended as end:
        said = encode({"code": end.code, "detail": str(end)})
        yield b"event: end\ndata: " + said + b"\n\n"


def history_routes(services: Services) -> APIRouter:
    """`GET /{id}/history` for every collection."""
    return joined(_history_of(service, services) for service in services.values())


def _history_of(service: type[CrudService[Any]], services: Services) -> APIRouter:
    entity = service.repository.listing.entity
    single = "".join(word.capitalize() for word in entity.split("_"))
    own = new_router(service.plural, service.route_of())

    @own.get(
        "/{id}/history",
        operation_id=f"get{single}History",
        summary=f"The changes of a {entity}",
        responses=_HISTORY | problems(403, 404, 422),
    )
    async def history(id: UUID, tx: Reading, cursor: Cursor = None, limit: Limit = 50) -> Response:
        """Who changed which field, when, from what to what; newest first."""
        of = service(tx).records.listing.entity
        found = await HistoryService(tx, services).of_record(of, id, cursor=cursor, limit=limit)
        return answers.plain(found)

    return own
