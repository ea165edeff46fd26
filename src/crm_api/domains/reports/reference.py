"""A page of reference for each standard report, made of its declaration."""

import json
from collections.abc import Sequence

from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.definitions import columns_of, unit_of
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
        "",
        (
            f"It is built in and certified: the module `{Declared.owners[report.id]}` answers for it, and what "
            "changes its meaning gives it another version."
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
    rows = [
        f"| `{one.name}` | {one.role} | {one.kind} | {unit_of(one) or ''} | {one.text} |"
        for one in columns_of(report)
    ]
    return ["| Name | Role | Kind | Unit | Meaning |", "|---|---|---|---|---|", *rows]


def _drilled(report: StandardReport) -> list[str]:
    if not isinstance(report, ComputedReport):
        return []
    return ["", "Behind a number stand the records that it counts or that its sum is of."]


def _flat(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"
