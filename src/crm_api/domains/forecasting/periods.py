"""Months and quarters of an organization's fiscal year."""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from crm_api.domains.forecasting.models import PeriodKind

_MONTHS: dict[PeriodKind, int] = {"month": 1, "quarter": 3}
_MONTH = re.compile(r"^(\d{4})-(0[1-9]|1[0-2])$")
_QUARTER = re.compile(r"^(\d{4})-Q([1-4])$")
_FIRST_YEAR, _LAST_YEAR = 1900, 2199


@dataclass(frozen=True, slots=True)
class Period:
    """A month or a quarter: `2026-11`, or `2026-Q4` of the fiscal year that begins in 2026."""

    kind: PeriodKind
    key: str
    starts_on: date
    ends_on: date
    """The last day."""

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.ends_on - self.starts_on).days + 1


def period_of(day: date, kind: PeriodKind, fiscal_month: int = 1) -> Period:
    """The period that a day is in."""
    if kind == "month":
        return _made("month", day.year, day.month, f"{day.year:04}-{day.month:02}")
    year = day.year if day.month >= fiscal_month else day.year - 1
    quarter = (day.month - fiscal_month) % 12 // 3
    return _quarter(year, quarter + 1, fiscal_month)


def period_named(key: str, fiscal_month: int = 1) -> Period | None:
    """The period of a name; None where it is no name of one."""
    if found := _MONTH.match(key):
        year, month = int(found[1]), int(found[2])
        return _made("month", year, month, key) if _FIRST_YEAR <= year <= _LAST_YEAR else None
    if found := _QUARTER.match(key):
        year = int(found[1])
        in_reach = _FIRST_YEAR <= year <= _LAST_YEAR
        return _quarter(year, int(found[2]), fiscal_month) if in_reach else None
    return None


def periods_between(
    first: date, last: date, kind: PeriodKind, fiscal_month: int = 1
) -> list[Period]:
    """Those that lie wholly between two days, both included."""
    found: list[Period] = []
    period = period_of(first, kind, fiscal_month)
    while period.ends_on <= last:
        if period.starts_on >= first:
            found.append(period)
        period = period_of(period.ends_on + timedelta(days=1), kind, fiscal_month)
    return found


def _quarter(year: int, quarter: int, fiscal_month: int) -> Period:
    months = fiscal_month - 1 + 3 * (quarter - 1)
    return _made("quarter", year + months // 12, months % 12 + 1, f"{year:04}-Q{quarter}")


def _made(kind: PeriodKind, year: int, month: int, key: str) -> Period:
    months = year * 12 + month - 1 + _MONTHS[kind]
    end = date(months // 12, months % 12 + 1, 1) - timedelta(days=1)
    return Period(kind, key, date(year, month, 1), end)
