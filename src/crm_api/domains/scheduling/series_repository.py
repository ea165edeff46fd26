"""How recurring bookings are listed and found."""

from collections.abc import Sequence
from uuid import UUID

from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.projects.repository import PROJECTS
from crm_api.domains.scheduling.series_models import RecurringBooking
from crm_api.domains.scheduling.series_schemas import RecurringBookingOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing, Relation, Searched

_BACK = "booking_series"
_BOOKINGS = """
    SELECT id FROM bookings WHERE organization_id = $1 AND series_id = $2 ORDER BY id
"""
SERIES: Listing = Listing(
    model=RecurringBooking,
    out=RecurringBookingOut,
    area="bookings",
    relations=(
        Relation(
            "company",
            lambda: COMPANIES,
            RecurringBooking.company_id,
            COMPANIES.model.id,
            back=_BACK,
        ),
        Relation(
            "contact", lambda: CONTACTS, RecurringBooking.contact_id, CONTACTS.model.id, back=_BACK
        ),
        Relation("deal", lambda: DEALS, RecurringBooking.deal_id, DEALS.model.id, back=_BACK),
        Relation(
            "project", lambda: PROJECTS, RecurringBooking.project_id, PROJECTS.model.id, back=_BACK
        ),
    ),
    search=Searched(names=("title",), others=("description", "external_ids"), title="title"),
)


class SeriesRecords(Repository[RecurringBooking]):
    """The recurring bookings of an organization."""

    model = RecurringBooking
    listing = SERIES

    async def bookings(self, id: UUID) -> Sequence[UUID]:
        """The ids of what a series has booked, in the bin or not, in their order."""
        rows = await self.tx.fetch(_BOOKINGS, self.tx.organization_id, id)
        return [row["id"] for row in rows]
