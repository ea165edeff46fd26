"""Attendees of bookings as a part of the product."""

from crm_api.domains.attendees.composing import LINKS, finish_invitation
from crm_api.domains.attendees.following import follow_attendees, follow_bookings
from crm_api.domains.attendees.guests import has_booked
from crm_api.domains.attendees.heeding import heed_reply
from crm_api.domains.attendees.jobs import tell_attendees
from crm_api.domains.attendees.service import REPLIED, AttendeeService, wipe
from crm_api.domains.attendees.settings import CONFIGURED, SETTINGS_AREA
from crm_api.domains.attendees.telling import forget_invitations
from crm_api.domains.booking_links.doors import PageDoor
from crm_api.domains.conversations.receiving import Inbox
from crm_api.domains.conversations.sending import Sending
from crm_api.kit.access import Managed
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.crud.personal import Trace, rows_of
from crm_api.kit.db.settling import derive_by
from crm_api.kit.module import Faces, Module

derive_by("booking", follow_bookings)
derive_by("booking_attendee", follow_attendees)
Guarded.purged.append(forget_invitations)
PageDoor.told.append(has_booked)
Sending.finishers.append(finish_invitation)
Inbox.heeders.append(heed_reply)


def _faces() -> Faces:
    from crm_api.domains.attendees.graphql import MUTATIONS, QUERIES
    from crm_api.domains.attendees.rest import ROUTERS

    return Faces(routers=ROUTERS, queries=QUERIES, mutations=MUTATIONS)


MODULE = Module(
    key="attendees",
    title="Attendees",
    description="Who is to come to bookings: invited by mail, with their replies.",
    depends_on=[
        *("catalogue", "companies", "contacts", "deals", "prices", "quotes", "orders"),
        *("projects", "scheduling", "cases", "conversations"),
    ],
    faces=_faces,
    tags={"invitations": "How attendees of bookings are invited."},
    areas=[SETTINGS_AREA],
    managed={SETTINGS_AREA: Managed("manage_settings")},
    jobs=[tell_attendees],
    events=[f"booking_attendee.{REPLIED}", CONFIGURED],
    services=[AttendeeService],
    secrets=[LINKS],
    traces=[
        Trace(
            "attendees_by_address",
            ("booking_attendees",),
            wipe,
            rows_of(booking_attendees="contact_id = ANY($2) OR email_key = ANY($3)"),
        )
    ],
)
