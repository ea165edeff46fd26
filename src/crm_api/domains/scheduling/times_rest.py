"""The times of resources over REST."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from crm_api.domains.scheduling.repository import RESOURCES
from crm_api.domains.scheduling.times_schemas import By, Utilisation, UtilisationAsked
from crm_api.domains.scheduling.utilisation import asked_for, utilisation_of
from crm_api.kit.query.page import PageQuery
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import FILTER_PARAMETER, new_router
from crm_api.kit.schema import Day

Responses = dict[int | str, dict[str, Any]]
_UTILISED: Responses = {200: {"model": Utilisation}}
_FILTERED: dict[str, Any] = {"x-filter": RESOURCES.entity, "parameters": [FILTER_PARAMETER]}
times = new_router("resources", "resources")


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
        selection=asked_for(RESOURCES),
        filter=params.filter_of(request, RESOURCES, tx),
        sort=sort,
        limit=limit,
        cursor=cursor,
    )
    asked = UtilisationAsked(since=first, until=last, by=by)
    return answers.plain(await utilisation_of(tx, asked, query))


ROUTERS = (times,)
