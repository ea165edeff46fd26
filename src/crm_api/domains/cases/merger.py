"""How several cases become one."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.cases.schemas import CaseCreate
from crm_api.domains.cases.service import CaseService
from crm_api.domains.cases.states import customer_of
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.errors import Blocked
from crm_api.platform.merging.merger import Fold, Merger


class CaseMerger(Merger):
    """What one customer asked for several times.

    State, number, clocks and rating are those of the case that is left: nothing that was promised
    by it changes.
    """

    service = CaseService
    together = (("impact", "urgency", "priority"),)
    derived = frozenset(CaseService.repository.listing.shown) - frozenset(CaseCreate.model_fields)

    async def settle(self, service: Any, fold: Fold) -> None:
        """Refuse cases of several customers, and keep the hierarchy a tree."""
        if len({customer_of(columns_of(case)) for case in fold.records}) > 1:
            message = "They are cases of several customers."
            raise Blocked(message, code="other_customer")
        await service.records.lock_hierarchy()
        merged = {case.id: case for case in fold.records}
        values = fold.survivors.values
        parent = values["parent_id"]
        if parent is not None:
            above = await service.records.ancestors(parent)
            highest = next((id for id in reversed(above) if id in merged), None)
            if highest is not None:
                values["parent_id"] = merged[highest].parent_id
        # What followed up one of them follows up what that one did.
        while values["follows_id"] in merged:
            before = merged.pop(values["follows_id"])
            values["follows_id"] = before.follows_id

    async def check(self, service: Any, ids: Sequence[UUID]) -> None:
        """Refuse a circle, which changes of the hierarchy since may have prepared."""
        await service.records.lock_hierarchy()
        for id in ids:
            parent = (await service.records.get(id)).parent_id
            if parent is not None and id in await service.records.ancestors(parent):
                message = "The hierarchy has changed since; a case would stand below itself."
                raise Blocked(message, code="hierarchy_cycle")
