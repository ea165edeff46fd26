"""What became of a pipeline between two days: the parts add up, and each opens to its deals."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import Boolean, Date, Select, and_, bindparam, func, literal_column

from crm_api.domains.deals.pipelines import PipelineService
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.forecasting.rows import PIPELINE, over, snapshots
from crm_api.domains.forecasting.snapshots import AREA, KEPT, SUMMED, Snapshots, amount_of, unit_of
from crm_api.kit.actor import hidden_field
from crm_api.kit.db.base import KeyText
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.selection import Selection
from crm_api.kit.query.statements import prepared
from crm_api.kit.query.visibility import Sight, bound
from crm_api.platform.exchange.repository import ExchangeRates

Part = Literal[
    "new",
    "reopened",
    "increased",
    "decreased",
    "fx_effect",
    "pulled_in",
    "pushed_out",
    "won",
    "lost",
    "removed",
]
Level = Literal["start", "end"]
PARTS: tuple[Part, ...] = get_args(Part)
LESS: frozenset[Part] = frozenset({"decreased", "pushed_out", "won", "lost", "removed"})
"""What is taken away from the sum; all else is added."""

# Each deal as it was and as it is: whether it is in the pipeline of open deals that are due, by
# which way it came into it and by which it left, and how its amount changed while it was there.
_CAME = """
    SELECT coalesce(b.deal_id, a.deal_id) AS deal_id,
        coalesce(b.status = 'open' AND b.is_due, false) AS was_in,
        coalesce(a.status = 'open' AND a.is_due, false) AS is_in,
        coalesce(b.value, 0) AS before, coalesce(a.value, 0) AS after,
        b.closes_on AS closed_before, a.closes_on AS closes_after, a.status,
        coalesce(b.is_bare, false) AS was_bare, coalesce(a.is_bare, false) AS is_bare,
        CASE
            WHEN b.status = 'open' AND b.is_due OR a.is_due IS NOT TRUE THEN NULL
            WHEN b.status = 'open' THEN 'pulled_in'
            WHEN b.status IS NOT NULL THEN CASE WHEN b.status <> a.status THEN 'reopened' END
            -- It was decided before, and only written down since.
            WHEN a.status <> 'open' AND a.closes_on < CAST(:start_day AS date) THEN NULL
            ELSE 'new' END AS came,
        CASE
            WHEN b.currency <> a.currency OR a.currency = :own OR b.value IS NULL
                OR a.value IS NULL OR a.amount = 0
                THEN coalesce(a.value, 0) - coalesce(b.value, 0)
            ELSE round((a.amount - b.amount)::numeric * a.value / a.amount
                / CAST(:unit AS bigint))::bigint * CAST(:unit AS bigint) END AS difference
    FROM before_rows b FULL JOIN after_rows a ON a.deal_id = b.deal_id
"""
_WENT = f"""
    SELECT *, CASE
        WHEN NOT was_in AND came IS NULL OR is_in THEN NULL
        WHEN status IS NULL THEN 'removed'
        WHEN status = 'open' THEN 'pushed_out'
        ELSE status END AS went
    FROM ({_CAME}) AS came
"""  # noqa: S608 - made of constants
_WAYS = f"""
    SELECT *, CASE WHEN was_in AND (is_in OR went IN ('won', 'lost')) THEN difference ELSE 0 END AS grown
    FROM ({_WENT}) AS went
"""  # noqa: S608 - made of constants
_FX = "CASE WHEN was_in AND (is_in OR went IN ('won', 'lost')) THEN after - before - grown END"
_SUMS = f"""
    SELECT was_in, is_in, came, went, count(*) AS number,
        sum(before) AS before, sum(after) AS after,
        sum(grown) FILTER (WHERE grown > 0) AS increased,
        -sum(grown) FILTER (WHERE grown < 0) AS decreased,
        count(*) FILTER (WHERE grown > 0) AS raised, count(*) FILTER (WHERE grown < 0) AS lowered,
        sum({_FX}) AS fx, count(*) FILTER (WHERE {_FX} <> 0) AS moved,
        count(*) FILTER (WHERE was_in AND was_bare OR is_in AND is_bare) AS bare
    FROM ({_WAYS}) AS ways WHERE was_in OR is_in OR came IS NOT NULL OR went IS NOT NULL
    GROUP BY was_in, is_in, came, went
"""  # noqa: S608 - made of constants
_OF_PART: Mapping[Part, tuple[str, str]] = {
    **{part: (f"came = '{part}'", "after") for part in ("new", "reopened", "pulled_in")},
    **{part: (f"went = '{part}'", "after") for part in ("won", "lost")},
    **{part: (f"went = '{part}'", "before") for part in ("removed", "pushed_out")},
    "increased": ("grown > 0", "grown"),
    "decreased": ("grown < 0", "-grown"),
    "fx_effect": (f"{_FX} <> 0", _FX),
}
_OF_ANY: Mapping[Part | Level, tuple[str, str]] = {
    **_OF_PART,
    "start": ("was_in", "before"),
    "end": ("is_in", "after"),
}


@dataclass(frozen=True, slots=True)
class Span:
    """Between which days, and of deals that are due between which others."""

    start: date
    end: date
    due_from: date | None = None
    due_to: date | None = None

    def check(self) -> None:
        """Raise `Invalid` unless one comes after the other, and not too long."""
        if self.start > self.end:
            raise Invalid.parameter("to", "before_from", "The last day is before the first.")
        if self.end - self.start > KEPT:
            message = f"A waterfall is of {KEPT.days} days at most."
            raise Invalid.parameter("to", "too_long", message)
        if self.due_from and self.due_to and self.due_from > self.due_to:
            raise Invalid.parameter("closes_to", "before_from", "The last day is before the first.")


class Waterfall:
    """The waterfall of a pipeline, of the deals that the actor sees."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.snapshots = Snapshots(tx)

    async def of(self, pipeline_id: UUID, span: Span) -> dict[str, Any]:
        """Start, parts and end in the organization's currency; raises `NotFound`, `Conflict`."""
        values = await self._begin(pipeline_id, span)
        sight = await self.snapshots.sight()
        statement = prepared(DEALS, ("waterfall", sight), lambda: _select(sight, _SUMS))
        rows = await self.tx.fetch(statement.sql, *statement.args(values))
        found = summed(rows)
        is_hidden = not SUMMED.isdisjoint(self.tx.actor.hidden(DEALS.entity))
        shown = {name: None if is_hidden else amount_of(a) for name, (a, _) in found.items()}
        return {
            "pipeline_id": pipeline_id,
            "definition_id": "waterfall.v1",
            "currency": values["own"],
            "start_day": values["start_day"],
            "end_day": values["end_day"],
            "closes_from": span.due_from,
            "closes_to": span.due_to,
            "start": shown["start"],
            "start_count": found["start"][1],
            "parts": [
                {
                    "part": part,
                    "sign": -1 if part in LESS else 1,
                    "amount": shown[part],
                    "count": found[part][1],
                }
                for part in PARTS
            ],
            "end": shown["end"],
            "end_count": found["end"][1],
            "unconverted": 0 if is_hidden else sum(row["bare"] for row in rows),
        }

    async def deals(
        self, pipeline_id: UUID, span: Span, part: Part, *, cursor: str | None, limit: int
    ) -> dict[str, Any]:
        """The deals of a part, by their ids."""
        values = await self._begin(pipeline_id, span)
        sight = await self.snapshots.sight()
        key = self.tx.database.signing_key
        asked = (values["start_day"], values["end_day"], span.due_from, span.due_to, part)
        context = context_of(self.tx.organization_id, "waterfall", pipeline_id, *asked)
        after = UUID(int=0) if cursor is None else UUID(unseal(key, context, cursor)[0])
        which, amount = _OF_PART[part]
        # Which amounts rose or fell is told by them alone.
        is_hidden = not SUMMED.isdisjoint(self.tx.actor.hidden(DEALS.entity))
        if is_hidden and part in {"increased", "decreased", "fx_effect"}:
            raise hidden_field("amount").elsewhere(parameter="part")
        listed = (
            f"SELECT deal_id, {amount} AS amount, CASE WHEN was_in OR before <> 0 THEN before END "  # noqa: S608 - made of constants
            f"AS before, after, closed_before, closes_after FROM ({_WAYS}) ways "
            f"WHERE {which} AND deal_id > CAST(:after AS uuid) "
            "ORDER BY deal_id LIMIT CAST(:most AS bigint)"
        )
        statement = prepared(DEALS, ("waterfall", sight, part), lambda: _select(sight, listed))
        rows = await self.tx.fetch(
            statement.sql, *statement.args({**values, "after": after, "most": limit + 1})
        )
        data = [self._deal(row, is_hidden=is_hidden) for row in rows[:limit]]
        more = len(rows) > limit
        return {
            "data": data,
            "next_cursor": seal(key, context, [data[-1]["deal_id"]]) if more else None,
        }

    async def ids(self, pipeline_id: UUID, span: Span, part: Part | Level, most: int) -> list[UUID]:
        """The deals of a part or of a level by their ids, so many at most."""
        values = await self._begin(pipeline_id, span)
        sight = await self.snapshots.sight()
        which, _ = _OF_ANY[part]
        listed = (
            f"SELECT deal_id FROM ({_WAYS}) ways WHERE {which} "  # noqa: S608 - made of constants
            "ORDER BY deal_id LIMIT CAST(:most AS bigint)"
        )
        statement = prepared(DEALS, ("waterfall ids", sight, part), lambda: _select(sight, listed))
        rows = await self.tx.fetch(statement.sql, *statement.args({**values, "most": most}))
        return [row["deal_id"] for row in rows]

    def _deal(self, row: Any, *, is_hidden: bool) -> dict[str, Any]:
        without_days = "closes_on" in self.tx.actor.hidden(DEALS.entity)

        def amount(name: str) -> str | None:
            return None if is_hidden or row[name] is None else amount_of(row[name])

        return {
            "deal_id": row["deal_id"],
            "amount": amount("amount"),
            "amount_before": amount("before"),
            "amount_after": amount("after"),
            "closes_on_before": None if without_days else row["closed_before"],
            "closes_on_after": None if without_days else row["closes_after"],
        }

    async def _begin(self, pipeline_id: UUID, span: Span) -> dict[str, Any]:
        """The values of a statement, once all is well with what is asked."""
        tx = self.tx
        tx.actor.need_open(f"{AREA}:read")
        self.snapshots.deals.need("read")
        span.check()
        if span.due_from or span.due_to:
            self.snapshots.need_days()
        await PipelineService(tx).get(pipeline_id, Selection(("id",)))
        currency = await ExchangeRates(self.snapshots.tx).own_currency()
        first, last = await self.snapshots.days(span.start, span.end)
        return {
            **bound(tx),
            "pipeline": pipeline_id,
            "start_day": first,
            "end_day": last,
            "due_from": span.due_from or date.min,
            "due_to": span.due_to or date.max,
            "is_every": span.due_from is None and span.due_to is None,
            "own": currency,
            "unit": unit_of(currency),
        }


def summed(rows: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Decimal, int]]:
    """By `start`, each part and `end` the sum in ten-thousandths, and of how many deals."""
    found: dict[str, tuple[Decimal, int]] = dict.fromkeys(("start", *PARTS, "end"), (Decimal(0), 0))

    def add(name: str, amount: Decimal | None, number: int) -> None:
        before = found[name]
        found[name] = before[0] + (amount or 0), before[1] + number

    for row in rows:
        if row["was_in"]:
            add("start", row["before"], row["number"])
        if row["is_in"]:
            add("end", row["after"], row["number"])
        if row["came"]:
            add(row["came"], row["after"], row["number"])
        if row["went"]:
            left = row["after"] if row["went"] in {"won", "lost"} else row["before"]
            add(row["went"], left, row["number"])
        add("increased", row["increased"], row["raised"])
        add("decreased", row["decreased"], row["lowered"])
        add("fx_effect", row["fx"], row["moved"])
    return found


def _select(sight: Sight, sql: str) -> Select[Any]:
    """A statement over the snapshots of both days that are seen."""
    first, last = (
        snapshots(
            sight,
            *("deal_id", "status", "currency", "amount", "closes_on"),
            _is_due,
            _is_bare,
            picked=partial(_of_day, day),
        )
        for day in ("start_day", "end_day")
    )
    return over(sql, before_rows=first, after_rows=last)


def _of_day(day: str, row: Any) -> Any:
    return and_(row.day == bindparam(day, type_=Date()), row.pipeline_id == PIPELINE)


def _is_due(row: Any) -> Any:
    first, last = (bindparam(f"due_{end}", type_=Date()) for end in ("from", "to"))
    every = bindparam("is_every", type_=Boolean())
    within = and_(row.closes_on >= first, row.closes_on <= last)
    return func.coalesce(every | within, literal_column("false")).label("is_due")


def _is_bare(row: Any) -> Any:
    unknown = row.base_amount.is_(None) | (row.base_currency != bindparam("own", type_=KeyText))
    return and_(row.amount.is_not(None), unknown).label("is_bare")
