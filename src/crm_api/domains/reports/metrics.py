"""Metrics: numbers that parts declare, asked for by groups and days."""

from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, get_args

from pydantic import ValidationError

from crm_api.domains.reports.dating import within_days
from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.definitions import metric_row
from crm_api.domains.reports.library import Library, in_address
from crm_api.domains.reports.questions import Question
from crm_api.domains.reports.results import Row
from crm_api.domains.reports.running import AT_ONCE, Bounds, Reports
from crm_api.domains.reports.schemas import Bucket, ReportGrouping, ReportQuery, grouping_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Invalid, NotFound
from crm_api.kit.query.filters import parse
from crm_api.kit.query.moments import need_days
from crm_api.kit.query.selection import names_of
from crm_api.kit.reporting import Figure, Metric


@dataclass(frozen=True, kw_only=True)
class AskedMetric:
    """A metric between two days, both included, of some records, by groups if any are said."""

    name: str
    by: str | None = None
    """Such as `owner_id,closes_on:month`."""
    first: date | None = None
    last: date | None = None
    filter: Mapping[str, Any] = field(default_factory=dict[str, Any])
    is_lax: bool = False
    """Whether the filter is of a query string, in which strings stand for numbers."""

    @property
    def days(self) -> Mapping[str, date]:
        """Those that are said, by their parameters."""
        named = (("from", self.first), ("to", self.last))
        return {name: day for name, day in named if day is not None}


class Metrics(Library):
    """The metrics of all parts."""

    def __init__(self, tx: Tx, bounds: Bounds = AT_ONCE) -> None:
        super().__init__(tx, bounds)

    async def of(self, asked: AskedMetric) -> Row:
        """What it comes to; raises `NotFound`, `Invalid`, `Forbidden`."""
        metric = self._metric(asked)
        if metric.figure is not None:
            return await self._of_report(metric, metric.figure, asked)
        query = await self._query(metric, asked)
        plain: Row = {"groupings": [], "kind": "summary"}
        whole = await self.run(query.model_copy(update=plain))
        answer: Row = {"columns": [], "rows": [], "truncated": False}
        if query.groupings:
            is_series = query.kind == "time_series"
            first, last = asked.first, asked.last
            span = (first, last) if first and last and is_series else None
            with _of_address():
                answer = await self.run(query, span)
        (row,) = whole["rows"]
        return {
            "metric": metric_row(metric),
            "time_zone": whole["time_zone"],
            "currency": whole["currency"],
            "as_of": whole["as_of"],
            "value": row["values"][metric.answer],
            "cell": row["cell"],
            **{name: answer[name] for name in ("columns", "rows", "truncated")},
        }

    async def opened(self, asked: AskedMetric, cell: str, measure: str | None = None) -> Row:
        """The records behind its value or that of a group; of a ratio those it is divided by.

        `measure` is another one that it is made of, such as what a ratio is of.
        """
        metric = self._metric(asked)
        with in_address(), _of_address():
            if metric.figure is None:
                query = await self._query(metric, asked)
                return await self.behind(query, cell, measure or metric.answer)
            question = await self._of_figure(metric, metric.figure, asked)
            return await self.behind(question, cell, measure or metric.figure.measure)

    def _metric(self, asked: AskedMetric) -> Metric:
        """Which one it is; raises `Invalid` for days and filters that it does not take."""
        metric = Declared.metrics.get(asked.name)
        if metric is None:
            raise NotFound(f"There is no metric {asked.name[:60]!r}.")
        need_days(**{"from": asked.first, "to": asked.last})
        if asked.first is not None and asked.last is not None and asked.last < asked.first:
            raise Invalid.parameter("to", "before_start", "The last day is before the first one.")
        if asked.days and not metric.is_dated:
            message = f"{metric.name} is a number of this moment."
            raise Invalid.parameter(next(iter(asked.days)), "undated_metric", message)
        listing = self.source(metric.source).records.listing
        if asked.filter and metric.figure is not None:
            message = f"{metric.name} has no filters."
            raise Invalid.parameter("filter", "computed_metric", message)
        # Before it is joined with that of the metric: what is wrong is said of what was asked.
        parse(asked.filter, listing, self.tx, lax=asked.is_lax)
        return metric

    async def _query(self, metric: Metric, asked: AskedMetric) -> ReportQuery:
        groupings = _groupings(asked.by)
        calendar = await self.calendar()
        within = within_days(metric.source, metric.dated_by, asked.first, asked.last, calendar)
        parts = [dict(part) for part in (metric.filter, within, asked.filter) if part]
        is_series = bool(groupings) and groupings[0].bucket is not None
        query: Row = {"source": metric.source, "measures": _measures(metric)}
        query["filter"] = parts[0] if len(parts) == 1 else {"and": parts} if parts else {}
        query["groupings"] = [one.model_dump() for one in groupings]
        query["kind"] = "time_series" if is_series else "summary"
        return ReportQuery.model_validate(query)

    async def _of_figure(self, metric: Metric, figure: Figure, asked: AskedMetric) -> Question:
        """The computed report that it is a measure of."""
        if asked.by and set(names_of(asked.by)) != set(figure.groupings):
            message = f"{metric.name} is grouped by {', '.join(figure.groupings)} alone."
            raise Invalid.parameter("by", "computed_metric", message)
        given = {**figure.unsaid, **{name: day.isoformat() for name, day in asked.days.items()}}
        return (await self.asked(figure.report.name, given)).question

    async def _of_report(self, metric: Metric, figure: Figure, asked: AskedMetric) -> Row:
        """The same of one that is a measure of a computed report."""
        with in_address():
            answer = await self.run(await self._of_figure(metric, figure, asked))
        hidden = {c["name"] for c in answer["columns"] if c["role"] == "measure"}
        hidden -= {figure.measure}
        rows = [_less(row, hidden) for row in answer["rows"]]
        whole = _whole(figure, answer)
        return {
            "metric": metric_row(metric),
            **{name: answer[name] for name in ("time_zone", "currency", "as_of", "truncated")},
            "value": whole and whole["values"][figure.measure],
            "cell": whole and whole["cell"],
            "columns": [c for c in answer["columns"] if asked.by and c["name"] not in hidden],
            "rows": rows if asked.by else [],
        }


def _whole(figure: Figure, answer: Row) -> Row | None:
    """The row of everything; None where there is nothing."""
    lines: list[Row] = answer["rows"] if figure.whole else answer["totals"]
    return next((one for one in lines if figure.whole.items() <= one["values"].items()), None)


@contextmanager
def _of_address() -> Generator[None]:
    """Have mistakes of groups and cells be told of the parameters that say which they are."""
    # Measures are those of the metric: they are wrong by the side of a grouping alone.
    named = {"groupings": "by", "measures": "by", "cell": "cell", "measure": "measure"}
    try:
        yield
    except CrmError as error:
        said = [named.get((fault.pointer or "/").split("/")[1]) for fault in error.faults]
        error.faults = tuple(
            fault if name is None else replace(fault, pointer=None, parameter=name)
            for fault, name in zip(error.faults, said, strict=True)
        )
        raise


def _less(row: Row, hidden: Collection[str]) -> Row:
    return {**row, "values": {n: v for n, v in row["values"].items() if n not in hidden}}


def _measures(metric: Metric) -> list[Row]:
    return [
        {**measure, "hidden": measure is not metric.measures[-1]} for measure in metric.measures
    ]


def _groupings(by: str | None) -> list[ReportGrouping]:
    found: list[ReportGrouping] = []
    for part in names_of(by):
        try:
            found.append(grouping_of(part))
        except ValidationError:
            message = f"Say fields, those of days with a bucket: {', '.join(get_args(Bucket))}."
            raise Invalid.parameter("by", "invalid_grouping", message) from None
    if len(found) > 3:
        raise Invalid.parameter("by", "too_many_groupings", "At most three groupings.")
    return found


def metrics_of(reports: Reports) -> list[Row]:
    """Those whose records may be read, with their definitions."""
    actor = reports.tx.actor
    actor.require("reports:read")
    areas = {entity: service.area for entity, service in Declared.services.items()}
    return [
        metric_row(one)
        for one in Declared.metrics.values()
        if all(
            actor.covers(f"{area}:read")
            for area in (areas[one.source], *(one.figure.report.areas if one.figure else ()))
        )
    ]
