"""Calendar files of others as spans of busy time. Needs no database.

Read as RFC 5545 says, with bounds on all work: what repeats is expanded within a horizon only, and
rules that repeat within a day are refused, since these may have no end and no instance either.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo

from icalendar import Calendar, Component

from crm_api.kit.errors import CrmError, Invalid, TooLarge
from crm_api.kit.recurring import days

MOST_BYTES = 2_000_000
MOST_EVENTS = 5_000
MOST_SPANS = 10_000
MOST_DAYS = 500_000
"""Days that are looked at, of all rules together."""
_RULES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_PARTS = frozenset(
    {
        *("FREQ", "INTERVAL", "COUNT", "WKST", "BYMONTH", "BYMONTHDAY", "BYYEARDAY"),
        *("BYWEEKNO", "BYDAY", "BYSETPOS"),
    }
)
_UNITS = {"DAILY": 1, "WEEKLY": 7}
_FREE = frozenset({"FREE"})
_DAY = timedelta(days=1)
Span = tuple[datetime, datetime]


class Read(NamedTuple):
    """What a file says within a horizon: spans in order, which neither overlap nor touch."""

    spans: list[Span]
    events: int


class _Reader:
    def __init__(self, zone: ZoneInfo, start: datetime, end: datetime) -> None:
        self.zone, self.start, self.end = zone, start, end
        self.days = 0

    def events(self, found: Sequence[Component]) -> Iterator[Span]:
        """The spans of all events: overrides of single instances stand in for these."""
        overridden: defaultdict[str, set[datetime]] = defaultdict(set)
        for event in found:
            # An instance that is cancelled or free by itself is overridden as well.
            if "RECURRENCE-ID" in event:
                moment = self._instant(_value(event, "RECURRENCE-ID"))
                overridden[str(event.get("UID", ""))].add(moment)
        for event in found:
            if "DTSTART" not in event:
                raise _unreadable("An event has no DTSTART.")
            if not _is_busy(event):
                continue
            if "RECURRENCE-ID" in event:
                yield self._single(event)
            else:
                yield from self._instances(event, overridden[str(event.get("UID", ""))])

    def _single(self, event: Component) -> Span:
        start = _value(event, "DTSTART")
        return self._instant(start), self._end(event, start)

    def _instances(self, event: Component, overridden: set[datetime]) -> Iterator[Span]:
        first = _value(event, "DTSTART")
        length = self._length(event, first)
        excluded = {self._instant(day) for day in _listed(event, "EXDATE")} | overridden
        for start in self._starts(event, first, length):
            instant = self._instant(start)
            if instant not in excluded:
                yield instant, self._after(start, length)

    def _starts(
        self, event: Component, first: date, length: timedelta
    ) -> Iterator[date | datetime]:
        yield first
        yield from (day for day in _listed(event, "RDATE") if day != first)
        for rule in _many(event, "RRULE"):
            for start in self._ruled(rule, first, length):
                if start != first:
                    yield start

    def _ruled(self, rule: Any, first: date, length: timedelta) -> Iterator[date | datetime]:
        zone = first.tzinfo if isinstance(first, datetime) else None
        parts, local = _parts(rule), _local(first)
        margin = length + 2 * _DAY
        latest = self.end.replace(tzinfo=None) + margin
        earliest = self.start.replace(tzinfo=None) - margin
        if (until := _until(rule, zone)) is not None:
            latest = min(latest, until)
        since = local.date() if "COUNT" in parts else _nearer(parts, local.date(), earliest.date())
        # Days are looked at in local time: it is when the clocks there show the same.
        self.days += max((latest.date() - since).days, 0)
        if self.days > MOST_DAYS:
            raise Invalid.at("", "too_many_instances", "Its events have repeated for too long.")
        found = days(parts, since, latest.date())
        for day in islice(found, int(parts["COUNT"]) if "COUNT" in parts else None):
            at = datetime.combine(day, local.time())
            if earliest <= at <= latest:
                yield at.replace(tzinfo=zone) if isinstance(first, datetime) else day

    def _length(self, event: Component, start: date) -> timedelta:
        """How long it lasts, as the clocks show it of what is in a zone."""
        if "DTEND" in event:
            end: Any = _value(event, "DTEND")
            if isinstance(end, datetime) != isinstance(start, datetime):
                raise _unreadable("An event begins with a time and ends with a day, or reversed.")
            if isinstance(start, datetime):
                # What lasts is what passes, whatever the clocks do meanwhile.
                return self._instant(end) - self._instant(start)
            return end - start
        if "DURATION" in event:
            length = _value(event, "DURATION")
            if not isinstance(length, timedelta):
                raise _unreadable("The duration of an event is none.")
            return length
        # Without either a day lasts a day, and a time no time at all (RFC 5545, 3.6.1).
        return timedelta() if isinstance(start, datetime) else _DAY

    def _end(self, event: Component, start: date) -> datetime:
        return self._after(start, self._length(event, start))

    def _after(self, start: date, length: timedelta) -> datetime:
        if isinstance(start, datetime):
            return self._instant(start) + length
        return self._instant(start + length)

    def _instant(self, at: date) -> datetime:
        """Days begin, and times without a zone are, where the resource is."""
        moment = at if isinstance(at, datetime) else datetime.combine(at, time())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.zone)
        return moment.astimezone(UTC)


def busy_in(content: bytes, zone: ZoneInfo, start: datetime, end: datetime) -> Read:
    """When somebody is busy by a calendar file between two instants.

    Cancelled and transparent events are left out. Raises `TooLarge`, and `Invalid` for what is no
    such file, or repeats too often.
    """
    if len(content) > MOST_BYTES:
        raise TooLarge(f"A calendar has {MOST_BYTES:,} bytes at most.")
    try:
        return _read(content, _Reader(zone, start, end))
    except CrmError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError) as error:
        # Files of others break in ways that their reader did not foresee.
        raise _unreadable(str(error)[:200]) from None


def merged(spans: Iterable[Span]) -> Iterator[Span]:
    """The same time in order, without overlaps."""
    pending: Span | None = None
    for start, end in sorted(spans):
        if pending is not None and start <= pending[1]:
            pending = pending[0], max(pending[1], end)
            continue
        if pending is not None:
            yield pending
        pending = start, end
    if pending is not None:
        yield pending


def _read(content: bytes, reader: _Reader) -> Read:
    calendars: list[Any] = Calendar.from_ical(content, multiple=True)
    if not calendars or any(one.name != "VCALENDAR" for one in calendars):
        raise _unreadable("It is no VCALENDAR.")
    events = [event for one in calendars for event in one.walk("VEVENT")]
    if len(events) > MOST_EVENTS:
        raise Invalid.at("", "too_many_events", f"A calendar has {MOST_EVENTS:,} events at most.")
    told = [span for one in calendars for span in _told(one)]
    found = [
        (max(opens, reader.start), min(closes, reader.end))
        for opens, closes in (*reader.events(events), *told)
        if opens < closes and closes > reader.start and opens < reader.end
    ]
    spans = list(merged(found))
    if len(spans) > MOST_SPANS:
        message = f"It has more than {MOST_SPANS:,} spans of busy time."
        raise Invalid.at("", "too_many_instances", message)
    return Read(spans, len(events))


def _told(calendar: Any) -> Iterator[Span]:
    """What a VFREEBUSY says."""
    for one in calendar.walk("VFREEBUSY"):
        for period in _many(one, "FREEBUSY"):
            if str(period.params.get("FBTYPE", "BUSY")).upper() not in _FREE:
                start, end = period.dt if hasattr(period, "dt") else (period.start, period.end)
                end = start + end if isinstance(end, timedelta) else end
                yield start.astimezone(UTC), end.astimezone(UTC)


def _is_busy(event: Component) -> bool:
    transparent = str(event.get("TRANSP", "OPAQUE")).upper() == "TRANSPARENT"
    return not transparent and str(event.get("STATUS", "")).upper() != "CANCELLED"


def _value(event: Component, name: str) -> Any:
    value: Any = event.get(name)
    if isinstance(value, list):
        raise _unreadable(f"An event has more than one {name}.")
    if not hasattr(value, "dt"):
        raise _unreadable(f"The {name} of an event is none.")
    return value.dt


def _listed(event: Component, name: str) -> Iterator[Any]:
    for one in _many(event, name):
        for moment in one.dts:
            # Of a period it is where it begins.
            at: Any = moment.dt
            yield cast("Any", at)[0] if isinstance(at, tuple) else at


def _many(event: Component, name: str) -> list[Any]:
    """The properties of a name, however many there are."""
    found: Any = event.get(name, [])
    return cast("list[Any]", found) if isinstance(found, list) else [found]


def _parts(rule: Mapping[str, Any]) -> dict[str, str]:
    """The parts of a rule as text, but for its end by time; raises `Invalid`."""
    parts = {
        name.upper(): ",".join(_part(one) for one in values)
        for name, values in rule.items()
        if name.upper() != "UNTIL"
    }
    if parts.get("FREQ") not in _RULES or parts.keys() - _PARTS:
        message = "Events repeat by days, weeks, months or years."
        raise Invalid.at("", "unsupported_rule", message)
    for name in ("INTERVAL", "COUNT"):
        if name in parts and not 1 <= int(parts[name]) <= MOST_DAYS:
            raise _unreadable(f"A rule has no such {name}.")
    return parts


def _part(value: Any) -> str:
    return str(value.to_ical().decode() if hasattr(value, "to_ical") else value).upper()


def _until(rule: Mapping[str, Any], zone: tzinfo | None) -> datetime | None:
    """When a rule ends, in the local time of what it is of."""
    found = next((values for name, values in rule.items() if name.upper() == "UNTIL"), None)
    if not found:
        return None
    value = found[0]
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(zone or UTC).replace(tzinfo=None)
    return value if isinstance(value, datetime) else datetime.combine(value, time.max)


def _nearer(parts: Mapping[str, str], first: date, earliest: date) -> date:
    """A day that periods are counted to as well, so that the distant past is passed over."""
    unit = _UNITS.get(parts["FREQ"])
    if unit is None or first >= earliest:
        return first
    step = unit * int(parts.get("INTERVAL", "1"))
    return first + timedelta(days=((earliest - first).days // step) * step)


def _local(at: date) -> datetime:
    moment = at if isinstance(at, datetime) else datetime.combine(at, time())
    return moment.replace(tzinfo=None)


def _unreadable(why: str) -> Invalid:
    return Invalid.at("", "unreadable_calendar", f"This calendar cannot be read: {why}")
