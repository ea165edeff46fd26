"""The work that changes of bookings and attendees ask for."""

from dataclasses import dataclass

from crm_api.kit.messages import Message


@dataclass(frozen=True)
class TellAttendees(Message):
    """Have attendees be told what of their bookings they do not know yet."""

    kind = "attendees.tell"
    max_attempts = 20
    booking_ids: tuple[str, ...] = ()
    """Of these bookings; without any, of all to come, once everybody knows that there are some."""

    def order(self) -> str | None:
        """One after the other."""
        return "attendees.tell"
