"""By what a list is sorted: its keys, their order, and the rows after a cursor."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Text, and_, bindparam, func, literal_column, or_, tuple_

from crm_api.kit.actor import hidden_field
from crm_api.kit.custom.catalogue import need_sight
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, Invalid
from crm_api.kit.query import custom
from crm_api.kit.query.compile import Binds, rollup
from crm_api.kit.query.filters import rolled_for
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.places import Join, Place, place_of
from crm_api.kit.query.selection import names_of

MAX_SORTS = 4
CUT_AT = 100
"""So many characters of a text sort, unless an index has the whole in order: cursors hold them."""


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
    whole = getattr(place.row, column.key)
    own = whole if not path and _is_indexed(column) else _cut(whole)
    return Sort(name, own, descending, nullable, place.joins, form)


def _is_indexed(column: Any) -> bool:
    """Whether rows are read in its order; such texts are short."""
    known = column.property.columns[0]
    return any(known.name in index.columns for index in known.table.indexes)


def _cut(column: Any) -> Any:
    """The beginning of a text, and anything else whole."""
    if not isinstance(column.type, Text):
        return column
    return func.left(column, literal_column(str(CUT_AT)), type_=column.type)


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
        column = _cut(custom.value(place.row, binds.next(Text()), known.kind))
        form, values = ("custom", number, path, known.kind, place.sights), [known.name]
    named = {f"s{number}_{n}": value for n, value in enumerate(values)}
    return Sort(name, column, descending, True, place.joins, form, named)


def order_of(sort: Sort) -> ColumnElement[Any]:
    """What sorts by a key, nulls last."""
    ordered = sort.column.desc() if sort.descending else sort.column.asc()
    return ordered.nulls_last() if sort.nullable and sort.descending else ordered


def after(sorts: list[Sort], nulls: tuple[bool, ...]) -> ColumnElement[bool]:
    """The condition on rows behind a cursor, of whose values these are null."""
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
