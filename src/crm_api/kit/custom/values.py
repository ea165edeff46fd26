"""Values of custom fields: what comes in, and the one form in which each is stored."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast
from uuid import UUID

from crm_api.kit.custom.fields import MAX_KEY, MAX_TEXT, NUMBERS, CustomField
from crm_api.kit.money import shown_amount
from crm_api.kit.schema import EARLIEST, INT64, LATEST
from crm_api.kit.values import codes, email, phone, text
from crm_api.kit.values.errors import BadValue

_MOST_DIGITS, _DECIMALS = 12, 6
_SIGNIFICANT = 15
MAX_CHOSEN = 500
_MONEY = {"amount", "currency"}
_FIRST_DAY, _DAY_AFTER = date(1800, 1, 1), date(2201, 1, 1)
Reader = Callable[[CustomField, Any, str | None], Any]


def read(field: CustomField, given: Any, country: str | None) -> Any:
    """A value as it is stored, JSON in its normal form; raises `BadValue`.

    What a file holds is understood as well: a date, a decimal, the label of an option.
    """
    value = _READERS[field.result_type or field.type](field, given, country)
    if (field.unique or field.indexed) and isinstance(value, str) and len(value) > MAX_KEY:
        raise BadValue("too_long", f"At most {MAX_KEY} characters, because there is an index.")
    return value


def comparable(kind: str, value: Any) -> str | Decimal:
    """A stored value in the form in which filters and sorts compare it: text or a number.

    Days, instants and ids in their normal form are in order as text (code points).
    """
    if kind in NUMBERS:
        return Decimal(value["amount"] if kind == "amount" else value)
    if kind == "boolean":
        return "true" if value else "false"
    return value.rstrip("Z") if kind == "instant" else value


def instant_text(moment: datetime) -> str:
    """An instant in its normal form: UTC, `Z`, no idle zeros."""
    whole = moment.astimezone(UTC).replace(tzinfo=None)
    shown = whole.isoformat()
    return (shown.rstrip("0") if whole.microsecond else shown) + "Z"


def decimal_text(number: Decimal) -> str:
    """A decimal in its normal form: plain digits, no idle zeros."""
    shown = f"{number:f}"
    shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    return "0" if shown in {"-0", ""} else shown


def _string(given: Any) -> str:
    if not isinstance(given, str):
        raise BadValue("invalid", "Not a string.")
    return given


def _text(field: CustomField, given: Any, country: str | None) -> str:
    if isinstance(given, str) and len(given) > MAX_TEXT:
        raise BadValue("too_long", f"At most {MAX_TEXT} characters.")
    value = text.clean(_string(given))
    if not value:
        raise BadValue("blank", "Must not be blank; null clears it.")
    return value


def _integer(field: CustomField, given: Any, country: str | None) -> int:
    if isinstance(given, bool) or not isinstance(given, int):
        raise BadValue("invalid", "Not a whole number.")
    if abs(given) > INT64:
        raise BadValue("too_large", "Too large a number.")
    return given


def _decimal(field: CustomField, given: Any, country: str | None) -> str:
    if isinstance(given, float):
        # The shortest digits that mean it are those that were sent, unless they were too many.
        given = repr(given)
        if len(given.strip("-0").replace(".", "").partition("e")[0]) > _SIGNIFICANT:
            raise BadValue("inexact", "Too many digits for a JSON number; send a string.")
    number = _number(given)
    if abs(number) >= 10**_MOST_DIGITS or _places(number) > _DECIMALS:
        raise BadValue(
            "out_of_range", f"At most {_MOST_DIGITS} digits before the point, {_DECIMALS} after it."
        )
    return decimal_text(number)


def _number(given: Any) -> Decimal:
    if isinstance(given, bool) or not isinstance(given, int | str | Decimal):
        raise BadValue("invalid", "Not a decimal.")
    if isinstance(given, str) and not re.fullmatch(
        r"[+-]?\d{1,20}(\.\d{1,20})?(e[+-]\d\d?)?", given
    ):
        raise BadValue("invalid", "Not a decimal, such as 12.5.")
    try:
        number = Decimal(given)
    except InvalidOperation:
        raise BadValue("invalid", "Not a decimal.") from None
    if not number.is_finite():
        raise BadValue("invalid", "Not a decimal.")
    return number


def _places(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(0, -cast("int", exponent))


def _money(field: CustomField, given: Any, country: str | None) -> dict[str, str]:
    if isinstance(given, str | int | Decimal) and not isinstance(given, bool):
        given = {"amount": given}
    if not isinstance(given, dict):
        raise BadValue("invalid", "Say an amount and a currency.")
    parts = cast("dict[str, Any]", given)
    if not parts.keys() <= _MONEY or "amount" not in parts:
        raise BadValue("invalid", "Say an amount and a currency.")
    currency = parts.get("currency") or field.currency
    if currency is None:
        raise BadValue("no_currency", "An amount needs a currency.")
    amount = _number(parts["amount"])
    if abs(amount) >= 10**14 or _places(amount) > 4:
        raise BadValue("out_of_range", "An amount has at most 14 digits and four decimals.")
    return {"amount": shown_amount(amount), "currency": codes.currency(_string(currency))}


def _date(field: CustomField, given: Any, country: str | None) -> str:
    if not isinstance(given, date):
        try:
            given = date.fromisoformat(_string(given))
        except ValueError:
            raise BadValue("invalid", "Not a date, such as 2026-03-31.") from None
    if not _FIRST_DAY <= given < _DAY_AFTER:
        raise BadValue("out_of_range", "A date lies between the years 1800 and 2200.")
    return given.isoformat()


def _datetime(field: CustomField, given: Any, country: str | None) -> str:
    try:
        found = datetime.fromisoformat(_string(given))
    except ValueError:
        raise BadValue("invalid", "Not a time, such as 2026-03-31T12:00:00Z.") from None
    if found.tzinfo is None:
        raise BadValue("no_zone", "A time needs a zone, such as Z or +02:00.")
    if not EARLIEST <= found < LATEST:
        raise BadValue("out_of_range", "A time lies between the years 1900 and 2200.")
    return instant_text(found)


def _bool(field: CustomField, given: Any, country: str | None) -> bool:
    if not isinstance(given, bool):
        raise BadValue("invalid", "Not a boolean.")
    return given


def _select(field: CustomField, given: Any, country: str | None) -> str:
    option = field.choices.get(_string(given))
    if option is None:
        wanted = given.strip().casefold()
        option = next((o for o in field.options if o.label.casefold() == wanted), None)
    if option is None or option.archived:
        open_ones = [o.value for o in field.options if not o.archived]
        listed = ", ".join(open_ones[:20]) + (", …" if len(open_ones) > 20 else "")
        raise BadValue("not_a_choice", f"Not one of {listed}.")
    return option.value


def _multiselect(field: CustomField, given: Any, country: str | None) -> list[str] | None:
    if not isinstance(given, list):
        raise BadValue("invalid", "Not a list.")
    items = cast("list[Any]", given)
    if len(items) > MAX_CHOSEN:
        raise BadValue("too_many", f"At most {MAX_CHOSEN} choices.")
    return list(dict.fromkeys(_select(field, item, country) for item in items)) or None


def _url(field: CustomField, given: Any, country: str | None) -> str:
    return codes.url(_short(given))


def _email(field: CustomField, given: Any, country: str | None) -> str:
    return email.normalise(_short(given)).value.lower()


def _phone(field: CustomField, given: Any, country: str | None) -> str:
    return phone.normalise(_short(given), country)


def _short(given: Any) -> str:
    if len(_string(given)) > 2_000:
        raise BadValue("too_long", "At most 2000 characters.")
    return given


def _relation(field: CustomField, given: Any, country: str | None) -> str:
    try:
        return str(given if isinstance(given, UUID) else UUID(_string(given)))
    except ValueError:
        raise BadValue("invalid_uuid", "Not a UUID.") from None


_READERS: dict[str, Reader] = {
    "text": _text,
    "integer": _integer,
    "decimal": _decimal,
    "money": _money,
    "date": _date,
    "datetime": _datetime,
    "bool": _bool,
    "select": _select,
    "multiselect": _multiselect,
    "url": _url,
    "email": _email,
    "phone": _phone,
    "relation": _relation,
}
