"""Metrics: numbers that parts declare, asked for by groups and days."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, get_args

from pydantic import ValidationError

from crm_api.domains.reports.dating import within_days
from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.definitions import metric_row
from crm_api.domains.reports.library import Library, in_address
from crm_api.domains.reports.results import Row
from crm_api.domains.reports.running import AT_ONCE, Bounds, Reports
from crm_api.domains.reports.schemas import Bucket, ReportGrouping, ReportQuery
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Invalid, NotFound
from crm_api.kit.query.moments import need_days
from crm_api.kit.query.selection import names_of
from crm_api.kit.reporting import Figure, Metric


class Metrics(Library):
    """The metrics of all parts."""

    def __init__(self, tx: Tx, bounds: Bounds = AT_ONCE) -> None:
        super().__init__(tx, bounds)

    async def of(
        self,
        name: str,
        by: str | None = None,
        first: date | None = None,
        last: date | None = None,
        filter: Mapping[str, Any] | None = None,
    ) -> Row:
        """A metric between two days, both included; raises `NotFound`, `Invalid`, `Forbidden`.

        `by` is such as `owner_id,closes_on:month`.
        """
        metric = Declared.metrics.get(name)
        if metric is None:
            raise NotFound(f"There is no metric {name[:60]!r}.")
        need_days(**{"from": first, "to": last})
        if first is not None and last is not None and last < first:
            raise Invalid.parameter("to", "before_start", "The last day is before the first one.")
        days = {name: day for name, day in (("from", first), ("to", last)) if day is not None}
        if days and not metric.is_dated:
            message = f"{name} is a number of this moment."
            raise Invalid.parameter(next(iter(days)), "undated_metric", message)
        if metric.figure is not None:
            return await self._of_report(metric, metric.figure, by, days, filter)
        groupings = _groupings(by)
        within = within_days(metric.source, metric.dated_by, first, last, await self.calendar())
        parts = [dict(part) for part in (metric.filter, within, filter) if part]
        query: Row = {"source": metric.source, "measures": _measures(metric)}
        query["filter"] = parts[0] if len(parts) == 1 else {"and": parts} if parts else {}
        whole = await self.run(ReportQuery.model_validate(query))
        answer: Row = {"columns": [], "rows": [], "truncated": False}
        if groupings:
            is_series = groupings[0].bucket is not None
            more: Row = {"groupings": [one.model_dump() for one in groupings]}
            more["kind"] = "time_series" if is_series else "summary"
            span = (first, last) if first and last and is_series else None
            try:
                answer = await self.run(ReportQuery.model_validate({**query, **more}), span)
            except CrmError as error:
                raise _of_parameter(error) from None
        (row,) = whole["rows"]
        return {
            "metric": metric_row(metric),
            "time_zone": whole["time_zone"],
            "currency": whole["currency"],
            "as_of": whole["as_of"],
            "value": row["values"][metric.answer],
            **{name: answer[name] for name in ("columns", "rows", "truncated")},
        }

    async def _of_report(
        self,
        metric: Metric,
        figure: Figure,
        by: str | None,
        days: Mapping[str, date],
        filter: Mapping[str, Any] | None,
    ) -> Row:
        """The same of one that is a measure of a computed report."""
        if filter:
            message = f"{metric.name} has no filters."
            raise Invalid.parameter("filter", "computed_metric", message)
        if by and set(names_of(by)) != set(figure.groupings):
            message = f"{metric.name} is grouped by {', '.join(figure.groupings)} alone."
            raise Invalid.parameter("by", "computed_metric", message)
        given = {**figure.unsaid, **{name: day.isoformat() for name, day in days.items()}}
        with in_address():
            answer = await self.run((await self.asked(figure.report.name, given)).question)
        hidden = {c["name"] for c in answer["columns"] if c["role"] == "measure"}
        hidden -= {figure.measure}
        rows = [_less(row, hidden) for row in answer["rows"]]
        return {
            "metric": metric_row(metric),
            **{name: answer[name] for name in ("time_zone", "currency", "as_of", "truncated")},
            "value": _whole(figure, answer),
            "columns": [c for c in answer["columns"] if by and c["name"] not in hidden],
            "rows": rows if by else [],
        }


def _whole(figure: Figure, answer: Row) -> Any:
    """The number of everything; null where there is nothing."""
    lines = answer["rows"] if figure.whole else answer["totals"]
    for line in lines:
        if figure.whole.items() <= line["values"].items():
            return line["values"][figure.measure]
    return None


def _less(row: Row, hidden: Collection[str]) -> Row:
    return {**row, "values": {n: v for n, v in row["values"].items() if n not in hidden}}


def _measures(metric: Metric) -> list[Row]:
    return [
        {**measure, "hidden": measure is not metric.measures[-1]} for measure in metric.measures
    ]


def _groupings(by: str | None) -> list[ReportGrouping]:
    found: list[ReportGrouping] = []
    for part in names_of(by):
        field, _, bucket = part.partition(":")
        try:
            asked: Row = {"field": field, "bucket": bucket or None}
            found.append(ReportGrouping.model_validate(asked))
        except ValidationError:
            message = f"Say fields, those of days with a bucket: {', '.join(get_args(Bucket))}."
            raise Invalid.parameter("by", "invalid_grouping", message) from None
    if len(found) > 3:
        raise Invalid.parameter("by", "too_many_groupings", "At most three groupings.")
    return found


def _of_parameter(error: CrmError) -> CrmError:
    """The same mistake where a parameter said what a body says."""
    if isinstance(error, Invalid) and error.faults:
        fault = error.faults[0]
        return Invalid.parameter("by", fault.code, fault.message)
    return error


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
