"""How several contacts become one."""

from typing import Any

from crm_api.domains.contacts.service import ContactService, EmploymentService
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
