"""Dates and times of the filter language, absolute and relative."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from crm_api.kit.errors import Invalid
from crm_api.kit.schema import EARLIEST, LATEST

_RELATIVE = re.compile(r"@(?P<base>now|today)(?:(?P<sign>[+-])(?P<count>\d{1,6})(?P<unit>[dhm]))?")
_STARTS = re.compile(r"@start_of_(?P<period>day|week|month|quarter|year)")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def instant_of(text: str, now: datetime, zone: str) -> datetime:
    """A time with its zone, or `@now-7d`, `@today`, `@start_of_month` in the given zone.

    Raises ValueError.
    """
    if not text.startswith("@"):
        return _bounded(_parsed(text, zone))
    local = now.astimezone(ZoneInfo(zone))
    starts = _STARTS.fullmatch(text)
    if starts is not None:
        return _bounded(_midnight(_start(local.date(), starts["period"]), zone))
    relative = _RELATIVE.fullmatch(text)
    if relative is None:
        raise ValueError("Say @now or @today, with -7d, +3h or -5m if need be, or @start_of_month.")
    shift = timedelta()
    if relative["count"]:
        shift = timedelta(**{_UNITS[relative["unit"]]: int(relative["sign"] + relative["count"])})
    if relative["base"] == "now":
        return _bounded(now + shift)
    if relative["unit"] in {"h", "m"}:
        return _bounded(_midnight(local.date(), zone) + shift)
    return _bounded(_midnight(local.date() + shift, zone))


def moment_of(parameter: str, text: str | None, now: datetime, zone: str) -> datetime | None:
    """A time that a parameter names, if it does; raises `Invalid`."""
    if text is None:
        return None
    try:
        return instant_of(text, now, zone)
    except (ValueError, ArithmeticError) as error:
        raise Invalid.parameter(parameter, "invalid_value", str(error)) from None


def need_days(**days: date | None) -> None:
    """Raise `Invalid` where a day that a parameter names is far from any."""
    for name, day in days.items():
        if day is not None and not EARLIEST.date() <= day < LATEST.date():
            message = "A date lies between the years 1900 and 2200."
            raise Invalid.parameter(name, "out_of_range", message)


def day_of(text: str, now: datetime, zone: str) -> date:
    """A date, or the date of a relative moment in the given zone; raises ValueError."""
    if text.startswith("@"):
        return instant_of(text, now, zone).astimezone(ZoneInfo(zone)).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("Not a date, such as 2026-03-31.") from None


def _parsed(text: str, zone: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise ValueError("Not a time, such as 2026-03-31T12:00:00Z.") from None
    if len(text) == len("2026-03-31"):
        return _midnight(found.date(), zone)
    if found.tzinfo is None:
        raise ValueError("A time needs a zone, such as Z or +02:00.")
    return found


def _bounded(moment: datetime) -> datetime:
    if not EARLIEST <= moment < LATEST:
        raise ValueError("A time lies between the years 1900 and 2200.")
    return moment.astimezone(UTC)


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def _start(day: date, period: str) -> date:
    if period == "week":
        return day - timedelta(days=day.weekday())
    if period == "month":
        return day.replace(day=1)
    if period == "quarter":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    if period == "year":
        return day.replace(month=1, day=1)
    return day
