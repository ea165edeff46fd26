"""What rules can do by bookings: reserve for deals, projects and tasks."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, SkipValidation

from crm_api.domains.scheduling.schemas import BookingCreate
from crm_api.domains.scheduling.service import BookingService
from crm_api.domains.scheduling.slot_schemas import MOST_DAYS, SlotSearch
from crm_api.domains.scheduling.slots import SlotService
from crm_api.domains.scheduling.type_repository import BOOKING_TYPES
from crm_api.kit.automation import Checking, Outcome, Situation, Step
from crm_api.kit.errors import Conflict, Invalid
from crm_api.kit.query.kinds import kinds_of
from crm_api.kit.query.moments import instant_of
from crm_api.kit.schema import Line
from crm_api.platform.automations.actions import shaped, writable, written
from crm_api.platform.automations.timing import Span, later

TRIES = 5
"""So many slots are tried one after the other, for others book meanwhile."""
_FOR: Mapping[str, tuple[Literal["deal", "project"], str]] = {
    "deal": ("deal", "id"),
    "project": ("project", "id"),
    "project_task": ("project", "project_id"),
}
_PARTIES = ("company_id", "contact_id")
_FROM = 'Not before then, such as `{"$ref": "record.starts_at"}`; without it, and where that is past, now.'


class Reserve(Step):
    """Reserve the first slot of a booking type for a deal or a project; without a slot go on."""

    action: Literal["reserve"]
    booking_type_id: UUID
    title: Line | None = Field(None, description="Without it the name of the type.")
    not_before: SkipValidation[datetime | dict[str, Any] | None] = Field(None, description=_FROM)
    after: Span | None = Field(None, description="How long after that, such as `2d`.")
    within_days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = Field(
        14, description="In how many days a slot is looked for."
    )

    async def check(self, about: Checking) -> None:
        """A record that bookings can be reserved for, and a type that is there."""
        if about.need_record() and about.entity not in _FOR:
            listed = ", ".join(_FOR)
            about.fault("/action", "not_a_choice", f"It is for runs about: {listed}.")
        writable(about, "booking", "create")
        if not await kinds_of(about.tx, [BOOKING_TYPES], [self.booking_type_id]):
            message = "There is no such booking_type."
            about.fault("/booking_type_id", "unknown_reference", message)
        about.text(self.title or "", "/title")
        about.values(self.not_before, "/not_before")
        if self.after is not None and self.after.startswith("-"):
            about.fault("/after", "negative", "It is later than that.")

    async def act(self, at: Situation) -> Outcome:
        """By the rules of slots and bookings, as whoever is at the type would."""
        record, (service, _) = await at.record(), at.subject
        kind, name = _FOR[service.records.listing.entity]
        body: dict[str, Any] = {
            "booking_type_id": self.booking_type_id,
            "reserved_for": kind,
            f"{kind}_id": record[name],
            **{party: record[party] for party in _PARTIES if record.get(party) is not None},
        }
        if self.title is not None:
            body["title"] = " ".join((await at.text(self.title, "/title")).split()) or None
        start = await self._start(at)
        search = SlotSearch.model_validate(
            {
                "booking_type_id": self.booking_type_id,
                "start": start,
                "end": start + timedelta(days=self.within_days),
                "limit": TRIES,
                **{party: body[party] for party in _PARTIES if party in body},
            }
        )
        for slot in (await SlotService(at.tx).search(search))["slots"]:
            outcome = await self._booked(at, {**body, "starts_at": slot["start"]})
            if outcome is not None:
                return outcome
        return Outcome({"reason": "no_slots"}, skipped=True)

    async def _booked(self, at: Situation, body: Mapping[str, Any]) -> Outcome | None:
        """What came of a slot; None where it is taken by now."""
        bookings = BookingService(at.tx)
        try:
            async with at.tx.atomic():
                return written(bookings, await bookings.create(shaped(BookingCreate, body, "")))
        except Conflict:
            return None
        except Invalid as error:
            # A deal that was lost since is nobody's mistake.
            over = next((f.code for f in error.faults if f.code.endswith("_over")), None)
            if over is None:
                raise
            return Outcome({"reason": over}, skipped=True)

    async def _start(self, at: Situation) -> datetime:
        given, zone = await at.values(self.not_before, "/not_before"), await at.zone()
        moment = at.tx.now
        if given is not None:
            try:
                moment = max(moment, instant_of(str(given), moment, zone.key))
            except (ValueError, ArithmeticError) as error:
                raise Invalid.at("/not_before", "invalid_value", str(error)) from None
        return moment if self.after is None else later(moment, self.after, zone)
