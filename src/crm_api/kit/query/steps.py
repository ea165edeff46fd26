"""What is looked up row by row is asked of those alone whom everything else leaves.

PostgreSQL tests each condition as it reads a row, also one that costs a look into other tables, such
as a count of related records. What becomes a join (a related record that is there, or is not) comes
later, although it costs a row next to nothing and leaves fewer. Where a filter has both and all of
its rows are wanted, the joins are made in a query of their own.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
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
from crm_api.kit.query.page import matching, reachable
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
    if not later or not any(_is_join(part.made) for part in parts):
        return matching(listing, query, asked)
    chosen = list(query.selected_columns)
    columns = {column for part in later for column in _columns(part.made, table)}
    named = [table.c[column.key] for column in sorted(columns, key=lambda column: column.key)]
    first = reachable(listing, query.add_columns(*named), asked)
    first = first.where(*(part.made for part in parts if part not in later))
    # What has an offset is no part of the query around it, so nothing of that is asked before.
    left = first.offset(literal_column("0")).subquery()
    row = aliased(listing.model, left)
    found = [
        column.label(one.key)
        for column, one in zip(list(left.c)[: len(chosen)], chosen, strict=True)
    ]
    return select(*found).where(*(part.of(listing, row) for part in later))


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
