"""Values that are filled into a report when it is run."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast
from uuid import UUID

from pydantic import ValidationError

from crm_api.domains.reports.operands import unfit
from crm_api.domains.reports.schemas import ReportParameter, ReportQuery
from crm_api.kit.db.tx import Tx
from crm_api.kit.faults import invalid_body
from crm_api.kit.query.moments import day_of
from crm_api.kit.reporting import Parameter
from crm_api.kit.schema import EARLIEST, LATEST

MARK = "$param"
MOST_LISTED = 1_000
"""So many values a list has at most."""
_RELATIVE = re.compile(r"@[a-z_]+([+-]\d{1,6}[dhm])?")
SAMPLES: Mapping[str, Any] = {
    "text": "",
    "integer": 0,
    "decimal": "0",
    "boolean": False,
    "day": "@today",
    "instant": "@now",
    "uuid": str(UUID(int=0)),
}
"""By the type of a parameter a value that it may have."""
_NONE: Mapping[str, Any] = {}


def filled(
    definition: Mapping[str, Any],
    declared: Sequence[Mapping[str, Any]],
    given: Mapping[str, Any],
) -> ReportQuery:
    """A report with its parameters; raises `Invalid` where a value is missing, or no such."""
    known = {one["name"]: one for one in declared}
    for name in given:
        if name not in known:
            raise unfit(f"/parameters/{name}", "unknown_parameter", f"It takes no {name[:60]!r}.")
    values: dict[str, Any] = {}
    for name, one in known.items():
        value = given.get(name, one.get("default"))
        if value is None:
            raise unfit(f"/parameters/{name}", "required", f"Say the parameter {name}.")
        is_list = one.get("is_list", False)
        values[name] = typed(one["type"], value, f"/parameters/{name}", is_list=is_list)
    return query_of(put(definition, values))


def read(
    declared: Sequence[Parameter],
    given: Mapping[str, Any],
    tx: Tx,
    later: Mapping[str, Any] = _NONE,
) -> dict[str, Any]:
    """Values of the parameters of a standard report, as Python has them; raises `Invalid`.

    Of those that are said `later` only an example is known, by which their types are looked at.
    """
    known = {one.name: one for one in declared}
    for name in (*given, *later):
        if name not in known:
            raise unfit(f"/parameters/{name}", "unknown_parameter", f"It takes no {name[:60]!r}.")
    values: dict[str, Any] = {}
    for name, one in known.items():
        if name in later:
            typed(one.type, later[name], f"/parameters/{name}")
            continue
        value = given.get(name)
        value = one.default if value is None else value
        if value is None and not one.is_optional:
            raise unfit(f"/parameters/{name}", "required", f"Say the parameter {name}.")
        values[name] = None if value is None else _read(one, value, tx)
    first, last = values.get("from"), values.get("to")
    if first is not None and last is not None and last < first:
        message = "The last day is before the first one."
        raise unfit("/parameters/to", "before_start", message)
    return values


def _read(one: Parameter, value: Any, tx: Tx) -> Any:
    at = f"/parameters/{one.name}"
    typed(one.type, value, at)
    if one.choices and value not in one.choices:
        raise unfit(at, "unknown_choice", f"One of {', '.join(one.choices)}.")
    if one.type == "day":
        try:
            found = day_of(value, tx.now, tx.actor.time_zone)
        except (ValueError, ArithmeticError) as error:
            raise unfit(at, "invalid_value", str(error)) from None
        if not EARLIEST.date() <= found < LATEST.date():
            raise unfit(at, "out_of_range", "A date lies between the years 1900 and 2200.")
        return found
    readers: Mapping[str, Any] = {"uuid": UUID, "decimal": Decimal}
    return readers[one.type](value) if one.type in readers else value


def query_of(definition: Mapping[str, Any]) -> ReportQuery:
    """A stored definition, read again."""
    try:
        return ReportQuery.model_validate(definition)
    except ValidationError as error:
        raise invalid_body(error.errors(include_url=False)).under("/definition") from None


def sampled(definition: Mapping[str, Any], declared: Sequence[ReportParameter]) -> ReportQuery:
    """A report with values of the right types, to see whether it fits; raises `Invalid`."""
    values: dict[str, Any] = {}
    for place, one in enumerate(declared):
        if one.name in values:
            at = f"/parameters/{place}/name"
            raise unfit(at, "repeated_name", f"{one.name} stands twice.")
        need_default(one, f"/parameters/{place}/default")
        values[one.name] = sample(one)
    return query_of(put(definition, values))


def need_default(one: ReportParameter, at: str) -> None:
    """Raise `Invalid` where what a parameter is without a value is of another type."""
    if one.default is not None:
        typed(one.type, one.default, at, is_list=one.is_list)


def sample(one: ReportParameter) -> Any:
    """A value that a parameter may have: what it is without one, if anything."""
    if one.default is not None:
        return one.default
    return [SAMPLES[one.type]] if one.is_list else SAMPLES[one.type]


def put(value: Any, values: Mapping[str, Any], at: str = "/definition") -> Any:
    """JSON with values for parameters; raises `Invalid` for one of another name."""
    if isinstance(value, list):
        return [put(v, values, f"{at}/{n}") for n, v in enumerate(cast("list[Any]", value))]
    if not isinstance(value, Mapping):
        return value
    found = cast("Mapping[str, Any]", value)
    if set(found) == {MARK}:
        name = found[MARK]
        if not isinstance(name, str) or name not in values:
            raise unfit(at, "unknown_parameter", "There is no parameter of this name.")
        return values[name]
    return {key: put(inner, values, f"{at}/{key}") for key, inner in found.items()}


def typed(kind: str, value: Any, at: str, *, is_list: bool = False) -> Any:
    """A value of a parameter, or a list of such; raises `Invalid` where it is of another type."""
    if not is_list:
        if not _fits(kind, value):
            raise unfit(at, "wrong_type", f"Not of the type {kind}.")
        return value
    if not isinstance(value, list):
        raise unfit(at, "wrong_type", f"Not a list of the type {kind}.")
    those = cast("list[Any]", value)
    if not 1 <= len(those) <= MOST_LISTED:
        raise unfit(at, "out_of_range", f"Between one and {MOST_LISTED:,} values.")
    for place, one in enumerate(those):
        typed(kind, one, f"{at}/{place}")
    return those


def _fits(kind: str, value: Any) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "decimal":
        return (
            not isinstance(value, bool) and isinstance(value, int | str) and _reads(Decimal, value)
        )
    if not isinstance(value, str):
        return False
    if kind in {"day", "instant"} and _RELATIVE.fullmatch(value):
        return True
    readers: Mapping[str, Any] = {
        "day": date.fromisoformat,
        "instant": datetime.fromisoformat,
        "uuid": UUID,
    }
    return kind == "text" or _reads(readers[kind], value)


def _reads(reader: Any, value: Any) -> bool:
    try:
        reader(value)
    except (ValueError, InvalidOperation):
        return False
    return True
