"""Events and history over REST."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_api.kit.crud.service import CrudService
from crm_api.kit.rest import answers
from crm_api.kit.rest.params import Cursor, Limit
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import new_router
from crm_api.platform.history.schemas import EventPage, HistoryPage
from crm_api.platform.history.service import HistoryService, Services, types_of

_FEED: dict[int | str, dict[str, Any]] = {200: {"model": EventPage}}
_HISTORY: dict[int | str, dict[str, Any]] = {200: {"model": HistoryPage}}


def feed_routes(services: Services) -> APIRouter:
    """`GET /v1/events`."""
    router = new_router("events", "events")

    @router.get(
        "",
        operation_id="listEvents",
        summary="Everything that happened, in the order of the commits",
        responses=_FEED | problems(403, 422),
    )
    async def list_events(
        tx: Reading,
        after: Annotated[
            str | None, Query(max_length=500, description="`next_cursor` of the stretch before.")
        ] = None,
        limit: Limit = 50,
        types: Annotated[
            str | None, Query(max_length=2000, description="Topics: `contact.created,company.*`.")
        ] = None,
    ) -> Response:
        """A durable feed: ask again after `next_cursor`, and nothing is missed or repeated.

        Beside `events:read` it takes the scope that reads a record to see its events.
        """
        service = HistoryService(tx, services)
        found = await service.feed(after=after, limit=limit, types=types_of(types))
        return answers.plain(found)

    return router


def history_routes(services: Services) -> APIRouter:
    """`GET /{id}/history` for every collection."""
    histories = APIRouter()
    for service in services.values():
        histories.include_router(_history_of(service, services))
    return histories


def _history_of(service: type[CrudService[Any]], services: Services) -> APIRouter:
    entity = service.repository.listing.entity
    single = "".join(word.capitalize() for word in entity.split("_"))
    own = new_router(service.plural, service.plural.replace("_", "-"))

    @own.get(
        "/{id}/history",
        operation_id=f"get{single}History",
        summary=f"The changes of a {entity}",
        responses=_HISTORY | problems(403, 404, 422),
    )
    async def history(id: UUID, tx: Reading, cursor: Cursor = None, limit: Limit = 50) -> Response:
        """Who changed which field, when, from what to what; newest first."""
        found = await HistoryService(tx, services).of_record(entity, id, cursor=cursor, limit=limit)
        return answers.plain(found)

    return own
