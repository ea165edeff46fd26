"""How several companies become one."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.companies.service import CompanyService
from crm_api.kit.errors import Blocked
from crm_api.platform.merging.merger import Fold, Merger


class CompanyMerger(Merger):
    """Companies that stand there twice."""

    service = CompanyService
    together = (("annual_revenue", "currency"),)
    derived = frozenset({"email", "phone"})

    async def settle(self, service: Any, fold: Fold) -> None:
        """Keep the hierarchy a tree: a company that absorbs one above it takes its place."""
        await service.records.lock_hierarchy()
        parent = fold.survivors.values["parent_id"]
        if parent is not None:
            merged = {record.id: record.parent_id for record in fold.records}
            above = await service.records.ancestors(parent)
            highest = next((id for id in reversed(above) if id in merged), None)
            if highest is not None:
                fold.survivors.values["parent_id"] = merged[highest]

    async def check(self, service: Any, ids: Sequence[UUID]) -> None:
        """Refuse a circle, which changes of the hierarchy since may have prepared."""
        await service.records.lock_hierarchy()
        for id in ids:
            parent = (await service.records.get(id)).parent_id
            if parent is not None and id in await service.records.ancestors(parent):
                message = "The hierarchy has changed since; a company would stand below itself."
                raise Blocked(message, code="hierarchy_cycle")
