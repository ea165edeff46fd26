"""An agenda as an iCalendar document (RFC 5545). Needs no database and no clock.

What has a beginning or lasts a day for its own sake is a `VEVENT`; what is to be done by then is a
`VTODO`. Times are told in the user's zone, whose `VTIMEZONE` comes along, so that a calendar that
moves with its reader still shows when it was meant.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Alarm, Event, Todo

from crm_api.kit.ics import add, clean, new_calendar
from crm_api.kit.work import Item, Priority

PRODUCT = "-//crm-api//agenda//EN"
REFRESH = timedelta(minutes=15)
# RFC 5545, 3.8.1.9: 1 is the highest, 5 is usual, 9 the lowest.
_PRIORITIES: dict[Priority, int] = {"urgent": 1, "high": 3, "normal": 5, "low": 9}
_BEFORE, _AFTER = date(2000, 1, 1), date(2100, 1, 1)


def calendar_of(
    items: Iterable[tuple[str, Item]], zone: ZoneInfo, organization: str, now: datetime
) -> bytes:
    """The document; equal items make equal bytes, whenever they are asked for."""
    calendar = new_calendar(PRODUCT, "PUBLISH")
    add(calendar, "x-wr-calname", clean(organization))
    add(calendar, "refresh-interval", REFRESH, VALUE="DURATION")
    add(calendar, "x-published-ttl", REFRESH)
    days: list[date] = []
    for name, item in items:
        calendar.add_component(_component(name, item, zone, now))
        days += [moment.date() for moment in (item.starts_at, item.ends_at, item.due_at) if moment]
    if days and zone.key != "UTC":
        first, last = min(days) - timedelta(days=400), max(days) + timedelta(days=400)
        calendar.add_missing_timezones(max(first, _BEFORE), min(last, _AFTER))
    return calendar.to_ical(sorted=False)


def _component(name: str, item: Item, zone: ZoneInfo, now: datetime) -> Event | Todo:
    is_event = item.starts_at is not None
    found = Event() if is_event else Todo()
    add(found, "uid", f"{name}.{item.id}@crm-api")
    # Without a method for replies it is when the record was written last (RFC 5545, 3.8.7.2).
    stamp = (item.updated_at or now).astimezone(UTC).replace(microsecond=0)
    add(found, "dtstamp", stamp)
    add(found, "last-modified", stamp)
    add(found, "sequence", max(item.version - 1, 0))
    add(found, "summary", clean(item.title) or item.kind)
    add(found, "categories", [item.kind])
    if item.location:
        add(found, "location", clean(item.location))
    if item.priority != "normal":
        add(found, "priority", _PRIORITIES[item.priority])
    if is_event:
        _add_times(found, item, zone)
    else:
        _add_due(found, item, zone)
    if item.is_open and item.remind_at is not None:
        found.add_component(_alarm(item, item.remind_at))
    return found


def _alarm(item: Item, at: datetime) -> Alarm:
    """A reminder at an instant, which is told in UTC (RFC 5545, 3.8.6.3)."""
    alarm = Alarm()
    add(alarm, "action", "DISPLAY")
    add(alarm, "description", clean(item.title) or item.kind)
    add(alarm, "trigger", at.astimezone(UTC).replace(microsecond=0), VALUE="DATE-TIME")
    return alarm


def _add_times(found: Event | Todo, item: Item, zone: ZoneInfo) -> None:
    assert item.starts_at is not None
    begins = _moment(item.starts_at, zone)
    add(found, "dtstart", begins)
    # Without an end it is a moment, which a VEVENT with a time may be (RFC 5545, 3.6.1).
    if item.ends_at is not None and item.ends_at > item.starts_at:
        add(found, "dtend", _moment(item.ends_at, zone))
    add(found, "status", "CONFIRMED")


def _add_due(found: Event | Todo, item: Item, zone: ZoneInfo) -> None:
    if item.due_at is not None:
        add(found, "due", _moment(item.due_at, zone))
    elif item.day is not None:
        add(found, "due", item.day)
    add(found, "status", "NEEDS-ACTION" if item.is_open else "COMPLETED")


def _moment(at: datetime, zone: ZoneInfo) -> datetime:
    """In the user's zone; in UTC where a local time would mean the first of two (3.3.5)."""
    local = at.astimezone(zone).replace(microsecond=0)
    return local.astimezone(UTC) if local.fold else local
