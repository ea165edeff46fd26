"""Turns what an XLSX cell stores into the text a person sees in it."""

import re
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

_NOT_FORMAT: Final = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!(?:h+|m+|s+)\])[^\]]*\]', re.IGNORECASE)
_ELAPSED: Final = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_DATE_LETTER: Final = re.compile("[dmyhs]", re.IGNORECASE)
_ESCAPE: Final = re.compile("_x([0-9A-Fa-f]{4})_")

# ECMA-376 part 1, 18.8.30; 27-36 and 50-58 are the East Asian dates.
_DATE_FORMATS: Final = frozenset({*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)})
_ELAPSED_FORMATS: Final = frozenset({46})

_EPOCH_1900: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - a sheet's dates have no zone
_EPOCH_1904: Final = datetime(1904, 1, 1)  # noqa: DTZ001
_LAST_DAY: Final = 2_958_466


class Style(Enum):
    """What a number format makes of a number."""

    NUMBER = "number"
    DATE = "date"
    ELAPSED = "elapsed"


def format_style(format_id: int, code: str | None) -> Style:
    """The style of a number format, by its own code or by its built-in number."""
    if code is None:
        if format_id in _ELAPSED_FORMATS:
            return Style.ELAPSED
        return Style.DATE if format_id in _DATE_FORMATS else Style.NUMBER
    bare = _NOT_FORMAT.sub("", code.partition(";")[0])
    if _ELAPSED.search(bare):
        return Style.ELAPSED
    if bare.strip().lower() == "general" or not _DATE_LETTER.search(bare):
        return Style.NUMBER
    return Style.DATE


def unescape(text: str) -> str:
    """The text with its `_x000D_` escapes resolved (ECMA-376 part 1, 22.9.2.19)."""
    if "_x" not in text:
        return text
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)


def number_text(stored: str, style: Style, *, from_1904: bool) -> str:
    """A number as text: `123`, `0.3`, or an ISO date, time or duration."""
    try:
        number = float(stored)
    except ValueError:
        return stored
    if style is not Style.NUMBER and 0 <= number < _LAST_DAY:
        if style is Style.ELAPSED:
            return _elapsed(number)
        return _moment(number, from_1904=from_1904)
    if number.is_integer() and abs(number) < 1e21:
        return str(int(number))
    # Excel shows 15 digits; the file keeps 17, as in 0.30000000000000004.
    return f"{number:.15g}"


def _elapsed(days: float) -> str:
    seconds = round(days * 86_400)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _moment(serial: float, *, from_1904: bool) -> str:
    if not from_1904 and 1 <= serial < 60:
        serial += 1  # Excel counts a 29 February 1900 that never was.
    moment = (_EPOCH_1904 if from_1904 else _EPOCH_1900) + timedelta(seconds=round(serial * 86_400))
    if serial < 1:
        return moment.time().isoformat()
    if serial.is_integer():
        return moment.date().isoformat()
    return moment.isoformat()
