"""Dashboards over GraphQL."""

from collections.abc import AsyncGenerator
from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.dashboards import schemas
from crm_api.domains.dashboards.service import DashboardService
from crm_api.domains.dashboards.showing import Showing
from crm_api.domains.reports.graphql import ReportRowsBehind
from crm_api.kit.errors import Unauthenticated
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import shape_given
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.kit.live import Ended


@type_from(schemas.DashboardOut)
class Dashboard:
    """Several reports and metrics on one page."""


@type_from(schemas.DashboardData)
class DashboardData:
    """What all tiles show, as of one moment."""


@type_from(schemas.DashboardStale)
class DashboardStale:
    """Which tiles have become stale since a moment."""


_DASHBOARDS = Collection(DashboardService, Dashboard)
_Cell = input_from(schemas.DashboardCellInput)


@strawberry.type
class DashboardQueries:
    """What dashboards show."""

    @strawberry.field
    async def dashboard_data(
        self, info: GraphInfo, id: UUID, parameters: strawberry.scalars.JSON | None = None
    ) -> DashboardData:
        """What all tiles show to whoever asks; a tile that fails tells why."""
        given = cast("dict[str, Any]", parameters or {})
        return cast("Any", await Showing(info.context.tx).data(id, given))

    @strawberry.field
    async def dashboard_rows_behind(
        self,
        info: GraphInfo,
        id: UUID,
        input: _Cell,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> ReportRowsBehind:
        """The records behind a cell of a tile, as they are now."""
        data = shape_given(schemas.DashboardCellInput, input)
        return cast("Any", await Showing(info.context.tx).opened(id, data))

    @strawberry.field
    async def dashboard_stale(self, info: GraphInfo, id: UUID, after: str) -> DashboardStale:
        """Which tiles something has happened to since the cursor of their data."""
        return cast("Any", await Showing(info.context.tx).stale(id, after))


@strawberry.type
class DashboardSubscription:
    """Which tiles something happens to."""

    @strawberry.subscription
    async def stale_dashboard_tiles(
        self, info: GraphInfo, id: UUID, after: str
    ) -> AsyncGenerator[DashboardStale, None]:
        """Tiles whenever they become stale after the cursor of their data, and the next cursor."""
        live, tx = info.context.live, info.context.tx
        assert live is not None
        await Showing(tx).stale(id, after)
        look = Showing.becoming_stale(id, after)
        try:
            async for seen in live.follow(tx.organization_id, look):
                if seen is not None:
                    yield cast("Any", seen)
        except Ended as end:
            raise Unauthenticated(str(end), code=end.code) from None


SUBSCRIPTIONS = (DashboardSubscription,)
QUERIES = (_DASHBOARDS.query(), DashboardQueries)
MUTATIONS = (_DASHBOARDS.mutation(),)
