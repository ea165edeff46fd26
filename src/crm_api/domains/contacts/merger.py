"""How several contacts become one."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.contacts.relationships import ContactRelationshipService
from crm_api.domains.contacts.service import ContactService, EmploymentService
from crm_api.kit.crud.tree import lock_graph
from crm_api.kit.errors import Blocked
from crm_api.platform.merging.merger import Fold, Merger


class ContactMerger(Merger):
    """People who stand there twice."""

    service = ContactService
    # The main employment repeats them.
    together = (("company_id", "title", "department"),)
    derived = frozenset({"name", "email", "phone"})

    async def settle(self, service: Any, fold: Fold) -> None:
        """Leave one main employment: that of the record whose company survives."""
        kept = fold.survivors.sources.get("company_id")
        employments = EmploymentService(service.tx)
        for contact in fold.records:
            if kept is not None and contact.id in kept.ids:
                continue
            primary = await employments.records.primary_of(contact.id)
            if primary is not None:
                await employments.change(primary, {"is_primary": False})
        # The unique index must see one go before the other comes.
        await service.tx.flush()

    async def check(self, service: Any, ids: Sequence[UUID]) -> None:
        """Refuse a circle of reports, which relationships since may have prepared."""
        await lock_graph(service.tx, "contact_relationships")
        records = ContactRelationshipService(service.tx).records
        for one in await records.of(ids, kinds=["reports_to"]):
            if one["contact_id"] in await records.above(one["related_contact_id"]):
                message = "Relationships have changed since; somebody would report to themselves."
                raise Blocked(message, code="hierarchy_cycle")
