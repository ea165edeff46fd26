"""How contacts and employments are listed and found."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, inspect, or_

from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.models import Contact, ContactRelationship, Employment
from crm_api.domains.contacts.relating import ContactRelationshipOut
from crm_api.domains.contacts.schemas import ContactOut, EmploymentOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.tx import Tx
from crm_api.kit.points import POINT_KEYS
from crm_api.kit.query.listing import Listing, Relation, Searched

_WITH_POINT = """
    SELECT DISTINCT c.id, c.company_id, c.owner_id FROM record_keys k
    JOIN contacts c ON c.organization_id = $1 AND c.id = k.record_id AND c.deleted_at IS NULL
    WHERE k.organization_id = $1 AND k.entity = 'contact' AND k.kind = $2 AND k.value = $3
    ORDER BY c.id LIMIT 20
"""
CONTACTS: Listing = Listing(
    model=Contact,
    out=ContactOut,
    area="contacts",
    sorts={"name": Contact.sort_name},
    relations=(
        Relation(
            "company", lambda: COMPANIES, Contact.company_id, COMPANIES.model.id, back="contacts"
        ),
        Relation(
            "employments",
            lambda: EMPLOYMENTS,
            Contact.id,
            Employment.contact_id,
            many=True,
            part=True,
        ),
        Relation(
            "relationships",
            lambda: RELATIONSHIPS,
            Contact.id,
            ContactRelationship.contact_id,
            many=True,
            part=True,
        ),
        Relation(
            "related_by",
            lambda: RELATIONSHIPS,
            Contact.id,
            ContactRelationship.related_contact_id,
            many=True,
        ),
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
        Relation(
            "company",
            lambda: COMPANIES,
            Employment.company_id,
            COMPANIES.model.id,
            back="employments",
        ),
    ),
    within="contact",
)

RELATIONSHIPS: Listing = Listing(
    model=ContactRelationship,
    out=ContactRelationshipOut,
    area="contacts",
    relations=(
        Relation("contact", lambda: CONTACTS, ContactRelationship.contact_id, Contact.id),
        Relation("related", lambda: CONTACTS, ContactRelationship.related_contact_id, Contact.id),
    ),
    within="contact",
)


class Contacts(Repository[Contact]):
    """The people of an organization."""

    model = Contact
    listing = CONTACTS


class Employments(Repository[Employment]):
    """Who works where, and since when."""

    model = Employment
    listing = EMPLOYMENTS

    def __init__(self, tx: Tx) -> None:
        super().__init__(tx)
        self._primaries: dict[UUID, Employment | None] = {}

    async def hold_primaries(self, contact_ids: Sequence[UUID]) -> None:
        """Lock the main employments of many contacts, so that `primary_of` knows them."""
        wanted = [id for id in contact_ids if self._forgotten(id)]
        if wanted:
            query = self._primary().where(Employment.contact_id.in_(wanted))
            query = query.order_by(Employment.id).with_for_update(key_share=True)
            found = (await self.tx.run(query)).scalars()
            self._primaries |= dict.fromkeys(wanted) | {e.contact_id: e for e in found}

    async def primary_of(self, contact_id: UUID) -> Employment | None:
        """The contact's main employment, locked."""
        # Once: whoever asks goes on to change it.
        if not self._forgotten(contact_id):
            return self._primaries.pop(contact_id)
        query = self._primary().where(Employment.contact_id == contact_id)
        return (await self.tx.run(query.with_for_update(key_share=True))).scalar_one_or_none()

    def _forgotten(self, contact_id: UUID) -> bool:
        known = self._primaries.get(contact_id)
        return contact_id not in self._primaries or (known is not None and inspect(known).expired)

    def _primary(self) -> Select[Employment]:
        return self.select().where(Employment.is_primary, Employment.deleted_at.is_(None))


class ContactRelationships(Repository[ContactRelationship]):
    """What people are to each other."""

    model = ContactRelationship
    listing = RELATIONSHIPS

    async def of(
        self, ids: Sequence[UUID], *, current: bool = True, kinds: Sequence[str] | None = None
    ) -> list[Any]:
        """The living ones that begin or end at some people, whoever asks; in a fixed order."""
        return await self.tx.fetch(
            _RELATIONSHIPS, self.tx.organization_id, list(ids), current, kinds, MOST_RELATIONSHIPS
        )

    async def of_merged(self, ids: Sequence[UUID]) -> list[ContactRelationship]:
        """All living ones that begin or end at some people, locked, whoever asks."""
        query = self.select_all().where(
            or_(
                ContactRelationship.contact_id.in_(ids),
                ContactRelationship.related_contact_id.in_(ids),
            ),
            ContactRelationship.deleted_at.is_(None),
        )
        query = query.order_by(ContactRelationship.id).with_for_update(key_share=True)
        return list((await self.tx.run(query)).scalars())

    async def above(self, id: UUID) -> set[UUID]:
        """To whom somebody reports, directly or not, themselves included."""
        rows = await self.tx.fetch(_ABOVE, self.tx.organization_id, id)
        return {row["id"] for row in rows}


MOST_RELATIONSHIPS = 2_000
"""So many are read of one circle of people."""
_RELATIONSHIPS = """
    SELECT id, contact_id, related_contact_id, kind, strength, started_on, ended_on
    FROM contact_relationships
    WHERE organization_id = $1 AND (contact_id = ANY($2) OR related_contact_id = ANY($2))
        AND deleted_at IS NULL AND NOT ($3 AND ended_on IS NOT NULL)
        AND ($4::text[] IS NULL OR kind = ANY($4))
    ORDER BY strength DESC NULLS LAST, id LIMIT $5
"""
_ABOVE = """
    WITH RECURSIVE up AS (
        SELECT $2::uuid AS id
        UNION SELECT r.related_contact_id FROM contact_relationships r JOIN up
            ON r.contact_id = up.id
        WHERE r.organization_id = $1 AND r.kind = 'reports_to' AND r.deleted_at IS NULL
            AND r.ended_on IS NULL)
    SELECT id FROM up
"""


async def with_point(tx: Tx, kind: str, key: str) -> list[Any]:
    """The contacts that have an address (`email`, `phone`), with companies and owners.

    Whoever asks; twenty at the most.
    """
    return await tx.fetch(_WITH_POINT, tx.organization_id, kind, key)
