"""The pages of bookings, with forms that need no scripts: a week of slots, and what can be done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from fastapi import Request

from crm_api.domains.booking_links.doors import BookingDoor, PageDoor
from crm_api.domains.booking_links.schemas import (
    GuestBooking,
    GuestCancellation,
    GuestReschedule,
    SlotWindow,
)
from crm_api.kit.documents.languages import Language, language
from crm_api.kit.errors import CrmError, Invalid
from crm_api.kit.links.looks import preferred, style, worded
from crm_api.kit.links.paging import fields_of, filled
from crm_api.kit.templates import templates_of

PACKAGE = "crm_api.domains.booking_links"
DAYS = 7
"""So many days are shown at once."""
_FARTHEST = timedelta(days=1200)
_SHAPES = {"reschedule": GuestReschedule, "cancel": GuestCancellation}


@dataclass(frozen=True)
class BookingForm:
    """What a browser has sent to book."""

    values: Mapping[str, str]

    @classmethod
    def of(cls, body: bytes) -> Self:
        """Read it; raises `Invalid`."""
        return cls(dict(fields_of(body)))

    async def carry_out(self, door: PageDoor) -> str:
        """Book; returns the page of the booking, from that of this one."""
        given: dict[str, Any] = {
            n: value for n in GuestBooking.model_fields if (value := self.values.get(n))
        }
        if (said := given.get("duration", "")).isdecimal() and len(said) < 10:
            given["duration"] = int(said)
        booked = await door.book(filled(GuestBooking, given))
        return f"../../bookings/{booked['token']}/page"

    def is_done_by(self, error: CrmError) -> bool:
        """Nothing was: whoever clicks twice is told that the time is taken."""
        del error
        return False


@dataclass(frozen=True)
class ChangeForm:
    """What a browser has sent to move or to cancel."""

    do: str
    values: Mapping[str, str]

    @classmethod
    def of(cls, body: bytes) -> Self:
        """Read it; raises `Invalid`."""
        values = dict(fields_of(body))
        do = values.get("do", "")
        if do not in _SHAPES:
            raise Invalid.at("/do", "unknown_action", "The form says nothing that can be done.")
        return cls(do, values)

    async def carry_out(self, door: BookingDoor) -> None:
        """Do what it says; raises `Invalid`, and what the door does."""
        shape = _SHAPES[self.do]
        given = {n: value for n in shape.model_fields if (value := self.values.get(n))}
        await getattr(door, self.do)(filled(shape, given))

    def is_done_by(self, error: CrmError) -> bool:
        """Whether it was cancelled before: somebody clicked twice."""
        return self.do == "cancel" and error.details.get("booking_status") == "cancelled"


async def page_of(
    door: PageDoor, request: Request, form: BookingForm | None, error: CrmError | None
) -> str:
    """The page on which one books."""
    found = await door.read(is_seen=form is None)
    words = language(PACKAGE, preferred(request.headers.get("accept-language"), PACKAGE))
    values = dict(request.query_params) if form is None else form.values
    duration = _one_of(found["durations"], values.get("duration"))
    week = await _week(door, found["time_zone"], values.get("from"), duration, words)
    return _rendered(
        "book.html",
        words,
        error,
        found=found,
        values=values,
        duration=duration,
        price=None if found["price"] is None else words.money(found["price"], found["currency"]),
        week=week,
    )


async def booking_of(
    door: BookingDoor, request: Request, form: ChangeForm | None, error: CrmError | None
) -> str:
    """The page of a booking."""
    found = await door.read(is_seen=form is None)
    words = language(PACKAGE, preferred(request.headers.get("accept-language"), PACKAGE))
    values = dict(request.query_params) if form is None else form.values
    zone = ZoneInfo(found["time_zone"])
    week = None
    if found["can_reschedule"]:
        first = values.get("from") or str(found["starts_at"].astimezone(zone).date())
        week = await _week(door, found["time_zone"], first, None, words)
    return _rendered(
        "booking.html",
        words,
        error,
        found=found,
        values=values,
        state=words.label(f"is_{found['status']}"),
        when=_when(found["starts_at"], found["ends_at"], zone, words),
        until=_moment(found["change_until"], zone, words),
        week=week,
    )


def _rendered(name: str, words: Language, error: CrmError | None, **given: Any) -> str:
    return (
        templates_of(PACKAGE)
        .get_template(name)
        .render(
            style=style(),
            tag=words.tag,
            say=words.labels,
            error=None if error is None else worded(words, error),
            **given,
        )
    )


async def _week(
    door: PageDoor | BookingDoor, tag: str, said: str | None, duration: int | None, words: Language
) -> dict[str, Any]:
    """Some days with their slots, or why there are none; and where the days around are."""
    zone, now = ZoneInfo(tag), door.tx.now
    today = now.astimezone(zone).date()
    first = _day(said, today)
    ends = first + timedelta(days=DAYS)
    window = SlotWindow(
        start=max(_midnight(first, zone), now),
        end=_midnight(ends, zone),
        duration=duration,
        limit=500,
    )
    found = await door.slots(window)
    reasons = {one["day"]: words.label(f"why_{one['reason']}") for one in found["empty_days"]}
    days: list[dict[str, Any]] = []
    for day in (first + timedelta(days=n) for n in range(DAYS)):
        of_day = [s for s in found["slots"] if s["start"].astimezone(zone).date() == day]
        slots = [
            {
                "value": one["start"].astimezone(UTC).isoformat(),
                "label": f"{one['start'].astimezone(zone):%H:%M}",
            }
            for one in of_day
        ]
        days.append({"name": words.weekday(day), "slots": slots, "why": reasons.get(day)})
    before = max(today, first - timedelta(days=DAYS))
    return {
        "days": days,
        "first": str(first),
        "before": str(before) if before < first else None,
        "after": str(ends),
        "none": not found["slots"],
    }


def _day(said: str | None, today: date) -> date:
    """The day that a query names, as far as it is one that could be booked; else today."""
    try:
        day = date.fromisoformat(said or "")
    except ValueError:
        return today
    return day if today <= day <= today + _FARTHEST else today


def _one_of(durations: list[int], said: str | None) -> int:
    known = {str(one): one for one in durations}
    return known.get(said or "", durations[0])


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _moment(at: datetime, zone: ZoneInfo, words: Language) -> str:
    local = at.astimezone(zone)
    return f"{words.day(local.date())}, {local:%H:%M}"


def _when(starts_at: datetime, ends_at: datetime, zone: ZoneInfo, words: Language) -> str:
    first, last = starts_at.astimezone(zone), ends_at.astimezone(zone)
    end = f"{last:%H:%M}" if first.date() == last.date() else _moment(ends_at, zone, words)
    return f"{_moment(starts_at, zone, words)} - {end}"
