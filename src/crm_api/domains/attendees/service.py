"""The rules of attendees: who is invited to a booking, and what they reply."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.attendees.messages import TellAttendees
from crm_api.domains.attendees.models import BookingAttendee, Via
from crm_api.domains.attendees.repository import AREA, Attendees
from crm_api.domains.attendees.schemas import (
    AttendeeReply,
    BookingAttendeeCreate,
    BookingAttendeeUpdate,
)
from crm_api.kit.crud.personal import About, Gone
from crm_api.kit.crud.purges import destroy, empty_events
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.states import hold_state, publish_state
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Invalid, Stale, WrongState
from crm_api.kit.points import email_key
from crm_api.kit.values import email
from crm_api.kit.values.errors import BadValue

REPLIED = "replied"
CLOCKED = frozenset({"booking", "booking_attendee"})
OFF = frozenset({"cancelled", "expired"})
UNANSWERED: Mapping[str, Any] = {
    "reply": "needs_action",
    **dict.fromkeys(("replied_at", "replied_via", "comment", "replied_sequence")),
}
_SETTABLE = frozenset({"name", "role", "owner_id", "custom", "external_ids"})
_LOCK = "booking_attendees"


class AttendeeService(CrudService[BookingAttendee]):
    """Those who are to come to bookings."""

    repository = Attendees
    area = AREA
    plural = "booking_attendees"
    personal = About(("contact_id",), end="removed", reason="Whether they came is not known by it.")
    create_shape = BookingAttendeeCreate
    update_shape = BookingAttendeeUpdate
    # Who somebody is stays, so no call could mean both.
    upserts = False
    begins_with: ClassVar[Mapping[str, Any]] = {
        **UNANSWERED,
        "is_booker": False,
        "sealed_link": None,
    }
    records: Attendees

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: BookingAttendee | None, country: str | None
    ) -> dict[str, Any]:
        """The address as it is shown."""
        if values.get("email") is not None:
            try:
                values["email"] = email.normalise(values["email"]).value
            except BadValue as error:
                raise Invalid.at("/email", error.code, str(error)) from None
        return super().normalise(values, current, country)

    @classmethod
    def derive(cls, values: dict[str, Any], current: BookingAttendee | None) -> dict[str, Any]:
        """The address as it is compared."""
        values = super().derive(values, current)
        if "email" in values:
            given = values["email"]
            values["email_key"] = None if given is None else email_key(given)
        return values

    async def prepare(
        self, values: dict[str, Any], current: BookingAttendee | None
    ) -> dict[str, Any]:
        """A new one is one person, who is not invited to the booking yet."""
        values = await super().prepare(values, current)
        if current is None:
            _need_one_person(values)
            await self._need_new(values)
            await make_known(self.tx)
        return values

    async def _need_new(self, values: Mapping[str, Any]) -> None:
        # Of two who invite the same person at once, the other one sees the first.
        await self.records.lock_keys(_LOCK, [str(values["booking_id"])])
        await self.tx.flush()
        if await self.records.same(values) is not None:
            raise Conflict("They are invited already.", code="already_invited")

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take one out of the bin, who was not invited again meanwhile."""
        self.need("delete")
        current = await self.records.get(id, lock=True, deleted=True)
        if current.deleted_at is not None:
            names = ("booking_id", "contact_id", "user_id", "email_key")
            await self._need_new({name: getattr(current, name) for name in names})
        return await super().restore(id, expected_version=expected_version)

    async def put_back(self, record: BookingAttendee, values: dict[str, Any]) -> Any:
        """What an undo takes back is not what they have replied."""
        kept = {name: value for name, value in values.items() if name in _SETTABLE}
        return await super().put_back(record, kept)

    async def booked(self, values: Mapping[str, Any]) -> Any:
        """Whoever has booked comes, whoever asks: without having been invited."""
        await make_known(self.tx)
        whole = self.derive({"role": "required", "user_id": None, "owner_id": None, **values}, None)
        whole |= {**self.begins_with, "sealed_link": values["sealed_link"]}
        replied = {"reply": "accepted", "replied_at": self.tx.now, "replied_via": "booking"}
        custom = self.fields.with_defaults({})
        kept = {"custom": custom, "external_ids": {}, "is_booker": True, "replied_sequence": 0}
        return self.add({**whole, **replied, **kept})

    async def invitations(self, id: UUID) -> dict[str, Any]:
        """What an attendee was told by mail; raises `NotFound`."""
        self.need("read")
        await self.records.row(id)
        return {"data": await self.records.invitations(id)}

    # Replies

    async def reply(self, id: UUID, data: AttendeeReply, expected: int | None = None) -> Any:
        """Write down what an attendee replies: they themselves, or whoever may change it."""
        self.need("read")
        current = await self.records.get(id, lock=True)
        if current.user_id is None or current.user_id != self.tx.actor.me:
            self.need("update")
            current = await self.locked(id, expected)
        elif expected is not None and current.version != expected:
            raise Stale(f"The record is at version {current.version}.")
        booking = await self.records.booking(current.booking_id)
        if is_off(booking):
            raise WrongState("The booking does not take place.", code="booking_is_off")
        shown = await self.answered(
            current, data.reply, via="api", at=self.tx.now, comment=data.comment, booking=booking
        )
        return await self.told(shown)

    async def answered(
        self,
        current: BookingAttendee,
        reply: str,
        *,
        via: Via,
        at: datetime,
        comment: str | None,
        booking: Any,
    ) -> Any:
        """Have a locked attendee have replied that, of the booking as it stands."""
        values = {
            "reply": reply,
            "replied_at": at,
            "replied_via": via,
            "comment": comment,
            "replied_sequence": booking["sequence"],
        }
        return await self.change(current, values, verb=REPLIED)

    async def ask_again(self, bookings: Sequence[UUID]) -> None:
        """Nobody has replied to a time that is another one now, whoever asks."""
        if ids := await self.records.moved(bookings):
            for one in await self.records.locked(ids, everywhere=True):
                await self.change(one, UNANSWERED)


def is_off(booking: Any) -> bool:
    """Whether a booking does not take place."""
    return booking["deleted_at"] is not None or booking["status"] in OFF


def _need_one_person(values: Mapping[str, Any]) -> None:
    if values["contact_id"] is not None and values["user_id"] is not None:
        raise Invalid.at("/user_id", "one_of", "Either a contact or a user.")
    if values["contact_id"] is None and values["user_id"] is None and values["email"] is None:
        raise Invalid.at("/email", "required", "It is a contact, a user, or an address.")


async def make_known(tx: Tx) -> None:
    """Have every writer of bookings heed that some have attendees; for good."""
    if not tx.catalogue.clocked.issuperset(CLOCKED):
        await hold_state(tx)
        if not tx.catalogue.clocked.issuperset(CLOCKED):
            await publish_state(tx, clocked=sorted(tx.catalogue.clocked | CLOCKED))
            # Of what is written by those who do not know yet they are told by this.
            tx.enqueue(TellAttendees())


async def wipe(tx: Tx, gone: Gone) -> int:
    """Destroy the attendees who are known by an address of an erased person alone."""
    ids = await Attendees(tx).at_addresses(gone.values("email"))
    if ids:
        await destroy(tx, Attendees.listing, ids)
        await tx.flush()
        for told in AttendeeService.purged:
            await told(tx, "booking_attendee", ids)
        await empty_events(tx, ids)
    return len(ids)
