"""Snapshots of deals: how a day's are taken, and which of them somebody sees."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Date, Select, Uuid, bindparam, select
from sqlalchemy.orm import aliased

from crm_api.domains.deals.repository import DEALS
from crm_api.domains.deals.service import DealService
from crm_api.domains.deals.valuing import rate_home
from crm_api.domains.forecasting.definitions import DEFINITIONS
from crm_api.domains.forecasting.models import DealSnapshot
from crm_api.domains.forecasting.rows import visible
from crm_api.kit.actor import hidden_field
from crm_api.kit.calendar import today_of
from crm_api.kit.crud.tree import lock_graph
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict
from crm_api.kit.money import SCALE, shown_amount
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.statements import prepared
from crm_api.kit.query.visibility import ORGANIZATION, Sight, bound, narrowed, sight_of
from crm_api.kit.values.codes import minor_digits
from crm_api.platform.exchange.repository import ExchangeRates

AREA = "forecasts"
SUMMED = frozenset({"amount", "base_amount", "currency", "base_currency"})
"""Whoever may not see one of these gets no sums."""
WEIGHED = SUMMED | {"expected_amount", "probability"}
"""Whoever may not see one of these gets nothing that is weighted."""
KEPT = timedelta(days=366)
"""So long a closed deal is in the snapshots that are taken, and so far apart are two that are
compared."""
_DIGITS = 4
_CURRENCIES = """
    SELECT DISTINCT currency FROM deals
    WHERE organization_id = $1 AND deleted_at IS NULL AND status = 'open'
        AND amount IS NOT NULL AND currency <> $2
"""
_TAKE = """
    WITH taken AS (
        INSERT INTO deal_snapshots (organization_id, day, deal_id, pipeline_id, stage_id, owner_id,
            amount, base_amount, closes_on, probability, status, currency, base_currency,
            forecast_category)
        SELECT d.organization_id, $2, d.id, d.pipeline_id, d.stage_id, d.owner_id, d.amount,
            CASE WHEN d.currency = $3 THEN d.amount
                WHEN d.status <> 'open' AND d.base_currency = $3 THEN d.base_amount
                WHEN d.status = 'open' AND d.amount * r.rate < 900000000000000000
                    THEN (round(d.amount * r.rate / $6) * $6)::bigint END,
            d.closes_on, d.probability, d.status, d.currency, $3, d.forecast_category
        FROM deals d LEFT JOIN unnest($4::text[], $5::numeric[]) AS r (currency, rate)
            ON r.currency = d.currency
        WHERE d.organization_id = $1 AND d.deleted_at IS NULL
            AND (d.status = 'open' OR d.closed_at >= $7)
        ON CONFLICT DO NOTHING RETURNING 1),
    counted AS (SELECT count(*)::integer AS number FROM taken)
    INSERT INTO deal_snapshot_days AS known (organization_id, day, taken_at, deals)
    SELECT $1, $2, $8, number FROM counted
    ON CONFLICT (organization_id, day) DO UPDATE SET deals = known.deals + excluded.deals
    RETURNING day, taken_at, deals, (SELECT number FROM counted) AS added
"""
_DAYS = """
    SELECT max(day) FILTER (WHERE day <= $2) AS first, max(day) FILTER (WHERE day <= $3) AS last
    FROM deal_snapshot_days WHERE organization_id = $1
"""
_ENDS = """
    SELECT min(day) AS begun, max(day) AS latest FROM deal_snapshot_days WHERE organization_id = $1
"""
_KNOWN = "SELECT day FROM deal_snapshot_days WHERE organization_id = $1 ORDER BY day"
_FORGET = "DELETE FROM deal_snapshots WHERE organization_id = $1 AND deal_id = ANY($2)"
_DAYS_TOLD = frozenset({"closes_on", "closed_at"})
_AMOUNTS = ("amount", "base_amount")


class Snapshots:
    """The snapshots of the deals of an organization."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.deals = DealService(tx)

    # Taking

    async def take(self) -> dict[str, Any]:
        """Have each deal's state of today stand, unless it does; how many were added.

        A day's snapshot is of when it was first taken, which is as the day begins. Open amounts
        are converted by today's rates, those of closed deals stay as they are.
        """
        tx = self.tx
        tx.actor.need(AREA, "create")
        await lock_graph(tx, "deal_snapshots")
        currency = await ExchangeRates(self.tx).own_currency()
        rows = await tx.fetch(_CURRENCIES, tx.organization_id, currency)
        rates: dict[str, Decimal] = {}
        today = today_of(tx)
        for row in rows:
            rate = await rate_home(tx, row["currency"], currency, today)
            if rate is not None:
                rates[row["currency"]] = rate
        values = (list(rates), list(rates.values()), unit_of(currency), tx.now - KEPT, tx.now)
        taken = await tx.write(_TAKE, tx.organization_id, today, currency, *values)
        return dict(taken[0])

    # Reading

    async def days(self, first: date, last: date) -> tuple[date, date]:
        """The last days at or before these of which there are snapshots; raises `Conflict`."""
        found = await self.around(first, last)
        if found is None:
            begun = (await self._begun())["begun"]
            since = "none at all" if begun is None else f"none before {begun}"
            details = {} if begun is None else {"first_day": str(begun)}
            message = f"Of {first} there is no snapshot of the deals, and {since}."
            raise Conflict(message, code="no_snapshots", details=details)
        return found

    async def around(self, first: date, last: date) -> tuple[date, date] | None:
        """The same, or None where there is none at or before the first."""
        rows = await self.tx.fetch(_DAYS, self.tx.organization_id, first, last)
        found = rows[0]
        return None if found["first"] is None else (found["first"], found["last"])

    async def known(self) -> list[date]:
        """All days of which there are snapshots, in their order."""
        return [row["day"] for row in await self.tx.fetch(_KNOWN, self.tx.organization_id)]

    async def _begun(self) -> Any:
        return (await self.tx.fetch(_ENDS, self.tx.organization_id))[0]

    def need_days(self) -> None:
        """Raise `Forbidden` where it is hidden when deals close, which sums would tell."""
        self.deals.need("read")
        if closed := sorted(_DAYS_TOLD & self.tx.actor.hidden(DEALS.entity)):
            raise hidden_field(closed[0])

    async def sight(self) -> Sight:
        """How far the actor's sight of deals reaches."""
        return await narrowed(self.tx, DEALS, sight_of(self.tx.actor, DEALS))

    async def page(
        self,
        *,
        day: date | None,
        pipeline_id: UUID | None,
        deal_id: UUID | None,
        cursor: str | None,
        limit: int,
    ) -> dict[str, Any]:
        """Snapshots of a day, the last one if none is named, or of a deal through all days."""
        tx = self.tx
        tx.actor.need_open(f"{AREA}:read")
        self.deals.need("read")
        if day is None and deal_id is None:
            day = (await self._begun())["latest"]
        key = tx.database.signing_key
        context = context_of(tx.organization_id, "deal_snapshots", day, pipeline_id, deal_id)
        after = None if cursor is None else unseal(key, context, cursor)
        asked = {"day": day, "pipeline": pipeline_id, "deal": deal_id}
        asked = {name: value for name, value in asked.items() if value is not None}
        if not asked or (day is None and deal_id is None):
            return {"data": [], "next_cursor": None}
        sight, shape = await self.sight(), tuple(asked)
        statement = prepared(
            DEALS,
            ("deal_snapshots", sight, shape, after is not None),
            lambda: _listed(sight, shape, is_further=after is not None),
        )
        values = {**bound(tx), **asked, "most": limit + 1}
        if after is not None:
            values |= {"after_day": date.fromisoformat(after[0]), "after_deal": UUID(after[1])}
        rows = await tx.fetch(statement.sql, *statement.args(values))
        shown = [self._shown(row) for row in rows[:limit]]
        more = len(rows) > limit
        last = [rows[limit - 1]["day"], rows[limit - 1]["deal_id"]] if more else []
        return {"data": shown, "next_cursor": seal(key, context, last) if more else None}

    def _shown(self, row: Any) -> dict[str, Any]:
        hidden = self.tx.actor.hidden(DEALS.entity)
        found = {name: None if name in hidden else value for name, value in row.items()}
        for name in _AMOUNTS:
            amount = found[name]
            found[name] = None if amount is None else amount_of(amount)
        return found


def _listed(sight: Sight, asked: Sequence[str], *, is_further: bool) -> Select[Any]:
    row = aliased(DealSnapshot)
    query: Any = select(
        *(getattr(row, column.key).label(column.key) for column in DealSnapshot.__table__.columns)
    ).where(row.organization_id == ORGANIZATION, *visible(row.deal_id, sight))
    columns = {"day": row.day, "pipeline": row.pipeline_id, "deal": row.deal_id}
    for name in asked:
        query = query.where(columns[name] == bindparam(name, type_=columns[name].type))
    if is_further:
        day, deal = bindparam("after_day", type_=Date()), bindparam("after_deal", type_=Uuid())
        query = query.where((row.day > day) | ((row.day == day) & (row.deal_id > deal)))
    return query.order_by(row.day, row.deal_id).limit(bindparam("most", type_=BigInteger()))


def glossary(tx: Tx) -> list[dict[str, str]]:
    """What all numbers mean: no secret of anybody, but of a module that may be switched off."""
    tx.actor.need_open(f"{AREA}:read")
    return [definition._asdict() for definition in DEFINITIONS.values()]


def unit_of(currency: str) -> int:
    """The smallest part of a currency, in ten-thousandths."""
    return 10 ** (_DIGITS - min(minor_digits(currency), _DIGITS))


def amount_of(parts: Decimal | int) -> str:
    """Ten-thousandths as an amount is shown."""
    return shown_amount(Decimal(parts) / SCALE)


async def forget(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """What is destroyed has no past either."""
    if entity == DEALS.entity:
        await tx.write(_FORGET, tx.organization_id, list(ids))
