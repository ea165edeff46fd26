"""Whoever books on a page comes, and is told so, with the link by which they move or cancel."""

from crm_api.domains.attendees.composing import sealed
from crm_api.domains.attendees.repository import AREA
from crm_api.domains.attendees.service import AttendeeService
from crm_api.domains.booking_links.doors import ByGuest
from crm_api.kit.db.tx import Tx
from crm_api.kit.ids import new_id


async def has_booked(tx: Tx, guest: ByGuest) -> None:
    """They are an attendee of what they have booked."""
    if AREA in tx.actor.closed or (guest.contact_id is None and guest.email is None):
        return
    id = new_id()
    values = {
        "id": id,
        "booking_id": guest.booking_id,
        "contact_id": guest.contact_id,
        "name": guest.name,
        "email": guest.email,
        "sealed_link": sealed(tx, id, guest.path),
    }
    await AttendeeService(tx).booked(values)
