"""Random filters of any collection, and what they mean in plain Python."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hypothesis import strategies as st

from crm_api.kit.query.counting import COUNTED, TOTALLED
from crm_api.kit.query.filters import OPERATORS
from crm_api.kit.query.listing import Field, Listing, Relation
from crm_api.kit.query.totals import QUANTIFIERS, TOTALS
from crm_api.kit.values.errors import BadValue

Row = dict[str, Any]
HOSTILE = [
    "' OR 1=1 --",
    "'; DROP TABLE contacts; --",
    '"; DELETE FROM companies; --',
    "a' || pg_sleep(5) || '",
    "') OR ('a' = 'a",
    "$1",
    ":v0",
    "%(v0)s",
    "{}",
    "\\",
    "\\'",
    "%",
    "_",
    "/*",
    "@me",
    "@now",
    "null",
    "true",
    "\u202e",
    "ＯＲ １=１",
]
_CONSTANTS: dict[str, list[Any]] = {
    "text": [*HOSTILE, "", "e", "Ä", "щ"],
    "uuid": ["01990000-0000-7000-8000-00000000dead"],
    "integer": [0, 1, 2, 2**31 - 1, -1],
    "amount": ["0", "99.50", "-1.0001"],
    "number": ["0", "2.5", "-0.000001"],
    "boolean": [True, False],
    "instant": ["2026-01-01T00:00:00Z", "2199-12-31T23:59:59.999999Z"],
    "day": ["1980-02-29", "2000-01-01"],
    "tags": [*HOSTILE, "no such"],
    "keys": ["nobody@example.com", "example.com", "+4930901820"],
}


@dataclass(frozen=True)
class Known:
    """Every record of an organization by its entity, as REST shows it."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    terms: dict[str, Callable[[Row, Any], bool]] = field(default_factory=dict)
    """What further keys of filters mean."""
    asked: dict[str, Any] = field(default_factory=dict)
    """By a kind of record, what makes filters of such keys alone."""

    def __repr__(self) -> str:
        return "known"

    def of(self, listing: Listing) -> list[Row]:
        return self.rows[listing.entity]

    def related(self, relation: Relation, row: Row) -> list[Row]:
        """The records that a relation of a row leads to."""
        local, remote = row[relation.local.key], relation.remote.key
        if local is None:
            return []
        return [other for other in self.of(relation.target()) if other[remote] == local]


# Making


@st.composite
def filters(draw: Any, listing: Listing, known: Known, depth: int = 3) -> Row:
    """A filter that is allowed."""
    choice = draw(st.integers(0, 9)) if depth > 1 else 0
    inner = filters(listing, known, depth - 1)
    if choice in {7, 8}:
        return {("and", "or")[choice - 7]: draw(st.lists(inner, min_size=1, max_size=3))}
    if choice == 9:
        return {"not": draw(inner)}
    if choice >= 5 and listing.relations:
        relation = draw(st.sampled_from(listing.relations))
        target = filters(relation.target(), known, depth - 1)
        many = quantified(target, relation.target(), known)
        return {relation.name: draw(many if relation.many else target)}
    if choice >= 3 and listing.entity in known.asked:
        return draw(known.asked[listing.entity])
    name = draw(st.sampled_from(sorted(listing.fields)))
    return {name: draw(tests(listing.fields[name], known.of(listing)))}


@st.composite
def quantified(draw: Any, inner: Any, target: Listing, known: Known) -> Row:
    """What is asked of many records of a collection, of which `inner` makes filters."""
    quantifier = draw(st.sampled_from([*QUANTIFIERS, "some", "count"]))
    if quantifier in {"some", "none", "every"}:
        return {quantifier: draw(inner)}
    where = {"where": draw(inner)} if draw(st.booleans()) else {}
    if quantifier in TOTALS:
        return {quantifier: {**where, **draw(_totalled(quantifier, target, known))}}
    operator = draw(st.sampled_from(COUNTED))
    bound = [0, draw(st.integers(0, 3))] if operator == "between" else draw(st.integers(0, 3))
    return {"count": {**where, operator: bound}}


@st.composite
def _totalled(draw: Any, function: str, target: Listing, known: Known) -> Row:
    ways = [
        (name, currency)
        for name, one in target.fields.items()
        if one.kind in _SUMMED or (one.kind in _ORDERED and function in {"min", "max"})
        for currency in _currencies(target, name)
    ]
    name, currency = draw(st.sampled_from(ways))
    field_of = target.fields[name]
    shown = [str(row[name]) for row in known.of(target) if row[name] is not None]
    plain = ["0", "1", "2.5", "20"] if field_of.kind in _SUMMED else _CONSTANTS[field_of.kind]
    values = st.sampled_from([*plain, *(one for one in shown if len(one) < 30)])
    operator = draw(st.sampled_from(TOTALLED))
    if operator == "is_null":
        values = st.booleans()
    elif operator == "between":
        values = st.lists(values, min_size=2, max_size=2)
    said = {} if currency is None else {"currency": currency}
    return {"field": name, **said, operator: draw(values)}


_SUMMED, _ORDERED = frozenset({"integer", "number", "amount"}), frozenset({"day", "instant"})


def _currencies(target: Listing, name: str) -> list[str | None]:
    """In which currencies a field may be summed; None is that of the organization, or none."""
    if target.fields[name].kind != "amount":
        return [None]
    found: list[str | None] = [None] if _in_base(name) in target.fields else []
    has_own = "currency" in target.fields and name not in target.foreign
    return [*found, "EUR", "USD"] if has_own and not name.startswith("base_") else found


def _in_base(name: str) -> str:
    return name if name.startswith("base_") else f"base_{name}"


@st.composite
def tests(draw: Any, known: Field, rows: list[Row]) -> Row:
    """One or two operators of a field, with values that some rows have and some that none has."""
    operators = [o for o in OPERATORS[known.kind] if o != "search" and not _unordered(known, o)]
    found: Row = {}
    for operator in draw(st.lists(st.sampled_from(operators), min_size=1, max_size=2)):
        listed = operator in {"eq", "ne", "in", "nin", "between"}
        choices = known.choices if listed else None
        values = st.sampled_from(list(choices or _values(known, rows)))
        if operator == "is_null":
            values = st.booleans()
        elif operator in {"in", "nin"}:
            values = st.lists(values, min_size=1, max_size=4)
        elif operator == "between":
            values = st.lists(values, min_size=2, max_size=2)
        found[operator] = draw(values)
    return found


def _unordered(known: Field, operator: str) -> bool:
    """Long texts are in the order of the database's language, which Python does not know."""
    if operator not in {"gt", "gte", "lt", "lte", "between"} or known.kind != "text":
        return False
    return known.column is not None and getattr(known.column.type, "collation", None) != "C"


def _values(known: Field, rows: list[Row]) -> list[Any]:
    found: list[Any] = list(_CONSTANTS[known.kind])
    if known.key is not None:
        found = [value for value in found if _normal(known, value)]
    for row in rows:
        value = row[known.name]
        if known.kind in {"tags", "keys"}:
            found += _points(value)
        elif value is not None:
            found.append(value)
            if known.kind == "text":
                found += [value.upper(), value[:3], value[-3:]]
    return found


def _normal(known: Field, value: str) -> bool:
    assert known.key is not None
    try:
        known.key.normalise(value, "DE")
    except BadValue:
        return False
    return True


def quantifiers(node: Any) -> int:
    """How many quantifiers a filter has, or conditions at worst."""
    if isinstance(node, list):
        return sum(map(quantifiers, node))
    if not isinstance(node, dict):
        return 0
    return sum((k in QUANTIFIERS) + quantifiers(v) for k, v in node.items())


# Meaning


def holds(row: Row, node: Row, listing: Listing, known: Known) -> bool:
    """Whether a filter holds for a row: a null matches nothing but `is_null`, `ne` and `nin`."""
    return all(_member(row, key, value, listing, known) for key, value in node.items())


def _member(row: Row, key: str, value: Any, listing: Listing, known: Known) -> bool:
    if key == "and":
        return all(holds(row, part, listing, known) for part in value)
    if key == "or":
        return any(holds(row, part, listing, known) for part in value)
    if key == "not":
        return not holds(row, value, listing, known)
    if key in known.terms:
        return known.terms[key](row, value)
    relation = listing.related.get(key)
    if relation is None:
        return all(passes(listing.fields[key], row[key], o, v) for o, v in value.items())
    target, others = relation.target(), known.related(relation, row)
    if not relation.many:
        return any(holds(other, value, target, known) for other in others)
    return all(counted(q, inner, others, target, known) for q, inner in value.items())


def counted(quantifier: str, inner: Row, rows: list[Row], target: Listing, known: Known) -> bool:
    """Whether what is asked of many records holds for these."""
    if quantifier in TOTALS:
        fit = [row for row in rows if holds(row, inner.get("where", {}), target, known)]
        return totals(quantifier, inner, fit, target.fields[inner["field"]], target)
    if quantifier == "count":
        rest = dict(inner)
        where = rest.pop("where", {})
        ((operator, bound),) = rest.items()
        return _compared(sum(holds(row, where, target, known) for row in rows), operator, bound)
    found = [holds(row, inner, target, known) for row in rows]
    return {"some": any(found), "none": not any(found), "every": all(found)}[quantifier]


def totals(function: str, asked: Row, rows: list[Row], known: Field, target: Listing) -> bool:
    """Whether what a field of these rows comes to passes the comparison: of nothing, 0 or null."""
    name, currency = known.name, asked.get("currency")
    if known.kind == "amount" and currency is None:
        name = _in_base(name)
        rows = [row for row in rows if row.get("base_currency", "EUR") == "EUR"]
    elif currency is not None:
        rows = [row for row in rows if row["currency"] == currency]
    return comes_to(function, asked, [row[name] for row in rows], known.kind)


def comes_to(function: str, asked: Row, given: list[Any], kind: str) -> bool:
    """The same of these values."""
    read = Decimal if kind in _SUMMED else _READ[kind]
    values = [read(value) for value in given if value is not None]
    total: Any = sum(values, Decimal(0)) if function == "sum" else None
    if values and function == "avg":
        total = (sum(values) / len(values)).quantize(Decimal("1e-6"), ROUND_HALF_UP)
    elif values and function in {"min", "max"}:
        total = {"min": min, "max": max}[function](values)
    ((operator, operand),) = ((key, v) for key, v in asked.items() if key in TOTALLED)
    if operator == "is_null":
        return (total is None) is operand
    several = isinstance(operand, list)
    return _compared(total, operator, [read(v) for v in operand] if several else read(operand))


def passes(known: Field, value: Any, operator: str, operand: Any) -> bool:
    """Whether a value passes one operator."""
    if known.kind in {"tags", "keys"}:
        if operator == "is_null":
            return (not value) is operand
        if known.key is None:
            return operand in value
        held = {known.key.normalise(point, "DE") for point in _points(value)}
        return known.key.normalise(operand, "DE") in held
    if operator == "is_null":
        return (value is None) is operand
    read = _READ.get(known.kind, lambda given: given)
    value = None if value is None else read(value)
    several = isinstance(operand, list)
    return _compared(value, operator, [read(v) for v in operand] if several else read(operand))


_READ: dict[str, Any] = {
    "amount": Decimal,
    "number": Decimal,
    "instant": datetime.fromisoformat,
    "day": date.fromisoformat,
}


def _points(value: Iterable[Any]) -> list[Any]:
    # An address or a number stands under `value`, a resource of a booking under its id.
    return [
        point.get("value", point.get("resource_id")) if isinstance(point, dict) else point
        for point in value
    ]


def _compared(value: Any, operator: str, operand: Any) -> bool:
    if operator == "ne":
        return value != operand
    if operator == "nin":
        return value not in operand
    if value is None:
        return False
    return {
        "eq": lambda: value == operand,
        "in": lambda: value in operand,
        "gt": lambda: value > operand,
        "gte": lambda: value >= operand,
        "lt": lambda: value < operand,
        "lte": lambda: value <= operand,
        "between": lambda: operand[0] <= value <= operand[1],
        "contains": lambda: operand in value,
        "icontains": lambda: operand.lower() in value.lower(),
        "starts_with": lambda: value.startswith(operand),
        "ends_with": lambda: value.endswith(operand),
    }[operator]()


def brackets(node: Any, prefix: str = "filter") -> dict[str, Any] | None:
    """The query string of a filter; None where a list or an empty filter stands in the way."""
    found: dict[str, Any] = {}
    for key, value in node.items():
        name = f"{prefix}[{key}]"
        if key in {"and", "or"}:
            value = {str(n): inner for n, inner in enumerate(value)}
        if isinstance(value, dict):
            inner = brackets(value, name)
            if inner is None:
                return None
            found |= inner
            if not inner:
                return None
        elif isinstance(value, list):
            texts = [str(v).lower() if isinstance(v, bool) else str(v) for v in value]
            if any("," in text for text in texts):
                return None
            found[name] = ",".join(texts)
        else:
            found[name] = str(value).lower() if isinstance(value, bool) else value
    return found
