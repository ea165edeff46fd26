"""What passes a filter, as a part of a larger statement.

It is compiled as lists are, its parameters behind those of what surrounds it.
"""

import re
from typing import Any

from sqlalchemy import select

from crm_api.kit.db.tx import Tx
from crm_api.kit.query.filters import Filter
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.page import matching, value_names
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.query.statements import prepared
from crm_api.kit.query.steps import matching_in_steps
from crm_api.kit.query.visibility import ALL, Sight, bound, sight_of

_PARAMETER = re.compile(r"\$(\d+)")


def asked(
    tx: Tx,
    listing: Listing,
    selected: Any,
    filter: Filter,
    *,
    behind: int,
    named: Any = (),
    sight: Sight | None = None,
    all_rows: bool = False,
) -> tuple[str, list[Any]]:
    """The SQL of `selected` narrowed to what passes and is seen, and its values.

    `behind` is how many parameters come before its own; `named` tells what is selected. `all_rows`
    is for what takes all that passes as it is (`matching_in_steps`).
    """
    narrowed = matching_in_steps if all_rows else matching
    query = PageQuery(Selection(()), filter, sight=sight or sight_of(tx.actor, listing))
    statement = prepared(
        listing,
        ("asked", named, all_rows, query.shape),
        lambda: narrowed(listing, selected, query),
    )
    values = {**bound(tx), **dict(zip(value_names(filter), filter.values, strict=True))}
    return moved_on(statement.sql, behind), statement.args(values)


def whom_is_seen(tx: Tx, listing: Listing, column: str, behind: int) -> tuple[str, list[Any]]:
    """The SQL condition that the ids in a column are of records which the actor sees, with values.

    For whoever sees all, those in the bin count as well.
    """
    if sight_of(tx.actor, listing) == ALL:
        return "true", []
    model: Any = listing.model
    sql, values = asked(tx, listing, select(model.id), Filter(), behind=behind, named="people")
    return f"{column} IN ({sql})", values


def moved_on(sql: str, places: int) -> str:
    """A statement whose parameters come so many places later."""
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + places}", sql)
