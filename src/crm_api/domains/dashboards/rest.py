"""Dashboards over REST."""

from typing import Annotated, Any, cast

from fastapi import Header, Query, Request, Response

from crm_api.domains.dashboards.schemas import DashboardCellInput, DashboardData, DashboardStale
from crm_api.domains.dashboards.service import DashboardService
from crm_api.domains.dashboards.showing import Showing
from crm_api.domains.reports.printing import Paper, dashboard_pdf
from crm_api.domains.reports.shown import ReportRowsBehind
from crm_api.kit.db.json import decode
from crm_api.kit.errors import Invalid
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import crud_router
from crm_api.kit.rest.streams import EventStream, live_of, spoken

dashboards = crud_router(DashboardService)

Responses = dict[int | str, dict[str, Any]]
_PDF: Responses = {
    200: {
        "description": "The document.",
        "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_STREAM: Responses = {
    200: {"description": "Tiles that are stale.", "content": {"text/event-stream": {}}}
}
Given = Annotated[
    str | None,
    Query(
        max_length=4_000,
        description='Values of its parameters as JSON: `{"since": "2027-01-01"}`; null for none.',
    ),
]


def _given(text: str | None) -> dict[str, Any]:
    """The parameters; raises `Invalid`."""
    try:
        found: Any = decode(text) if text else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        message = 'Write a JSON object: {"since": "2027-01-01"}.'
        raise Invalid.parameter("parameters", "invalid_json", message)
    return cast("dict[str, Any]", found)


@dashboards.get(
    "/{id}/data",
    operation_id="getDashboardData",
    summary="What all tiles of a dashboard show",
    responses={200: {"model": DashboardData}} | problems(403, 404, 422),
)
async def data(id: Id, tx: Reading, parameters: Given = None) -> Response:
    """As of one moment and as far as the reader sees the records; a tile that fails tells why."""
    return answers.plain(await Showing(tx).data(id, _given(parameters)))


@dashboards.post(
    "/{id}/drilldown",
    operation_id="drillDashboard",
    summary="The records behind a cell of a tile",
    responses={200: {"model": ReportRowsBehind}} | problems(400, 403, 404, 415, 422),
)
async def drilldown(id: Id, tx: Reading, body: DashboardCellInput) -> Response:
    """As a filter of their collection; `cell` stands beside each row, total and value."""
    return answers.plain(await Showing(tx).opened(id, body))


@dashboards.get(
    "/{id}/stale",
    operation_id="getStaleDashboardTiles",
    summary="Which tiles something has happened to",
    responses={200: {"model": DashboardStale}} | problems(403, 404, 422),
)
async def stale(
    id: Id,
    tx: Reading,
    after: Annotated[str, Query(max_length=500, description="The `cursor` of the data.")],
) -> Response:
    """Since a cursor: asked when `/v1/events/stream` tells of a kind of record in `depends_on`."""
    return answers.plain(await Showing(tx).stale(id, after))


@dashboards.get(
    "/{id}/stream",
    operation_id="streamStaleDashboardTiles",
    summary="Follow which tiles something happens to",
    responses=_STREAM | problems(403, 404, 422),
)
async def stream(
    id: Id,
    request: Request,
    tx: Reading,
    after: Annotated[str, Query(max_length=500, description="The `cursor` of the data.")],
    last_event_id: Annotated[
        str | None, Header(max_length=500, description="The `id` of the last event received.")
    ] = None,
) -> Response:
    """Server-sent events `stale`, as `…/stale` answers, whenever there are such tiles.

    Whoever comes back with `Last-Event-ID` misses nothing. It ends with an event `end`: after an
    hour, or when the credential does.
    """
    begin = last_event_id or after
    await Showing(tx).stale(id, begin)
    seen = live_of(request).follow(tx.organization_id, Showing.becoming_stale(id, begin))
    return EventStream(request, tx.organization_id, spoken("stale", seen))


@dashboards.get(
    "/{id}/document",
    operation_id="printDashboard",
    summary="A dashboard as a PDF",
    responses=_PDF | problems(403, 404, 422),
)
async def document(
    id: Id, tx: Reading, parameters: Given = None, paper: Paper | None = None
) -> Response:
    """Its tiles one below the other, with charts, tables and page numbers."""
    found = await DashboardService(tx).get(id)
    told = await Showing(tx).data(id, _given(parameters))
    titles = {one["key"]: one.get("title") for one in decode(found.tiles)}
    made = await dashboard_pdf(tx, found.name, told, titles, paper)
    headers = {**answers.UNKEPT, "Content-Disposition": 'attachment; filename="dashboard.pdf"'}
    return Response(made, 200, headers, "application/pdf")


ROUTERS = (dashboards,)
