"""The people of a deal: what each of them is in it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.deals.models import DealContact
from crm_api.domains.deals.parties import DealContactCreate, DealContactUpdate
from crm_api.domains.deals.repository import DEAL_CONTACTS
from crm_api.kit.crud.personal import About
from crm_api.kit.crud.repository import Repository
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.json import decode

_ROLES = """
    SELECT DISTINCT jsonb_array_elements_text(roles) AS role FROM deal_contacts
    WHERE organization_id = $1 AND deal_id = $2 AND deleted_at IS NULL
"""
_PEOPLE = """
    SELECT id, contact_id, roles, influence, sentiment, note, owner_id FROM deal_contacts
    WHERE organization_id = $1 AND deal_id = $2 AND deleted_at IS NULL ORDER BY id
"""
_BLANK = ("influence", "sentiment", "note")


class DealContacts(Repository[DealContact]):
    """Who has to do with deals."""

    model = DealContact
    listing = DEAL_CONTACTS

    async def roles_in(self, deal_id: UUID) -> frozenset[str]:
        """The roles that people have in a deal, whoever asks."""
        rows = await self.tx.fetch(_ROLES, self.tx.organization_id, deal_id)
        return frozenset(row["role"] for row in rows)

    async def of(self, deal_id: UUID) -> list[Mapping[str, Any]]:
        """What all people of a deal are in it, whoever asks."""
        rows = await self.tx.fetch(_PEOPLE, self.tx.organization_id, deal_id)
        return [{**row, "roles": decode(row["roles"])} for row in rows]

    async def with_one_of(self, contact_ids: Sequence[UUID]) -> list[DealContact]:
        """What some people are in deals, locked, whoever asks."""
        query = self.select_all().where(
            DealContact.contact_id.in_(contact_ids), DealContact.deleted_at.is_(None)
        )
        query = query.order_by(DealContact.id).with_for_update(key_share=True)
        return list((await self.tx.run(query)).scalars())


class DealContactService(CrudService[DealContact]):
    """Who has to do with a deal, and as what."""

    repository = DealContacts
    area = "deals"
    plural = "deal_contacts"
    personal = About(("contact_id",), end="removed", reason="What the person is in a deal.")
    create_shape = DealContactCreate
    update_shape = DealContactUpdate
    records: DealContacts

    async def make_way(self, column: str, merged: Sequence[UUID]) -> None:
        """Of people who are one now a deal keeps the first, who is all that they were in it."""
        if column != "contact_id":
            return
        places = {id: place for place, id in enumerate(merged)}
        by_deal: dict[UUID, list[DealContact]] = {}
        for one in await self.records.with_one_of(merged):
            by_deal.setdefault(one.deal_id, []).append(one)
        for found in by_deal.values():
            first, *others = sorted(found, key=lambda one: places[one.contact_id])
            if others:
                await self.remove(others)
                await self.change(first, _united(first, others))
        # The unique index must see them go before the others are moved.
        await self.tx.flush()

    def copy(self, people: Sequence[Mapping[str, Any]], deal_id: UUID) -> None:
        """Have the same people in another deal."""
        for one in people:
            own: dict[str, Any] = {"deal_id": deal_id, "custom": {}, "external_ids": {}}
            self.add({**{name: one[name] for name in one if name != "id"}, **own})


def _united(first: DealContact, others: Sequence[DealContact]) -> dict[str, Any]:
    """All roles, and what the first one says or else one of the others."""
    roles = [role for one in (first, *others) for role in one.roles]
    said: dict[str, Any] = {
        name: next((v for one in (first, *others) if (v := getattr(one, name)) is not None), None)
        for name in _BLANK
    }
    return {"roles": list(dict.fromkeys(roles)), **said}
