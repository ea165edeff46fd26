"""Metrics: numbers that parts declare, asked for by groups and days."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, get_args

from pydantic import ValidationError

from crm_api.domains.reports.dating import within_days
from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.results import Row, shown
from crm_api.domains.reports.running import Reports, metric_row
from crm_api.domains.reports.schemas import Bucket, ReportGrouping, ReportQuery
from crm_api.kit.errors import CrmError, Invalid, NotFound
from crm_api.kit.query.moments import need_days
from crm_api.kit.query.selection import names_of
from crm_api.kit.reporting import Measure, Metric


class Metrics(Reports):
    """The metrics of all parts."""

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
        if metric.compute is not None:
            return await self._of_part(metric, by, first, last, filter)
        if (first or last) and not metric.dated_by:
            message = f"{name} is a number of this moment."
            raise Invalid.parameter("from", "undated_metric", message)
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

    async def _of_part(
        self,
        metric: Metric,
        by: str | None,
        first: date | None,
        last: date | None,
        filter: Mapping[str, Any] | None,
    ) -> Row:
        """The same of one that no report comes to."""
        self.source(metric.source)
        if by or filter:
            message = f"{metric.name} has no groups and no filters."
            raise Invalid.parameter("by", "computed_metric", message)
        assert metric.compute is not None
        calendar = await self.calendar()
        value = await self.value(metric.compute, first, last)
        kind = "amount" if metric.unit == "amount" else "ratio"
        return {
            "metric": metric_row(metric),
            "time_zone": calendar.zone,
            "currency": calendar.currency,
            "as_of": self.tx.now,
            "value": shown(value, kind),
            "columns": [],
            "rows": [],
            "truncated": False,
        }

    async def value(
        self, compute: Measure, first: date | None, last: date | None
    ) -> Decimal | None:
        """What one that no report comes to is at one moment, bounded as reports are."""
        async with self.reading() as tx:
            with self.in_time():
                return await compute(tx, first, last)


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
    found = Declared.metrics.values()
    return [metric_row(m) for m in found if actor.covers(f"{areas[m.source]}:read")]
