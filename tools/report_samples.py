"""Draw standard reports of made-up numbers: `report_samples.py [NAME …]` into docs/reports.

The numbers are by chance, always the same for a report; what they are drawn with is the product's.
"""

import asyncio
import random
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import crm_api.registry
from crm_api.domains.reports.charts import drawn, specification
from crm_api.domains.reports.declared import Declared
from crm_api.kit.reporting import ComputedReport, DefinedReport, StandardReport

FOLDER = Path(__file__).parents[1] / "docs" / "reports"
PEOPLE = ("Ann Example", "Boris Sample", "Chen Person")
WORDS: Mapping[str, Sequence[Any]] = {
    "activity_volume.kind": ("call", "email", "meeting"),
    "activity_outcomes.kind": ("call", "visit"),
    "outcome": ("reached", "voicemail", "no answer"),
    "priority": ("low", "normal", "high", "urgent"),
    "sla_policy_id": ("Standard", "Premium"),
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
    "stage": ("New", "Offer", "Terms"),
    "loss_reason.name": ("Price", "Timing", "Features"),
    "competitor.name": ("Example Ltd", "Sample Inc"),
    "recency": (1, 2, 3, 4, 5),
    "frequency": (1, 2, 3, 4, 5),
}
MONTHS = tuple(date(2026, month, 1).isoformat() for month in range(1, 7))
_AGGREGATES = {"count": "integer", "count_distinct": "integer", "ratio": "ratio"}


def columns_of(report: StandardReport) -> list[dict[str, Any]]:
    """What a report is made of, as its answers say it."""
    if isinstance(report, ComputedReport):
        return [
            {"name": c.name, "role": c.role, "kind": c.kind, "bucket": None, "label": c.label}
            for c in report.columns
        ]
    assert isinstance(report, DefinedReport)
    found: list[dict[str, Any]] = []
    for one in report.definition.get("groupings", ()):
        is_later = "since" in one
        kind = "integer" if is_later else "day" if one.get("bucket") else "text"
        name = f"{one['field']}{'_later' if is_later else ''}"
        bucket = None if is_later else one.get("bucket")
        found.append({"name": name, "role": "grouping", "kind": kind, "bucket": bucket})
    for one in report.definition["measures"]:
        is_amount = "amount" in one.get("field", "")
        kind = _AGGREGATES.get(one["function"], "amount" if is_amount else "number")
        found.append({"name": one["name"], "role": "measure", "kind": kind, "bucket": None})
    return found


def values_of(report: StandardReport, column: Mapping[str, Any]) -> Sequence[Any]:
    """The groups of a column."""
    name = column.get("label") or column["name"]
    if column["kind"] == "day":
        return MONTHS
    if name.endswith("_later"):
        return range(6)
    return WORDS.get(f"{report.name}.{name}", WORDS.get(name, PEOPLE))


def rows_of(report: StandardReport, columns: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Made-up rows."""
    rng = random.Random(report.name)  # noqa: S311 - made up, and the same each time
    groups = [column for column in columns if column["role"] == "grouping"]
    found: list[dict[str, Any]] = []
    for chosen in product(*(values_of(report, group) for group in groups)):
        values: dict[str, Any] = {}
        for group, value in zip(groups, chosen, strict=True):
            values[group["name"]] = values[group.get("label") or group["name"]] = value
        for column in columns:
            if column["role"] == "measure":
                is_share = column["kind"] == "ratio"
                values[column["name"]] = rng.random() if is_share else rng.randrange(3, 60)
        found.append({"values": values})
    return found


async def draw(report: StandardReport) -> None:
    """Draw one."""
    columns = columns_of(report)
    kind = report.kind if isinstance(report, ComputedReport) else report.definition.get("kind")
    spec = specification(kind or "summary", columns, rows_of(report, columns), report.chart)
    (FOLDER / f"{report.name}.svg").write_bytes(await drawn(spec, "svg"))


async def main(names: Sequence[str]) -> None:
    """Draw all of them, or those that are named."""
    assert crm_api.registry.MODULES
    for name in names or sorted(Declared.standard):
        await draw(Declared.standard[name])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
