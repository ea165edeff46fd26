"""Stretches of the calendar: in the database, and in Python for what lies between them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    TIMESTAMP,
    ColumnElement,
    Date,
    Integer,
    Text,
    cast,
    func,
    literal,
    literal_column,
    type_coerce,
)

from crm_api.domains.reports.schemas import Bucket

_MONTHS = {"month": 1, "quarter": 3, "year": 12, "fiscal_quarter": 3, "fiscal_year": 12}
_PARTS = ("year", "month")


@dataclass(frozen=True)
class Calendar:
    """By what an organization counts its days and years."""

    zone: str
    currency: str
    fiscal_month: int = 1
    """The month in which its fiscal year begins."""

    def day(self, instant: ColumnElement[datetime]) -> ColumnElement[date]:
        """The local day of an instant: right over daylight saving, which moves instants alone."""
        return cast(func.timezone(literal(self.zone, Text()), instant), Date)

    def start(self, day: ColumnElement[date], bucket: Bucket) -> ColumnElement[date]:
        """The first day of the bucket that a day is in."""
        if bucket == "day":
            return day
        # A time without a zone: a day alone would become one of the session's.
        moment: ColumnElement[Any] = cast(day, TIMESTAMP())
        shift = self._shift(bucket)
        unit: ColumnElement[Any] = literal_column(f"'{bucket.removeprefix('fiscal_')}'")
        if not shift:
            return cast(func.date_trunc(unit, moment), Date)
        # By whole months, of which all have a first day.
        months: ColumnElement[Any] = literal_column(f"interval '{shift} months'")
        moved = func.date_trunc(literal_column("'month'"), moment) - months
        return cast(func.date_trunc(unit, moved) + months, Date)

    def distance(
        self, since: ColumnElement[date], until: ColumnElement[date], bucket: Bucket
    ) -> ColumnElement[int]:
        """How many buckets lie between the firsts of two."""
        if bucket in {"day", "week"}:
            days = type_coerce(until - since, Integer)
            return days if bucket == "day" else days // literal_column("7", Integer())
        months = type_coerce(_months(until) - _months(since), Integer)
        return months // literal_column(str(_MONTHS[bucket]), Integer())

    def first(self, day: date, bucket: Bucket) -> date:
        """The same as `start`, of a day that is known."""
        if bucket == "day":
            return day
        if bucket == "week":
            return day - timedelta(days=day.weekday())
        size, shift = _MONTHS[bucket], self._shift(bucket)
        months = day.year * 12 + day.month - 1 - shift
        return _month(months - months % size + shift)

    def after(self, first: date, bucket: Bucket, count: int = 1) -> date:
        """The first day of the bucket so many later, or earlier."""
        if bucket in {"day", "week"}:
            return first + timedelta(days=count * (1 if bucket == "day" else 7))
        return _month(first.year * 12 + first.month - 1 + count * _MONTHS[bucket])

    def year_before(self, first: date, bucket: Bucket) -> date | None:
        """The bucket a year before: of weeks that 52 earlier."""
        if bucket == "week":
            return first - timedelta(weeks=52)
        try:
            return first.replace(year=first.year - 1)
        except ValueError:
            return None

    def between(self, first: date, last: date, bucket: Bucket) -> Iterator[date]:
        """The first days of all buckets from one to another."""
        while first <= last:
            yield first
            first = self.after(first, bucket)

    def midnight(self, day: date) -> str:
        """When a local day begins, as filters read it."""
        begins = datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC)
        return begins.isoformat().replace("+00:00", "Z")

    def _shift(self, bucket: Bucket) -> int:
        if bucket == "fiscal_quarter":
            return (self.fiscal_month - 1) % 3
        return self.fiscal_month - 1 if bucket == "fiscal_year" else 0


def _months(day: ColumnElement[date]) -> ColumnElement[int]:
    parts = [cast(func.date_part(literal_column(f"'{part}'"), day), Integer) for part in _PARTS]
    return parts[0] * 12 + parts[1]


def _month(months: int) -> date:
    return date(months // 12, months % 12 + 1, 1)
