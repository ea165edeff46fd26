"""What is told of numbers beside them: version, owner, grain, unit, and whether they are certified.

What is built in is certified: a release changes its meaning by a new version alone, and its tests
check the number. A saved report is certified by somebody (`saved_schemas`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.schemas import ReportGrouping, ReportMeasure, ReportQuery
from crm_api.domains.reports.units import kind_of, unit_of_column, unit_of_field, unit_of_measure
from crm_api.kit.reporting import (
    ComputedReport,
    DefinedReport,
    Metric,
    ReportField,
    StandardReport,
)

Row = dict[str, Any]
EACH_RECORD = ("id",)
"""The grain of a source, and of what counts its records."""
_BUILT_IN: Row = {"is_certified": True, "certified_by": None, "certified_at": None}


def metric_row(metric: Metric) -> Row:
    """A metric's definition as it is shown."""
    figure = metric.figure
    return {
        "id": metric.id,
        "name": metric.name,
        "version": metric.version,
        **_BUILT_IN,
        "owner": Declared.owners[metric.id],
        "title": metric.title,
        "unit": metric.unit,
        "grain": list(EACH_RECORD if figure is None else figure.groupings),
        "text": metric.text,
        "formula": figure and figure.report.formula,
        "source": metric.source,
        "dated_by": list(metric.dated_by),
        "filter": dict(metric.filter),
        "measures": [dict(measure) for measure in metric.measures],
        "standard_report": figure and figure.report.name,
    }


def report_row(report: StandardReport) -> Row:
    """A standard report's definition as it is shown."""
    is_defined = isinstance(report, DefinedReport)
    columns = columns_of(report)
    return {
        "id": report.id,
        "name": report.name,
        "version": report.version,
        **_BUILT_IN,
        "owner": Declared.owners[report.id],
        "title": report.title,
        "text": report.text,
        "formula": report.formula,
        "source": report.source,
        "grain": [column.name for column in columns if column.role == "grouping"],
        "areas": list(report.areas),
        "definition": dict(report.definition) if is_defined else None,
        "dated_by": list(report.dated_by) if is_defined else [],
        "columns": [{**asdict(one), "unit": unit_of(one)} for one in columns],
        "chart": report.chart,
        "parameters": [{**asdict(one), "choices": list(one.choices)} for one in report.parameters],
    }


def unit_of(column: ReportField) -> str | None:
    """What a measure is of; None of other columns that say nothing."""
    if column.role != "measure":
        return column.unit
    return column.unit or unit_of_column(column.name, column.kind)


def columns_of(report: StandardReport) -> Sequence[ReportField]:
    """The columns that it has, whoever makes it."""
    if isinstance(report, ComputedReport):
        return report.columns
    assert isinstance(report, DefinedReport)
    plain = {key: value for key, value in report.definition.items() if key != "filter"}
    query = ReportQuery.model_validate({**plain, "source": report.source})
    groups = [
        ReportField(
            group.label,
            "grouping",
            _kind_of_group(report.source, group),
            f"`{group.field}`" + (f" by {group.bucket}" if group.bucket else ""),
        )
        for group in query.groupings
    ]
    made: dict[str, ReportField] = {}
    for measure in query.measures:
        made[measure.name] = _measure(report.source, measure, made)
    return [*groups, *(made[one.name] for one in query.measures if not one.hidden)]


def _measure(source: str, asked: ReportMeasure, before: Mapping[str, ReportField]) -> ReportField:
    kind: Any = "integer"
    of: str | None = None
    if asked.of:
        first = before[asked.of[0]]
        is_same = asked.function == "running"
        kind, of = (first.kind, first.unit) if is_same else ("ratio", None)
    elif asked.field is not None and asked.function != "count_distinct":
        path = f"{asked.through}.{asked.field}" if asked.through else asked.field
        kind = "number" if asked.since else _kind(source, path)
        of = unit_of_field(path, kind)
        kind = kind_of(asked, kind)
    return ReportField(asked.name, "measure", kind, _said(asked), unit_of_measure(asked, kind, of))


def _kind_of_group(source: str, group: ReportGrouping) -> Any:
    if group.since is not None:
        return "integer"
    return "day" if group.bucket is not None else _kind(source, group.field)


def _kind(source: str, path: str) -> Any:
    """That of a field, by way of relations."""
    *relations, name = path.split(".")
    listing = Declared.services[source].repository.listing
    for relation in relations:
        listing = listing.related[relation].target()
    return listing.fields[name].kind


def _said(asked: ReportMeasure) -> str:
    """A measure in words."""
    if asked.of:
        return " / ".join(f"`{name}`" for name in asked.of)
    said = asked.function
    if asked.percentile is not None:
        said = f"{asked.percentile:f} percent"
    if asked.field is not None:
        said += f" of `{asked.field}`"
    if asked.since is not None:
        said += f" since `{asked.since}`"
    if asked.filter:
        said += f" where `{json.dumps(asked.filter, ensure_ascii=False)}`"
    return said
