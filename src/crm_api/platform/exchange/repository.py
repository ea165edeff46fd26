"""How exchange rates are found and set."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx
from crm_api.kit.ids import new_id
from crm_api.platform.exchange.models import ExchangeRate

_COLUMNS = "base, quote, day, rate, source, set_at"


class ExchangeRates:
    """The rates of an organization."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def put(self, rates: Sequence[Mapping[str, Any]]) -> None:
        """Set rates; the one that is there for a pair and a day is replaced."""
        own = {"organization_id": self.tx.organization_id, "set_at": self.tx.now}
        # In one order, so that two who set the same rates do not wait for each other.
        ordered = sorted(rates, key=lambda rate: (rate["base"], rate["quote"], rate["day"]))
        statement = insert(ExchangeRate).values(
            [{"id": new_id(), **own, "set_by": self.tx.actor.id, **rate} for rate in ordered]
        )
        changed = {
            name: statement.excluded[name] for name in ("rate", "source", "set_at", "set_by")
        }
        await self.tx.run(
            statement.on_conflict_do_update(
                index_elements=["organization_id", "base", "quote", "day"], set_=changed
            )
        )

    async def add(self, rates: Sequence[Mapping[str, Any]]) -> set[tuple[str, str, date]]:
        """Set rates where there are none, in one order; for which pairs and days that was."""
        own = {"organization_id": self.tx.organization_id, "set_at": self.tx.now}
        statement = insert(ExchangeRate).values(
            [{"id": new_id(), **own, "set_by": self.tx.actor.id, **rate} for rate in rates]
        )
        keys = (ExchangeRate.base, ExchangeRate.quote, ExchangeRate.day)
        rows = await self.tx.run(
            statement.on_conflict_do_nothing(
                index_elements=["organization_id", "base", "quote", "day"]
            ).returning(*keys)
        )
        return {(row.base, row.quote, row.day) for row in rows}

    async def stored(self, keys: Sequence[tuple[str, str, date]]) -> list[Any]:
        """The rates of these pairs and days that there are: `base, quote, day, rate, source`."""
        return await self.tx.fetch(
            "SELECT r.base, r.quote, r.day, r.rate, r.source "
            "FROM unnest($2::text[], $3::text[], $4::date[]) AS wanted (base, quote, day) "
            "JOIN exchange_rates r ON r.organization_id = $1 AND r.base = wanted.base "
            "AND r.quote = wanted.quote AND r.day = wanted.day",
            self.tx.organization_id,
            *([key[place] for key in keys] for place in range(3)),
        )

    async def own_currency(self) -> str:
        """The currency of the organization."""
        rows = await self.tx.fetch(
            "SELECT currency FROM organizations WHERE id = $1", self.tx.organization_id
        )
        return rows[0]["currency"]

    async def latest(self, pairs: Sequence[tuple[str, str]], on: date) -> list[Any]:
        """The latest rate on or before a day of each pair that has one."""
        return await self.tx.fetch(
            "SELECT r.base, r.quote, r.day, r.rate FROM unnest($2::text[], $3::text[]) "
            "AS pair (base, quote), LATERAL (SELECT base, quote, day, rate FROM exchange_rates "
            "WHERE organization_id = $1 AND base = pair.base AND quote = pair.quote "
            "AND day <= $4 ORDER BY day DESC LIMIT 1) r",
            self.tx.organization_id,
            [base for base, _ in pairs],
            [quote for _, quote in pairs],
            on,
        )

    async def page(
        self,
        base: str | None,
        quote: str | None,
        after: tuple[date, str, str] | None,
        limit: int,
    ) -> list[Any]:
        """Rates, the latest day first."""
        day, last_base, last_quote = after or (None, None, None)
        return await self.tx.fetch(
            f"SELECT {_COLUMNS} FROM exchange_rates WHERE organization_id = $1 "  # noqa: S608
            "AND ($2::text IS NULL OR base = $2) AND ($3::text IS NULL OR quote = $3) "
            "AND ($4::date IS NULL OR (day, base, quote) < ($4, $5, $6)) "
            "ORDER BY day DESC, base DESC, quote DESC LIMIT $7",
            self.tx.organization_id,
            base,
            quote,
            day,
            last_base,
            last_quote,
            limit,
        )


async def all_organizations(database: Database) -> list[UUID]:
    """Everybody whom published rates are for; takes the worker's role."""
    return [row[0] for row in await database.ask("SELECT id FROM crm_organization_ids()")]


def shown(row: Any) -> dict[str, Any]:
    """A row as it is shown."""
    found: dict[str, Any] = dict(row)
    set_at: datetime | None = found.get("set_at")
    return {**found, "rate": plain(found["rate"])} | ({"set_at": set_at} if set_at else {})


def plain(rate: Any) -> str:
    """A rate without idle zeros."""
    text = f"{rate:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
