"""What tracked events are asked for beside their names: their properties, which are any JSON."""

import json
import operator as operators
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import ColumnElement, Numeric, Text, case, func, literal_column, or_
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import JSONB

from crm_api.kit.query.mistakes import allowed, escape, fault
from crm_api.kit.query.terms import TermBinds, TermReader

OPERATORS = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "is_null")
TYPES: dict[str, Any] = {"text": str, "number": int | float, "boolean": bool}
_KEYS = frozenset({"property", "is_null", *TYPES})
_ORDERED = frozenset({"gt", "gte", "lt", "lte"})
_MOST = 10
Property = tuple[str, str]
"""How a property is compared: the operator, and `json`, `number` or `text`."""


@dataclass(frozen=True)
class _Asked:
    """What is asked of a property, and where its name and its tests stand."""

    name: str
    tests: Mapping[str, Any]
    name_at: str
    at: str


def properties_of(reader: TermReader, value: Any, at: str) -> tuple[Property, ...]:
    """Read `{"plan": "pro", "price": {"gte": 10}}`, or as a list, which says types too.

    `[{"property": "price", "number": {"gte": 10}}]`: values are kept with the names before them.
    """
    if value is None:
        return ()
    if not isinstance(value, Mapping | list) or not value:
        raise fault(at, "invalid_filter", "Say properties, each with a value or an operator.")
    found: list[Property] = []
    for asked in _asked_of(cast("Mapping[str, Any] | list[Any]", value), at):
        if not 0 < len(asked.name) <= 60 or not _storable(asked.name):
            raise fault(asked.name_at, "invalid_value", "Not the name of a property.")
        if not asked.tests:
            raise fault(asked.at, "invalid_filter", "Say an operator, such as eq.")
        for operator, operand in asked.tests.items():
            reader.tested(asked.at)
            reader.keep(asked.name, asked.name)
            found.append(_read(reader, operator, operand, f"{asked.at}/{escape(operator)}"))
    if len(found) > _MOST:
        raise fault(at, "too_many_conditions", f"At most {_MOST} conditions on properties.")
    return tuple(found)


def _asked_of(value: Mapping[str, Any] | list[Any], at: str) -> Iterator[_Asked]:
    if isinstance(value, list):
        for place, one in enumerate(value):
            yield _typed(one, f"{at}/{place}")
        return
    for name, asked in value.items():
        here = f"{at}/{escape(name)}"
        yield _Asked(name, _tests(asked), here, here)


def _tests(asked: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", asked) if isinstance(asked, Mapping) else {"eq": asked}


def _typed(one: Any, at: str) -> _Asked:
    if not isinstance(one, Mapping):
        raise fault(at, "invalid_filter", "Say a property, its type and an operator.")
    # Clients with types write null for what they leave out.
    said = {k: v for k, v in cast("Mapping[str, Any]", one).items() if v is not None}
    for key in said:
        if key not in _KEYS:
            raise fault(f"{at}/{escape(key)}", "unknown_key", f"Say {', '.join(sorted(_KEYS))}.")
    name = said.pop("property", None)
    if not isinstance(name, str):
        raise fault(f"{at}/property", "required", "Say which property.")
    if len(said) != 1:
        raise fault(at, "invalid_filter", f"Say one of {', '.join(TYPES)}, is_null.")
    ((key, asked),) = said.items()
    if key == "is_null":
        return _Asked(name, {key: asked}, f"{at}/property", at)
    tests = _tests(asked)
    for operator, operand in tests.items():
        operands = cast("list[Any]", operand) if isinstance(operand, list) else [operand]
        if operator != "is_null" and not all(_is(key, value) for value in operands):
            raise fault(f"{at}/{key}/{escape(operator)}", "wrong_type", f"Not a {key}.")
    return _Asked(name, tests, f"{at}/property", f"{at}/{key}")


def _is(key: str, value: Any) -> bool:
    if isinstance(value, bool):
        return key == "boolean"
    return value is None or isinstance(value, TYPES[key])


def _read(reader: TermReader, operator: str, operand: Any, at: str) -> Property:
    if operator not in OPERATORS:
        raise fault(at, "unknown_operator", allowed(OPERATORS))
    if operator == "is_null":
        if not isinstance(operand, bool):
            raise fault(at, "invalid_value", "Not a boolean.")
        return ("is_null" if operand else "not_null"), "json"
    if operator in {"in", "nin"}:
        items = cast("list[Any]", operand) if isinstance(operand, list) else []
        if not 0 < len(items) <= 100:
            raise fault(at, "invalid_value", "A list of 1 to 100 values.")
        for item in items:
            _need_plain(item, at)
        text = json.dumps(items)
        reader.keep(text, text)
        return operator, "json"
    if operand is None and operator in {"eq", "ne"}:
        return ("is_null" if operator == "eq" else "not_null"), "json"
    _need_plain(operand, at)
    if operator not in _ORDERED:
        text = json.dumps(operand)
        reader.keep(text, text)
        return operator, "json"
    if isinstance(operand, bool):
        raise fault(at, "invalid_value", "A boolean has no order.")
    kept = operand if isinstance(operand, str) else Decimal(str(operand))
    reader.keep(kept, operand)
    return operator, "text" if isinstance(operand, str) else "number"


def _need_plain(value: Any, at: str) -> None:
    is_number = isinstance(value, int | float) and abs(value) < 10**15
    is_text = isinstance(value, str) and len(value) <= 500 and _storable(value)
    if not (isinstance(value, bool) or is_number or is_text):
        raise fault(at, "invalid_value", "A text, a number or a boolean.")


def _storable(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def property_condition(asked: Property, event: Any, binds: TermBinds) -> ColumnElement[bool]:
    """The condition on an event; values of another type have no order with what is asked."""
    operator, kind = asked
    name = binds.next(Text())
    found = func.nullif(
        event.properties.op("->", return_type=JSONB())(name), literal_column("'null'::jsonb")
    )
    if operator in {"is_null", "not_null"}:
        return found.is_(None) if operator == "is_null" else found.is_not(None)
    if kind == "json":
        value = sql_cast(binds.next(Text()), JSONB)
        if operator in {"in", "nin"}:
            held = value.op("@>", is_comparison=True)(func.jsonb_build_array(found))
            return held if operator == "in" else or_(found.is_(None), held.is_(False))
        return found == value if operator == "eq" else found.is_distinct_from(value)
    text = event.properties.op("->>", return_type=Text())(name)
    wanted = "'number'" if kind == "number" else "'string'"
    is_kind = func.jsonb_typeof(found) == literal_column(wanted)
    if kind == "number":
        column: Any = case((is_kind, sql_cast(text, Numeric)))
        return _ORDER[operator](column, binds.next(Numeric()))
    return _ORDER[operator](case((is_kind, text)).collate("C"), binds.next(Text()))


_ORDER: Mapping[str, Callable[[Any, Any], Any]] = {
    "gt": operators.gt,
    "gte": operators.ge,
    "lt": operators.lt,
    "lte": operators.le,
}
