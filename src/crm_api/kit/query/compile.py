"""A filter's shape as a SQL condition, its values as bind parameters."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Exists,
    Integer,
    Numeric,
    Select,
    Subquery,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
    table,
    true,
    union_all,
)
from sqlalchemy import column as column_named
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import aliased

from crm_api.kit.custom.fields import NUMBERS
from crm_api.kit.db.tables import CustomValue, RecordKey
from crm_api.kit.money import ExactType
from crm_api.kit.query import custom
from crm_api.kit.query.listing import Field, Listing, Relation
from crm_api.kit.query.shapes import Shape
from crm_api.kit.query.targets import known_target
from crm_api.kit.query.visibility import ORGANIZATION, Sight, living, seen

_OWN = table("organizations", column_named("id", Uuid()), column_named("currency", Text()))


class Binds:
    """Hands out bind parameters in the order in which the shape asks for values."""

    def __init__(self, prefix: str = "v") -> None:
        self.prefix = prefix
        self.count = 0

    def next(self, type_: Any, *, many: bool = False) -> ColumnElement[Any]:
        """The next value for a column of this type, or an array of such."""
        name = f"{self.prefix}{self.count}"
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
        return or_(*sorted(parts, key=_effort))
    if kind == "not":
        return condition(shape[1], listing, row, binds).is_not(True)
    if kind in _PARTS:
        return _PARTS[kind](shape, listing, row, binds)
    return _test(listing.fields[shape[1]], shape[2], listing, row, binds)


def _effort(made: ColumnElement[bool]) -> int:
    """What an `or` asks first: PostgreSQL reckons that for an `and` alone.

    A value of the row, then what is there, then what has to be counted or looked for in an order.
    """
    found: list[Any] = [made]
    for one in found:
        # The row may be one of a query of its own, which is none of what is asked of it.
        found += () if isinstance(one, Subquery) else one.get_children()
    looked_up = sum(isinstance(one, Select) for one in found)
    there = sum(isinstance(one, Exists) for one in found)
    return 0 if not looked_up else 1 if looked_up == there else 2


def _one(shape: Shape, listing: Listing, row: Any, binds: Binds) -> ColumnElement[bool]:
    _, name, sight, inner = shape
    relation = listing.related[name]
    target, other = relation.target(), aliased(relation.target().model)
    link = [*_reached(target, other, sight), _linked(relation, row, other)]
    return exists(_of(other, link).where(condition(inner, target, other, binds)))


def _several(shape: Shape, listing: Listing, row: Any, binds: Binds) -> ColumnElement[bool]:
    quantifier, how, name, sight, inner = shape
    target, other, link = _many(how, name, sight, listing, row, binds)
    matched = condition(inner, target, other, binds)
    if quantifier == "every":
        return not_(exists(_of(other, link).where(matched.is_not(True))))
    found = exists(_of(other, link).where(matched))
    return not_(found) if quantifier == "none" else found


def _many(
    how: str, name: str, sight: Sight, listing: Listing, row: Any, binds: Binds
) -> tuple[Listing, Any, list[ColumnElement[bool]]]:
    """The records to which a way leads from `row`: their collection, an alias, the conditions."""
    if how == "native":
        relation = listing.related[name]
        target, other = relation.target(), aliased(relation.target().model)
        return target, other, [*_reached(target, other, sight), _linked(relation, row, other)]
    target = known_target(name)
    other, entry = aliased(target.model), aliased(CustomValue)
    link: list[ColumnElement[bool]] = [
        entry.organization_id == ORGANIZATION,
        entry.field_id == binds.next(Uuid()),
        entry.reference == row.id,
        other.id == entry.record_id,
    ]
    return target, other, [*_reached(target, other, sight), *link]


def _of(other: Any, link: list[ColumnElement[bool]]) -> Select[Any]:
    return select(1).select_from(other).where(*link)


def _linked(relation: Relation, row: Any, other: Any) -> ColumnElement[bool]:
    return getattr(other, relation.remote.key) == getattr(row, relation.local.key)


def _reached(target: Listing, other: Any, sight: Sight) -> list[ColumnElement[bool]]:
    """The conditions on a record that another one leads to: it is there, and it is seen."""
    visible = seen(target, other, sight)
    return [*living(target, other), *(() if visible is None else (visible,))]


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


def _custom(shape: Shape, listing: Listing, row: Any, binds: Binds) -> ColumnElement[bool]:
    del listing
    _, kind, how, operator = shape
    if how == "index":
        query, column = custom.indexed(binds.next(Uuid()), kind, ORGANIZATION)
        operator = "eq" if operator == "has" else operator
        return row.id.in_(query.where(_compare(operator, column, binds, column.type)))
    name = binds.next(Text())
    if operator in {"is_null", "not_null"}:
        present = custom.part(row, name)
        return present.is_(None) if operator == "is_null" else present.is_not(None)
    if kind == "tags":
        return custom.part(row, name).op("@>", is_comparison=True)(
            func.jsonb_build_array(binds.next(Text()))
        )
    column = custom.currency(row, name) if kind == "currency" else custom.value(row, name, kind)
    return _compare(operator, column, binds, column.type)


def _referring(shape: Shape, listing: Listing, row: Any, binds: Binds) -> ColumnElement[bool]:
    """What a relation field refers to fits a filter."""
    del listing
    _, entity, sight, inner = shape
    target = known_target(entity)
    other, entry = aliased(target.model), aliased(CustomValue)
    query = select(1).select_from(other, entry)
    link = (
        entry.organization_id == ORGANIZATION,
        entry.record_id == row.id,
        entry.field_id == binds.next(Uuid()),
        other.id == entry.reference,
    )
    return exists(
        query.where(*link, *_reached(target, other, sight), condition(inner, target, other, binds))
    )


def _term(shape: Shape, listing: Listing, row: Any, binds: Binds) -> ColumnElement[bool]:
    return listing.terms[shape[1]].condition(shape[2], row, binds)


def _rolled(shape: Shape, listing: Listing, row: Any, binds: Binds) -> ColumnElement[bool]:
    _, core, operator = shape
    total = rollup(core, listing, row, binds)
    if operator in {"is_null", "not_null"}:
        return total.is_(None) if operator == "is_null" else total.is_not(None)
    return _compare(operator, total, binds, total.type)


def _about(shape: Shape, listing: Listing, row: Any, binds: Binds) -> ColumnElement[bool]:
    """What has a key of a record, or of one that belongs to it; all of these are seen."""
    assert listing.linked is not None
    _, entity, sight, around = shape
    parties: list[Select[Any]] = [select(binds.next(Text()))]
    target = known_target(entity)
    other = aliased(target.model)
    there = exists(
        select(1)
        .select_from(other)
        .where(*_reached(target, other, sight), other.id == binds.next(Uuid()))
    )
    known = listing.linked.around().get(entity, ())
    for place, inner_sight in around:
        collection, name = known[place]
        inner = aliased(collection.model)
        leads = getattr(inner, collection.related[name].local.key)
        text = func.concat(f"{collection.entity}:", cast(inner.id, Text()), type_=Text())
        parties.append(
            select(text).where(
                *_reached(collection, inner, inner_sight), leads == binds.next(Uuid())
            )
        )
    key = aliased(RecordKey)
    wanted = union_all(*parties).subquery()
    ids = select(key.record_id).where(
        key.organization_id == ORGANIZATION,
        key.entity == listing.entity,
        key.kind == listing.linked.kind,
        # An array, so that the index of the keys is asked for each of them.
        key.value == func.any(func.array(select(wanted).scalar_subquery())),
    )
    return and_(there, row.id.in_(ids))


def _home(shape: Shape, listing: Listing, row: Any, binds: Binds) -> ColumnElement[bool]:
    """An amount that was reckoned in a currency of before is none in that of the organization."""
    del shape, listing, binds
    own = select(_OWN.c.currency).where(_OWN.c.id == ORGANIZATION)
    return row.base_currency == own.scalar_subquery()


_PARTS: dict[str, Callable[[Shape, Listing, Any, Binds], ColumnElement[bool]]] = {
    "custom": _custom,
    "one": _one,
    "some": _several,
    "none": _several,
    "every": _several,
    "home": _home,
    "refer": _referring,
    "about": _about,
    "term": _term,
    "rollup": _rolled,
}


def rollup(core: Shape, listing: Listing, row: Any, binds: Binds) -> ColumnElement[Any]:
    """What the records that belong to `row` come to, as custom fields compare: text or a number."""
    how, name, sight, function, source, inner = core
    target, other, link = _many(how, name, sight, listing, row, binds)
    total = _total(function, source, other, binds)
    query = select(total).select_from(other).where(*link)
    if inner is not None:
        query = query.where(condition(inner, target, other, binds))
    found = query.scalar_subquery()
    return found if isinstance(total.type, Numeric) else found.collate("C")


def _total(function: str, source: Shape | None, other: Any, binds: Binds) -> ColumnElement[Any]:
    if source is None:
        return cast(func.count(), Numeric())
    place, name, kind = source
    if place == "custom":
        value = custom.value(other, binds.next(Text()), kind)
    else:
        value = getattr(other, name)
        if isinstance(value.type, ExactType):
            value = value.type.exact(value)
        elif kind in NUMBERS:
            value = cast(value, Numeric())
    if function == "avg":
        # A quotient has as few decimals as it has many digits before the point, or those of this.
        value = cast(value, Numeric(38, 12))
    found = getattr(func, function)(value)
    if kind not in NUMBERS:
        return found if place == "custom" else custom.extreme_text(found, kind)
    found = func.coalesce(found, 0) if function == "sum" else found
    return func.round(found, 6, type_=Numeric())


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


def _searched(column: Any, value: Any) -> ColumnElement[bool]:
    # In no language: the words of names and notes are in any, and all of them count.
    language = literal_column("'simple'::regconfig")
    words, asked = func.to_tsvector(language, column), func.websearch_to_tsquery(language, value)
    return words.op("@@", is_comparison=True)(asked)


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
    "search": _searched,
}
