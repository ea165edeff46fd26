"""The rules of those who wait for a time, and what is done with them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.scheduling.actions import BookingActions
from crm_api.domains.scheduling.repository import RESOURCES
from crm_api.domains.scheduling.waitlist_models import WaitlistEntry, WaitlistState, WaitlistStatus
from crm_api.domains.scheduling.waitlist_repository import Waitlist
from crm_api.domains.scheduling.waitlist_schemas import (
    MOST_DAYS,
    WaitlistEntryCreate,
    WaitlistEntryUpdate,
    WaitlistVerb,
)
from crm_api.kit.crud.personal import About
from crm_api.kit.crud.places import FeedPlace
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.crud.transitions import Way, need_way, not_for, told, way, ways_from
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.query.kinds import kinds_of

WAYS: Mapping[WaitlistVerb, Way[WaitlistStatus]] = {
    "accept": way("offered", "booked", "booked"),
    "cancel": way("waiting offered", "cancelled", "cancelled"),
    "reopen": way("expired cancelled", "waiting", "reopened"),
}
WAITLIST_VERBS = ("offered", "expired", *(one.event for one in WAYS.values()))
_WANTED = ("match", "resources", "window_starts_at", "window_ends_at", "duration_minutes")
_KEPT = frozenset(
    {
        *("title", "description", "priority", "offer_minutes", "owner_id", "custom"),
        *("external_ids", "company_id", "contact_id", "deal_id"),
    }
)


class WaitlistService(CrudService[WaitlistEntry]):
    """Those who wait until resources are free."""

    repository = Waitlist
    area = "bookings"
    plural = "waitlist_entries"
    personal = About(("contact_id",), end="removed", reason="What somebody waits for.")
    create_shape = WaitlistEntryCreate
    update_shape = WaitlistEntryUpdate
    # Once something is offered, what is wanted stays; a call that also creates could not mean that.
    upserts = False
    begins_with: ClassVar[Mapping[str, Any]] = {
        "status": "waiting",
        "booking_id": None,
        "offered_at": None,
        "decided_at": None,
    }
    records: Waitlist

    async def prepare(
        self, values: dict[str, Any], current: WaitlistEntry | None
    ) -> dict[str, Any]:
        """What is wanted can be had at all, and changes only while it is waited for."""
        values = await super().prepare(values, current)
        before = {} if current is None else columns_of(current)
        if "resources" in values:
            values["resources"] = decode(encode(values["resources"]))
        changed = [n for n in _WANTED if n in values and values[n] != before.get(n)]
        if not changed:
            return values
        if current is not None and current.status != "waiting":
            raise not_for("waitlist entry", current.status, "update", list(_ways(current)))
        whole = {**before, **values}
        _need_window(whole)
        if "resources" in changed:
            await self._need_resources(whole["resources"])
        if current is None:
            await FeedPlace(self.tx, WaitlistState.__tablename__).begin()
        return values

    async def _need_resources(self, wanted: list[dict[str, Any]]) -> None:
        ids = [UUID(str(one["resource_id"])) for one in wanted]
        found = await kinds_of(self.tx, [RESOURCES], ids)
        faults: list[Fault] = []
        for place, id in enumerate(ids):
            at = f"/resources/{place}/resource_id"
            if id not in found:
                faults.append(Fault("unknown_reference", "There is no such resource.", at))
            elif id in ids[:place]:
                faults.append(Fault("named_twice", "Each resource is named once.", at))
        if faults:
            raise Invalid(faults[0].message, faults=faults)

    async def put_back(self, record: WaitlistEntry, values: dict[str, Any]) -> Any:
        """What an undo takes back is neither what is wanted nor where it stands."""
        kept = {name: value for name, value in values.items() if name in _KEPT}
        return await super().put_back(record, kept)


class WaitlistActions:
    """The actions of those who wait; the lock of the entry comes before that of its booking."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.entries = WaitlistService(tx)

    async def transitions(self, id: UUID) -> dict[str, Any]:
        """What may be done where an entry stands."""
        self.entries.need("read")
        shown = await self.entries.get(id)
        allowed: list[dict[str, Any]] = [
            {"verb": verb, "status": one.after, "blockers": told([])}
            for verb, one in ways_from(WAYS, shown.status).items()
        ]
        return {"status": shown.status, "allowed": allowed}

    async def go(self, id: UUID, verb: WaitlistVerb, expected: int | None = None) -> Any:
        """Have what is offered be booked, nothing more be waited for, or it be waited for again."""
        self.entries.need("update")
        current = await self.entries.locked(id, expected)
        one = need_way("waitlist entry", WAYS, current.status, verb)
        if current.status == "offered" and current.booking_id is not None:
            await self._answer(current.booking_id, verb)
        values = {"status": one.after, "decided_at": self.tx.now}
        shown = await self.entries.change(current, values, verb=one.event)
        return await self.entries.told(shown)

    async def _answer(self, booking_id: UUID, verb: WaitlistVerb) -> None:
        actions = BookingActions(self.tx)
        booking = await actions.bookings.records.find(booking_id, lock=True)
        # Whoever has dealt with the booking itself was faster, and the feed will tell of it.
        if booking is not None and booking.status == "held":
            await actions.go(booking_id, "confirm" if verb == "accept" else "cancel")
        elif verb == "accept" and (booking is None or booking.status != "confirmed"):
            status = "deleted" if booking is None else booking.status
            raise not_for("booking", status, "confirm", [])


def _ways(entry: WaitlistEntry) -> Mapping[WaitlistVerb, Way[WaitlistStatus]]:
    return ways_from(WAYS, entry.status)


def _need_window(values: Mapping[str, Any]) -> None:
    window = values["window_ends_at"] - values["window_starts_at"]
    if window <= timedelta():
        raise Invalid.at("/window_ends_at", "not_after_start", "It ends after it starts.")
    if window > timedelta(days=MOST_DAYS):
        message = f"It has {MOST_DAYS} days at the most."
        raise Invalid.at("/window_ends_at", "too_long", message)
    if window < timedelta(minutes=values["duration_minutes"]):
        message = "It is longer than the window."
        raise Invalid.at("/duration_minutes", "longer_than_window", message)


async def lapse(service: WaitlistService, entry: WaitlistEntry, _today: object) -> None:
    """Have an entry, which is locked, wait no more once its window is too short."""
    ends = entry.window_ends_at - timedelta(minutes=entry.duration_minutes)
    if entry.status == "waiting" and ends <= service.tx.now:
        values = {"status": "expired", "decided_at": service.tx.now}
        await service.change(entry, values, verb="expired")
