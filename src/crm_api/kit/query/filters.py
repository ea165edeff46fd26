"""The filter language: JSON in, a shape and its values out; every mistake has a pointer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.query.listing import Field, Listing, Relation
from crm_api.kit.query.moments import day_of, instant_of
from crm_api.kit.values.errors import BadValue

MAX_DEPTH = 6
MAX_CONDITIONS = 50
MAX_QUANTIFIERS = 5
MAX_VALUES = 500

COMPARED = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "between", "is_null")
OPERATORS: dict[str, tuple[str, ...]] = {
    "text": (*COMPARED, "contains", "icontains", "starts_with", "ends_with"),
    "uuid": ("eq", "ne", "in", "nin", "is_null"),
    "integer": COMPARED,
    "amount": COMPARED,
    "boolean": ("eq", "ne", "is_null"),
    "instant": COMPARED,
    "day": COMPARED,
    "tags": ("has", "is_null"),
    "keys": ("has", "is_null"),
}
QUANTIFIERS = ("some", "none", "every", "count")
COUNTED = ("eq", "ne", "gt", "gte", "lt", "lte", "between")

# A shape is a nested tuple without values, so that equal filters share one compiled statement:
# ("and", (…)), ("or", (…)), ("not", …), ("test", field, operator), ("one", relation, …),
# ("some" | "none" | "every", relation, …), ("count", relation, … | None, operator).
Shape = tuple[Any, ...]
_ALL: Shape = ("and", ())
MY_TEAMS = "@my_teams"
_OF_TEAMS = {"eq": "in", "ne": "nin", "in": "in", "nin": "nin"}


@dataclass
class Filter:
    """A parsed filter: what to compile, and the values in the order in which it asks for them."""

    shape: Shape = ("and", ())
    values: list[Any] = field(default_factory=list[Any])
    said: list[Any] = field(default_factory=list[Any])
    """The values as the next page says them again: `@now-7d` is then another moment."""

    def both(self, other: "Filter") -> "Filter":
        """What passes this filter and another one."""
        if other.shape == _ALL:
            return self
        if self.shape == _ALL:
            return other
        shape = ("and", (self.shape, other.shape))
        return Filter(shape, [*self.values, *other.values], [*self.said, *other.said])


EVERYTHING = Filter()
"""What lets all records pass."""


def parse(
    source: Any, listing: Listing, actor: Actor, now: datetime, *, lax: bool = False
) -> Filter:
    """Read a filter; `lax` lets strings stand for numbers and booleans, as query strings must.

    Raises `Invalid` with one fault, whose pointer starts at `/filter`.
    """
    reader = _Reader(actor, now, lax=lax)
    shape = reader.node(source, listing, "/filter", 1)
    return Filter(shape, reader.values, reader.said)


class _Reader:
    def __init__(self, actor: Actor, now: datetime, *, lax: bool) -> None:
        self.actor, self.now, self.lax = actor, now, lax
        self.values: list[Any] = []
        self.said: list[Any] = []
        self.conditions = 0
        self.quantifiers = 0

    def node(self, source: Any, listing: Listing, at: str, depth: int) -> Shape:
        if depth > MAX_DEPTH:
            raise fault(at, "too_deep", f"A filter is at most {MAX_DEPTH} levels deep.")
        if not isinstance(source, Mapping):
            raise fault(at, "invalid_filter", "A filter is an object.")
        parts = [self.member(k, v, listing, f"{at}/{_escape(k)}", depth) for k, v in source.items()]
        return parts[0] if len(parts) == 1 else ("and", tuple(parts))

    def member(self, key: str, value: Any, listing: Listing, at: str, depth: int) -> Shape:
        if key in {"and", "or"}:
            if not isinstance(value, Sequence) or isinstance(value, str) or not value:
                raise fault(at, "invalid_filter", f"`{key}` takes a list of filters.")
            nodes = (self.node(v, listing, f"{at}/{i}", depth + 1) for i, v in enumerate(value))
            return (key, tuple(nodes))
        if key == "not":
            return ("not", self.node(value, listing, at, depth + 1))
        relation = listing.related.get(key)
        if relation is not None:
            return self.relation(relation, value, at, depth)
        known = listing.fields.get(key)
        if known is None:
            raise fault(at, "unknown_field", f"{listing.entity} has no field {_short(key)!r}.")
        return self.tests(known, value, at)

    def relation(self, relation: Relation, value: Any, at: str, depth: int) -> Shape:
        target = relation.target()
        # What may not be read may not be guessed by its effect on a list either.
        self.actor.require(f"{target.area}:read")
        if not relation.many:
            return ("one", relation.name, self.node(value, target, at, depth + 1))
        if not isinstance(value, Mapping) or not value:
            raise fault(at, "missing_quantifier", "Say some, none, every or count.")
        parts: list[Shape] = []
        for quantifier, inner in value.items():
            here = f"{at}/{_escape(quantifier)}"
            if quantifier not in QUANTIFIERS:
                raise fault(here, "unknown_quantifier", "Say some, none, every or count.")
            self.quantifiers += 1
            if self.quantifiers > MAX_QUANTIFIERS:
                raise fault(here, "too_many_quantifiers", f"At most {MAX_QUANTIFIERS}.")
            if quantifier == "count":
                parts.append(self.count(relation, inner, here, depth))
            else:
                node = self.node(inner, target, here, depth + 1)
                parts.append((quantifier, relation.name, node))
        return parts[0] if len(parts) == 1 else ("and", tuple(parts))

    def count(self, relation: Relation, value: Any, at: str, depth: int) -> Shape:
        if not isinstance(value, Mapping):
            raise fault(at, "invalid_filter", "`count` takes an object.")
        rest = dict(value)
        where = rest.pop("where", None)
        inner = None
        if where is not None:
            inner = self.node(where, relation.target(), f"{at}/where", depth + 1)
        if len(rest) != 1:
            raise fault(at, "invalid_filter", "`count` takes one comparison, such as gte.")
        operator, bound = next(iter(rest.items()))
        if operator not in COUNTED:
            raise fault(f"{at}/{_escape(operator)}", "unknown_operator", _allowed(COUNTED))
        counted = Field(relation.name, "integer", None, nullable=False)
        self.take(counted, operator, bound, f"{at}/{operator}")
        return ("count", relation.name, inner, operator)

    def tests(self, known: Field, value: Any, at: str) -> Shape:
        if not isinstance(value, Mapping):
            value = {"has" if known.kind in {"tags", "keys"} else "eq": value}
        if not value:
            raise fault(at, "invalid_filter", "Say an operator, such as eq.")
        parts: list[Shape] = []
        for operator, operand in value.items():
            here = f"{at}/{_escape(operator)}"
            allowed = OPERATORS[known.kind]
            if operator not in allowed:
                raise fault(here, "unknown_operator", _allowed(allowed))
            parts.append(("test", known.name, self.take(known, operator, operand, here)))
        return parts[0] if len(parts) == 1 else ("and", tuple(parts))

    def take(self, known: Field, operator: str, operand: Any, at: str) -> str:
        """Store an operator's values; returns the operator, which null may change."""
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            raise fault(at, "too_many_conditions", f"At most {MAX_CONDITIONS} conditions.")
        if operator == "is_null":
            return "is_null" if self.boolean(operand, at) else "not_null"
        if operand is None:
            if operator in {"eq", "ne"}:
                return "is_null" if operator == "eq" else "not_null"
            raise fault(at, "invalid_value", "null goes with eq, ne or is_null.")
        if operand == MY_TEAMS and known.kind == "uuid" and operator in _OF_TEAMS:
            operator, operand = _OF_TEAMS[operator], [operand]
        if operator in {"in", "nin"}:
            self.keep(*self.several(known, self.items(operand, at, None), at))
        elif operator == "between":
            for i, item in enumerate(self.items(operand, at, exactly=2)):
                read = self.value(known, item, f"{at}/{i}")
                self.keep(read, _said(item, read))
        else:
            read = self.value(known, operand, at, operator)
            self.keep(read, _said(operand, read))
        return operator

    def keep(self, value: Any, said: Any) -> None:
        self.values.append(value)
        self.said.append(said)

    def several(self, known: Field, items: list[Any], at: str) -> tuple[list[Any], list[Any]]:
        """The values of a list, in which the actor's teams are as many as they are."""
        found: list[Any] = []
        said: list[Any] = []
        for place, item in enumerate(items):
            if item == MY_TEAMS and known.kind == "uuid":
                found += sorted(self.actor.teams)
                said.append(item)
            else:
                found.append(self.value(known, item, f"{at}/{place}"))
                said.append(_said(item, found[-1]))
        return found, said

    def items(self, operand: Any, at: str, exactly: int | None) -> list[Any]:
        if isinstance(operand, str) and self.lax:
            operand = operand.split(",")
        if not isinstance(operand, list):
            raise fault(at, "invalid_value", "This operator takes a list.")
        items: list[Any] = list(operand)
        if exactly is not None and len(items) != exactly:
            raise fault(at, "invalid_value", f"This operator takes {exactly} values.")
        if len(items) > MAX_VALUES:
            raise fault(at, "too_many_values", f"At most {MAX_VALUES} values.")
        return items

    def boolean(self, value: Any, at: str) -> bool:
        if self.lax and isinstance(value, str) and value in {"true", "false"}:
            return value == "true"
        if not isinstance(value, bool):
            raise fault(at, "invalid_value", "Not a boolean.")
        return value

    def value(self, known: Field, value: Any, at: str, operator: str = "eq") -> Any:
        try:
            return _READERS[known.kind](self, known, value, operator)
        except BadValue as error:
            raise fault(at, error.code, str(error)) from None
        except (ValueError, TypeError, ArithmeticError) as error:
            raise fault(at, "invalid_value", str(error) or "Not a value of this field.") from None


def _said(operand: Any, value: Any) -> Any:
    return operand if isinstance(operand, str) and operand.startswith("@") else value


def _text(reader: _Reader, known: Field, value: Any, operator: str) -> str:
    text = _string(value)
    if known.choices and operator in {"eq", "ne"} and text not in known.choices:
        raise ValueError(f"Not one of {', '.join(known.choices)}.")
    patterns: dict[str, str] = {"contains": "%{}%", "icontains": "%{}%", "ends_with": "%{}"}
    if operator in patterns:
        text = text.lower() if operator == "icontains" else text
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return patterns[operator].format(escaped)
    return text


def _uuid(reader: _Reader, known: Field, value: Any, operator: str) -> UUID:
    if value == "@me":
        if reader.actor.id is None:
            raise ValueError("@me needs a user or key.")
        return reader.actor.id
    try:
        return UUID(_string(value))
    except ValueError:
        raise ValueError("Not a UUID.") from None


def _integer(reader: _Reader, known: Field, value: Any, operator: str) -> int:
    if reader.lax and isinstance(value, str):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("Not a whole number.")  # noqa: TRY004
    if abs(value) > 2**62:
        raise ValueError("Too large a number.")
    return value


def _amount(reader: _Reader, known: Field, value: Any, operator: str) -> Decimal:
    if isinstance(value, float | bool):
        raise ValueError("Money is a decimal string.")  # noqa: TRY004
    try:
        amount = Decimal(value)
    except (InvalidOperation, TypeError):
        raise ValueError("Not a decimal.") from None
    if not amount.is_finite() or abs(amount) >= 10**14 or amount.as_tuple().exponent < -4:  # pyright: ignore[reportOperatorIssue]
        raise ValueError("An amount has at most 14 digits and four decimals.")
    return amount


def _boolean(reader: _Reader, known: Field, value: Any, operator: str) -> bool:
    if reader.lax and isinstance(value, str) and value in {"true", "false"}:
        return value == "true"
    if not isinstance(value, bool):
        raise ValueError("Not a boolean.")  # noqa: TRY004
    return value


def _instant(reader: _Reader, known: Field, value: Any, operator: str) -> datetime:
    return instant_of(_string(value), reader.now, reader.actor.time_zone)


def _day(reader: _Reader, known: Field, value: Any, operator: str) -> date:
    return day_of(_string(value), reader.now, reader.actor.time_zone)


def _key(reader: _Reader, known: Field, value: Any, operator: str) -> str:
    assert known.key is not None
    return known.key.normalise(_string(value), reader.actor.country)


_READERS: dict[str, Callable[[_Reader, Field, Any, str], Any]] = {
    "text": _text,
    "uuid": _uuid,
    "integer": _integer,
    "amount": _amount,
    "boolean": _boolean,
    "instant": _instant,
    "day": _day,
    "tags": _text,
    "keys": _key,
}


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("Not a string.")  # noqa: TRY004
    if len(value) > 2_000:
        raise ValueError("Too long a string.")
    if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError("Not text that can be stored.")
    return value


def _allowed(operators: Sequence[str]) -> str:
    return f"Allowed here: {', '.join(operators)}."


def _escape(key: str) -> str:
    return _short(key).replace("~", "~0").replace("/", "~1")


def _short(key: str) -> str:
    return key if len(key) <= 60 else key[:60] + "…"


def fault(pointer: str, code: str, message: str) -> Invalid:
    """One mistake in a filter."""
    return Invalid(message, code="invalid_filter", faults=[Fault(code, message, pointer=pointer)])
