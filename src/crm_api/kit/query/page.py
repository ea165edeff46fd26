"""Reading a collection: one statement, compiled once per shape, no object per row but its struct."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)

from crm_api.kit.actor import hidden_field
from crm_api.kit.custom.catalogue import need_sight
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, Invalid
from crm_api.kit.query import custom
from crm_api.kit.query.compile import Binds, condition, rollup
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.filters import Filter, rolled_for
from crm_api.kit.query.finding import Found, How, find, is_hit
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.places import Join, Place, joined, place_of
from crm_api.kit.query.selection import PageQuery, Selection, names_of
from crm_api.kit.query.shown import show
from crm_api.kit.query.statements import Statement, prepared
from crm_api.kit.query.visibility import ALL, Sight, bound, living, seen, sight_of

MAX_LIMIT = 200
MAX_SORTS = 4
_STEPS = (1, 10, 25, 50, 100, MAX_LIMIT)


@dataclass(frozen=True)
class Page:
    """Rows of a collection, and where the next ones begin."""

    data: list[Any]
    next_cursor: str | None
    total: int | None = None
    cursors: Sequence[str] = ()


@dataclass(frozen=True)
class Sort:
    """One sort key."""

    name: str
    column: Any
    descending: bool
    nullable: bool
    joins: tuple[Join, ...] = ()
    form: Any = None
    """What of it stands in the statement, where that is not its name."""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Parameters of the column."""

    @property
    def shape(self) -> Any:
        """What tells its statement from others."""
        return self.form or self.name, self.descending


def sorts_of(listing: Listing, sort: str | None, tx: Tx) -> list[Sort]:
    """Read `-created_at,company.name,custom.tier`; raises `Invalid`."""
    found: list[Sort] = []
    for number, part in enumerate(names_of(sort) or names_of(listing.default_sort)):
        name, descending = part.removeprefix("-"), part.startswith("-")
        known = _sort(listing, name, tx, number, descending=descending)
        if any(known.name == other.name for other in found):
            raise Invalid.parameter("sort", "repeated_field", f"{known.name} stands twice.")
        found.append(known)
    if len(found) > MAX_SORTS:
        raise Invalid.parameter("sort", "too_many_fields", f"At most {MAX_SORTS} sort keys.")
    down = found[0].descending
    return [*found, Sort("id", listing.model.id, down, nullable=False)]


def _sort(listing: Listing, name: str, tx: Tx, number: int, *, descending: bool) -> Sort:
    *path, key = name.split(".")
    if path and path[-1] == "custom":
        place = place_of(listing, path[:-1], tx.actor, "sort")
        return _custom_sort(place, name, key, tx, number, descending=descending)
    place = place_of(listing, path, tx.actor, "sort")
    column = place.listing.sort_keys.get(key)
    if column is None:
        raise Invalid.parameter("sort", "unknown_field", f"Cannot sort by {name[:60]!r}.")
    if key in tx.actor.hidden(place.listing.entity):
        raise hidden_field(key).elsewhere(parameter="sort")
    # A record that refers to none sorts as one whose value is missing.
    nullable = bool(path) or bool(column.property.columns[0].nullable)
    form = (name, place.sights) if place.sights else None
    return Sort(name, getattr(place.row, column.key), descending, nullable, place.joins, form)


def _custom_sort(
    place: Place, name: str, key: str, tx: Tx, number: int, *, descending: bool
) -> Sort:
    known = tx.catalogue.of(place.listing.entity).get(key)
    if known is None or known.kind == "tags":
        raise Invalid.parameter("sort", "unknown_field", f"Cannot sort by {name[:60]!r}.")
    try:
        need_sight(known, tx.actor)
    except Forbidden as error:
        raise error.elsewhere(parameter="sort") from None
    binds = Binds(f"s{number}_")
    path = name.rpartition(".")[0]
    if known.rollup is not None:
        core, values = rolled_for("sort", known, place.listing, tx)
        column = rollup(core, place.listing, place.row, binds)
        form = ("rollup", number, path, core, place.sights)
    else:
        column = custom.value(place.row, binds.next(Text()), known.kind)
        form, values = ("custom", number, path, known.kind, place.sights), [known.name]
    named = {f"s{number}_{n}": value for n, value in enumerate(values)}
    return Sort(name, column, descending, True, place.joins, form, named)


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
    after = None if query.cursor is None else unseal(key, context, query.cursor)
    values = values_of(tx, query, found) | {"limit": query.limit + 1}
    for sort in sorts:
        values |= sort.values
    if after is not None:
        values.update(cursor_values(sorts, after))
    statement = _page_statement(listing, query, sorts, found, after)
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
    after: list[Any] | None,
) -> Statement:
    fields = query.selection.columns
    nulls = None if after is None else tuple(value is None for value in after)
    how = found and found.how
    # Of few rows all are looked up, whatever their number turns out to be.
    few = query.sight is not None and query.sight.few and query.filter.shape == Filter().shape
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
    model = listing.model
    query = base(listing, query, asked.deleted)
    if asked.sight is None:
        raise RuntimeError("Nobody has said who reads this.")
    visible = seen(listing, model, asked.sight)
    if visible is not None:
        query = query.where(visible)
    if asked.filter.shape != ("and", ()):
        query = query.where(condition(asked.filter.shape, listing, model, Binds()))
    return query if how is None else query.where(is_hit(listing, how))


def select_page(
    listing: Listing,
    fields: tuple[str, ...],
    asked: PageQuery,
    sorts: list[Sort],
    how: How | None,
    nulls: tuple[bool, ...] | None,
    reach: int | None,
) -> Select[Any]:
    keys = [sort.column.label(f"sort_{n}") for n, sort in enumerate(sorts)]
    chosen: list[ColumnElement[Any]] = [*listing.expressions(fields), *keys]
    query: Any = select(*chosen)
    query = joined(query, listing, [join for sort in sorts for join in sort.joins])
    query = matching(listing, query, asked, how)
    if nulls is not None:
        query = query.where(_after(sorts, nulls))
    limit = bindparam("limit") if reach is None else literal_column(str(reach))
    return query.order_by(*[order_of(sort) for sort in sorts]).limit(limit)


def order_of(sort: Sort) -> ColumnElement[Any]:
    """What sorts by a key, nulls last."""
    ordered = sort.column.desc() if sort.descending else sort.column.asc()
    return ordered.nulls_last() if sort.nullable and sort.descending else ordered


def _after(sorts: list[Sort], nulls: tuple[bool, ...]) -> ColumnElement[bool]:
    binds = [bindparam(f"k{n}", type_=sort.column.type) for n, sort in enumerate(sorts)]
    down = sorts[0].descending
    if not any(sort.nullable or sort.descending != down for sort in sorts):
        # A row comparison is one index condition, however many keys there are.
        row, bound = tuple_(*[s.column for s in sorts]), tuple_(*binds)
        return row < bound if down else row > bound
    ways: list[ColumnElement[bool]] = []
    equal: list[ColumnElement[bool]] = []
    for sort, bind, null in zip(sorts, binds, nulls, strict=True):
        if not null:
            beyond = sort.column < bind if sort.descending else sort.column > bind
            if sort.nullable:
                beyond = or_(beyond, sort.column.is_(None))
            ways.append(and_(*equal, beyond))
        equal.append(sort.column.is_(None) if null else sort.column == bind)
    return or_(*ways)


def cursor_values(sorts: list[Sort], after: list[Any]) -> dict[str, Any]:
    """The parameters of a page that begins after these sort values."""
    if len(after) != len(sorts):
        raise Invalid.parameter("cursor", "invalid_cursor", "Not a cursor of this list.")
    return {
        f"k{n}": _typed(value, sort.column.type.python_type)
        for n, (sort, value) in enumerate(zip(sorts, after, strict=True))
    }


def _typed(value: Any, kind: type) -> Any:
    if value is None or kind not in {datetime, date, UUID, Decimal}:
        return value
    return msgspec.convert(value, kind)


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
    single, sight = len(ids) == 1, sight_of(tx.actor, listing)
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
