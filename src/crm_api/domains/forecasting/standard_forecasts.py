"""The standard reports of forecasts: quotas and what covers them, and how well they came true."""

from collections.abc import Mapping
from datetime import date
from typing import Any, get_args
from uuid import UUID

from crm_api.domains.forecasting.asking import closed_within, plain
from crm_api.domains.forecasting.definitions import DEFINITIONS
from crm_api.domains.forecasting.forecasts import Forecasts
from crm_api.domains.forecasting.hindsight import SOURCES, Hindsight
from crm_api.domains.forecasting.measuring import Days
from crm_api.domains.forecasting.models import PeriodKind
from crm_api.domains.forecasting.outlook import Outlook
from crm_api.domains.forecasting.snapshots import AREA
from crm_api.domains.forecasting.tree import Tree, reach_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid, NotFound
from crm_api.kit.reporting import (
    SPAN,
    Computed,
    ComputedReport,
    Filter,
    Line,
    Parameter,
    Records,
    ReportField,
)

_SO_MANY = 500
_PERIOD = Parameter(
    "period", "text", "Such as `2026-11` or `2026-Q4`; the present quarter.", is_optional=True
)
_NODE = (
    ReportField("node_id", "grouping", "uuid", "Whose: a user's, a team's, all.", label="node"),
    ReportField("node", "column", "text", "Its name."),
    ReportField("node_kind", "column", "text", "`user`, `team` or `organization`."),
)
_READS = ("owner_id", "status", "base_amount", "closes_on", "closed_at", "forecast_category")


async def _quotas(tx: Tx, given: Mapping[str, Any]) -> Computed:
    """Who has a quota, what is won of it, and what is open beside it."""
    found = await Outlook(tx).rollup(given["period"])
    tree = await Tree.of(tx)
    days = Days(found["period"]["starts_on"], found["period"]["ends_on"])
    within = closed_within(days, tx.actor.time_zone)
    due = {"closes_on": {"gte": days.first.isoformat(), "lte": days.last.isoformat()}}
    lines: list[Line] = []
    for node in found["nodes"]:
        if node["quota"] is None:
            continue
        whose = _owned(tree, node["kind"], node["id"])
        won = Records({"and": [*whose, {"status": "won"}, within]})
        ahead = {"status": "open", "forecast_category": {"ne": "omitted"}}
        values = {
            "node_id": node["id"],
            "node": node["name"],
            "node_kind": node["kind"],
            "quota": node["quota"],
            "won": node["categories"]["closed"],
            "attainment": plain(node["attainment"]),
            "gap": node["gap"],
            "open_pipeline": plain(node["cumulative"]["open_pipeline"]),
            "coverage": plain(node["coverage"]),
        }
        open_deals = Records({"and": [*whose, ahead, due]})
        own = {"open_pipeline": open_deals, "coverage": open_deals}
        lines.append(Line(values, won, own))
    return Computed(lines)


def _owned(tree: Tree, kind: str, id: UUID) -> list[Filter]:
    """Deals of whom a node is about."""
    if kind == "organization":
        return []
    people = sorted(str(one) for one in tree.people(id)) if kind == "team" else [str(id)]
    parts = [
        {"owner_id": {"in": people[n : n + _SO_MANY]}}
        for n in range(0, max(len(people), 1), _SO_MANY)
    ]
    return [parts[0] if len(parts) == 1 else {"or": parts}]


async def _looked_back(tx: Tx, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Filter]]:
    """How forecasts came true, and whose deals they are of: one's own where no more is in reach."""
    user_id: UUID | None = given["user_id"]
    team_id: UUID | None = given["team_id"]
    if user_id is None and team_id is None and reach_of(tx.actor) is not None:
        user_id = tx.actor.me
    kind: PeriodKind = given["periods"]
    found = await Hindsight(tx).of(
        kind, given["from"], given["to"], user_id=user_id, team_id=team_id
    )
    tree = await Tree.of(tx)
    if team_id is not None:
        return found, _owned(tree, "team", team_id)
    return found, [] if user_id is None else _owned(tree, "user", user_id)


async def _known_period(tx: Tx, given: Mapping[str, Any]) -> None:
    """Raise `Invalid` for what is no name of a period."""
    if given.get("period") is not None:
        await Forecasts(tx).period(given["period"])


async def _known_past(tx: Tx, given: Mapping[str, Any]) -> None:
    """Raise `Invalid` for whose forecasts there are none, or of too many periods."""
    hindsight = Hindsight(tx)
    name = "user_id" if given.get("team_id") is None else "team_id"
    if given.get(name) is not None:
        try:
            await hindsight.whose(**{name: given[name]})
        except NotFound as error:
            fault = Fault("unknown_node", str(error), pointer=f"/parameters/{name}")
            raise Invalid(str(error), code="invalid_report", faults=[fault]) from None
    if {"periods", "from", "to"} <= given.keys():
        ground = await hindsight.forecasts.ground()
        hindsight.over(given["periods"], given["from"], given["to"], ground)


def _won(whose: list[Filter], first: date, last: date, zone: str) -> Records:
    within = closed_within(Days(first, last), zone)
    return Records({"and": [*whose, {"status": "won"}, within]})


async def _against_actual(tx: Tx, given: Mapping[str, Any]) -> Computed:
    found, whose = await _looked_back(tx, given)
    lines: list[Line] = []
    for one in found["periods"]:
        period = one["period"]
        values = {
            "period": period["key"],
            "days_before_end": one["days_before_end"],
            **{name: one[name] for name in ("actual", *SOURCES)},
        }
        won = _won(whose, period["starts_on"], period["ends_on"], tx.actor.time_zone)
        lines.append(Line(values, won))
    return Computed(lines)


async def _accuracy(tx: Tx, given: Mapping[str, Any]) -> Computed:
    found, whose = await _looked_back(tx, given)
    periods = [one["period"] for one in found["periods"]]
    if not periods:
        return Computed()
    first = min(period["starts_on"] for period in periods)
    last = max(period["ends_on"] for period in periods)
    won = _won(whose, first, last, tx.actor.time_zone)
    names = ("days_before_end", "source", "periods", "wape", "bias", "mape")
    return Computed([Line({name: plain(o[name]) for name in names}, won) for o in found["data"]])


_BACK = (
    Parameter("periods", "text", "Which periods.", "quarter", get_args(PeriodKind)),
    *SPAN,
    Parameter("user_id", "uuid", "The forecasts of this user.", is_optional=True),
    Parameter("team_id", "uuid", "The forecasts of this team.", is_optional=True),
)
_HORIZON = ReportField(
    "days_before_end", "grouping", "integer", "As of so many days before its end; null as it began."
)


def _quota_report(name: str, title: str, text: str, formula: str, *columns: str) -> ComputedReport:
    known = (
        ReportField("quota", "measure", "amount", "Goals of `won_amount` of the period."),
        ReportField("won", "measure", "amount", "Amount of the deals won within it."),
        ReportField("attainment", "measure", "ratio", "What is won of the quota."),
        ReportField("gap", "measure", "amount", "What is missing of the quota."),
        ReportField("open_pipeline", "measure", "amount", "Open deals due within it."),
        ReportField("coverage", "measure", "number", "How often these cover the gap."),
    )
    return ComputedReport(
        name=name,
        title=title,
        text=text,
        formula=formula,
        source="deal",
        also_of=("goal", "team", "team_member", "user"),
        areas=(AREA,),
        parameters=(_PERIOD,),
        chart=columns[-1],
        columns=(*_NODE, *(column for column in known if column.name in columns)),
        reads=_READS,
        judge=_known_period,
        compute=_quotas,
    )


ATTAINMENT = _quota_report(
    "quota_attainment",
    "Quota attainment",
    "Who has a quota for the period, as a goal or by those below, and what of it is won. "
    + DEFINITIONS["goal_attainment.v1"].text,
    "attainment = won / quota; gap = quota - won",
    *("quota", "won", "gap", "attainment"),
)
COVERAGE = _quota_report(
    "pipeline_coverage",
    "Pipeline coverage",
    DEFINITIONS["coverage.v1"].text,
    "coverage = open_pipeline / (quota - won); null once the quota is reached",
    *("quota", "won", "gap", "open_pipeline", "coverage"),
)
AGAINST_ACTUAL = ComputedReport(
    name="forecast_against_actual",
    title="Forecast against actual",
    text="What was expected of periods that are over, as they began and some days before they "
    "ended, beside what was won within them. A forecast is null where nothing is known of that "
    "day. Behind each row stand the deals that were won.",
    formula="actual = Σ amount of the deals won within the period; computed = commit and closed "
    "by the snapshot of the day; weighted = Σ amount × probability by it; submitted = what was "
    "said by then",
    source="deal",
    also_of=("forecast", "team_member"),
    areas=(AREA,),
    parameters=_BACK,
    kind="comparison",
    chart="computed",
    columns=(
        ReportField("period", "grouping", "text", "Such as `2026-Q4`."),
        _HORIZON,
        ReportField("actual", "measure", "amount", "What was won."),
        ReportField("computed", "measure", "amount", "What categories came to."),
        ReportField("weighted", "measure", "amount", "What probabilities came to."),
        ReportField("submitted", "measure", "amount", "What was said."),
    ),
    reads=(*_READS, "probability"),
    judge=_known_past,
    compute=_against_actual,
)
ACCURACY = ComputedReport(
    name="forecast_accuracy",
    title="Forecast accuracy and bias",
    text="How far forecasts of periods that are over were from what was won, by how long before "
    "their end they were made and by what they were made of. Behind each row stand the deals "
    "that were won within these periods.",
    formula="wape = Σ |actual - forecast| / Σ |actual|; bias = Σ (forecast - actual) / Σ |actual|; "
    "mape = the mean of |actual - forecast| / |actual|",
    source="deal",
    also_of=("forecast", "team_member"),
    areas=(AREA,),
    parameters=_BACK,
    kind="comparison",
    chart="wape",
    columns=(
        _HORIZON,
        ReportField("source", "grouping", "text", "`computed`, `weighted` or `submitted`."),
        ReportField("periods", "measure", "integer", "How many periods have such a forecast."),
        ReportField("wape", "measure", "ratio", "The error by weight."),
        ReportField("bias", "measure", "ratio", "Above zero: more was expected than came."),
        ReportField("mape", "measure", "ratio", "The mean error."),
    ),
    reads=(*_READS, "probability"),
    judge=_known_past,
    compute=_accuracy,
)
FORECAST_REPORTS = (ATTAINMENT, COVERAGE, AGAINST_ACTUAL, ACCURACY)
