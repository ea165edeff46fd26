"""How well the forecasts of periods that are over came true."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.deals.repository import DEALS
from crm_api.domains.forecasting.arithmetic import errors
from crm_api.domains.forecasting.definitions import number
from crm_api.domains.forecasting.forecasts import Forecasts, Ground, last_words, shown_period
from crm_api.domains.forecasting.models import PeriodKind
from crm_api.domains.forecasting.periods import Period, periods_between
from crm_api.domains.forecasting.rolling import Sums, due, due_then, expected, of_node, together
from crm_api.domains.forecasting.snapshots import AREA, SUMMED, WEIGHED, Snapshots
from crm_api.domains.forecasting.tree import Node, Tree, is_user, is_within, reach_of
from crm_api.kit.calendar import today_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, NotFound
from crm_api.kit.money import shown_amount

_HORIZONS = (None, 60, 30, 7)
"""Days before the end of a period; None is as it begins."""
_NEAR = timedelta(days=3)
"""So old may the snapshot be by which a forecast is computed as of a day."""
_MOST_PERIODS = 40
Source = Literal["computed", "weighted", "submitted"]
SOURCES: tuple[Source, ...] = get_args(Source)


class Hindsight:
    """The errors of forecasts, as the actor sees their deals."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.forecasts, self.snapshots = Forecasts(tx), Snapshots(tx)

    async def of(
        self,
        kind: PeriodKind,
        first: date | None,
        last: date | None,
        *,
        user_id: UUID | None = None,
        team_id: UUID | None = None,
    ) -> dict[str, Any]:
        """How forecasts of periods that are over came true, by horizons; raises `NotFound`."""
        tx = self.tx
        tx.actor.need(AREA, "read")
        self.snapshots.need_days()
        ground, end = await self.forecasts.ground(), self._end(last)
        tree, node = await self.whose(user_id=user_id, team_id=team_id)
        begin = first or end - timedelta(days=730)
        if begin > end:
            raise Invalid.parameter("from", "nothing_over", "No period is over between these days.")
        periods = self.over(kind, begin, end, ground)
        found = await self._looked(tree, node, ground, periods)
        hidden = tx.actor.hidden(DEALS.entity)
        is_hidden = not SUMMED.isdisjoint(hidden)
        if not WEIGHED.isdisjoint(hidden):
            found = [{**row, "weighted": None} for row in found]
        return {
            "currency": ground.currency,
            "data": [
                _errors(found, horizon, source, is_hidden=is_hidden)
                for horizon in _HORIZONS
                for source in SOURCES
            ],
            "periods": [_past(row, is_hidden=is_hidden) for row in found],
        }

    def over(self, kind: PeriodKind, first: date, last: date, ground: Ground) -> list[Period]:
        """The periods between two days that are over; raises `Invalid` for too many."""
        found = periods_between(first, self._end(last), kind, ground.fiscal_month)
        if len(found) > _MOST_PERIODS:
            raise Invalid.parameter("from", "too_long", f"At most {_MOST_PERIODS} periods.")
        return found

    def _end(self, last: date | None) -> date:
        today = today_of(self.tx)
        return min(last or today, today - timedelta(days=1))

    async def whose(
        self, *, user_id: UUID | None = None, team_id: UUID | None = None
    ) -> tuple[Tree, Node]:
        """Whose forecasts are asked for: a user's, a team's, all; raises `NotFound`."""
        tree = await Tree.of(self.tx)
        return tree, await self._node(tree, user_id, team_id)

    async def _node(self, tree: Tree, user_id: UUID | None, team_id: UUID | None) -> Node:
        reach = reach_of(self.tx.actor)
        if team_id is not None:
            if team_id not in tree.teams:
                raise NotFound("There is no such team.")
            node = tree.teams[team_id]
        elif user_id is not None:
            if not await is_user(self.tx, user_id):
                raise NotFound("There is no such user.")
            node = Node("user", user_id, "", None)
        else:
            node = tree.root
        if is_within(tree, node, reach):
            return node
        raise NotFound("There is no such forecast in sight.")

    async def _looked(
        self, tree: Tree, node: Node, ground: Ground, periods: Sequence[Period]
    ) -> list[dict[str, Any]]:
        """By period and horizon what came true, and what was expected of it."""
        tx, sight = self.tx, await self.snapshots.sight()
        said = await self.forecasts.said(
            periods[0].kind if periods else "month", [p.starts_on for p in periods]
        )
        days = await self.snapshots.known() if periods else []
        asked: list[tuple[Period, int | None, date, date | None]] = []
        for period in periods:
            for horizon in _HORIZONS:
                day = _day_of(period, horizon)
                if day is not None:
                    place = bisect_right(days, day) - 1
                    is_near = place >= 0 and day - days[place] <= _NEAR
                    asked.append((period, horizon, day, days[place] if is_near else None))
        known = [(day, p.starts_on, p.ends_on) for p, _, _, day in asked if day is not None]
        past = iter(await due_then(tx, sight, ground.currency, known))
        found: list[dict[str, Any]] = []
        actual: dict[date, Decimal] = {}
        for period, horizon, day, near in asked:
            if period.starts_on not in actual:
                now = await due(tx, sight, ground.currency, period.starts_on, period.ends_on)
                closed = together(of_node(tree, node, now)).single.get("closed", Decimal(0))
                actual[period.starts_on] = closed
            sums = next(past) if near is not None else None
            until = _end_of(day, tx.actor.time_zone)
            # Teams that are gone had the people of others, or of none.
            then = [
                e
                for e in said
                if e["starts_on"] == period.starts_on
                and e["made_at"] < until
                and (e["node_kind"] != "team" or e["node_id"] in tree.teams)
            ]
            found.append(
                {
                    "period": period,
                    "horizon": horizon,
                    "actual": actual[period.starts_on],
                    **_expected(tree, node, sums, last_words(then, ground.currency)),
                }
            )
        return found


def _expected(
    tree: Tree,
    node: Node,
    sums: Mapping[UUID | None, Sums] | None,
    said: Mapping[UUID, Decimal],
) -> dict[Source, Decimal | None]:
    """What was known of a node on a day."""
    own = None if sums is None else together(of_node(tree, node, sums))
    people = tree.users_in(said) if node.kind == "organization" else tree.people(node.id)
    is_said = not said.keys().isdisjoint({node.id, *people, *tree.teams_below(node.id)})
    return {
        "computed": None if own is None else own.rollup.commit,
        "weighted": None if own is None else own.weighted,
        "submitted": expected(tree, node, sums or {}, said) if is_said else None,
    }


def _day_of(period: Period, horizon: int | None) -> date | None:
    if horizon is None:
        return period.starts_on
    return period.ends_on - timedelta(days=horizon) if horizon < period.days - 1 else None


def _end_of(day: date, zone: str) -> datetime:
    local = datetime.combine(day + timedelta(days=1), time(), tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC)


def _errors(
    found: Sequence[Mapping[str, Any]], horizon: int | None, source: Source, *, is_hidden: bool
) -> dict[str, Any]:
    pairs = [
        (row["actual"], row[source])
        for row in found
        if row["horizon"] == horizon and row[source] is not None
    ]
    said = errors([a for a, _ in pairs], [f for _, f in pairs])
    values = {"wape": said.wape, "bias": said.bias, "mape": said.mape}
    return {
        "days_before_end": horizon,
        "source": source,
        "periods": len(pairs),
        **{n: number(n, None if is_hidden else value, len(pairs)) for n, value in values.items()},
    }


def _past(row: Mapping[str, Any], *, is_hidden: bool) -> dict[str, Any]:
    def amount(value: Decimal | None) -> str | None:
        return None if value is None or is_hidden else shown_amount(value)

    return {
        "period": shown_period(row["period"]),
        "days_before_end": row["horizon"],
        **{name: amount(row[name]) for name in ("actual", *SOURCES)},
    }
