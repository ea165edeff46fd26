"""A collection as a table: columns by their paths, all rows in one statement."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Text,
    cast,
    func,
    literal,
    literal_column,
    select,
)

from crm_api.kit.actor import hidden_field
from crm_api.kit.custom.catalogue import need_sight
from crm_api.kit.custom.fields import CustomField
from crm_api.kit.db.streams import stream
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, Invalid
from crm_api.kit.query import custom
from crm_api.kit.query.compile import Binds, rollup
from crm_api.kit.query.filters import rolled_for
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.page import matching, value_names
from crm_api.kit.query.places import Join, Place, joined, place_of
from crm_api.kit.query.selection import PageQuery
from crm_api.kit.query.shown import readable_rollups
from crm_api.kit.query.sorting import order_of, sorts_of
from crm_api.kit.query.statements import compiled
from crm_api.kit.query.visibility import bound

_INSTANT = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'""")


@dataclass(frozen=True)
class Column:
    """One column of a table: a field of the records, or of one that they refer to."""

    name: str
    kind: str
    """That of the field, or `json` where it is a list or an object."""
    expression: ColumnElement[Any]
    joins: tuple[Join, ...] = ()
    values: Mapping[str, Any] = dataclass_field(default_factory=dict[str, Any])
    """Parameters of the expression."""

    @property
    def as_text(self) -> ColumnElement[Any]:
        """The value as PostgreSQL writes it, which costs less than to make it a Python value."""
        if self.kind == "instant":
            return func.to_char(self.expression, _INSTANT)
        return (
            self.expression
            if self.kind in {"text", "json", "amount", "number"}
            else cast(self.expression, Text)
        )


def table_columns(listing: Listing, paths: Sequence[str], tx: Tx) -> list[Column]:
    """The columns of these paths, such as `company.name` or `custom.tier`; of none, all fields.

    Raises `Invalid`.
    """
    chosen = paths or all_paths(listing, tx)
    return [_column(listing, path, tx) for path in dict.fromkeys(chosen)]


def all_paths(listing: Listing, tx: Tx) -> list[str]:
    """Every column of a collection that the actor may see, each custom field one of its own."""
    fields = tx.catalogue.of(listing.entity)
    readable = {field.name for field, *_ in readable_rollups(tx, listing, fields.rollups)}
    seen = [f for f in fields.seen_by(tx.actor) if f.rollup is None or f.name in readable]
    hidden = {"custom", *tx.actor.hidden(listing.entity)}
    own = [name for name in listing.shown if name not in hidden]
    return [*own, *(f"custom.{field.name}" for field in seen)]


def _column(listing: Listing, path: str, tx: Tx) -> Column:
    *relations, name = path.split(".")
    if relations and relations[-1] == "custom":
        place = place_of(listing, relations[:-1], tx.actor, "fields")
        return _custom_column(place, path, name, tx)
    place = place_of(listing, relations, tx.actor, "fields")
    if name not in place.listing.shown:
        raise Invalid.parameter("fields", "unknown_field", f"No field {path[:60]!r}.")
    if name in tx.actor.hidden(place.listing.entity):
        raise hidden_field(name).elsewhere(parameter="fields")
    if name == "custom":
        hidden = tx.catalogue.of(place.listing.entity).hidden_from(tx.actor)
        shown = custom.whole(place.row, sorted(hidden))
        return Column(path, "json", shown, place.joins)
    known = place.listing.fields.get(name)
    kind = "json" if known is None or known.kind in {"tags", "keys"} else known.kind
    return Column(path, kind, getattr(place.row, name), place.joins)


def _custom_column(place: Place, path: str, name: str, tx: Tx) -> Column:
    field = tx.catalogue.of(place.listing.entity).get(name)
    if field is None:
        raise Invalid.parameter("fields", "unknown_field", f"No field {path[:60]!r}.")
    try:
        need_sight(field, tx.actor)
    except Forbidden as error:
        raise error.elsewhere(parameter="fields") from None
    if field.rollup is not None:
        return _rollup_column(place, path, field, tx)
    key = literal(name, Text())
    if field.kind in {"tags", "amount"}:
        return Column(path, "json", custom.part(place.row, key), place.joins)
    if field.kind == "integer":
        number = cast(custom.value(place.row, key, "integer"), BigInteger)
        return Column(path, "integer", number, place.joins)
    return Column(path, "text", custom.text(place.row, key), place.joins)


def _rollup_column(place: Place, path: str, field: CustomField, tx: Tx) -> Column:
    core, given = rolled_for("fields", field, place.listing, tx)
    prefix = f"x{field.id.hex}_"
    values = {f"{prefix}{n}": value for n, value in enumerate(given)}
    found = rollup(core, place.listing, place.row, Binds(prefix))
    if field.kind == "integer":
        return Column(path, "integer", cast(found, BigInteger), place.joins, values)
    if field.kind == "number":
        found = cast(func.trim_scale(found), Text)
    elif field.kind == "instant":
        found = found.concat(literal_column("'Z'"))
    return Column(path, "text", found, place.joins, values)


async def table_rows(
    tx: Tx,
    listing: Listing,
    columns: Sequence[Column],
    query: PageQuery,
    *,
    text: bool,
    limit: int | None = None,
) -> AsyncIterator[list[Any]]:
    """All rows in stretches, of one moment: it is one statement, so it sees one snapshot.

    Or the first ones, up to a `limit`.
    """
    sql, args = table_statement(tx, listing, columns, query, text=text, limit=limit)
    async for rows in stream(tx, sql, *args):
        yield rows


def table_statement(
    tx: Tx,
    listing: Listing,
    columns: Sequence[Column],
    query: PageQuery,
    *,
    text: bool,
    limit: int | None = None,
) -> tuple[str, list[Any]]:
    """The statement of these rows, as the driver takes it."""
    sorts = sorts_of(listing, query.sort, tx)
    chosen = [
        (column.as_text if text else column.expression).label(f"c{n}")
        for n, column in enumerate(columns)
    ]
    joins = [join for part in (*columns, *sorts) for join in part.joins]
    selected: Select[Any] = joined(select(*chosen), listing, joins)
    selected = matching(listing, selected, query)
    statement = compiled(selected.order_by(*map(order_of, sorts)).limit(limit))
    values = bound(tx)
    values.update(zip(value_names(query.filter), query.filter.values, strict=True))
    for column in (*columns, *sorts):
        values.update(column.values)
    return statement.sql, statement.args(values)
