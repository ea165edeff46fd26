"""How those who wait are listed and found, and how far the feed has been read for them."""

from collections.abc import Collection, Sequence
from uuid import UUID

from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.scheduling.waitlist_models import WaitlistEntry
from crm_api.domains.scheduling.waitlist_schemas import WaitlistEntryOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing, Relation, Searched

_BACK = "waitlist_entries"
# Without resources it is about all who wait.
_WAITING = """
    SELECT id FROM waitlist_entries e
    WHERE organization_id = $1 AND status = 'waiting' AND deleted_at IS NULL
        AND window_ends_at - make_interval(mins => duration_minutes) > $2
        AND ($3::uuid[] IS NULL OR id = ANY($4) OR EXISTS (
            SELECT FROM jsonb_array_elements(e.resources) AS r
            WHERE (r ->> 'resource_id')::uuid = ANY($3)))
    ORDER BY priority DESC, created_at, id
"""
_OFFERED = """
    SELECT e.id, b.status AS booking_status, b.deleted_at AS booking_deleted_at
    FROM waitlist_entries e JOIN bookings b
        ON b.organization_id = e.organization_id AND b.id = e.booking_id
    WHERE e.organization_id = $1 AND e.status = 'offered' AND e.booking_id = ANY($2)
    ORDER BY e.id
"""
WAITLIST: Listing = Listing(
    model=WaitlistEntry,
    out=WaitlistEntryOut,
    area="bookings",
    relations=(
        Relation(
            "company", lambda: COMPANIES, WaitlistEntry.company_id, COMPANIES.model.id, back=_BACK
        ),
        Relation(
            "contact", lambda: CONTACTS, WaitlistEntry.contact_id, CONTACTS.model.id, back=_BACK
        ),
        Relation("deal", lambda: DEALS, WaitlistEntry.deal_id, DEALS.model.id, back=_BACK),
    ),
    search=Searched(names=("title",), others=("description", "external_ids"), title="title"),
)


class Waitlist(Repository[WaitlistEntry]):
    """Those of an organization who wait."""

    model = WaitlistEntry
    listing = WAITLIST

    async def waiting(
        self, resource_ids: Collection[UUID] | None, ids: Collection[UUID]
    ) -> Sequence[UUID]:
        """Who waits for some of these resources or is one of these, whose turn is first first.

        None stands for all resources.
        """
        if resource_ids is not None and not resource_ids and not ids:
            return ()
        wanted = None if resource_ids is None else list(resource_ids)
        own = (self.tx.organization_id, self.tx.now)
        rows = await self.tx.fetch(_WAITING, *own, wanted, list(ids))
        return [row["id"] for row in rows]

    async def offered(self, booking_ids: Sequence[UUID]) -> dict[UUID, str]:
        """Who has been offered some bookings, and how these stand now; `deleted` in the bin."""
        if not booking_ids:
            return {}
        rows = await self.tx.fetch(_OFFERED, self.tx.organization_id, list(booking_ids))
        return {
            row["id"]: "deleted" if row["booking_deleted_at"] else row["booking_status"]
            for row in rows
        }
