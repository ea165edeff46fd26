"""How contacts and employments are listed and found."""

from uuid import UUID

from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.models import Contact, Employment
from crm_api.domains.contacts.schemas import ContactOut, EmploymentOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.points import POINT_KEYS
from crm_api.kit.query.listing import Listing, Relation, Searched

CONTACTS: Listing = Listing(
    model=Contact,
    out=ContactOut,
    area="contacts",
    sorts={"name": Contact.sort_name},
    relations=(
        Relation("company", lambda: COMPANIES, Contact.company_id, COMPANIES.model.id),
        Relation("employments", lambda: EMPLOYMENTS, Contact.id, Employment.contact_id, many=True),
    ),
    keys=POINT_KEYS,
    search=Searched(
        names=("first_name", "middle_name", "last_name", "preferred_name"),
        others=("emails", "phones", "external_ids", "title", "department", "tags", "description"),
        subtitle=("title", "email", "phone"),
    ),
)

EMPLOYMENTS: Listing = Listing(
    model=Employment,
    out=EmploymentOut,
    area="contacts",
    relations=(
        Relation("contact", lambda: CONTACTS, Employment.contact_id, Contact.id),
        Relation("company", lambda: COMPANIES, Employment.company_id, COMPANIES.model.id),
    ),
)


class Contacts(Repository[Contact]):
    """The people of an organization."""

    model = Contact
    listing = CONTACTS


class Employments(Repository[Employment]):
    """Who works where, and since when."""

    model = Employment
    listing = EMPLOYMENTS

    async def primary_of(self, contact_id: UUID) -> Employment | None:
        """The contact's main employment, locked."""
        query = self.select().where(
            Employment.contact_id == contact_id,
            Employment.is_primary,
            Employment.deleted_at.is_(None),
        )
        return (await self.tx.run(query.with_for_update(key_share=True))).scalar_one_or_none()
