"""What happens when a record is written that is there already."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.errors import Duplicate
from crm_api.kit.ids import new_id
from crm_api.platform.duplicates.judging import Verdict
from crm_api.platform.duplicates.matcher import Matcher
from crm_api.platform.duplicates.policies import Policy
from crm_api.platform.duplicates.service import DuplicateService, PolicyService


class DuplicateGuard:
    """Carries out the policy for one kind of record."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._read = {*matcher.reads, "custom", "deleted_at"}

    async def admit(self, service: CrudService[Any], values: dict[str, Any], current: Any) -> None:
        """Warn of duplicates, or refuse a certain one; raises `Duplicate`."""
        tx, target = service.tx, self._matcher.entity
        policy = await PolicyService(tx).of(target)
        if policy.action == "allow" or not self._tells(values, current):
            return
        record = values if current is None else {**columns_of(current), **values}
        duplicates = DuplicateService(tx)
        blocks = policy.action == "block" and not tx.allow_duplicates
        if not blocks and tx.request_id is None:
            # A job has nobody to warn, and many records to store; a scan finds the pairs as well.
            return
        if blocks:
            # Until the commit, so that the next one sees what this one stores, however it is spelt.
            await duplicates.records.lock(target, "written")
        id = None if current is None else current.id
        found = await duplicates.candidates(target, record, id=id, policy=policy)
        if blocks and await self._makes_another(duplicates, policy, found, current):
            raise _taken(target, await duplicates.seen_of(target, found))
        if found:
            id = id or values.setdefault("id", new_id())
            if await duplicates.seen_of(target, found):
                path = f"/v1/{service.plural.replace('_', '-')}/{id}/duplicates"
                tx.links.append(("duplicates", path))
            await duplicates.keep(target, [replace(verdict, left=id) for verdict in found])

    async def _makes_another(
        self, duplicates: DuplicateService, policy: Policy, found: Sequence[Verdict], current: Any
    ) -> bool:
        """Whether the write makes a certain duplicate; what was one already may be changed."""
        certain = _certain(found)
        if certain and current is not None and current.deleted_at is None:
            record = columns_of(current)
            before = await duplicates.candidates(
                policy.matcher.entity, record, id=current.id, policy=policy
            )
            certain -= _certain(before)
        return bool(certain)

    def _tells(self, values: dict[str, Any], current: Any) -> bool:
        """Whether anything that is compared is new."""
        return current is None or any(
            getattr(current, name) != value for name, value in values.items() if name in self._read
        )


def _certain(found: Sequence[Verdict]) -> set[UUID]:
    return {verdict.right for verdict in found if verdict.band == "certain"}


def _taken(target: str, found: Sequence[Verdict]) -> Duplicate:
    return Duplicate(
        f"This {target} is there already; `allow_duplicates=true` stores it all the same.",
        details={"candidates": [{"id": str(verdict.right), **verdict.told} for verdict in found]},
    )
