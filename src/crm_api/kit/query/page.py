"""Reading a collection: one statement, compiled once per shape, no object per row but its struct."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Subquery,
    bindparam,
    func,
    literal_column,
    select,
)

from crm_api.kit.db.tx import Tx
from crm_api.kit.query.compile import Binds, condition
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.filters import Filter
from crm_api.kit.query.finding import Found, How, find, is_hit
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.places import joined
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.query.shown import show
from crm_api.kit.query.sorting import Sort, after, cursor_values, order_of, sorts_of
from crm_api.kit.query.statements import Statement, prepared
from crm_api.kit.query.visibility import (
    ALL,
    Sight,
    among_kinds,
    bound,
    few_by_age,
    living,
    seen,
    sight_of,
)

MAX_LIMIT = 200
_STEPS = (1, 10, 25, 50, 100, MAX_LIMIT)


@dataclass(frozen=True)
class Page:
    """Rows of a collection, and where the next ones begin."""

    data: list[Any]
    next_cursor: str | None
    total: int | None = None
    cursors: Sequence[str] = ()


async def read_page(tx: Tx, listing: Listing, query: PageQuery) -> Page:
    """One page; `limit + 1` rows are read, so that the last page is known to be the last."""
    sorts = sorts_of(listing, query.sort, tx)
    found = await find(tx, listing, query)
    context = context_of(
        tx.organization_id,
        listing.entity,
        [(s.name, s.descending) for s in sorts],
        query.filter.shape,
        query.filter.said,
        found and found.key,
        query.deleted,
    )
    key = tx.database.signing_key
    begin = None if query.cursor is None else unseal(key, context, query.cursor)
    values = values_of(tx, query, found) | {"limit": query.limit + 1}
    for sort in sorts:
        values |= sort.values
    if begin is not None:
        values.update(cursor_values(sorts, begin))
    statement = _page_statement(listing, query, sorts, found, begin)
    rows = await tx.fetch(statement.sql, *statement.args(values))
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    data = made(listing, query.selection, rows)
    await show(tx, listing, query.selection, data, [row[-1] for row in rows])
    ends = len(sorts)
    last = seal(key, context, list(rows[-1])[-ends:]) if more else None
    total = await count(tx, listing, query, found) if query.count else None
    return Page(data, last, total, Cursors(key, context, rows, ends))


def values_of(tx: Tx, query: PageQuery, found: Found | None) -> dict[str, Any]:
    """The parameters of a list's conditions."""
    values = bound(tx)
    values.update(zip(value_names(query.filter), query.filter.values, strict=True))
    return values if found is None else values | found.values


def _page_statement(
    listing: Listing,
    query: PageQuery,
    sorts: list[Sort],
    found: Found | None,
    begin: list[Any] | None,
) -> Statement:
    fields = query.selection.columns
    nulls = None if begin is None else tuple(value is None for value in begin)
    how = found and found.how
    # Few rows are looked up, whatever their number turns out to be.
    few = query.sight is not None and query.sight.few and query.filter.passes_all
    plain = (query.plain or few) and how is None
    reach = reach_of(query.limit) if plain else None
    shape = (
        "page",
        fields,
        query.shape,
        tuple(s.shape for s in sorts),
        how,
        nulls,
        reach,
    )
    return prepared(
        listing, shape, lambda: select_page(listing, fields, query, sorts, how, nulls, reach)
    )


def made(listing: Listing, selection: Selection, rows: list[Any], begin: int = 0) -> list[Any]:
    """Structs of rows in which the selected columns begin at this place."""
    make = selection.shape(listing)
    end = begin + len(selection.columns)
    return [make(*row[begin:end]) for row in rows]


def reach_of(limit: int) -> int:
    """How many rows are read for a page of `limit` without a filter.

    A constant in the statement, because a parameter makes PostgreSQL plan each request anew;
    under a filter that is right, since the best plan hangs on its values. Few constants, so that
    few statements are kept.
    """
    return next(step for step in _STEPS if step >= limit) + 1


class Cursors(Sequence[str]):
    """A cursor per row, made only for those who ask."""

    def __init__(self, key: bytes, context: bytes, rows: list[Any], ends: int) -> None:
        self._key, self._context, self._rows, self._ends = key, context, rows, ends

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return seal(self._key, self._context, list(self._rows[index])[-self._ends :])


def base(listing: Listing, query: Select[Any], deleted: str | None) -> Select[Any]:
    """The tenant and the bin: in every statement."""
    model = listing.model
    query = query.where(*living(listing, model, binned=deleted is not None))
    if listing.condition is not None:
        query = query.where(listing.condition())
    return query.where(model.deleted_at.is_not(None)) if deleted == "only" else query


def matching(
    listing: Listing, query: Select[Any], asked: PageQuery, how: How | None = None
) -> Select[Any]:
    """The tenant, the bin, who asks, the filter and the search: all that a row must pass."""
    query = reachable(listing, query, asked)
    if asked.filter.shape != ("and", ()):
        query = query.where(condition(asked.filter.shape, listing, listing.model, Binds()))
    return query if how is None else query.where(is_hit(listing, how))


def reachable(listing: Listing, query: Select[Any], asked: PageQuery) -> Select[Any]:
    """The tenant, the bin and who asks: what a row must pass, whatever is asked."""
    query = base(listing, query, asked.deleted)
    if asked.sight is None:
        raise RuntimeError("Nobody has said who reads this.")
    visible = seen(listing, listing.model, asked.sight)
    return query if visible is None else query.where(visible)


def select_page(
    listing: Listing,
    fields: tuple[str, ...],
    asked: PageQuery,
    sorts: list[Sort],
    how: How | None,
    nulls: tuple[bool, ...] | None,
    reach: int | None,
) -> Select[Any]:
    few = None if reach is None else _few_by_age(listing, asked, sorts)
    if few is not None:
        sorts = [replace(sort, column=few.c[sort.name]) for sort in sorts]
    keys = [sort.column.label(f"sort_{n}") for n, sort in enumerate(sorts)]
    chosen: list[ColumnElement[Any]] = [*listing.expressions(fields), *keys]
    query: Any = select(*chosen)
    query = joined(query, listing, [join for sort in sorts for join in sort.joins])
    if few is None:
        query = matching(listing, query, asked, how)
    else:
        query = base(listing, query, asked.deleted).where(listing.model.id == few.c.id)
    if nulls is not None:
        query = query.where(after(sorts, nulls))
    limit = bindparam("limit") if reach is None else literal_column(str(reach))
    return query.order_by(*[order_of(sort) for sort in sorts]).limit(limit)


def _few_by_age(listing: Listing, asked: PageQuery, sorts: list[Sort]) -> Subquery | None:
    """The records that are seen in the order of the page, where they are few and that is by age."""
    sight = asked.sight
    by_age = [sort.name for sort in sorts] == ["created_at", "id"]
    if sight is None or not sight.few or listing.within is not None or not by_age:
        return None
    found = few_by_age(listing, sight)
    ordered = [order_of(replace(sort, column=found.c[sort.name])) for sort in sorts]
    return select(found).order_by(*ordered).subquery("few")


def value_names(filter: Filter) -> list[str]:
    """The parameters of a filter's values."""
    return [f"v{n}" for n in range(len(filter.values))]


async def count(tx: Tx, listing: Listing, query: PageQuery, found: Found | None) -> int:
    """How many rows match: exactly, or as the planner guesses."""
    found = found and found.counted()
    how = found and found.how
    statement = prepared(
        listing,
        ("count", query.shape, how),
        lambda: matching(listing, select(func.count()).select_from(listing.model), query, how),
    )
    args = statement.args(values_of(tx, query, found))
    # Statistics know nothing of who sees what: they would tell of all there is.
    if query.count == "exact" or query.sight != ALL:
        return (await tx.fetch(statement.sql, *args))[0][0]
    listed = statement.sql.replace("count(*)", "1", 1)
    plan = await tx.fetch(f"EXPLAIN (FORMAT JSON) {listed}", *args)
    return int(plan[0][0][0]["Plan"]["Plan Rows"])


async def passing(
    tx: Tx, listing: Listing, sight: Sight, ids: Sequence[UUID], filter: Filter
) -> set[UUID]:
    """Those of some records, in the bin or not, that a sight reaches and that pass a filter."""
    asked = PageQuery(Selection(()), filter, deleted="include", sight=sight)
    wanted = func.any(bindparam("ids", type_=ARRAY(listing.model.id.type)))
    statement = prepared(
        listing,
        ("passing", asked.shape),
        lambda: matching(listing, select(listing.model.id), asked).where(
            listing.model.id == wanted
        ),
    )
    rows = await tx.fetch(
        statement.sql, *statement.args(values_of(tx, asked, None) | {"ids": list(ids)})
    )
    return {row[0] for row in rows}


async def read_rows(
    tx: Tx,
    listing: Listing,
    ids: Sequence[UUID],
    selection: Selection,
    *,
    deleted: Literal["include", "only"] | None = None,
) -> dict[UUID, Any]:
    """The representations of some records by id; those that are not seen are left out."""
    fields = selection.columns
    # One id is not an array of one: PostgreSQL plans a statement with an array each time anew.
    single = len(ids) == 1
    sight = await among_kinds(tx, listing, sight_of(tx.actor, listing), ids)
    statement = prepared(
        listing,
        ("rows", fields, deleted, single, sight),
        lambda: _select_rows(listing, fields, deleted, sight, single=single),
    )
    values = bound(tx) | ({"id": ids[0]} if single else {"ids": list(ids)})
    rows = await tx.fetch(statement.sql, *statement.args(values))
    data = made(listing, selection, rows)
    await show(tx, listing, selection, data, [row[-1] for row in rows])
    return {row[-1]: record for row, record in zip(rows, data, strict=True)}


def _select_rows(
    listing: Listing, fields: tuple[str, ...], deleted: str | None, sight: Sight, *, single: bool
) -> Select[Any]:
    model = listing.model
    query = select(*listing.expressions(fields), model.id.label("row_id"))
    wanted = (
        bindparam("id", type_=model.id.type)
        if single
        else func.any(bindparam("ids", type_=ARRAY(model.id.type)))
    )
    query = base(listing, query, deleted).where(model.id == wanted)
    visible = seen(listing, model, sight)
    return query if visible is None else query.where(visible)
