"""Dates, decimal numbers and yes/no as spreadsheets and people write them."""

import re
import unicodedata
from datetime import date
from decimal import Decimal

from crm_api.kit.values.errors import BadValue, shown

_YEARS = range(1800, 2201)
_LONGEST_INPUT = 60
# A spreadsheet hands a date over as midnight.
_ISO = re.compile(
    r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})(?:[T ]0?0:00(?::00(?:\.0+)?)?(?:Z|\+00:?00)?)?"
)
_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_NUMERIC = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})")
_DAY_NAMED = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th)?[\s.\-]*([a-z]{3,9})[\s.,\-]*([0-9]{4})")
_NAMED_DAY = re.compile(r"([a-z]{3,9})[\s.]*([0-9]{1,2})(?:st|nd|rd|th)?(?:,\s*|\s+)([0-9]{4})")
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip

_MOST_WHOLE_DIGITS = 18
_MOST_DECIMALS = 6
_PLAIN_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,6})?")
_BLANKS = re.compile(r"[\s'’]")
_CODE = re.compile(r"^[A-Z]{3}(?=[^A-Za-z])|(?<=[^A-Za-z])[A-Z]{3}$")
_GROUPED = re.compile(r"[0-9]{1,3}(?:([ ,.])[0-9]{2,3})*(?:[ ,.][0-9]{3})")

_YES = frozenset(["yes", "y", "true", "t", "1", "on", "да", "д", "ja", "j", "oui", "si", "sí"])
_NO = frozenset(["no", "n", "false", "f", "0", "off", "нет", "н", "nein", "non"])


def parse_date(raw: str, *, day_first: bool | None = None) -> date:
    """The day; `day_first` decides what 3/2/1954 means, without it that is refused.

    Dots mean day first unless `day_first` is False; a year has four digits.
    """
    text = raw.strip()
    found = _ISO.fullmatch(text)
    if found:
        return _day(raw, found[1], found[3], found[4])
    found = _COMPACT.fullmatch(text)
    if found:
        return _day(raw, found[1], found[2], found[3])
    found = _NUMERIC.fullmatch(text)
    if found:
        if day_first is None and found[2] == ".":
            day_first = True
        first, second, year = found[1], found[3], found[4]
        if _is_day_first(raw, int(first), int(second), day_first=day_first):
            return _day(raw, year, second, first)
        return _day(raw, year, first, second)
    return _named(raw, text.lower() if len(text) <= _LONGEST_INPUT else "")


def parse_decimal(raw: str) -> Decimal:
    """The number in "1 234,56", "1,234.56", "1.234,56", "€ 1.234,50" or "(12.50)".

    One comma before exactly three digits groups thousands: "1,234" is 1234, but "1.234" and
    "0,234" are fractions. A currency sign or code around the number is dropped.
    """
    if _PLAIN_NUMBER.fullmatch(raw):
        return Decimal(raw) + 0
    text = _without_currency(raw.strip()) if len(raw) <= _LONGEST_INPUT else ""
    negative = text.startswith("(") and text.endswith(")")
    if negative:
        text = _without_currency(text[1:-1])
    elif text[:1] in {"-", "\N{MINUS SIGN}", "+"}:
        negative = text[0] != "+"
        text = _without_currency(text[1:])
    elif text.endswith("-"):
        negative = True
        text = _without_currency(text[:-1])
    whole, decimals = _halves(raw, text)
    if len(whole) > _MOST_WHOLE_DIGITS or len(decimals) > _MOST_DECIMALS:
        raise BadValue("invalid_number", f"{shown(raw)} has too many digits.")
    amount = Decimal(f"{whole or '0'}.{decimals}" if decimals else whole or "0")
    return -amount if negative and amount else amount


def parse_bool(raw: str) -> bool:
    """Yes or no in English, Russian, German, French or Spanish, also as 1 and 0."""
    word = raw.strip().casefold()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise BadValue("invalid_boolean", f"{shown(raw)} is neither yes nor no.")


def _day(raw: str, year: str, month: str, day: str) -> date:
    if int(year) not in _YEARS:
        raise BadValue("invalid_date", f"{shown(raw)} is not between the years 1800 and 2200.")
    try:
        return date(int(year), int(month), int(day))
    except ValueError as mistake:
        raise BadValue("invalid_date", f"{shown(raw)} is not a day of the calendar.") from mistake


def _is_day_first(raw: str, first: int, second: int, *, day_first: bool | None) -> bool:
    # A given order is kept even where only the other makes sense: in a column of dates the
    # rows that cannot be told apart would silently be read the other way round.
    if day_first is not None:
        return day_first
    if first == second or first > 12:
        return True
    if second > 12:
        return False
    raise BadValue(
        "ambiguous_date", f"{shown(raw)} can be read as day/month or as month/day; use YYYY-MM-DD."
    )


def _named(raw: str, text: str) -> date:
    found = _DAY_NAMED.fullmatch(text)
    day, name, year = found.groups() if found else ("", "", "")
    if not found:
        found = _NAMED_DAY.fullmatch(text)
        name, day, year = found.groups() if found else ("", "", "")
    name = "sep" if name == "sept" else name
    for number, month in enumerate(_MONTHS, start=1):
        if name in {month, month[:3]}:
            return _day(raw, year, str(number), day)
    raise BadValue("invalid_date", f"{shown(raw)} is not a date; use YYYY-MM-DD.")


def _without_currency(text: str) -> str:
    text = _CODE.sub("", text.strip(), count=1).strip()
    if text and unicodedata.category(text[0]) == "Sc":
        text = text[1:]
    elif text and unicodedata.category(text[-1]) == "Sc":
        text = text[:-1]
    return text.strip()


def _halves(raw: str, text: str) -> tuple[str, str]:
    text = _BLANKS.sub(" ", text)
    whole, decimals = text, ""
    point = max(text.rfind(","), text.rfind("."))
    if point >= 0 and not _groups_thousands(text, text[point]):
        whole, decimals = text[:point], text[point + 1 :]
        if not decimals:
            raise BadValue("invalid_number", f"{shown(raw)} ends with its decimal mark.")
    separators = set(whole) & set(" ,.")
    grouped = len(separators) == 1 and _GROUPED.fullmatch(whole)
    digits = re.sub(r"[ ,.]", "", whole) if grouped else whole
    if not re.fullmatch(r"[0-9]*", digits) or not re.fullmatch(r"[0-9]*", decimals):
        raise BadValue("invalid_number", f"{shown(raw)} is not a number.")
    if not digits and not decimals:
        raise BadValue("invalid_number", "A number is expected.")
    return digits.lstrip("0"), decimals


def _groups_thousands(text: str, mark: str) -> bool:
    others = {" ", ",", "."} - {mark}
    if text.count(mark) > 1:
        return True
    if mark == "." or others & set(text):
        return False
    return re.fullmatch(r"[1-9][0-9]{0,2},[0-9]{3}", text) is not None
