"""Reports and metrics over GraphQL."""

from datetime import date
from typing import Annotated, Any, cast

import strawberry

from crm_api.domains.reports import schemas
from crm_api.domains.reports.metrics import Metrics, metrics_of
from crm_api.domains.reports.running import Reports, sources_of
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.mutations import shape_given
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.kit.schema import Day, Schema


@type_from(schemas.ReportAnswer)
class ReportAnswer:
    """What a report comes to at this moment."""


@type_from(schemas.ReportCheck)
class ReportCheck:
    """What a report would be."""


@type_from(schemas.ReportRowsBehind)
class ReportRowsBehind:
    """The records behind a cell, as a filter of their collection."""


@type_from(schemas.ReportMetricOut)
class ReportMetric:
    """A number and its definition."""


@type_from(schemas.ReportSourceOut)
class ReportSource:
    """What reports are of."""


@type_from(schemas.MetricAnswer)
class MetricAnswer:
    """A metric, by groups if any are asked for."""


_Query = input_from(schemas.ReportQuery)
_Cell = input_from(schemas.ReportCellInput)
_FromOrNone = Annotated[date | None, strawberry.argument(name="from")]


class _Days(Schema):
    """Days as REST takes them."""

    start: Day | None = None
    to: Day | None = None


@strawberry.type
class ReportQueries:
    """Reports of whatever may be read."""

    @strawberry.field
    async def report_sources(self, info: GraphInfo) -> list[ReportSource]:
        """What reports are of: the collections that may be read."""
        return cast("Any", sources_of(info.context.tx))

    @strawberry.field
    async def report_answer(
        self,
        info: GraphInfo,
        input: _Query,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> ReportAnswer:
        """A report, run at once."""
        data = shape_given(schemas.ReportQuery, input)
        return cast("Any", await Reports(info.context.tx).run(data))

    @strawberry.field
    async def report_check(
        self,
        info: GraphInfo,
        input: _Query,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> ReportCheck:
        """Its columns, what it costs, and its first rows."""
        data = shape_given(schemas.ReportQuery, input)
        return cast("Any", await Reports(info.context.tx).check(data))

    @strawberry.field
    async def report_rows_behind(
        self,
        info: GraphInfo,
        input: _Cell,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> ReportRowsBehind:
        """The records behind a cell of a report."""
        data = shape_given(schemas.ReportCellInput, input)
        return cast("Any", await Reports(info.context.tx).drill(data))

    @strawberry.field
    async def metrics(self, info: GraphInfo) -> list[ReportMetric]:
        """The metrics of records that may be read, with their definitions."""
        return cast("Any", metrics_of(Reports(info.context.tx)))

    @strawberry.field
    async def metric(
        self,
        info: GraphInfo,
        name: str,
        by: str | None = None,
        start: _FromOrNone = None,
        to: date | None = None,
    ) -> MetricAnswer:
        """A metric between two days, with the definition it was computed by."""
        shape_given(_Days, {"start": start, "to": to})
        return cast("Any", await Metrics(info.context.tx).of(name, by, start, to))


QUERIES = (ReportQueries,)
