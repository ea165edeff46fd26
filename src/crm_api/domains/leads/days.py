"""The day and the week by which leads are counted: those of the organization."""

from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from crm_api.kit.calendar import today_of
from crm_api.kit.db.tx import Tx


class Days(NamedTuple):
    """The day of an organization, and its week, which begins on Monday."""

    begins: datetime
    ends: datetime
    week_begins: datetime
    week_ends: datetime

    @classmethod
    def of(cls, tx: Tx) -> "Days":
        """Those that it is in a transaction."""
        zone, today = ZoneInfo(tx.catalogue.time_zone), today_of(tx)
        monday = monday_of(today)
        starts = (today, today + timedelta(days=1), monday, monday + timedelta(days=7))
        return cls(*(datetime.combine(day, time.min, tzinfo=zone) for day in starts))


def monday_of(day: date) -> date:
    """The first day of a week."""
    return day - timedelta(days=day.weekday())
