"""The rules of working calendars, and counting with them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.kit.calendar import Calendar, Hours
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.repository import E
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.platform.calendars.holidays import public_holidays
from crm_api.platform.calendars.models import CalendarException, WorkingCalendar
from crm_api.platform.calendars.repository import CalendarExceptions, WorkingCalendars
from crm_api.platform.calendars.schemas import (
    Addition,
    CalendarExceptionCreate,
    CalendarExceptionUpdate,
    HolidaysInput,
    Weekday,
    Window,
    WorkingCalendarCreate,
    WorkingCalendarUpdate,
)

_WEEK: tuple[str, ...] = get_args(Weekday)
# As far as `Calendar.add` looks.
_YEARS_AHEAD = timedelta(days=3670)
_MINUTE = timedelta(minutes=1)
_COUNTED = frozenset(
    {"time_zone", "week", "is_default", "deleted_at", "calendar_id", "day", "hours"}
)
_NINE_TO_FIVE = Hours(9 * 60, 17 * 60)
_ZONE = "SELECT time_zone FROM organizations WHERE id = $1"


class CountedBy(CrudService[E]):
    """What others count by: they are told when it changes."""

    followers: ClassVar[list[Callable[[Tx], Any]]] = []
    """Told in the transaction of the change."""

    def add(self, values: dict[str, Any]) -> Any:
        """Followers hear of it."""
        self._tell()
        return super().add(values)

    async def change(
        self,
        current: E,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """Followers hear of it, if it matters to who counts."""
        if any(getattr(current, name) != values[name] for name in _COUNTED & values.keys()):
            self._tell()
        return await super().change(current, values, verb=verb, told=told)

    def _tell(self) -> None:
        for follow in self.followers:
            follow(self.tx)


class WorkingCalendarService(NamedService[WorkingCalendar], CountedBy[WorkingCalendar]):
    """When work is done."""

    repository = WorkingCalendars
    area = "calendars"
    plural = "working_calendars"
    personal = Impersonal("When the organization works.")
    create_shape = WorkingCalendarCreate
    update_shape = WorkingCalendarUpdate
    records: WorkingCalendars

    async def prepare(
        self, values: dict[str, Any], current: WorkingCalendar | None
    ) -> dict[str, Any]:
        """A new default takes the place of the one before."""
        values = await super().prepare(values, current)
        if values.get("is_default") and not (current is not None and current.is_default):
            await self._step_down()
        return values

    async def _step_down(self) -> None:
        before = await self.records.default()
        if before is not None:
            await self.change(before, {"is_default": False})
            await self.tx.flush()  # the unique index must see one go before the other comes

    async def calendar(self, id: UUID, start: datetime, end: datetime) -> Calendar:
        """A calendar as it counts between two instants; raises `NotFound`."""
        self.tx.actor.require(f"{self.area}:read")
        found = await self.records.row(id)
        return await _counting(self.tx, id, found.time_zone, found.week, (start, end))

    async def working_time(self, id: UUID, window: Window) -> dict[str, Any]:
        """The working time in a window, and when it is."""
        calendar = await self.calendar(id, window.start, window.end)
        spans = list(calendar.spans(window.start, window.end))
        whole = sum((end - start for start, end in spans), timedelta())
        return {
            "minutes": whole // _MINUTE,
            "spans": [{"start": start, "end": end} for start, end in spans],
        }

    async def add_time(self, id: UUID, addition: Addition) -> dict[str, Any]:
        """The instant at which so much working time has passed."""
        calendar = await self.calendar(id, addition.start, addition.start + _YEARS_AHEAD)
        return {"at": calendar.add(addition.start, addition.minutes * _MINUTE)}

    async def add_holidays(self, id: UUID, data: HolidaysInput) -> dict[str, int]:
        """Close the public holidays of some years; days that are exceptions stay as they are."""
        self.tx.actor.require(f"{self.area}:write")
        await self.records.get(id, lock=True)
        years = range(data.first_year, data.last_year + 1)
        wanted = public_holidays(data.country, data.subdivision, years)
        exceptions = CalendarExceptionService(self.tx)
        known = await exceptions.records.by_day(
            id, date(data.first_year, 1, 1), date(data.last_year, 12, 31)
        )
        new = {day: name for day, name in sorted(wanted.items()) if day not in known}
        for day, name in new.items():
            exceptions.close(id, day, name)
        return {"added": len(new), "kept": len(wanted) - len(new)}


class CalendarExceptionService(CountedBy[CalendarException]):
    """Days whose hours are not those of their weekday."""

    repository = CalendarExceptions
    area = "calendars"
    plural = "calendar_exceptions"
    personal = Impersonal("When the organization works.")
    create_shape = CalendarExceptionCreate
    update_shape = CalendarExceptionUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {"origin": "manual"}
    records: CalendarExceptions

    def close(self, calendar_id: UUID, day: date, name: str) -> None:
        """Store a public holiday."""
        self.add(
            {
                "calendar_id": calendar_id,
                "day": day,
                "hours": [],
                "name": name[:200],
                "origin": "holidays",
                "owner_id": None,
                "custom": {},
                "external_ids": {},
            }
        )


async def open_at(tx: Tx, moments: Sequence[tuple[datetime, str | None]]) -> list[bool]:
    """Whether the default calendar is open at each moment, by the clock of the zone beside it.

    Always, where there is no such calendar.
    """
    times = [at for at, _ in moments]
    found = await _default(tx, min(times), max(times)) if times else None
    if found is None:
        return [True] * len(moments)
    zones = {zone for _, zone in moments if zone is not None}
    calendars = {zone: replace(found, zone=ZoneInfo(zone)) for zone in zones}
    return [(found if zone is None else calendars[zone]).is_open(at) for at, zone in moments]


async def time_after(tx: Tx, start: datetime, duration: timedelta) -> datetime:
    """When so much time of the default calendar has passed; of all time, where there is none.

    Raises `Conflict` where ten years are not enough.
    """
    found = await _default(tx, start, start + _YEARS_AHEAD)
    return start + duration if found is None else found.add(start, duration)


async def calendars_at(
    tx: Tx, ids: Iterable[UUID | None], at: datetime
) -> dict[UUID | None, Calendar]:
    """Some calendars as they count ten years around an instant, whoever asks.

    None stands for the default one: without one it is weekdays from nine to five in the time zone
    of the organization.
    """
    wanted = set(ids)
    records = WorkingCalendars(tx)
    stored = {row["id"]: row for row in await records.whatever(wanted - {None})}
    found: dict[UUID | None, Calendar] = {}
    if None in wanted:
        row = await records.find_default()
        if row is None:
            week = ((_NINE_TO_FIVE,),) * 5 + ((), ())
            # Not the actor's: work in the background is done by one who has none.
            (own,) = await tx.fetch(_ZONE, tx.organization_id)
            found[None] = Calendar(ZoneInfo(own["time_zone"]), week)
        else:
            stored[None] = row
    span = (at - _YEARS_AHEAD, at + _YEARS_AHEAD)
    for id, row in stored.items():
        found[id] = await _counting(tx, row["id"], row["time_zone"], row["week"], span)
    return found


async def _default(tx: Tx, start: datetime, end: datetime) -> Calendar | None:
    """The default calendar as it counts between two instants, whoever asks."""
    found = await WorkingCalendars(tx).find_default()
    if found is None:
        return None
    return await _counting(tx, found["id"], found["time_zone"], found["week"], (start, end))


async def _counting(
    tx: Tx, id: UUID, zone: str, week: Any, between: tuple[datetime, datetime]
) -> Calendar:
    margin, hours = timedelta(days=2), decode(week)
    exceptions = await CalendarExceptions(tx).by_day(
        id, (between[0] - margin).date(), (between[1] + margin).date()
    )
    return Calendar(
        zone=ZoneInfo(zone),
        week=tuple(_hours(hours[day]) for day in _WEEK),
        exceptions={day: _hours(stored) for day, stored in exceptions.items()},
    )


def _hours(stored: Iterable[Mapping[str, str]]) -> Sequence[Hours]:
    return [Hours(*_minutes(one["start"], one["end"])) for one in stored]


def _minutes(start: str, end: str) -> tuple[int, int]:
    first, last = (int(text[:2]) * 60 + int(text[3:]) for text in (start, end))
    return first, last if last > first else last + 24 * 60
