"""Published rates as they stand in files: reference rates of the ECB, or a plain table.

Strict: a file with one mistake is refused as a whole, by the lines of its mistakes, since a rate
that was read wrongly is found out months later.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple
from xml.parsers import expat

from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.values.codes import currency
from crm_api.kit.values.errors import BadValue

COLUMNS = ("day", "base", "quote", "rate")
LARGEST = 64 * 1024 * 1024
"""All that the ECB has published since 1999 are 9 MB."""
_ECB, _FILE, _EURO = "ECB", "file", "EUR"
_NAMESPACE = "http://www.ecb.int/vocabulary/2002-08-01/eurofxref"
_CUBE = f"{_NAMESPACE} Cube"
_RATE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_SHOWN = 20


class Published(NamedTuple):
    """One unit of `base` costs `rate` units of `quote`, as somebody has published it."""

    base: str
    quote: str
    day: date
    rate: Decimal


class RatesFile(NamedTuple):
    """What a file says, and whose word that is."""

    source: str
    rates: Sequence[Published]


class UnreadableRates(Invalid):
    """A file of rates has mistakes; each names its line."""


def read_rates(content: bytes, today: date) -> RatesFile:
    """The rates of a file; raises `UnreadableRates`. Its days end a day after `today`.

    In UTF-8: XML is a table of the ECB (`eurofxref-daily.xml`, `eurofxref-hist.xml`); all else is
    CSV whose first line is `day,base,quote,rate`.
    """
    if len(content) > LARGEST:
        raise _unreadable([(1, f"It has more than {LARGEST:,} bytes.")])
    reading = _Reading(today + timedelta(days=1))
    is_xml = content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    (_read_xml if is_xml else _read_csv)(content, reading)
    if not reading.rates and not reading.mistakes:
        reading.mistakes.append((1, "There are no rates in it."))
    if reading.mistakes:
        raise _unreadable(reading.mistakes)
    return RatesFile(_ECB if is_xml else _FILE, reading.rates)


class _Reading:
    """What was read so far, and what is wrong with it."""

    def __init__(self, latest: date) -> None:
        self.latest = latest
        self.rates: list[Published] = []
        self.mistakes: list[tuple[int, str]] = []
        self._lines: dict[tuple[str, str, date], int] = {}

    def add(self, line: int, day: str, base: str, quote: str, rate: str) -> None:
        """Take up a rate, or note what is wrong with it."""
        try:
            found = Published(_code(base), _code(quote), self._day(day), _rate(rate))
        except ValueError as error:
            self.mistakes.append((line, str(error)))
            return
        if found.base == found.quote:
            self.mistakes.append((line, "A rate is between two currencies."))
            return
        first = self._lines.setdefault(found[:3], line)
        if first != line:
            self.mistakes.append((line, f"The same pair and day as in line {first}."))
        else:
            self.rates.append(found)

    def _day(self, text: str) -> date:
        # The form alone: `date` reads others, such as weeks, as well.
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise ValueError(f"Not a day such as 2026-03-31: {text[:40]!r}.")
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise ValueError(f"There is no such day: {text}.") from None
        if day > self.latest:
            raise ValueError(f"The day is still to come: {text}.")
        return day


def _code(text: str) -> str:
    try:
        code = currency(text)
    except BadValue as error:
        raise ValueError(str(error)) from None
    if code != text:
        raise ValueError(f"Not an ISO 4217 code: {text[:40]!r}.")
    return code


def _rate(text: str) -> Decimal:
    if not _RATE.fullmatch(text) or not Decimal(text):
        raise ValueError(f"Not a rate such as 1.0842: {text[:40]!r}.")
    return Decimal(text)


def _read_csv(content: bytes, reading: _Reading) -> None:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        reading.mistakes.append((line, "It is not UTF-8."))
        return
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in rows:
            line = rows.line_num
            if line == 1:
                if tuple(row) != COLUMNS:
                    reading.mistakes.append((1, f"The first line is not {','.join(COLUMNS)}."))
                    return
            elif len(row) != len(COLUMNS):
                reading.mistakes.append((line, f"{len(row)} values instead of {len(COLUMNS)}."))
            else:
                reading.add(line, *row)
    except csv.Error as error:
        reading.mistakes.append((rows.line_num, f"It is no CSV: {error}."))


def _read_xml(content: bytes, reading: _Reading) -> None:
    """By the parser below the others: it knows the lines, and takes no entities from here."""
    # Whatever it says of itself: of other encodings the parser would raise errors of its own.
    parser = expat.ParserCreate("UTF-8", " ")
    days: list[str | None] = []

    def begin(name: str, values: dict[str, str]) -> None:
        if name != _CUBE:
            return
        line = parser.CurrentLineNumber
        if values.keys() == {"currency", "rate"} and days and days[-1] is not None:
            reading.add(line, days[-1], _EURO, values["currency"], values["rate"])
        elif values and values.keys() != {"time"}:
            reading.mistakes.append((line, "A Cube has a time, or a currency and a rate."))
        days.append(values.get("time", days[-1] if days else None))

    def end(name: str) -> None:
        if name == _CUBE:
            days.pop()

    def refuse(*_: object) -> None:
        raise _unreadable([(parser.CurrentLineNumber, "A table of rates has no DOCTYPE.")])

    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        reading.mistakes.append((error.lineno, f"It is no XML: {expat.ErrorString(error.code)}."))


def _unreadable(mistakes: Iterable[tuple[int, str]]) -> UnreadableRates:
    found = sorted(mistakes)
    lines = [f"line {line}: {message}" for line, message in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"and {len(found) - _SHOWN} more")
    faults = [Fault("unreadable_rate", message, f"/{line}") for line, message in found[:_SHOWN]]
    return UnreadableRates("; ".join(lines), code="unreadable_rates", faults=faults)
