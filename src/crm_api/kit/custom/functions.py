"""The functions of the formula language."""

import calendar
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Literal

Kind = Literal["text", "number", "bool", "day", "instant"]
Value = str | Decimal | bool | date | datetime | None
ANY = "any"


@dataclass(frozen=True)
class Function:
    """What a function takes and gives; `same` arguments are of one kind, which is the result's."""

    usage: str
    run: Callable[..., Any]
    takes: tuple[str, ...] = ()
    gives: Kind | None = None
    optional: int = 0
    same: bool = False
    takes_missing: bool = False

    def kind_of(self, given: Sequence[Kind | None]) -> Kind | None:
        """The kind of the result; None where the arguments do not fit."""
        if self.same:
            kinds: set[Kind] = {kind for kind in given if kind is not None}
            fits = len(kinds) == 1 and (not self.takes or kinds.issubset(self.takes))
            return kinds.pop() if fits else None
        if not len(self.takes) - self.optional <= len(given) <= len(self.takes):
            return None
        pairs = zip(self.takes, given, strict=False)
        return self.gives if all(t == ANY or k in {None, t} for t, k in pairs) else None


def _round(number: Decimal, places: Decimal = Decimal(0)) -> Decimal:
    digits = max(-6, min(6, int(places)))
    return number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP) + 0


def _add_days(day: date, days: Decimal) -> date:
    return day + timedelta(days=int(max(-400_000, min(400_000, days))))


def _add_months(day: date, months: Decimal) -> date:
    whole = day.year * 12 + day.month - 1 + int(max(-40_000, min(40_000, months)))
    year, month = divmod(whole, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        shown = f"{value:f}"
        return shown.rstrip("0").rstrip(".") if "." in shown else shown
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip()) if len(text) <= 40 else None
    except InvalidOperation:
        return None
    # Within the bounds of the arithmetic, beyond which digits would be written out without end.
    return number + 0 if number is not None and number.is_finite() else None


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _part(text: str, count: Decimal) -> int:
    return max(0, min(len(text), int(count)))


def _floor(number: Decimal) -> Decimal:
    return number.to_integral_value(ROUND_FLOOR)


def _ceil(number: Decimal) -> Decimal:
    return number.to_integral_value(ROUND_CEILING)


def _least(*values: Any) -> Any:
    return min(values)


def _greatest(*values: Any) -> Any:
    return max(values)


def _length(text: str) -> Decimal:
    return Decimal(len(text))


def _left(text: str, count: Decimal) -> str:
    return text[: _part(text, count)]


def _right(text: str, count: Decimal) -> str:
    return text[len(text) - _part(text, count) :]


def _contains(text: str, part: str) -> bool:
    return part in text


def _year(day: date) -> Decimal:
    return Decimal(day.year)


def _month(day: date) -> Decimal:
    return Decimal(day.month)


def _day(day: date) -> Decimal:
    return Decimal(day.day)


def _weekday(day: date) -> Decimal:
    return Decimal(day.isoweekday())


def _date(at: datetime) -> date:
    return at.astimezone(UTC).date()


def _days_between(start: date, end: date) -> Decimal:
    return Decimal((end - start).days)


_ORDERED = ("number", "day", "instant")
FUNCTIONS: dict[str, Function] = {
    "abs": Function("number", abs, ("number",), "number"),
    "round": Function("number, places", _round, ("number", "number"), "number", optional=1),
    "floor": Function("number", _floor, ("number",), "number"),
    "ceil": Function("number", _ceil, ("number",), "number"),
    "min": Function("value, …", _least, _ORDERED, same=True),
    "max": Function("value, …", _greatest, _ORDERED, same=True),
    "coalesce": Function("value, …", _first, same=True, takes_missing=True),
    "upper": Function("text", str.upper, ("text",), "text"),
    "lower": Function("text", str.lower, ("text",), "text"),
    "trim": Function("text", str.strip, ("text",), "text"),
    "len": Function("text", _length, ("text",), "number"),
    "left": Function("text, count", _left, ("text", "number"), "text"),
    "right": Function("text, count", _right, ("text", "number"), "text"),
    "contains": Function("text, part", _contains, ("text", "text"), "bool"),
    "starts_with": Function("text, start", str.startswith, ("text", "text"), "bool"),
    "ends_with": Function("text, end", str.endswith, ("text", "text"), "bool"),
    "text": Function("value", _text, (ANY,), "text"),
    "number": Function("text", _number, ("text",), "number"),
    "year": Function("date", _year, ("day",), "number"),
    "month": Function("date", _month, ("day",), "number"),
    "day": Function("date", _day, ("day",), "number"),
    "weekday": Function("date", _weekday, ("day",), "number"),
    "date": Function("time", _date, ("instant",), "day"),
    "add_days": Function("date, days", _add_days, ("day", "number"), "day"),
    "add_months": Function("date, months", _add_months, ("day", "number"), "day"),
    "days_between": Function("from, to", _days_between, ("day", "day"), "number"),
}
