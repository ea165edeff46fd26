"""A collection as a table: columns by their paths, all rows in one statement."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, func, literal_column, select

from crm_api.kit.actor import Actor
from crm_api.kit.db.streams import stream
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.page import matching, order_of, sorts_of, value_names
from crm_api.kit.query.places import Join, joined, place_of
from crm_api.kit.query.selection import PageQuery
from crm_api.kit.query.statements import compiled

_INSTANT = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'""")


@dataclass(frozen=True)
class Column:
    """One column of a table: a field of the records, or of one that they refer to."""

    name: str
    kind: str
    """That of the field, or `json` where it is a list or an object."""
    expression: ColumnElement[Any]
    joins: tuple[Join, ...] = ()

    @property
    def as_text(self) -> ColumnElement[Any]:
        """The value as PostgreSQL writes it, which costs less than to make it a Python value."""
        if self.kind == "instant":
            return func.to_char(self.expression, _INSTANT)
        return (
            self.expression
            if self.kind in {"text", "json", "amount"}
            else cast(self.expression, Text)
        )


def table_columns(listing: Listing, paths: Sequence[str], actor: Actor) -> list[Column]:
    """The columns of these paths, such as `company.name`; of none, all fields.

    Raises `Invalid`.
    """
    return [_column(listing, path, actor) for path in dict.fromkeys(paths or listing.shown)]


def _column(listing: Listing, path: str, actor: Actor) -> Column:
    *relations, name = path.split(".")
    place = place_of(listing, relations, actor, "fields")
    if name not in place.listing.shown:
        raise Invalid.parameter("fields", "unknown_field", f"No field {path[:60]!r}.")
    known = place.listing.fields.get(name)
    kind = "json" if known is None or known.kind in {"tags", "keys"} else known.kind
    return Column(path, kind, getattr(place.row, name), place.joins)


async def table_rows(
    tx: Tx, listing: Listing, columns: Sequence[Column], query: PageQuery, *, text: bool
) -> AsyncIterator[list[Any]]:
    """All rows in stretches, of one moment: it is one statement, so it sees one snapshot."""
    sorts = sorts_of(listing, query.sort, tx.actor)
    chosen = [
        (column.as_text if text else column.expression).label(f"c{n}")
        for n, column in enumerate(columns)
    ]
    joins = [join for part in (*columns, *sorts) for join in part.joins]
    selected: Select[Any] = joined(select(*chosen), listing, joins)
    selected = matching(listing, selected, query)
    statement = compiled(selected.order_by(*map(order_of, sorts)))
    values: dict[str, Any] = {"organization": tx.organization_id}
    values.update(zip(value_names(query.filter), query.filter.values, strict=True))
    async for rows in stream(tx, statement.sql, *statement.args(values)):
        yield rows
