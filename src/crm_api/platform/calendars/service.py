"""The rules of working calendars, and counting with them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.kit.calendar import Calendar, Hours
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.json import decode
from crm_api.kit.schema import Create
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


class WorkingCalendarService(NamedService[WorkingCalendar]):
    """When work is done."""

    repository = WorkingCalendars
    area = "calendars"
    plural = "working_calendars"
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
        week: dict[str, Any] = decode(found.week)
        margin = timedelta(days=2)
        exceptions = await CalendarExceptions(self.tx).by_day(
            id, (start - margin).date(), (end + margin).date()
        )
        return Calendar(
            zone=ZoneInfo(found.time_zone),
            week=tuple(_hours(week[day]) for day in _WEEK),
            exceptions={day: _hours(hours) for day, hours in exceptions.items()},
        )

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


class CalendarExceptionService(CrudService[CalendarException]):
    """Days whose hours are not those of their weekday."""

    repository = CalendarExceptions
    area = "calendars"
    plural = "calendar_exceptions"
    create_shape = CalendarExceptionCreate
    update_shape = CalendarExceptionUpdate
    records: CalendarExceptions

    async def create(self, data: Create) -> Any:
        """A day that differs."""
        self.tx.actor.require(f"{self.area}:write")
        return self.add({**await self.prepare(data.model_dump(), None), "origin": "manual"})

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


def _hours(stored: Iterable[Mapping[str, str]]) -> Sequence[Hours]:
    return [Hours(*_minutes(one["start"], one["end"])) for one in stored]


def _minutes(start: str, end: str) -> tuple[int, int]:
    first, last = (int(text[:2]) * 60 + int(text[3:]) for text in (start, end))
    return first, last if last > first else last + 24 * 60
