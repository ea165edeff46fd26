"""Reports and metrics over GraphQL."""

from datetime import date
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.reports import saved_schemas, schemas, shown
from crm_api.domains.reports.charts import specification
from crm_api.domains.reports.exporting import begin_export
from crm_api.domains.reports.library import Library
from crm_api.domains.reports.metrics import AskedMetric, Metrics, metrics_of
from crm_api.domains.reports.running import Reports, sources_of
from crm_api.domains.reports.runs import ReportRunService
from crm_api.domains.reports.service import ReportService
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.kit.schema import Day, Schema
from crm_api.platform.exports.graphql import ExportStarted


@type_from(shown.ReportAnswer)
class ReportAnswer:
    """What a report comes to at this moment."""


@type_from(shown.ReportCheck)
class ReportCheck:
    """What a report would be."""


@type_from(shown.ReportRowsBehind)
class ReportRowsBehind:
    """The records behind a cell, as a filter of their collection."""


@type_from(shown.ReportMetricOut)
class ReportMetric:
    """A number and its definition."""


@type_from(shown.ReportSourceOut)
class ReportSource:
    """What reports are of."""


@type_from(shown.MetricAnswer)
class MetricAnswer:
    """A metric, by groups if any are asked for."""


@type_from(shown.StandardReportOut)
class StandardReport:
    """A report that every organization has, with its definition."""


@type_from(shown.StandardReportAnswer)
class StandardReportAnswer:
    """What a standard report comes to at this moment."""


@type_from(saved_schemas.ReportOut)
class Report:
    """A report that somebody has saved."""


@type_from(saved_schemas.ReportRunRecord)
class ReportRun:
    """A run of a report, for whoever asked for it alone."""

    report = related(ReportRunService, "report", Report)

    @strawberry.field
    async def status(self, info: GraphInfo, root: strawberry.Parent[Any]) -> str:
        """How it stands: as its job does, then `succeeded` till it is `expired`."""
        found = await ReportRunService(info.context.tx).standing([root])
        return found[root.id]["status"]

    @strawberry.field
    async def error(
        self, info: GraphInfo, root: strawberry.Parent[Any]
    ) -> strawberry.scalars.JSON | None:
        """Why it failed."""
        found = await ReportRunService(info.context.tx).standing([root])
        return found[root.id]["error"]

    @strawberry.field
    async def answer(
        self, info: GraphInfo, root: strawberry.Parent[Any]
    ) -> strawberry.scalars.JSON | None:
        """What there is of the result beside its rows: columns, totals and the like."""
        found = await ReportRunService(info.context.tx).answers([root.id])
        return cast("Any", found[root.id])


@type_from(saved_schemas.ReportRunRows)
class ReportRunRows:
    """Some rows of a run."""


@strawberry.type
class ReportRunStarted:
    """The job that was asked for, or the run that there is already."""

    job_id: UUID
    is_cached: bool
    run: ReportRun


@strawberry.type
class ReportOutcome:
    """What a report comes to, or the job that it has become because it takes too much."""

    answer: ReportAnswer | None
    started: ReportRunStarted | None


_REPORTS = Collection(ReportService, Report)
_RUNS = Collection(ReportRunService, ReportRun)
_Query = input_from(schemas.ReportQuery)
_Export = input_from(saved_schemas.ReportExportInput)
_Cell = input_from(schemas.ReportCellInput)
_StandardCell = input_from(saved_schemas.ReportRunCellInput)
_FromOrNone = Annotated[date | None, strawberry.argument(name="from")]


class _Given(Schema):
    """Days and conditions as REST takes them."""

    start: Day | None = None
    to: Day | None = None
    filter: dict[str, Any] | None = None


def _asked_metric(
    name: str, by: str | None, start: date | None, to: date | None, filter: Any
) -> AskedMetric:
    given = shape_given(_Given, {"start": start, "to": to, "filter": filter})
    days = {"first": given.start, "last": given.to}
    return AskedMetric(name=name, by=by, filter=given.filter or {}, **days)


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
        filter: strawberry.scalars.JSON | None = None,
    ) -> MetricAnswer:
        """A metric between two days, with the definition it was computed by.

        `filter` is in the filter language of its source, as `POST …/query` takes it.
        """
        asked = _asked_metric(name, by, start, to, filter)
        return cast("Any", await Metrics(info.context.tx).of(asked))

    @strawberry.field
    async def metric_rows_behind(
        self,
        info: GraphInfo,
        name: str,
        cell: str,
        measure: str | None = None,
        by: str | None = None,
        start: _FromOrNone = None,
        to: date | None = None,
        filter: strawberry.scalars.JSON | None = None,
    ) -> ReportRowsBehind:
        """The records behind the value of a metric, asked for with what that was asked for with.

        Of a ratio they are those that it is divided by; `measure` is another one of its measures.
        """
        asked = _asked_metric(name, by, start, to, filter)
        return cast("Any", await Metrics(info.context.tx).opened(asked, cell, measure))

    @strawberry.field
    async def report_run_chart(self, info: GraphInfo, id: UUID) -> strawberry.scalars.JSON:
        """The result of a run as a specification of Vega-Lite, with its data."""
        found = await ReportRunService(info.context.tx).whole(id)
        told = found.answer["kind"], found.answer["columns"], found.rows, found.chart
        return cast("Any", specification(*told))

    @strawberry.field
    async def report_run_rows(
        self, info: GraphInfo, id: UUID, first: int = 50, after: str | None = None
    ) -> ReportRunRows:
        """The rows of a run, in the order of the report."""
        limit = page_size(first)
        return cast("Any", await ReportRunService(info.context.tx).rows(id, after, limit))

    @strawberry.field
    async def report_run_rows_behind(
        self, info: GraphInfo, id: UUID, cell: str, measure: str | None = None
    ) -> ReportRowsBehind:
        """The records behind a cell of a run, as they are now."""
        return cast("Any", await ReportRunService(info.context.tx).drill(id, cell, measure))


@strawberry.type
class StandardReportQueries:
    """Reports that every organization has."""

    @strawberry.field
    async def standard_reports(self, info: GraphInfo) -> list[StandardReport]:
        """Those whose records may be read, with their definitions."""
        return cast("Any", Library(info.context.tx).all())

    @strawberry.field
    async def standard_report(self, info: GraphInfo, name: str) -> StandardReport:
        """With its formula and parameters."""
        return cast("Any", Library(info.context.tx).named(name))

    @strawberry.field
    async def run_standard_report(
        self, info: GraphInfo, name: str, parameters: strawberry.scalars.JSON | None = None
    ) -> StandardReportAnswer:
        """At once, as far as the records are seen: a field that is hidden is `hidden_field`."""
        given = shape_given(saved_schemas.ReportRunInput, {"parameters": parameters or {}})
        return cast("Any", await Library(info.context.tx).result(name, given.parameters))

    @strawberry.field
    async def product_performance(
        self,
        info: GraphInfo,
        product_id: UUID,
        first: _FromOrNone = None,
        to: date | None = None,
        *,
        with_margin: bool = False,
    ) -> StandardReportAnswer:
        """How a product fares within some days, in each currency; margins to whoever sees costs."""
        library = Library(info.context.tx)
        return cast("Any", await library.of_product(product_id, first, to, with_margin=with_margin))

    @strawberry.field
    async def standard_report_rows_behind(
        self,
        info: GraphInfo,
        name: str,
        input: _StandardCell,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> ReportRowsBehind:
        """The records behind a cell of it."""
        data = shape_given(saved_schemas.ReportRunCellInput, input)
        found = Library(info.context.tx).drilled(name, data.parameters, data.cell, data.measure)
        return cast("Any", await found)

    @strawberry.field
    async def standard_report_chart(
        self, info: GraphInfo, name: str, parameters: strawberry.scalars.JSON | None = None
    ) -> strawberry.scalars.JSON:
        """As a specification of Vega-Lite, with its data."""
        given = shape_given(saved_schemas.ReportRunInput, {"parameters": parameters or {}})
        found = await Library(info.context.tx).result(name, given.parameters)
        answer, own = found["answer"], found["standard"]
        told = answer["kind"], answer["columns"], answer["rows"], own["chart"]
        return cast("Any", specification(*told))


@strawberry.type
class ReportMutations:
    """What is done with reports."""

    @mutation
    async def certify_report(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Report:
        """Vouch for a report; takes the permission `certify_reports`."""
        service = ReportService(info.context.tx)
        return await service.certify(id, expected_version, certified=True)

    @mutation
    async def uncertify_report(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Report:
        """Vouch for a report no longer; takes the permission `certify_reports`."""
        service = ReportService(info.context.tx)
        return await service.certify(id, expected_version, certified=False)

    @mutation
    async def run_report(
        self, info: GraphInfo, id: UUID, parameters: strawberry.scalars.JSON | None = None
    ) -> ReportRunStarted:
        """Have a saved report run as a job, unless nothing has changed since an earlier run."""
        given = shape_given(saved_schemas.ReportRunInput, {"parameters": parameters or {}})
        service = ReportRunService(info.context.tx)
        return cast("Any", await service.begin_saved(id, given.parameters))

    @mutation
    async def run_report_query(
        self,
        info: GraphInfo,
        input: _Query,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> ReportOutcome:
        """A report, run at once; what takes more than two seconds becomes a run by a job."""
        data = shape_given(schemas.ReportQuery, input)
        answer, started = await ReportRunService(info.context.tx).at_once(data)
        return ReportOutcome(answer=answer, started=started)

    @mutation
    async def create_report_run(
        self,
        info: GraphInfo,
        input: _Query,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> ReportRunStarted:
        """Have a report run as a job that is not saved."""
        data = shape_given(schemas.ReportQuery, input)
        return cast("Any", await ReportRunService(info.context.tx).begin(data))

    @mutation
    async def create_standard_report_run(
        self, info: GraphInfo, name: str, parameters: strawberry.scalars.JSON | None = None
    ) -> ReportRunStarted:
        """Have a standard report run as a job, unless nothing has changed since an earlier run."""
        given = shape_given(saved_schemas.ReportRunInput, {"parameters": parameters or {}})
        service = ReportRunService(info.context.tx)
        return cast("Any", await service.begin_standard(name, given.parameters))

    @mutation
    async def create_report_export(
        self,
        info: GraphInfo,
        input: _Export,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> ExportStarted:
        """Have the rows of a table written to a file; takes the scope `export` of the source."""
        data = shape_given(saved_schemas.ReportExportInput, input)
        return cast("Any", await begin_export(info.context.tx, data))

    @mutation
    async def delete_report_run(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> UUID:
        """Put a run in the bin; its rows are removed."""
        await ReportRunService(info.context.tx).delete(id, expected_version=expected_version)
        return id


QUERIES = (_REPORTS.query(), _RUNS.query(), ReportQueries, StandardReportQueries)
MUTATIONS = (_REPORTS.mutation(), ReportMutations)
