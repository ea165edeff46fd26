"""Draw the standard reports of made-up numbers: `report_pictures.py [NAME …]` into docs/reports.

The charts are those that the service draws of an answer; only what is in it is made up here, as
it was thought of (`EXAMPLES`) or by chance, which is always the same for a report.
"""

import asyncio
import random
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import permutations, product
from pathlib import Path
from typing import Any

import crm_api.registry
from crm_api.domains.reports.charts import drawn, specification
from crm_api.domains.reports.declared import Declared
from crm_api.kit.reporting import ComputedReport, DefinedReport, StandardReport

Column = Mapping[str, Any]
FOLDER = Path(__file__).parents[1] / "docs" / "reports"
MONTHS = tuple(date(2026, month, 1).isoformat() for month in range(1, 7))
PEOPLE = ("Sample Seller", "Test Closer", "Example Hunter")
GOODS = ("Chair", "Desk", "Lamp", "Assembly")
STAGES = ("New", "Qualified", "Offer", "Terms")
WORDS: Mapping[str, Sequence[Any]] = {
    "activity_volume.kind": ("call", "email", "meeting"),
    "activity_outcomes.kind": ("call", "visit"),
    "outcome": ("reached", "voicemail", "no answer"),
    "priority": ("low", "normal", "high", "urgent"),
    "sla_policy": ("Standard", "Premium"),
    "source": ("web", "fair", "partner"),
    "medium": ("cpc", "email"),
    "status": ("new", "assigned", "working", "qualified"),
    "campaign_audiences.kind": ("email", "event"),
    "channel": ("email", "post"),
    "campaign": ("Spring offers", "Summer fair", "Autumn webinar"),
    "target": ("company", "contact", "lead"),
    "resource": ("Meeting room", "Van", "Workshop"),
    "pool": ("Inside sales", "Partners"),
    "project": ("Office", "Warehouse", "Branch"),
    "currency": ("EUR",),
    "product": GOODS,
    "segment": ("Large customers", "New customers", "At risk"),
    "recency": (1, 2, 3, 4, 5),
    "frequency": (1, 2, 3, 4, 5),
}
"""The groups of columns, by name or by report and name; others are by people."""
_KINDS = {"count": "integer", "count_distinct": "integer", "ratio": "ratio"}


def _by(name: str, values: Mapping[str, Sequence[Any]], *labels: Any) -> list[dict[str, Any]]:
    return [
        {name: label, **{key: column[place] for key, column in values.items()}}
        for place, label in enumerate(labels)
    ]


def _outcomes(field: str, *labels: str) -> list[dict[str, Any]]:
    return _by(field, {"decided": [34, 21, 13], "rate": [0.41, 0.29, 0.62]}, *labels)


EXAMPLES: Mapping[str, list[dict[str, Any]]] = {
    "sales_funnel": _by("stage", {"reached": [120, 84, 47, 31, 19]}, *STAGES, "Won"),
    "stage_conversion": _by("stage", {"conversion": [0.7, 0.56, 0.66, 0.61]}, *STAGES),
    "time_in_stage": _by("stage", {"time_median": [3.5, 8.2, 14.75, 6.1]}, *STAGES),
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
    "deal_outcomes_by_owner": _outcomes("owner", *PEOPLE),
    "deal_outcomes_by_industry": _outcomes("company.industry", "bank", "trade", "software"),
    "quota_attainment": _by("node", {"attainment": [0.92, 1.08, 0.61]}, *PEOPLE),
    "pipeline_coverage": _by("node", {"coverage": [3.1, 1.4, 2.2]}, *PEOPLE),
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
    "attach_rate": [
        {"product": one, "other": other, "rate": rate}
        for (one, other), rate in zip(
            permutations(GOODS, 2),
            (0.62, 0.31, 0.44, 0.71, 0.38, 0.57, 0.22, 0.35, 0.12, 0.81, 0.93, 0.18),
            strict=True,
        )
    ],
    "attribution": _by(
        "name", {"revenue": [410.5, 268, 190.25, 75]}, "email", "search", "social", "events"
    ),
    "quote_turnaround": _by("sent_at", {"median": [31, 27.5, 22, 19, 20, 16.5]}, *MONTHS),
    "quote_acceptance": _by("owner", {"acceptance": [0.48, 0.37, 0.55]}, *PEOPLE),
}


def kind_of(report: StandardReport) -> str:
    """How it is drawn."""
    if isinstance(report, ComputedReport):
        return report.kind
    assert isinstance(report, DefinedReport)
    return report.definition.get("kind", "summary")


def _column(name: str, role: str, kind: str, **more: Any) -> Column:
    currency = "EUR" if kind == "amount" else None
    return {"name": name, "role": role, "kind": kind, "currency": currency, **more}


def columns_of(report: StandardReport) -> list[Column]:
    """What its answers are made of, as charts need it."""
    if isinstance(report, ComputedReport):
        return [_column(c.name, c.role, c.kind, unit=c.unit, label=c.label) for c in report.columns]
    assert isinstance(report, DefinedReport)
    found: list[Column] = []
    for one in report.definition["groupings"]:
        is_later = "since" in one
        kind = "integer" if is_later else "day" if one.get("bucket") else "text"
        name = f"{one['field']}{'_later' if is_later else ''}"
        label = name.removesuffix("_id")
        found.append(_column(name, "grouping", kind, label=None if label == name else label))
    for one in report.definition["measures"]:
        is_amount = "amount" in one.get("field", "")
        kind = _KINDS.get(one["function"], "amount" if is_amount else "number")
        found.append(_column(one["name"], "measure", kind, unit=one.get("unit")))
    return found


def _groups_of(report: StandardReport, column: Column) -> Sequence[Any]:
    name = column.get("label") or column["name"]
    if column["kind"] == "day":
        return MONTHS
    if name.endswith("_later"):
        return range(len(MONTHS))
    return WORDS.get(f"{report.name}.{name}", WORDS.get(name, PEOPLE))


def rows_of(report: StandardReport, columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Its rows, by chance where no example was thought of. Cohorts end with the latest month, and
    fewer are left of them by and by.
    """
    if report.name in EXAMPLES:
        return EXAMPLES[report.name]
    rng = random.Random(report.name)  # noqa: S311 - made up, and the same each time
    groups = [column for column in columns if column["role"] == "grouping"]
    labels = [column.get("label") or column["name"] for column in groups]
    found: list[dict[str, Any]] = []
    for chosen in product(*(_groups_of(report, group) for group in groups)):
        later = 0
        if kind_of(report) == "cohort":
            later = chosen[1]
            if MONTHS.index(chosen[0]) + later >= len(MONTHS):
                continue
        values = dict(zip(labels, chosen, strict=True))
        for column in columns:
            if column["role"] == "measure":
                is_share = column["kind"] == "ratio"
                made = rng.uniform(0.5, 1) if is_share else rng.randrange(20, 60)
                values[column["name"]] = made * 0.7**later
        found.append(values)
    return found


async def draw(report: StandardReport) -> None:
    """Draw one."""
    columns = columns_of(report)
    named = {column["name"]: column["label"] for column in columns if column.get("label")}
    rows = [
        {"values": values | {id: values[label] for id, label in named.items()}}
        for values in rows_of(report, columns)
    ]
    spec = specification(kind_of(report), columns, rows, report.chart)
    (FOLDER / f"{report.name}.svg").write_bytes(await drawn(spec, "svg"))
    print(f"Drew {report.name}")


async def main(names: Sequence[str]) -> None:
    """Draw all of them, or those that are named."""
    assert crm_api.registry.MODULES
    for name in names or sorted(Declared.standard):
        await draw(Declared.standard[name])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
