"""Letters to attendees: their text, and what their calendars read (RFC 5546, 6047)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.attendees.versions import Version
from crm_api.domains.conversations.models import Message
from crm_api.domains.conversations.sending import Finish
from crm_api.domains.scheduling.documents import Meeting, Person, invitation
from crm_api.kit.db.tx import Tx
from crm_api.kit.jobs import JobContext
from crm_api.kit.mail import Letter
from crm_api.kit.secrets import Place, SealedColumn, Unreadable
from crm_api.kit.templates import language_of, templates_of

LINKS = SealedColumn("booking_attendees", "sealed_link", tenant=True)
_PACKAGE = "crm_api.domains.attendees"
_LONGEST_SUBJECT = 500
_TOLD = """
    SELECT i.method, i.sequence, i.starts_at, i.ends_at, i.title, i.location, i.uninvites,
        i.told_at, a.id, a.name, a.role, a.reply, a.is_booker, a.sealed_link, b.id AS booking_id,
        b.created_at, nullif(concat_ws(' ', c.first_name, c.last_name), '') AS contact,
        u.name AS user_name, coalesce(u.language, c.language, o.language) AS language
    FROM attendee_invitations i
    JOIN booking_attendees a ON a.organization_id = $1 AND a.id = i.attendee_id
    JOIN bookings b ON b.organization_id = $1 AND b.id = a.booking_id
    JOIN organizations o ON o.id = $1
    LEFT JOIN contacts c ON c.organization_id = $1 AND c.id = a.contact_id
    LEFT JOIN users u ON u.organization_id = $1 AND u.id = a.user_id
    WHERE i.organization_id = $1 AND i.message_id = $2
"""


def letter_text(
    whom: Mapping[str, Any], zone: str, new: Version, last: Version | None
) -> tuple[str, str]:
    """The subject and the text of a version, by what was told before."""
    given = {
        "organization": whom["organization"],
        "kind": _kind(new, last, is_booker=whom["is_booker"]),
        "title": " ".join(new.title.split()),
        "when": _span(new, zone),
        "before": None if last is None else _span(last, zone),
        "location": new.location,
    }
    name = f"booking.{language_of(whom['language'])}.txt"
    text = templates_of(_PACKAGE).get_template(name).render(**given)
    subject, _, body = text.partition("\n")
    return subject.strip()[:_LONGEST_SUBJECT], body.strip()


def _kind(new: Version, last: Version | None, *, is_booker: bool) -> str:
    if new.method == "CANCEL":
        return "uninvited" if new.uninvites else "cancelled"
    if last is None or last.method == "CANCEL":
        return "booked" if is_booker else "invited"
    return "moved" if new.sequence > last.sequence else "changed"


def _span(version: Version, zone: str) -> str:
    start, end = (at.astimezone(ZoneInfo(zone)) for at in (version.starts_at, version.ends_at))
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M}-{until} ({zone})"


async def finish_invitation(context: JobContext, tx: Tx, message: Message) -> Finish | None:
    """What the letter of an invitation has besides its text: the same at each try."""
    rows = await tx.fetch(_TOLD, tx.organization_id, message.id)
    if not rows or not message.recipients:
        return None
    row = rows[0]
    address: str = message.recipients[0]["address"]
    organizer = Person(message.channel_id or row["booking_id"], message.from_name or "", None)
    meeting = _meeting(row, address, replace(organizer, email=message.from_address))
    document = invitation(meeting)
    link = None if row["method"] == "CANCEL" else _link(context, tx, row)
    method: str = row["method"]

    def finish(letter: Letter) -> Letter:
        headers = {name: v for name, v in letter.headers.items() if name != "Precedence"}
        headers["Auto-Submitted"] = "auto-generated"
        text = letter.text if link is None else f"{letter.text}\n{link}\n"
        return replace(letter, text=text, headers=headers, calendar=(method, document))

    return finish


def _meeting(row: Any, address: str, organizer: Person) -> Meeting:
    is_off = row["method"] == "CANCEL"
    attendee = Person(
        row["id"],
        row["name"] or row["contact"] or row["user_name"] or address,
        address,
        accepted=row["is_booker"],
        is_optional=row["role"] == "optional",
        asks=not is_off and not row["is_booker"],
    )
    return Meeting(
        id=row["booking_id"],
        title=row["title"],
        status="cancelled" if is_off else "confirmed",
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        # A document of what is off counts one up by itself.
        sequence=row["sequence"] - is_off,
        created_at=row["created_at"],
        updated_at=row["told_at"],
        location=row["location"],
        organizer=organizer,
        attendees=[attendee],
        uninvites=row["uninvites"],
    )


def sealed(tx: Tx, id: UUID, path: str) -> str:
    """The path of a link as it is kept beside an attendee."""
    return tx.database.secrets.seal(path, _place(tx, id))


def _link(context: JobContext, tx: Tx, row: Any) -> str | None:
    """Where whoever has booked moves and cancels it, in a sentence."""
    if row["sealed_link"] is None:
        return None
    try:
        path = tx.database.secrets.open(row["sealed_link"], _place(tx, row["id"]))
    except Unreadable:
        return None
    link = f"{context.public_url.rstrip('/')}{path}"
    name = f"link.{language_of(row['language'])}.txt"
    return templates_of(_PACKAGE).get_template(name).render(link=link).strip()


def _place(tx: Tx, id: UUID) -> Place:
    return LINKS.place(tx.organization_id, str(id))
