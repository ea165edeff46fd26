"""The standard reports of pipelines: how fast they are, and what became of them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.forecasting.asking import (
    MOST_BEHIND,
    PIPELINE,
    closed_within,
    measurable,
    need_few,
    need_pipeline,
    pipeline_of,
    plain,
)
from crm_api.domains.forecasting.definitions import DEFINITIONS
from crm_api.domains.forecasting.measuring import Days, Measures
from crm_api.domains.forecasting.snapshots import AREA
from crm_api.domains.forecasting.waterfall import Level, Part, Span, Waterfall
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict
from crm_api.kit.reporting import (
    SPAN,
    Computed,
    ComputedReport,
    Filter,
    Line,
    Parameter,
    Records,
    ReportField,
    of_ids,
)

_PIPELINES = """
    SELECT id, name FROM pipelines WHERE organization_id = $1 AND deleted_at IS NULL
        AND ($2::uuid IS NULL OR id = $2) ORDER BY sort_name, id
"""

_QUALIFIED: Sequence[Filter] = ({"status": "open"}, {"forecast_category": {"ne": "omitted"}})


async def _velocity(tx: Tx, given: Mapping[str, Any]) -> Computed:
    days = Days(given["from"], given["to"])
    named: UUID | None = given["pipeline_id"]
    rows = await tx.fetch(_PIPELINES, tx.organization_id, named)
    within = closed_within(days, tx.actor.time_zone)
    lines: list[Line] = []
    for row in rows:
        found = await Measures(tx).figures(row["id"], days)
        values = {
            "pipeline_id": row["id"],
            "pipeline": row["name"],
            "qualified": found["velocity"]["count"],
            "average_won": plain(found["average_won_amount"]),
            "win_rate": plain(found["win_rate"]),
            "cycle": plain(found["sales_cycle_mean"]),
            "velocity": plain(found["velocity"]),
        }
        lines.append(_moving(values, within))
    return Computed(lines, [_together(lines)] if lines else [])


def _together(lines: Sequence[Line]) -> Line:
    """All pipelines: what each may bring on a day adds up."""
    known = [line.values["velocity"] for line in lines if line.values["velocity"] is not None]
    values = {
        "qualified": sum(line.values["qualified"] for line in lines),
        "velocity": sum(map(Decimal, known)) if known else None,
    }
    here = of_ids([line.values["pipeline_id"] for line in lines], "pipeline_id")
    return Line(values, Records({"and": [here, *_QUALIFIED]}))


def _moving(values: Mapping[str, Any], within: Filter) -> Line:
    here = {"pipeline_id": str(values["pipeline_id"])}

    def of(*tests: Filter) -> Records:
        return Records({"and": [here, *tests]})

    qualified = of(*_QUALIFIED)
    won = of({"status": "won"}, within)
    decided = of({"status": {"in": ["won", "lost"]}}, within)
    own = {"average_won": won, "win_rate": decided, "cycle": won}
    return Line(values, qualified, own)


async def _waterfall(tx: Tx, given: Mapping[str, Any]) -> Computed:
    pipeline_id = await pipeline_of(tx, given)
    if pipeline_id is None:
        return Computed()
    span = Span(given["from"], given["to"], given["closes_from"], given["closes_to"])
    waterfall = Waterfall(tx)
    try:
        found = await waterfall.of(pipeline_id, span)
    except Conflict:
        # There are no snapshots of these days.
        return Computed()

    def line(part: Part | Level, amount: Any, count: int) -> Line:
        async def ask() -> Filter:
            return need_few(await waterfall.ids(pipeline_id, span, part, MOST_BEHIND + 1))

        return Line({"part": part, "amount": amount, "deals": count}, Records(ask))

    return Computed(
        [
            line("start", found["start"], found["start_count"]),
            *(line(p["part"], _signed(p), p["count"]) for p in found["parts"]),
            line("end", found["end"], found["end_count"]),
        ]
    )


async def _spanned(tx: Tx, given: Mapping[str, Any]) -> None:
    """Raise `Invalid` where there is no waterfall of such a pipeline, or of these days."""
    await need_pipeline(tx, given)
    first, last = given.get("from"), given.get("to")
    if first is not None and last is not None:
        Span(first, last, given.get("closes_from"), given.get("closes_to")).check()


def _signed(part: Mapping[str, Any]) -> str:
    amount = str(part["amount"])
    return amount if part["sign"] > 0 else amount[1:] if amount.startswith("-") else f"-{amount}"


VELOCITY = ComputedReport(
    name="pipeline_velocity",
    title="Velocity of pipelines",
    text=DEFINITIONS["velocity.v1"].text,
    formula="velocity = qualified × average_won × win_rate / cycle; null without won deals; in all "
    "Σ velocity",
    source="deal",
    also_of=("pipeline", "stage"),
    areas=(AREA,),
    parameters=(
        Parameter("pipeline_id", "uuid", "Of this pipeline alone.", is_optional=True),
        *SPAN,
    ),
    chart="velocity",
    columns=(
        ReportField("pipeline_id", "grouping", "uuid", "The pipeline.", label="pipeline"),
        ReportField("pipeline", "column", "text", "Its name."),
        ReportField("qualified", "measure", "integer", "Open deals that are not omitted."),
        ReportField("average_won", "measure", "amount", "Mean amount of deals won in the days."),
        ReportField("win_rate", "measure", "ratio", "Won of won and lost within the days."),
        ReportField("cycle", "measure", "number", "Mean from creation to closing, won.", "days"),
        ReportField("velocity", "measure", "amount", "What it may bring on a day."),
    ),
    reads=("pipeline_id", "status", "base_amount", "closes_on", "closed_at", "forecast_category"),
    judge=measurable,
    compute=_velocity,
)
WATERFALL = ComputedReport(
    name="pipeline_waterfall",
    title="Pipeline waterfall",
    text=f"{DEFINITIONS['waterfall.v1'].text} It is empty without snapshots of these days. Deals "
    "that were put in the bin since are counted, and not listed behind a part.",
    formula="end = start + new + reopened + increased - decreased + fx_effect + pulled_in "
    "- pushed_out - won - lost - removed",
    source="deal",
    also_of=("pipeline",),
    areas=(AREA,),
    parameters=(
        PIPELINE,
        *SPAN,
        Parameter("closes_from", "day", "Deals that are due from this day on.", is_optional=True),
        Parameter("closes_to", "day", "Deals that are due by this day.", is_optional=True),
    ),
    kind="waterfall",
    columns=(
        ReportField("part", "grouping", "text", "`start`, what changed, and `end`."),
        ReportField("amount", "measure", "amount", "What it adds; less than zero takes away."),
        ReportField("deals", "measure", "integer", "Of how many deals."),
    ),
    reads=("pipeline_id", "status", "amount", "base_amount", "currency", "closes_on"),
    judge=_spanned,
    compute=_waterfall,
)
PIPELINE_REPORTS = (VELOCITY, WATERFALL)
