"""The times of resources over GraphQL."""

from dataclasses import replace
from datetime import date
from typing import Any, Optional

import strawberry

from crm_api.domains.scheduling import times_schemas
from crm_api.domains.scheduling.repository import RESOURCES
from crm_api.domains.scheduling.utilisation import asked_for, utilisation_of
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.filters import where_of
from crm_api.kit.graphql.mutations import shape_given
from crm_api.kit.graphql.relations import asked
from crm_api.kit.graphql.types import type_from


@type_from(times_schemas.Utilisation)
class ResourceUtilisation:
    """How much of some resources is booked."""


async def _utilisation(
    info: GraphInfo,
    first_day: date,
    last_day: date,
    by: str = "week",
    where: Any = None,
    order_by: list[str] | None = None,
    first: int = 50,
    after: str | None = None,
) -> Any:
    tx = info.context.tx
    given = {"since": first_day, "until": last_day, "by": by}
    days = shape_given(times_schemas.UtilisationAsked, given)
    query = asked(RESOURCES, tx, where=where, order_by=order_by, first=first, after=after)
    return await utilisation_of(tx, days, replace(query, selection=asked_for(RESOURCES)))


_utilisation.__annotations__["where"] = Optional[where_of(RESOURCES)]  # noqa: UP045
_utilisation.__annotations__["return"] = ResourceUtilisation
_UTILISATION = strawberry.field(
    resolver=_utilisation,
    description="How much of resources is booked, by `day`, `week` or `month`.",
)
UtilisationQuery = strawberry.type(
    type("ResourceUtilisationQuery", (), {"resource_utilisation": _UTILISATION})
)

QUERIES = (UtilisationQuery,)
