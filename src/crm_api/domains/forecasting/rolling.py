"""What forecasts are made of: sums of deals by owner and category, now and as they were."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Date, bindparam, func

from crm_api.domains.deals.repository import DEALS
from crm_api.domains.forecasting.arithmetic import Rollup, cumulative
from crm_api.domains.forecasting.rows import deals, over, snapshots
from crm_api.domains.forecasting.tree import Node, Tree
from crm_api.kit.db.tx import Tx
from crm_api.kit.money import SCALE
from crm_api.kit.query.statements import prepared
from crm_api.kit.query.visibility import Sight, bound

# Of an open deal the close date is what it is due by, of a won one when it was decided.
_COLUMNS = ("owner_id", "status", "probability", "forecast_category", "closes_on")
_NOW = """
    SELECT owner_id, CASE status WHEN 'won' THEN 'closed' ELSE forecast_category END AS category,
        probability, count(*) AS number, sum(value) AS value
    FROM (SELECT *, coalesce(closes_on, (closed_at AT TIME ZONE CAST(:zone AS text))::date) AS day
        FROM rows WHERE status <> 'lost') AS rows
    WHERE day >= :first AND day <= :last GROUP BY 1, 2, 3
"""
_THEN = """
    SELECT w.place, owner_id,
        CASE status WHEN 'won' THEN 'closed' ELSE forecast_category END AS category,
        probability, count(*) AS number, sum(value) AS value
    FROM unnest(CAST(:days AS date[]), CAST(:firsts AS date[]), CAST(:lasts AS date[]))
        WITH ORDINALITY AS w (day, first, last, place)
    JOIN rows r ON r.day = w.day AND closes_on >= w.first AND closes_on <= w.last
    WHERE status <> 'lost' GROUP BY 1, 2, 3, 4
"""


@dataclass
class Sums:
    """What some deals come to that are due within a period."""

    single: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    weighted: Decimal = Decimal(0)
    deals: int = 0
    won: int = 0
    percents: Counter[int] = field(default_factory=Counter[int])
    """By percent how many are open, and not omitted."""

    def add(self, row: Mapping[str, Any]) -> None:
        """Count deals of one category and probability."""
        category, amount = row["category"], (row["value"] or Decimal(0)) / SCALE
        self.deals += row["number"]
        if category == "closed":
            self.won += row["number"]
            self.weighted += amount
        elif category != "omitted":
            self.percents[row["probability"]] += row["number"]
            self.weighted += amount * row["probability"] / 100
        if category != "omitted":
            self.single[category] = self.single.get(category, Decimal(0)) + amount

    def take_in(self, other: "Sums") -> None:
        """Count what is in another one as well."""
        for name, amount in other.single.items():
            self.single[name] = self.single.get(name, Decimal(0)) + amount
        self.weighted += other.weighted
        self.deals += other.deals
        self.won += other.won
        self.percents += other.percents

    @property
    def rollup(self) -> Rollup:
        """What its categories add up to."""
        return cumulative(self.single)


def summed(rows: Iterable[Mapping[str, Any]]) -> dict[UUID | None, Sums]:
    """By owner, None among them, what their deals come to."""
    found: dict[UUID | None, Sums] = {}
    for row in rows:
        found.setdefault(row["owner_id"], Sums()).add(row)
    return found


def together(sums: Iterable[Sums]) -> Sums:
    """What several come to."""
    found = Sums()
    for one in sums:
        found.take_in(one)
    return found


def of_node(tree: Tree, node: Node, sums: Mapping[UUID | None, Sums]) -> list[Sums]:
    """Those of whom a node is about."""
    if node.kind == "organization":
        return list(sums.values())
    people = tree.people(node.id) if node.kind == "team" else {node.id}
    return [one for owner, one in sums.items() if owner in people]


def expected(
    tree: Tree, node: Node, sums: Mapping[UUID | None, Sums], said: Mapping[UUID, Decimal]
) -> Decimal:
    """What is expected of a node: what was said of it or of those below, else what is computed."""

    def computed(id: UUID | None) -> Decimal:
        return sums[id].rollup.commit if id in sums else Decimal(0)

    return tree.effective(node, {*sums, *tree.users_in(said)}, said, computed)


async def due(
    tx: Tx, sight: Sight, currency: str, first: date, last: date
) -> dict[UUID | None, Sums]:
    """By owner what is due within some days, and what was won in them, of the deals in sight."""
    statement = prepared(
        DEALS, ("forecast", sight), lambda: over(_NOW, rows=deals(sight, *_COLUMNS, "closed_at"))
    )
    days = {"first": first, "last": last, "zone": tx.actor.time_zone}
    values = {**bound(tx), "own": currency, **days}
    return summed(await tx.fetch(statement.sql, *statement.args(values)))


async def due_then(
    tx: Tx, sight: Sight, currency: str, windows: Sequence[tuple[date, date, date]]
) -> list[dict[UUID | None, Sums]]:
    """The same by snapshots of other days, each with the days within which is asked for."""
    if not windows:
        return []
    statement = prepared(
        DEALS,
        ("forecast then", sight),
        lambda: over(_THEN, rows=snapshots(sight, "day", *_COLUMNS, picked=_of_days)),
    )
    days, firsts, lasts = (list(values) for values in zip(*windows, strict=True))
    values = {**bound(tx), "own": currency, "days": days, "firsts": firsts, "lasts": lasts}
    found: list[list[Any]] = [[] for _ in windows]
    for row in await tx.fetch(statement.sql, *statement.args(values)):
        found[row["place"] - 1].append(row)
    return [summed(rows) for rows in found]


def _of_days(row: Any) -> Any:
    return row.day == func.any(bindparam("days", type_=ARRAY(Date())))
