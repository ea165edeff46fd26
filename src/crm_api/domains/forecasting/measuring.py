"""What a pipeline does, measured: conversion, time in stages, velocity, ageing and the like."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Date, and_, bindparam

from crm_api.domains.deals.pipelines import PipelineService
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.forecasting.arithmetic import coverage, ratio, velocity
from crm_api.domains.forecasting.definitions import number
from crm_api.domains.forecasting.rows import PIPELINE, deals, over, snapshots
from crm_api.domains.forecasting.snapshots import AREA, SUMMED, WEIGHED, Snapshots, amount_of
from crm_api.domains.forecasting.staying import CONVERSION, DEALS_OF, FUNNEL, TIMES, StagePart
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.money import SCALE
from crm_api.kit.query.selection import Selection
from crm_api.kit.query.statements import prepared
from crm_api.kit.query.visibility import Sight, bound
from crm_api.platform.exchange.repository import ExchangeRates

_LONGEST = timedelta(days=3660)
_DAY = 86_400

_DEAL = (
    *("id", "stage_id", "status", "stage_entered_at", "created_at", "closed_at", "closes_on"),
    *("probability", "forecast_category"),
)
_SNAPSHOT = ("deal_id", "day", "status", "closes_on")
_OF_AMOUNTS = (
    *("win_rate_value", "average_won_amount", "velocity", "weighted_pipeline", "slippage"),
    "coverage",
)
_TOTALS = """
    SELECT count(*) FILTER (WHERE won) AS won, count(*) FILTER (WHERE lost) AS lost,
        sum(value) FILTER (WHERE won) AS won_value, sum(value) FILTER (WHERE lost) AS lost_value,
        count(value) FILTER (WHERE won) AS won_valued,
        count(*) FILTER (WHERE created) AS created,
        count(*) FILTER (WHERE created AND status = 'won') AS created_won,
        avg(cycle) FILTER (WHERE won) AS cycle_mean,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY cycle) FILTER (WHERE won) AS cycle_median,
        count(*) FILTER (WHERE qualified) AS qualified,
        sum(value * probability) FILTER (WHERE qualified) AS weighted,
        sum(value) FILTER (WHERE qualified AND closes_on >= :first AND closes_on <= :last) AS due
    FROM (
        SELECT *, status = 'won' AND decided >= :first AND decided <= :last AS won,
            status = 'lost' AND decided >= :first AND decided <= :last AS lost,
            created_at >= :since AND created_at < :until AS created,
            status = 'open' AND forecast_category <> 'omitted' AS qualified,
            greatest(decided - (created_at AT TIME ZONE CAST(:zone AS text))::date, 0) AS cycle
        FROM (SELECT *, coalesce(closes_on, (closed_at AT TIME ZONE CAST(:zone AS text))::date)
            AS decided FROM rows) AS decided) AS each
"""
_PUSHED = """
    SELECT count(*) AS pushes, count(DISTINCT deal_id) AS pushed FROM (
        SELECT deal_id, status, closes_on, lag(closes_on) OVER (PARTITION BY deal_id ORDER BY day)
            AS before FROM rows) AS each
    WHERE status = 'open' AND date_trunc('month', closes_on) > date_trunc('month', before)
"""
_SLIPPED = """
    SELECT coalesce(sum(b.value), 0) AS slipped, count(*) AS number FROM rows b
    JOIN rows a ON a.deal_id = b.deal_id AND a.day = :end_day AND a.status = 'open'
    WHERE b.day = :start_day AND b.status = 'open' AND b.closes_on >= :first
        AND b.closes_on <= :last
"""


@dataclass(frozen=True, slots=True)
class Days:
    """Some days of an organization, both the first and the last included."""

    first: date
    last: date

    def check(self) -> None:
        """Raise `Invalid` unless one comes after the other, and not too long."""
        if self.first > self.last:
            raise Invalid.parameter("to", "before_from", "The last day is before the first.")
        if self.last - self.first > _LONGEST:
            raise Invalid.parameter("to", "too_long", "Measures are of ten years at most.")

    def instants(self, zone: str) -> tuple[datetime, datetime]:
        """From when, and until before when."""
        local = ZoneInfo(zone)
        first, after = self.first, self.last + timedelta(days=1)
        begin, end = (datetime.combine(day, time(), tzinfo=local) for day in (first, after))
        return begin.astimezone(UTC), end.astimezone(UTC)


class Measures:
    """The measures of a pipeline, of the deals that the actor sees."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.snapshots = Snapshots(tx)

    async def of(
        self, pipeline_id: UUID, days: Days, target: Decimal | None = None
    ) -> dict[str, Any]:
        """All of them; `target` is the quota that coverage is of. Raises `NotFound`."""
        values = await self._begin(pipeline_id, days)
        sight = await self.snapshots.sight()
        conversions = await self._ask(sight, "conversion", CONVERSION, values)
        times = await self._ask(sight, "times", TIMES, values)
        totals = (await self._ask(sight, "totals", _TOTALS, values))[0]
        past = _moved(await self._past(sight, values))
        return {
            "pipeline_id": pipeline_id,
            "currency": values["own"],
            "first_day": days.first,
            "last_day": days.last,
            "stages": [
                {**_conversion(one), **_times(other)}
                for one, other in zip(conversions, times, strict=True)
            ],
            **{name: totals[name] for name in ("won", "lost", "created")},
            **self._shown({**_figures(totals, target), **past}),
        }

    async def figures(self, pipeline_id: UUID, days: Days) -> dict[str, Any]:
        """Those of its deals as a whole alone, without what snapshots tell."""
        values = await self._begin(pipeline_id, days)
        totals = await self._ask(await self.snapshots.sight(), "totals", _TOTALS, values)
        return self._shown(_figures(totals[0], None))

    async def conversion(self, pipeline_id: UUID, days: Days) -> list[dict[str, Any]]:
        """How many deals went on from each of its stages."""
        values = await self._begin(pipeline_id, days)
        found = await self._ask(await self.snapshots.sight(), "conversion", CONVERSION, values)
        return [_conversion(row) for row in found]

    async def times(self, pipeline_id: UUID, days: Days) -> list[dict[str, Any]]:
        """How long deals stay in each of its stages."""
        values = await self._begin(pipeline_id, days)
        found = await self._ask(await self.snapshots.sight(), "times", TIMES, values)
        return [{**_times(row), "timed": row["timed"]} for row in found]

    async def funnel(self, pipeline_id: UUID, days: Days) -> list[dict[str, Any]]:
        """How many of the deals that were created within the days came how far."""
        values = await self._begin(pipeline_id, days)
        found = await self._ask(await self.snapshots.sight(), "funnel", FUNNEL, values)
        numbers = [row["reached"] for row in found]
        return [
            {
                "stage_id": row["id"],
                "stage_name": row["name"],
                "reached": reached,
                "of_previous": ratio(reached, numbers[max(place - 1, 0)]),
                "of_first": ratio(reached, numbers[0]),
            }
            for place, (row, reached) in enumerate(zip(found, numbers, strict=True))
        ]

    async def deals_of(
        self, pipeline_id: UUID, days: Days, stage_id: UUID, part: StagePart, most: int
    ) -> list[UUID]:
        """The deals that a figure of a stage is of, by their ids; so many at most."""
        values = await self._begin(pipeline_id, days) | {"stage": stage_id, "most": most}
        sight = await self.snapshots.sight()
        found = await self._ask(sight, f"stages {part}", DEALS_OF[part], values)
        return [row["deal_id"] for row in found]

    async def _begin(self, pipeline_id: UUID, days: Days) -> dict[str, Any]:
        """The values of its statements, once all is well with what is asked."""
        tx = self.tx
        tx.actor.need_open(f"{AREA}:read")
        self.snapshots.need_days()
        days.check()
        await PipelineService(tx).get(pipeline_id, Selection(("id",)))
        since, until = days.instants(tx.actor.time_zone)
        return {
            **bound(tx),
            "pipeline": pipeline_id,
            "own": await ExchangeRates(self.snapshots.tx).own_currency(),
            "first": days.first,
            "last": days.last,
            "since": since,
            "until": until,
            "now": tx.now,
            "zone": tx.actor.time_zone,
        }

    def _shown(self, figures: dict[str, Any]) -> dict[str, Any]:
        """Without what is made of fields that are hidden from the actor."""
        hidden = self.tx.actor.hidden(DEALS.entity)
        if not SUMMED.isdisjoint(hidden):
            told = {name: figures[name] for name in _OF_AMOUNTS if name in figures}
            figures |= {name: {**figure, "value": None} for name, figure in told.items()}
        if not WEIGHED.isdisjoint(hidden):
            figures["weighted_pipeline"] = number("weighted_pipeline", None)
        return figures

    async def _past(self, sight: Sight, values: dict[str, Any]) -> Mapping[str, Any]:
        """What snapshots tell: how often deals were pushed, and what slipped."""
        pushed = (await self._ask(sight, "pushed", _PUSHED, values))[0]
        days = await self.snapshots.around(values["first"], values["last"])
        if days is None:
            return {**pushed, "slipped": None, "number": None}
        found = {**values, "start_day": days[0], "end_day": days[1]}
        return {**pushed, **(await self._ask(sight, "slipped", _SLIPPED, found))[0]}

    async def _ask(self, sight: Sight, name: str, sql: str, values: dict[str, Any]) -> list[Any]:
        def build() -> Any:
            if name in _PAST:
                past = snapshots(sight, *_SNAPSHOT, picked=_PAST[name])
                return over(sql, rows=past)
            own = deals(sight, *_DEAL, picked=lambda d: d.pipeline_id == PIPELINE)
            return over(sql, shared=True, rows=own)

        statement = prepared(DEALS, ("measures", name, sight), build)
        return await self.tx.fetch(statement.sql, *statement.args(values))


def _between(row: Any) -> Any:
    days = row.day.between(bindparam("first", type_=Date()), bindparam("last", type_=Date()))
    return and_(row.pipeline_id == PIPELINE, days)


def _at_ends(row: Any) -> Any:
    ends = [bindparam("start_day", type_=Date()), bindparam("end_day", type_=Date())]
    return and_(row.pipeline_id == PIPELINE, row.day.in_(ends))


_PAST: Mapping[str, Callable[[Any], Any]] = {"pushed": _between, "slipped": _at_ends}


def _conversion(row: Any) -> dict[str, Any]:
    entered, passed, lost = row["entered"], row["passed"], row["lost"]
    return {
        "stage_id": row["id"],
        "stage_name": row["name"],
        "entered": entered,
        "passed": passed,
        "lost": lost,
        "undecided": entered - passed - lost,
        "conversion": number("stage_conversion", ratio(passed, passed + lost), passed + lost),
    }


def _times(row: Any) -> dict[str, Any]:
    return {
        "stage_id": row["id"],
        "stage_name": row["name"],
        "time_median": number("time_in_stage_median", _days(row["median"]), row["timed"]),
        "time_p90": number("time_in_stage_p90", _days(row["p90"]), row["timed"]),
        "open_deals": row["open_deals"],
        "age_median": number("open_age_median", _days(row["age"]), row["open_deals"]),
        "stalled": number(
            "stalled", None if row["won_p75"] is None else row["stalled"], row["open_deals"]
        ),
        "rotting": number("rotting", row["rotting"], row["open_deals"]),
    }


def _moved(past: Mapping[str, Any]) -> dict[str, Any]:
    slipped = None if past["slipped"] is None else amount_of(past["slipped"])
    return {
        "pushes": number("push_count", past["pushes"], past["pushed"]),
        "slippage": number("slippage", slipped, past["number"]),
    }


def _figures(totals: Any, target: Decimal | None) -> dict[str, Any]:
    won, lost = totals["won"], totals["lost"]
    won_value, lost_value = totals["won_value"] or Decimal(0), totals["lost_value"] or Decimal(0)
    rate, mean = ratio(won, won + lost), totals["cycle_mean"]
    average = won_value / totals["won_valued"] / SCALE if totals["won_valued"] else None
    speed = velocity(totals["qualified"], average, won / Decimal(won + lost) if won else None, mean)
    _, covered = coverage((totals["due"] or Decimal(0)) / SCALE, target, won_value / SCALE)
    weighted = (totals["weighted"] or Decimal(0)) / 100
    return {
        "win_rate": number("win_rate_count", rate, won + lost),
        "win_rate_value": number("win_rate_value", ratio(won_value, won_value + lost_value)),
        "conversion_rate": number(
            "conversion_rate", ratio(totals["created_won"], totals["created"]), totals["created"]
        ),
        "sales_cycle_mean": number("sales_cycle_mean", _rounded(mean), won),
        "sales_cycle_median": number("sales_cycle_median", _rounded(totals["cycle_median"]), won),
        "average_won_amount": number("average_won_amount", _rounded(average), totals["won_valued"]),
        "velocity": number("velocity", speed, totals["qualified"]),
        "weighted_pipeline": number("weighted_pipeline", amount_of(weighted), totals["qualified"]),
        "coverage": number("coverage", covered),
    }


def _days(seconds: float | Decimal | None) -> Decimal | None:
    return None if seconds is None else _rounded(Decimal(seconds) / _DAY)


def _rounded(value: float | Decimal | None) -> Decimal | None:
    if value is None:
        return None
    return Decimal(value).quantize(Decimal("0.01"), ROUND_HALF_UP)
