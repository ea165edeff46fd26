"""The values of a filter: how each kind of field reads what it is compared with."""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.custom.fields import NUMBERS, CustomField
from crm_api.kit.custom.values import instant_text
from crm_api.kit.custom.values import read as read_custom
from crm_api.kit.query.listing import Field, Kind, Listing
from crm_api.kit.query.moments import day_of, instant_of

# Python also takes `1_000`, blanks and the digits of other scripts.
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")


class Reading(Protocol):
    """Who reads, and when; `lax` lets strings stand for numbers and booleans."""

    @property
    def actor(self) -> Actor: ...
    @property
    def now(self) -> datetime: ...
    @property
    def lax(self) -> bool: ...


class CustomTest(Field):
    """A custom field as a filter sees it, or the `currency` of an amount."""

    custom: CustomField
    listing: Listing
    of: str

    def __init__(self, custom: CustomField, listing: Listing, kind: Kind, of: str = "") -> None:
        super().__init__(custom.name, kind, None, nullable=True, choices=tuple(custom.choices))
        for name, value in (("custom", custom), ("listing", listing), ("of", of)):
            object.__setattr__(self, name, value)

    @property
    def normal(self) -> bool:
        """Whether a text is compared in its normal form."""
        return not self.of and self.custom.type in {"url", "email", "phone"}


def compared(value: Any, kind: str, scale: int | None) -> Any:
    """A value as custom fields compare: text or a number, whole in the index."""
    if isinstance(value, list):
        return [compared(item, kind, scale) for item in value]
    if kind in NUMBERS:
        return Decimal(value) if scale is None else int(value * scale)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return instant_text(value).rstrip("Z")
    return str(value)


def said_again(operand: Any, value: Any) -> Any:
    """A value as the next page says it again: `@now-7d` is then another moment."""
    return operand if isinstance(operand, str) and operand.startswith("@") else value


def _text(reader: Reading, known: Field, value: Any, operator: str) -> str:
    text = _string(value)
    if operator in {"eq", "ne", "in", "nin"} and isinstance(known, CustomTest) and known.normal:
        return read_custom(known.custom, text, reader.actor.country)
    if known.choices and operator in {"eq", "ne"} and text not in known.choices:
        raise ValueError(f"Not one of {', '.join(known.choices)}.")
    patterns: dict[str, str] = {"contains": "%{}%", "icontains": "%{}%", "ends_with": "%{}"}
    if operator in patterns:
        text = text.lower() if operator == "icontains" else text
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return patterns[operator].format(escaped)
    return text


def _uuid(reader: Reading, known: Field, value: Any, operator: str) -> UUID:
    if value == "@me":
        if reader.actor.me is None:
            raise ValueError("@me needs a user or key.")
        return reader.actor.me
    try:
        return UUID(_string(value))
    except ValueError:
        raise ValueError("Not a UUID.") from None


def _integer(reader: Reading, known: Field, value: Any, operator: str) -> int:
    if reader.lax and isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("Not a whole number.")  # noqa: TRY004
    if abs(value) > 2**62:
        raise ValueError("Too large a number.")
    return value


def _number(reader: Reading, known: Field, value: Any, operator: str) -> Decimal:
    if isinstance(value, float):
        value = repr(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("Not a decimal.")  # noqa: TRY004
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError("Not a decimal.") from None
    if not number.is_finite() or abs(number) >= 10**12 or number.as_tuple().exponent < -6:  # pyright: ignore[reportOperatorIssue]
        raise ValueError("At most 12 digits before the point, six after it.")
    return number


def _amount(reader: Reading, known: Field, value: Any, operator: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("Money is a decimal string.")  # noqa: TRY004
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise ValueError("Not a decimal.") from None
    if not amount.is_finite() or abs(amount) >= 10**14 or amount.as_tuple().exponent < -4:  # pyright: ignore[reportOperatorIssue]
        raise ValueError("An amount has at most 14 digits and four decimals.")
    return amount


def _boolean(reader: Reading, known: Field, value: Any, operator: str) -> bool:
    if reader.lax and isinstance(value, str) and value in {"true", "false"}:
        return value == "true"
    if not isinstance(value, bool):
        raise ValueError("Not a boolean.")  # noqa: TRY004
    return value


def _instant(reader: Reading, known: Field, value: Any, operator: str) -> datetime:
    return instant_of(_string(value), reader.now, reader.actor.time_zone)


def _day(reader: Reading, known: Field, value: Any, operator: str) -> date:
    return day_of(_string(value), reader.now, reader.actor.time_zone)


def _key(reader: Reading, known: Field, value: Any, operator: str) -> str:
    assert known.key is not None
    return known.key.normalise(_string(value), reader.actor.country)


READERS: dict[str, Callable[[Reading, Field, Any, str], Any]] = {
    "text": _text,
    "uuid": _uuid,
    "integer": _integer,
    "number": _number,
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
