"""How working calendars are found."""

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.json import decode
from crm_api.kit.query.listing import Listing, Relation
from crm_api.platform.calendars.models import CalendarException, WorkingCalendar
from crm_api.platform.calendars.schemas import CalendarExceptionOut, WorkingCalendarOut

CALENDARS: Listing = Listing(
    model=WorkingCalendar,
    out=WorkingCalendarOut,
    area="calendars",
    sorts={"name": WorkingCalendar.sort_name},
    relations=(
        Relation(
            "exceptions",
            lambda: EXCEPTIONS,
            WorkingCalendar.id,
            CalendarException.calendar_id,
            many=True,
        ),
    ),
)
EXCEPTIONS: Listing = Listing(
    model=CalendarException,
    out=CalendarExceptionOut,
    area="calendars",
    relations=(
        Relation("calendar", lambda: CALENDARS, CalendarException.calendar_id, WorkingCalendar.id),
    ),
)


class WorkingCalendars(Repository[WorkingCalendar]):
    """The calendars of an organization."""

    model = WorkingCalendar
    listing = CALENDARS

    async def default(self) -> WorkingCalendar | None:
        """The default calendar, locked."""
        query = self.select().where(
            WorkingCalendar.is_default, WorkingCalendar.deleted_at.is_(None)
        )
        return (await self.tx.run(query.with_for_update(key_share=True))).scalar_one_or_none()

    async def find_default(self) -> Any:
        """The default calendar as it stands, or None."""
        rows = await self.tx.fetch(
            "SELECT id, time_zone, week FROM working_calendars WHERE organization_id = $1 "
            "AND is_default AND deleted_at IS NULL",
            self.tx.organization_id,
        )
        return rows[0] if rows else None

    async def whatever(self, ids: Iterable[UUID | None]) -> list[Any]:
        """Some calendars as they stand, those in the bin too, whoever asks."""
        return await self.tx.fetch(
            "SELECT id, time_zone, week FROM working_calendars WHERE organization_id = $1 "
            "AND id = ANY($2)",
            self.tx.organization_id,
            list(ids),
        )


class CalendarExceptions(Repository[CalendarException]):
    """The days that differ."""

    model = CalendarException
    listing = EXCEPTIONS

    async def by_day(self, calendar_id: UUID, first: date, last: date) -> dict[date, Any]:
        """The hours of the days that differ between two days, both included."""
        rows = await self.tx.fetch(
            "SELECT day, hours FROM calendar_exceptions WHERE organization_id = $1 "
            "AND calendar_id = $2 AND day BETWEEN $3 AND $4 AND deleted_at IS NULL",
            self.tx.organization_id,
            calendar_id,
            first,
            last,
        )
        return {row["day"]: decode(row["hours"]) for row in rows}
