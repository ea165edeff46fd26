"""Rows of deals and of their snapshots that somebody sees, for statements that are text."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Uuid,
    bindparam,
    case,
    exists,
    literal_column,
    select,
    text,
)
from sqlalchemy import type_coerce as taken_as
from sqlalchemy.orm import aliased

from crm_api.domains.deals.models import Deal
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.forecasting.models import DealSnapshot
from crm_api.kit.db.base import KeyText
from crm_api.kit.query.visibility import ORGANIZATION, Sight, living, seen

Picked = Callable[[Any], ColumnElement[bool]]
"""A condition on such rows."""
PIPELINE: ColumnElement[Any] = bindparam("pipeline", type_=Uuid())


def over(sql: str, *, shared: bool = False, **rows: Any) -> Select[Any]:
    """All of what a text calls `found`, which reads these rows by their names.

    `shared` has them read wherever they are named, which several processes can do at once.
    """
    every: ColumnElement[Any] = literal_column("found.*")
    found: Any = select(every).select_from(text(f"({sql}) AS found"))
    named = [query.cte(name) for name, query in rows.items()]
    return found.add_cte(*(c.prefix_with("NOT MATERIALIZED") if shared else c for c in named))


def deals(sight: Sight, *columns: str, picked: Picked | None = None) -> Any:
    """Living deals that are seen: some columns, and their `value`.

    That is the amount in the organization's currency (`:own`) in ten-thousandths, or null.
    """
    deal = aliased(Deal)
    found = seen(DEALS, deal, sight)
    own = deal.base_currency == bindparam("own", type_=KeyText)
    value = case((own, taken_as(deal.base_amount, BigInteger()))).label("value")
    conditions = [*living(DEALS, deal), *(() if found is None else (found,))]
    if picked is not None:
        conditions.append(picked(deal))
    return select(*(getattr(deal, name) for name in columns), value).where(*conditions)


def snapshots(sight: Sight, *columns: str | Picked, picked: Picked) -> Any:
    """Snapshots of deals that are seen: some columns, and their `value`."""
    row = aliased(DealSnapshot)
    own = row.base_currency == bindparam("own", type_=KeyText)
    chosen = [getattr(row, c) if isinstance(c, str) else c(row) for c in columns]
    return select(*chosen, case((own, row.base_amount)).label("value")).where(
        row.organization_id == ORGANIZATION, picked(row), *visible(row.deal_id, sight)
    )


def visible(deal_id: Any, sight: Sight) -> list[ColumnElement[bool]]:
    """The condition that the deal of a row is seen, if that takes one; in the bin or not."""
    deal = aliased(Deal)
    found = seen(DEALS, deal, sight)
    if found is None:
        return []
    one = select(1).select_from(deal)
    return [exists(one.where(deal.organization_id == ORGANIZATION, deal.id == deal_id, found))]
