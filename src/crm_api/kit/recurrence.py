"""Recurrence rules of RFC 5545, read strictly and expanded one occurrence at a time.

Occurrences are wall times without a zone: a weekly task at nine stays at nine when clocks change.
A time that clocks skip is that of the offset before (RFC 5545, 3.3.5), one that comes twice the
first.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from crm_api.kit.recurring import days

LONGEST = 300
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_REFUSED = ("SECONDLY", "MINUTELY", "HOURLY")
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_DAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_NUMBER = re.compile(r"[+-]?[0-9]{1,3}")
_UNTIL = re.compile(r"[0-9]{8}(T[0-9]{6}Z)?")
MOST_COUNT, MOST_INTERVAL, MOST_LISTED = 730, 999, 62
# By years: what does not recur within these never does, and the search for it ends.
HORIZON = timedelta(days=20 * 366)
_BOUNDS: Mapping[str, int] = {
    "BYMONTH": 12,
    "BYMONTHDAY": 31,
    "BYYEARDAY": 366,
    "BYWEEKNO": 53,
    "BYSETPOS": 366,
}
_ORDER = ("FREQ", "INTERVAL", "COUNT", "UNTIL", *_BOUNDS, "BYDAY", "WKST")


class BadRule(ValueError):
    """A rule that is none, or that nobody wants; says why."""


@dataclass(frozen=True)
class Rule:
    """A recurrence rule by its parts, all of them in capitals."""

    parts: Mapping[str, str]

    @property
    def text(self) -> str:
        """As it is stored: equal rules are equal texts."""
        return ";".join(f"{name}={self.parts[name]}" for name in _ORDER if name in self.parts)

    @property
    def count(self) -> int | None:
        """How many occurrences there are from the first one on, where it ends so."""
        return int(self.parts["COUNT"]) if "COUNT" in self.parts else None

    def following(self, current: datetime, earliest: datetime, zone: ZoneInfo) -> "Next | None":
        """The first occurrence after `current` that is no earlier than another wall time.

        None where the rule ends. What lies between is passed over, and counted.
        """
        passed = 0
        for found in self._from(current, zone, HORIZON):
            if found <= current:
                continue
            passed += 1
            if self.count is not None and passed >= self.count:
                return None
            if found >= earliest:
                return Next(found, self._less(passed))
        return None

    @property
    def ends(self) -> bool:
        """Whether it says how often, or until when."""
        return "COUNT" in self.parts or "UNTIL" in self.parts

    def occurrences(
        self, start: datetime, zone: ZoneInfo, horizon: timedelta = HORIZON
    ) -> Iterator[datetime]:
        """The wall times from `start` on, by `COUNT`, `UNTIL` and a horizon, one at a time.

        `start` is one of them only where the rule says so.
        """
        return islice(self._from(start, zone, horizon), self.count)

    def outlasts(self, start: datetime, zone: ZoneInfo, horizon: timedelta = HORIZON) -> bool:
        """Whether `UNTIL` is beyond a horizon."""
        until = self._until(zone)
        return until is not None and until - start > horizon

    def up_to(self, last: datetime, zone: ZoneInfo) -> "Rule":
        """The same, but ending with an occurrence."""
        # The moment of an occurrence that clocks skip reads later than it is called, and nothing
        # recurs between.
        return self._with(UNTIL=f"{instant(last, zone):%Y%m%dT%H%M%SZ}")

    def times(self, count: int) -> "Rule":
        """The same, but so often."""
        return self._with(COUNT=str(count))

    def _with(self, **end: str) -> "Rule":
        bare = {n: v for n, v in self.parts.items() if n not in {"COUNT", "UNTIL"}}
        return replace(self, parts=bare | end)

    def _from(self, start: datetime, zone: ZoneInfo, horizon: timedelta) -> Iterator[datetime]:
        """Wall times without `COUNT`; the search ends at the horizon, found or not.

        What is asked for never makes it longer: of libraries, some look on until the year 9999.
        """
        limit = start + min(horizon, datetime.combine(date.max, time.max) - start)
        if (until := self._until(zone)) is not None:
            limit = min(limit, until)
        for day in days(self.parts, start.date(), limit.date()):
            at = datetime.combine(day, start.time())
            if start <= at <= limit:
                yield at

    def _less(self, passed: int) -> "Rule":
        return self if self.count is None else self.times(self.count - passed)

    def _until(self, zone: ZoneInfo) -> datetime | None:
        text = self.parts.get("UNTIL")
        if text is None:
            return None
        if len(text) == 8:
            return datetime.combine(_day(text), time(23, 59, 59))
        moment = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        try:
            return moment.astimezone(zone).replace(tzinfo=None)
        except OverflowError:
            # On the first and the last day of all, which nothing is near.
            return moment.replace(tzinfo=None)


@dataclass(frozen=True)
class Next:
    """The wall time of an occurrence, and the rule from there on."""

    at: datetime
    rule: Rule


def read(text: str, *, timed: bool) -> Rule:
    """A rule as it was typed; `timed` where what recurs has a time of day. Raises `BadRule`."""
    parts: dict[str, str] = {}
    for part in text.strip().upper().removeprefix("RRULE:").split(";"):
        name, is_pair, value = part.partition("=")
        if not is_pair or not value:
            raise BadRule(f"{part[:40]!r} is not NAME=VALUE.")
        if name in parts:
            raise BadRule(f"{name} stands twice.")
        if name not in _ORDER:
            raise BadRule(f"{name[:40]} is not understood; there are {', '.join(_ORDER)}.")
        parts[name] = value
    _check_frequency(parts)
    _check_end(parts, timed=timed)
    for name, most in _BOUNDS.items():
        if name in parts:
            _check_numbers(name, parts[name], most)
    _check_days(parts)
    _check_fitting(parts)
    return Rule(parts)


def _check_frequency(parts: Mapping[str, str]) -> None:
    frequency = parts.get("FREQ", "")
    if frequency in _REFUSED:
        raise BadRule(f"{frequency} is too often; there are {', '.join(FREQUENCIES)}.")
    if frequency not in FREQUENCIES:
        raise BadRule(f"FREQ is one of {', '.join(FREQUENCIES)}.")
    _check_count("INTERVAL", parts, MOST_INTERVAL)
    if parts.get("WKST", "MO") not in _DAYS:
        raise BadRule("WKST is a day of the week.")


def _check_count(name: str, parts: Mapping[str, str], most: int) -> None:
    value = parts.get(name, "1")
    if not (value.isascii() and value.isdigit()) or not 1 <= int(value) <= most:
        raise BadRule(f"{name} is from 1 to {most}.")


def _check_end(parts: Mapping[str, str], *, timed: bool) -> None:
    _check_count("COUNT", parts, MOST_COUNT)
    until = parts.get("UNTIL")
    if until is None:
        return
    if "COUNT" in parts:
        raise BadRule("It ends by COUNT or by UNTIL, not by both.")
    if not _UNTIL.fullmatch(until) or timed != until.endswith("Z"):
        shape = "20270331T220000Z, in UTC, as times are" if timed else "20270331, as days are"
        raise BadRule(f"UNTIL is written {shape}.")
    try:
        _day(until[:8])
        if timed:
            datetime.strptime(until, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise BadRule("UNTIL is no day that there is.") from None


def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def _listed(name: str, value: str) -> Sequence[str]:
    items = value.split(",")
    if len(items) > MOST_LISTED or len(set(items)) < len(items):
        raise BadRule(f"{name} lists at most {MOST_LISTED}, each once.")
    return items


def _check_numbers(name: str, value: str, most: int) -> None:
    least = 1 if name == "BYMONTH" else -most
    for item in _listed(name, value):
        if not _NUMBER.fullmatch(item) or int(item) == 0 or not least <= int(item) <= most:
            raise BadRule(f"{name} lists whole numbers from {least} to {most} but for 0.")


def _check_days(parts: Mapping[str, str]) -> None:
    if "BYDAY" not in parts:
        return
    for item in _listed("BYDAY", parts["BYDAY"]):
        found = _DAY.fullmatch(item)
        if found is None:
            raise BadRule("BYDAY lists days such as MO or, of a month or year, -1FR.")
        place = found[1]
        if place is None:
            continue
        most = 5 if parts["FREQ"] == "MONTHLY" else 53
        if parts["FREQ"] not in {"MONTHLY", "YEARLY"} or "BYWEEKNO" in parts:
            raise BadRule("Days are numbered in months and years only.")
        if int(place) == 0 or abs(int(place)) > most:
            raise BadRule(f"Days are numbered up to {most}.")


_ONLY: Mapping[str, frozenset[str]] = {
    "BYWEEKNO": frozenset({"YEARLY"}),
    "BYYEARDAY": frozenset({"YEARLY"}),
    "BYMONTHDAY": frozenset({"DAILY", "MONTHLY", "YEARLY"}),
}


def _check_fitting(parts: Mapping[str, str]) -> None:
    for name, frequencies in _ONLY.items():
        if name in parts and parts["FREQ"] not in frequencies:
            raise BadRule(f"{name} does not go with FREQ={parts['FREQ']}.")
    others = {"BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYDAY"}
    if "BYSETPOS" in parts and not others & parts.keys():
        raise BadRule("BYSETPOS chooses among what another BY part lists.")


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment of a wall time."""
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
