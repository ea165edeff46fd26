"""Turns what an XLSX cell stores into the text a person sees in it."""

import re
from dataclasses import dataclass
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

# Nothing but places of digits and what stands between those of codes and telephone numbers.
_DIGITS: Final = re.compile(r'(?:[0#+() -]|"[0-9+() ./-]*"|\\[0-9+() ./-])+')
_MARKS: Final = re.compile(r'"([^"]*)"|\\(.)|(.)')
_LOCALE: Final = re.compile(r"\[\$[^\]]*\]")
_PLACES: Final = ("0", "#")
_MOST_EXACT: Final = 1e15

_EPOCH_1900: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - a sheet's dates have no zone
_EPOCH_1904: Final = datetime(1904, 1, 1)  # noqa: DTZ001
_LAST_DAY: Final = 2_958_466


class Style(Enum):
    """What a number format makes of a number."""

    NUMBER = "number"
    DATE = "date"
    ELAPSED = "elapsed"


@dataclass(frozen=True, slots=True)
class Digits:
    """A number format that writes digits one by one, as of postal codes and telephone numbers."""

    marks: tuple[str, ...]
    """In their order: `0` and `#` for a digit, everything else for itself in front of a `'`."""

    def text(self, number: int) -> str:
        """`1067` by `00000` is `01067`."""
        places = [mark for mark in self.marks if mark in _PLACES]
        least = len(places) - places.index("0") if "0" in places else 0
        left = list(str(number).rjust(least, "0"))
        found: list[str] = []
        for mark in reversed(self.marks):
            if mark not in _PLACES:
                found.append(mark[1:])
            elif left:
                found.append(left.pop())
        first = next(n for n, mark in enumerate(self.marks) if mark in _PLACES)
        found[len(found) - first : len(found) - first] = reversed(left)
        return "".join(reversed(found))


def format_style(format_id: int, code: str | None) -> Style | Digits:
    """The style of a number format, by its own code or by its built-in number."""
    if code is None:
        if format_id in _ELAPSED_FORMATS:
            return Style.ELAPSED
        return Style.DATE if format_id in _DATE_FORMATS else Style.NUMBER
    if (digits := _digits(code)) is not None:
        return digits
    bare = _NOT_FORMAT.sub("", code.partition(";")[0])
    if _ELAPSED.search(bare):
        return Style.ELAPSED
    if bare.strip().lower() == "general" or not _DATE_LETTER.search(bare):
        return Style.NUMBER
    return Style.DATE


def _digits(code: str) -> Digits | None:
    """The format, if it shows more digits than the number has, or digits of its own."""
    section = _LOCALE.sub("", code.partition(";")[0])
    if not _DIGITS.fullmatch(section):
        return None
    marks: list[str] = []
    for quoted, escaped, plain in _MARKS.findall(section):
        marks += [f"'{c}" for c in quoted or escaped] or [
            plain if plain in _PLACES else f"'{plain}"
        ]
    places = "".join(mark for mark in marks if mark in _PLACES)
    if not places:
        return None
    begins = marks[: next(n for n, mark in enumerate(marks) if mark in _PLACES)]
    says_more = len(places.lstrip("#")) > 1 or any(mark[1:].isdigit() for mark in begins)
    return Digits(tuple(marks)) if says_more else None


def unescape(text: str) -> str:
    """The text with its `_x000D_` escapes resolved (ECMA-376 part 1, 22.9.2.19)."""
    if "_x" not in text:
        return text
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)


def number_text(stored: str, style: Style | Digits, *, from_1904: bool) -> str:
    """A number as text: `123`, `0.3`, or an ISO date, time or duration."""
    try:
        number = float(stored)
    except ValueError:
        return stored
    if isinstance(style, Digits):
        if number.is_integer() and 0 <= number < _MOST_EXACT:
            return style.text(int(number))
    elif style is not Style.NUMBER and 0 <= number < _LAST_DAY:
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
