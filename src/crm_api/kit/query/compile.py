"""A filter's shape as a SQL condition, its values as bind parameters."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    exists,
    func,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import aliased

from crm_api.kit.db.tables import RecordKey
from crm_api.kit.query.filters import Shape
from crm_api.kit.query.listing import Field, Listing, Relation

ORGANIZATION = bindparam("organization")


class Binds:
    """Hands out bind parameters in the order in which the shape asks for values."""

    def __init__(self) -> None:
        self.count = 0

    def next(self, type_: Any, *, many: bool = False) -> ColumnElement[Any]:
        """The next value for a column of this type, or an array of such."""
        name = f"v{self.count}"
        self.count += 1
        # A value has no collation of its own, and may be larger than its column.
        plain = Text() if isinstance(type_, Text) else type_
        plain = BigInteger() if isinstance(plain, Integer) else plain
        return bindparam(name, type_=ARRAY(plain) if many else plain)


def condition(shape: Shape, listing: Listing, row: Any, binds: Binds) -> ColumnElement[bool]:
    """The condition on `row`, an entity or an alias of one.

    Two-valued: a null matches nothing but `is_null`, and `not` is the exact complement.
    """
    kind = shape[0]
    if kind in {"and", "or"}:
        parts = [condition(part, listing, row, binds) for part in shape[1]]
        if kind == "and":
            return and_(true(), *parts)
        return or_(*parts)
    if kind == "not":
        return condition(shape[1], listing, row, binds).is_not(True)
    if kind == "test":
        return _test(listing.fields[shape[1]], shape[2], listing, row, binds)
    return _related(shape, listing, row, binds)


def _related(shape: Shape, listing: Listing, row: Any, binds: Binds) -> ColumnElement[bool]:
    kind, name, *rest = shape
    relation = listing.related[name]
    target = relation.target()
    other = aliased(target.model)
    if kind == "count":
        inner, operator = rest
        # The values of `where` come before the bound: the reader stores them in this order.
        chosen = true() if inner is None else condition(inner, target, other, binds)
        counted = _joined(select(func.count()), relation, row, other).where(chosen)
        return _compare(operator, counted.scalar_subquery(), binds, BigInteger())
    matched = condition(rest[0], target, other, binds)
    if kind == "every":
        return not_(exists(_joined(select(1), relation, row, other).where(matched.is_not(True))))
    found = exists(_joined(select(1), relation, row, other).where(matched))
    return not_(found) if kind == "none" else found


def _joined(query: Select[Any], relation: Relation, row: Any, other: Any) -> Select[Any]:
    local = getattr(row, relation.local.key)
    remote = getattr(other, relation.remote.key)
    return query.select_from(other).where(
        other.organization_id == ORGANIZATION, remote == local, other.deleted_at.is_(None)
    )


def _test(
    known: Field, operator: str, listing: Listing, row: Any, binds: Binds
) -> ColumnElement[bool]:
    if known.kind == "keys":
        assert known.key is not None
        return _keyed(known.key.kind, operator, listing, row, binds)
    column = getattr(row, known.name)
    if known.kind == "tags":
        if operator == "has":
            return column.op("@>", is_comparison=True)(func.jsonb_build_array(binds.next(Text())))
        empty = column == cast("[]", JSONB)
        return empty if operator == "is_null" else not_(empty)
    if operator == "is_null":
        return column.is_(None)
    if operator == "not_null":
        return column.is_not(None)
    return _compare(operator, column, binds, column.type)


def _keyed(
    kind: str, operator: str, listing: Listing, row: Any, binds: Binds
) -> ColumnElement[bool]:
    key = aliased(RecordKey)
    query = select(1).where(
        key.organization_id == ORGANIZATION,
        key.entity == listing.entity,
        key.kind == kind,
        key.record_id == row.id,
    )
    if operator == "has":
        # Found by its value first: the primary key of record_keys ends with the record.
        ids = select(key.record_id).where(
            key.organization_id == ORGANIZATION,
            key.entity == listing.entity,
            key.kind == kind,
            key.value == binds.next(Text()),
        )
        return row.id.in_(ids)
    found = exists(query)
    return not_(found) if operator == "is_null" else found


def _compare(operator: str, column: Any, binds: Binds, type_: Any) -> ColumnElement[bool]:
    if operator in {"in", "nin"}:
        listed = binds.next(type_, many=True)
        if operator == "in":
            return column == func.any(listed)
        return or_(column.is_(None), column != func.all(listed))
    if operator == "between":
        return column.between(binds.next(type_), binds.next(type_))
    return _SIMPLE[operator](column, binds.next(type_))


def _folded(column: Any, value: Any) -> ColumnElement[bool]:
    # Lookup columns are in "C" order, in which only ASCII has letter case.
    return func.lower(column.collate("default")).like(value.collate("default"))


_SIMPLE: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "eq": lambda column, value: column == value,
    "ne": lambda column, value: column.is_distinct_from(value),
    "gt": lambda column, value: column > value,
    "gte": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "lte": lambda column, value: column <= value,
    "contains": lambda column, value: column.like(value),
    "icontains": _folded,
    "starts_with": func.starts_with,
    "ends_with": lambda column, value: column.like(value),
}
