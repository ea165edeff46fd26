"""Bookings as the calendars of others know them, with everybody whom the actor may see."""

import hashlib
from typing import Any
from uuid import UUID

from crm_api.domains.scheduling.documents import Meeting, Person, UserType, invitation
from crm_api.domains.scheduling.repository import BOOKINGS
from crm_api.domains.scheduling.service import BookingService
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.query.selection import Selection

_RESOURCES = """
    SELECT r.id, r.name, r.kind, r.location, u.email
    FROM resources r LEFT JOIN users u ON u.organization_id = $1 AND u.id = r.user_id
        AND u.deleted_at IS NULL
    WHERE r.organization_id = $1 AND r.id = ANY($2) ORDER BY r.name, r.id
"""
_USER = "SELECT id, name, email FROM users WHERE organization_id = $1 AND id = $2"
_ORGANIZATION = "SELECT id, name FROM organizations WHERE id = $1"
_CONTACT = ("first_name", "last_name", "emails")
_KINDS: dict[str, UserType] = {"person": "INDIVIDUAL", "room": "ROOM"}


async def calendar_of(tx: Tx, id: UUID) -> tuple[bytes, str]:
    """A booking as an invitation or its cancellation, with the entity tag; raises `NotFound`.

    Organized by the owner, else by whoever made it, else by the organization. Contacts, users and
    resources that the actor may not read are left out.
    """
    sees_contacts = tx.actor.holds("contacts:read")
    include = "contact" if sees_contacts else None
    async with at_one_moment(tx) as reader:
        row = await BookingService(reader).get(id, Selection.of(BOOKINGS, reader, None, include))
        attendees = await _booked(reader, row) if tx.actor.holds("resources:read") else []
        organizer = await _organizer(reader, row)
    contact = _contact(row.contact) if sees_contacts and row.contact is not None else []
    rooms = [place.name for place in attendees if place.kind == "ROOM"]
    meeting = Meeting(
        id=row.id,
        title=row.title,
        status=row.status,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        sequence=row.sequence,
        created_at=row.created_at,
        updated_at=row.updated_at,
        description=row.description,
        location=", ".join(rooms) or None,
        organizer=organizer,
        attendees=[*contact, *attendees],
    )
    document = invitation(meeting)
    return document, f'"{hashlib.sha256(document).hexdigest()[:32]}"'


async def _booked(tx: Tx, row: Any) -> list[Person]:
    ids = [UUID(str(one["resource_id"])) for one in decode(row.resources)]
    shows_users = tx.actor.holds("users:read")
    found = await tx.fetch(_RESOURCES, tx.organization_id, ids)
    return [
        Person(
            one["id"],
            one["name"],
            one["email"] if shows_users else None,
            _KINDS.get(one["kind"], "RESOURCE"),
            accepted=True,
        )
        for one in found
    ]


async def _organizer(tx: Tx, row: Any) -> Person:
    user_id = row.owner_id or row.created_by
    if user_id is not None and tx.actor.holds("users:read"):
        for user in await tx.fetch(_USER, tx.organization_id, user_id):
            return Person(user["id"], user["name"], user["email"])
    (own,) = await tx.fetch(_ORGANIZATION, tx.organization_id)
    return Person(own["id"], own["name"])


def _contact(row: Any) -> list[Person]:
    names = " ".join(name for name in (row.first_name, row.last_name) if name)
    emails: list[dict[str, Any]] = decode(row.emails) if row.emails else []
    first = sorted(emails, key=lambda one: not one["primary"])
    address = first[0]["value"] if first else None
    return [Person(row.id, names or address or "?", address)]
