"""A page of reference for each standard report, made of its declaration."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.schemas import ReportQuery
from crm_api.kit.reporting import ComputedReport, DefinedReport, StandardReport

FOLDER = "docs/reports"


def pages() -> dict[str, str]:
    """By the path of each page what it says, and an index of them."""
    found = sorted(Declared.standard.values(), key=lambda report: report.name)
    told = {f"{FOLDER}/{report.name}.md": _page(report) for report in found}
    lines = [
        "# Standard reports",
        "",
        (
            "Every organization has them (`GET /v1/standard-reports`). These pages are made of their "
            "declarations: `crm-api schema reports --write`."
        ),
        "",
        "| Report | Of | What it says |",
        "|---|---|---|",
        *(f"| [{r.title}]({r.name}.md) | {r.source} | {_flat(r.text)} |" for r in found),
    ]
    return {f"{FOLDER}/README.md": _joined(lines), **told}


def _page(report: StandardReport) -> str:
    path = f"/v1/standard-reports/{report.name}"
    lines = [
        f"# {report.title}",
        "",
        report.text,
        "",
        f"![{report.title}, of made-up numbers]({report.name}.svg)",
        "",
        "## Formula",
        "",
        *(f"- {part.strip()}" for part in report.formula.split(";")),
        "",
        "## Source",
        "",
        *_source(report),
        "",
        "## Parameters",
        "",
        *_parameters(report),
        "",
        "## Columns",
        "",
        *_columns(report),
        "",
        "## Running it",
        "",
        (
            f"`POST {path}/run` answers as JSON, `…/file` as CSV, NDJSON or XLSX, `…/chart` as "
            "Vega-Lite, SVG or PNG, `…/document` as PDF; in GraphQL it is "
            f'`runStandardReport(name: "{report.name}")`. `…/runs` has a job keep what it comes to. Tiles of '
            f"dashboards and schedules name it by `standard_report`: `{report.name}`."
        ),
        "",
        "## Records behind a cell",
        "",
        (
            f"`POST {path}/drilldown` with the same `parameters`, the `cell` of a row or total and, if "
            "wanted, a `measure` answers a filter of the records, how many they are and where they are "
            "listed."
        ),
        *_drilled(report),
    ]
    return _joined(lines)


def _source(report: StandardReport) -> list[str]:
    service = Declared.services[report.source]
    scopes = ["reports:read", f"{service.area}:read", *(f"{area}:read" for area in report.areas)]
    lines = [
        (
            f"`{report.id}`, of the records at `/v1/{service.route_of()}` that whoever asks sees. It takes "
            f"{', '.join(f'`{scope}`' for scope in scopes)}."
        ),
    ]
    if isinstance(report, ComputedReport) and report.reads:
        named = ", ".join(f"`{path}`" for path in report.reads)
        lines += ["", f"It reads {named}: where one of these is hidden it is 403 `hidden_field`."]
    if isinstance(report, ComputedReport) and report.also_of:
        named = ", ".join(f"`{kind}`" for kind in report.also_of)
        lines += ["", f"Events of its records and of {named} make tiles of it stale."]
    if isinstance(report, DefinedReport):
        if report.dated_by:
            named = ", else ".join(f"`{name}`" for name in report.dated_by)
            lines += ["", f"Records are of the day of {named}, in the organization's time zone."]
        shown = json.dumps(report.definition, indent=2, ensure_ascii=False)
        lines += ["", "In the words of `POST /v1/reports/run`:", "", "```json", shown, "```"]
    return lines


def _parameters(report: StandardReport) -> list[str]:
    if not report.parameters:
        return ["It takes none."]
    rows: list[str] = []
    for one in report.parameters:
        default = "" if one.default is None else f"`{one.default}`"
        choices = f" One of {', '.join(f'`{c}`' for c in one.choices)}." if one.choices else ""
        needed = "optional" if one.is_optional else default or "needed"
        rows.append(f"| `{one.name}` | {one.type} | {needed} | {one.text}{choices} |")
    return ["| Name | Type | Default | Meaning |", "|---|---|---|---|", *rows]


def _columns(report: StandardReport) -> list[str]:
    return ["| Name | Role | Kind | Meaning |", "|---|---|---|---|", *_rows(report)]


def _rows(report: StandardReport) -> list[str]:
    if isinstance(report, ComputedReport):
        return [
            f"| `{c.name}` | {c.role} | {c.kind}{f' ({c.unit})' if c.unit else ''} | {c.text} |"
            for c in report.columns
        ]
    assert isinstance(report, DefinedReport)
    plain = ReportQuery.model_validate({**_bare(report.definition), "source": report.source})
    groups = [
        f"| `{g.label}` | grouping | {g.bucket or 'value'} | `{g.field}` |" for g in plain.groupings
    ]
    measures = [
        f"| `{m.name}` | measure | {m.function} | {_of(m.model_dump())} |"
        for m in plain.measures
        if not m.hidden
    ]
    steps = [f"| `{s.name}` | step | count | {_filtered(s.filter)} |" for s in plain.steps]
    return groups + measures + steps


def _bare(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Without its filter, whose values are parameters."""
    return {key: value for key, value in definition.items() if key != "filter"}


def _of(measure: Mapping[str, Any]) -> str:
    parts: list[str] = []
    if measure["field"]:
        since = f" since `{measure['since']}`" if measure["since"] else ""
        parts.append(f"of `{measure['field']}`{since}")
    if measure["of"]:
        parts.append(" / ".join(f"`{name}`" for name in measure["of"]))
    if measure["filter"]:
        parts.append(_filtered(measure["filter"]))
    return ", ".join(parts)


def _filtered(filter: Mapping[str, Any]) -> str:
    return f"where `{json.dumps(filter, ensure_ascii=False)}`"


def _drilled(report: StandardReport) -> list[str]:
    if not isinstance(report, ComputedReport):
        return []
    return ["", "Behind a number stand the records that it counts or that its sum is of."]


def _flat(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"
