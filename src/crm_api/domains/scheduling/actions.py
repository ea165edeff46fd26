"""What is done with bookings, each as one step."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_api.domains.scheduling.allocating import hold_expired
from crm_api.domains.scheduling.models import Booking, BookingStatus
from crm_api.domains.scheduling.schemas import BookingReschedule, BookingVerb
from crm_api.domains.scheduling.service import BookingService
from crm_api.kit.crud.transitions import Way, need_way, not_for, told, way, ways_from
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault

WAYS: Mapping[BookingVerb, Way[BookingStatus]] = {
    "confirm": way("held", "confirmed", "confirmed"),
    "check_in": way("confirmed", "checked_in", "checked_in"),
    "complete": way("confirmed checked_in", "completed", "completed"),
    "cancel": way("held confirmed", "cancelled", "cancelled"),
    "no_show": way("confirmed", "no_show", "no_show"),
}
RESCHEDULED, EXPIRED = "booking.rescheduled", "booking.expired"
_MOVABLE = frozenset({"held", "confirmed"})


class BookingActions:
    """The actions of bookings; whoever acts holds the lock of the booking, so that one does."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.bookings = BookingService(tx)

    async def transitions(self, id: UUID) -> dict[str, Any]:
        """What may be done with a booking where it stands, and what stands in the way."""
        self.bookings.need("read")
        shown = await self.bookings.get(id)
        over = _is_over(shown, self.tx)
        expired = [Fault("hold_expired", hold_expired().args[0], "/hold_expires_at")]
        allowed: list[dict[str, Any]] = [
            {
                "verb": verb,
                "status": one.after,
                "blockers": told(expired if over and verb == "confirm" else []),
            }
            for verb, one in ways_from(WAYS, shown.status).items()
        ]
        return {"status": shown.status, "allowed": allowed}

    async def go(
        self, id: UUID, verb: BookingVerb, reason: str | None = None, expected: int | None = None
    ) -> Any:
        """Have a booking be confirmed, checked in, completed, cancelled, or missed."""
        self.bookings.need("update")
        current = await self.bookings.locked(id, expected)
        one = need_way("booking", WAYS, current.status, verb)
        if verb == "confirm" and _is_over(current, self.tx):
            raise hold_expired()
        values: dict[str, Any] = {"status": one.after, "decided_at": self.tx.now}
        if verb == "confirm":
            values["hold_expires_at"] = None
        elif verb == "cancel":
            values["cancel_reason"] = reason
        shown = await self.bookings.change(current, values, verb=one.event)
        return await self.bookings.told(shown)

    async def reschedule(
        self, id: UUID, data: BookingReschedule, expected: int | None = None
    ) -> Any:
        """Have a booking be at another time, or of other resources; else it stays as it was."""
        self.bookings.need("update")
        current = await self.bookings.locked(id, expected)
        if current.status not in _MOVABLE:
            raise not_for("booking", current.status, "reschedule", list(_ways(current)))
        given = {n: v for n, v in data.model_dump().items() if v is not None}
        values: dict[str, Any] = {"resources": current.resources, **given}
        values |= self.bookings.timed(values)
        if not all(values[name] == getattr(current, name) for name in values):
            ignores = values.get("ignores_calendars", current.ignores_calendars)
            self.bookings.need_right(ignores=ignores)
            values["sequence"] = current.sequence + 1
            values["is_detached"] = current.series_id is not None
        verb = RESCHEDULED.partition(".")[2]
        return await self.bookings.told(await self.bookings.change(current, values, verb=verb))


def _ways(booking: Booking) -> Mapping[BookingVerb, Way[BookingStatus]]:
    return ways_from(WAYS, booking.status)


def _is_over(booking: Any, tx: Tx) -> bool:
    return booking.status == "held" and booking.hold_expires_at <= tx.now


async def expire(service: BookingService, booking: Booking, _today: object) -> None:
    """Write down that a hold, which is locked, has expired; its time was free before."""
    if _is_over(booking, service.tx):
        values = {"status": "expired", "decided_at": service.tx.now}
        await service.change(booking, values, verb="expired")
