"""Where all rows of a filter are wanted, what leaves few of them comes first.

PostgreSQL tests each condition as it reads a row, also one that costs a look into other tables, such
as a count of related records. What becomes a join (a related record that is there, or is not) comes
later, although it costs a row next to nothing and leaves fewer. Where a filter has both, the joins
are made in a query of their own, and the rest is asked of those whom that leaves.

And PostgreSQL joins each of them to the rows, not one to another that is a join of its own: of a
million contacts all are read before it is known that few of them have both this and that. So what
has to be there by the row's id is asked for within one of these conditions, and the rows are those
that it leaves. PostgreSQL may still begin with the rows: it knows that all of that is about the
same id.
"""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from sqlalchemy import (
    BinaryExpression,
    BooleanClauseList,
    Column,
    ColumnElement,
    Exists,
    Select,
    UnaryExpression,
    literal_column,
    select,
)
from sqlalchemy.orm import aliased
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import Grouping
from sqlalchemy.sql.visitors import iterate

from crm_api.kit.query.compile import Binds, condition
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.page import reachable
from crm_api.kit.query.selection import PageQuery
from crm_api.kit.query.shapes import Shape


@dataclass(frozen=True)
class _Part:
    """A condition that all others are joined to by AND, and where its values begin."""

    shape: Shape
    begin: int
    made: ColumnElement[bool]

    def of(self, listing: Listing, row: Any) -> ColumnElement[bool]:
        binds = Binds()
        binds.count = self.begin
        return condition(self.shape, listing, row, binds)


def matching_in_steps(listing: Listing, query: Select[Any], asked: PageQuery) -> Select[Any]:
    """The same rows as of `matching`, for a query that wants all of them and adds nothing up."""
    table = listing.model.__table__
    parts = _parts(asked.filter.shape, listing, Binds())
    later = [part for part in parts if not _is_join(part.made) and _looks_up(part.made, table)]
    if not any(_is_join(part.made) for part in parts):
        later = []
    now = _nested([part for part in parts if part not in later], listing)
    if not later:
        return reachable(listing, query, asked).where(*now)
    chosen = list(query.selected_columns)
    columns = {column for part in later for column in _columns(part.made, table)}
    named = [table.c[column.key] for column in sorted(columns, key=lambda column: column.key)]
    first = reachable(listing, query.add_columns(*named), asked).where(*now)
    # What has an offset is no part of the query around it, so nothing of that is asked before.
    left = first.offset(literal_column("0")).subquery()
    row = aliased(listing.model, left)
    found = [
        column.label(one.key)
        for column, one in zip(list(left.c)[: len(chosen)], chosen, strict=True)
    ]
    return select(*found).where(*(part.of(listing, row) for part in later))


def _nested(parts: list[_Part], listing: Listing) -> list[ColumnElement[bool]]:
    """The conditions; where two or more say that something is there, joins by the id are in one.

    That is the one with most joins of its own: how few rows a join of several leaves PostgreSQL
    does not see, and would make it last.
    """
    id: Any = listing.model.__table__.c.id
    linked = [part for part in parts if _is_join(part.made) and _link(part.made, id) is not None]
    there = [part for part in linked if isinstance(part.made, Exists)]
    if len(there) < 2:
        return [part.made for part in parts]
    around = max(there, key=lambda part: sum(isinstance(one, Exists) for one in iterate(part.made)))
    same: Any = SimpleNamespace(id=_link(around.made, id))
    inner = [part.of(listing, same) for part in linked if part is not around]
    assert isinstance(around.made, Exists)
    rest = [part.made for part in parts if part not in linked]
    return [*rest, around.made.where(*inner)]


def _link(made: ColumnElement[bool], id: Column[Any]) -> Column[Any] | None:
    """The column that is the row's id in a join; None where the row counts otherwise as well."""
    if _columns(made, id.table) != {id}:
        return None
    where = next(one for one in iterate(made) if isinstance(one, Select)).whereclause
    if not isinstance(where, BooleanClauseList) or where.operator is not operators.and_:
        return None
    for one in where.clauses:
        sides = {one.left, one.right} if isinstance(one, BinaryExpression) else set()
        if id in sides and one.operator is operators.eq:
            (other,) = sides - {id}
            return other if isinstance(other, Column) else None
    return None


def _parts(shape: Shape, listing: Listing, binds: Binds) -> list[_Part]:
    if shape[0] == "and":
        return [found for part in shape[1] for found in _parts(part, listing, binds)]
    begin = binds.count
    return [_Part(shape, begin, condition(shape, listing, listing.model, binds))]


def _is_join(made: Any) -> bool:
    if isinstance(made, UnaryExpression) and made.operator is operators.inv:
        made = made.element
    return isinstance(made.element if isinstance(made, Grouping) else made, Exists)


def _looks_up(made: ColumnElement[bool], table: Any) -> bool:
    """Whether it asks other tables something that is another thing for each row."""
    return any(isinstance(one, Select) and _columns(one, table) for one in iterate(made))


def _columns(made: Any, table: Any) -> set[Column[Any]]:
    return {one for one in iterate(made) if isinstance(one, Column) and one.table is table}
