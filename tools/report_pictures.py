"""Draw the pictures of the standard reports in docs/reports, of made-up numbers.

The charts are those that the service draws of an answer; only what is in it is made up here.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import crm_api.registry  # noqa: F401 - tells which reports there are
from crm_api.domains.reports.charts import drawn, specification
from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.schemas import ReportQuery
from crm_api.kit.reporting import ComputedReport, DefinedReport, StandardReport

FOLDER = Path(__file__).parent.parent / "docs" / "reports"
_STAGES = ("New", "Qualified", "Offer", "Terms")
_PEOPLE = ("Sample Seller", "Test Closer", "Example Hunter")
_KINDS = {"count": "integer", "ratio": "ratio", "sum": "amount", "avg": "number"}


def _by(name: str, values: dict[str, list[Any]], *labels: Any) -> list[dict[str, Any]]:
    return [
        {name: label, **{key: column[place] for key, column in values.items()}}
        for place, label in enumerate(labels)
    ]


def _outcomes(field: str, *labels: str) -> list[dict[str, Any]]:
    decided = {"decided": [34, 21, 13], "won": [14, 6, 8], "lost": [20, 15, 5]}
    return _by(field, {**decided, "rate": [0.41, 0.29, 0.62]}, *labels)


EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "sales_funnel": _by("stage", {"reached": [120, 84, 47, 31, 19]}, *_STAGES, "Won"),
    "stage_conversion": _by("stage", {"conversion": [0.7, 0.56, 0.66, 0.61]}, *_STAGES),
    "time_in_stage": _by("stage", {"time_median": [3.5, 8.2, 14.75, 6.1]}, *_STAGES),
    "pipeline_velocity": _by(
        "pipeline", {"velocity": [2777.78, 940.5, 310]}, "New business", "Partners", "Renewals"
    ),
    "pipeline_waterfall": _by(
        "part",
        {"amount": [480, 150, 20, 60, -35, -5, 30, -55, -140, -70, -15, 420]},
        *("start", "new", "reopened", "increased", "decreased", "fx_effect", "pulled_in"),
        *("pushed_out", "won", "lost", "removed", "end"),
    ),
    "deal_outcomes_by_reason": _outcomes("loss_reason.name", "Price", "Timing", "No need"),
    "deal_outcomes_by_competitor": _outcomes(
        "competitor.name", "Example Rival", "Sample Rival", "Test Rival"
    ),
    "deal_outcomes_by_owner": _outcomes("owner_id", *_PEOPLE),
    "deal_outcomes_by_industry": _outcomes("company.industry", "bank", "trade", "software"),
    "quota_attainment": _by("node", {"attainment": [0.92, 1.08, 0.61]}, *_PEOPLE),
    "pipeline_coverage": _by("node", {"coverage": [3.1, 1.4, 2.2]}, *_PEOPLE),
    "forecast_against_actual": [
        {"period": period, "days_before_end": days, "computed": computed}
        for period, known in (("2026-Q1", (240, 330, 315)), ("2026-Q2", (390, 340, 352)))
        for days, computed in zip((60, 30, 7), known, strict=True)
    ],
    "forecast_accuracy": [
        {"days_before_end": days, "source": source, "wape": wape}
        for days, errors in ((60, (0.31, 0.26)), (30, (0.19, 0.17)), (7, (0.06, 0.08)))
        for source, wape in zip(("computed", "weighted"), errors, strict=True)
    ],
    "quote_turnaround": _by(
        "sent_at", {"median": [31, 27.5, 22, 19]}, *(f"2026-0{month}-01" for month in range(1, 5))
    ),
    "quote_acceptance": _by("owner_id", {"acceptance": [0.48, 0.37, 0.55]}, *_PEOPLE),
}


def columns_of(report: StandardReport) -> list[dict[str, Any]]:
    """The columns of its answer, as charts need them."""
    none = {"bucket": None, "unit": None, "currency": None, "label": None}
    if isinstance(report, ComputedReport):
        return [
            {
                **none,
                "name": column.name,
                "role": column.role,
                "kind": column.kind,
                "unit": column.unit,
                "label": column.label,
                "currency": "EUR" if column.kind == "amount" else None,
            }
            for column in report.columns
        ]
    assert isinstance(report, DefinedReport)
    bare = {key: value for key, value in report.definition.items() if key != "filter"}
    query = ReportQuery.model_validate({**bare, "source": report.source})
    groups = [
        {**none, "name": g.label, "role": "grouping", "kind": "day" if g.bucket else "text"}
        for g in query.groupings
    ]
    measures = [
        {**none, "name": m.name, "role": "measure", "kind": _KINDS.get(m.function, "number")}
        for m in query.measures
    ]
    return groups + measures


async def main() -> None:
    """Draw all of them, or those that are named."""
    for name in sys.argv[1:] or sorted(Declared.standard):
        report = Declared.standard[name]
        rows = [{"values": values} for values in EXAMPLES[name]]
        kind = report.kind if isinstance(report, ComputedReport) else "summary"
        spec = specification(kind, columns_of(report), rows, report.chart)
        (FOLDER / f"{name}.svg").write_bytes(await drawn(spec, "svg"))
        print(f"Drew {name}")


if __name__ == "__main__":
    asyncio.run(main())
