"""The rules of lists of leads, and of who is on them."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.prospects.list_schemas import ProspectListCreate, ProspectListUpdate
from crm_api.domains.prospects.models import ProspectList, ProspectMember
from crm_api.domains.prospects.repository import (
    LISTS_AREA,
    MEMBERS,
    ProspectLists,
    ProspectMembers,
)
from crm_api.kit.crud.alike import add_alike
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import About, Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.purges import destroy, empty_events
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.queued import is_at_work
from crm_api.kit.errors import Conflict, Invalid, WrongState

_COURSE = frozenset(
    {
        *("status", "frozen_at", "pool_id", "job_id", "runs", "member_count", "given_count"),
        *("accepted_count", "returned_count"),
        *("parent_id", "part"),
    }
)
_IDS = "SELECT id FROM prospect_members WHERE organization_id = $1 AND list_id = $2"


class ProspectListService(NamedService[ProspectList]):
    """Leads that are worked on together."""

    repository = ProspectLists
    area = LISTS_AREA
    plural = "prospect_lists"
    personal = Impersonal("What a list is called, where it comes from and what it cost.")
    create_shape = ProspectListCreate
    update_shape = ProspectListUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {
        "status": "open",
        **dict.fromkeys(("parent_id", "part", "frozen_at", "pool_id", "job_id")),
        **dict.fromkeys(("runs", "member_count"), 0),
        **dict.fromkeys(("given_count", "accepted_count", "returned_count"), 0),
    }
    records: ProspectLists

    async def prepare(self, values: dict[str, Any], current: ProspectList | None) -> dict[str, Any]:
        """What it cost has a currency."""
        values = await super().prepare(values, current)
        whole = {**({} if current is None else columns_of(current)), **values}
        if whole["cost"] is not None and whole["currency"] is None:
            raise Invalid.at("/currency", "required", "An amount needs a currency.")
        return values

    async def put_back(self, record: ProspectList, values: dict[str, Any]) -> Any:
        """What an undo takes back is not where the list stands."""
        return await super().put_back(record, {n: v for n, v in values.items() if n not in _COURSE})

    async def check_purge(self, current: ProspectList) -> None:
        """Who is on it goes with it, but no leads do."""
        await super().check_purge(current)
        await self.need_idle(current)
        rows = await self.tx.fetch(_IDS, self.tx.organization_id, current.id)
        if ids := [row["id"] for row in rows]:
            await destroy(self.tx, MEMBERS, ids)
            await empty_events(self.tx, ids)

    async def idle(self, id: UUID, expected: int | None = None) -> ProspectList:
        """A list to change, locked, that no job is at; raises `Conflict`."""
        self.need("update")
        current = await self.locked(id, expected)
        await self.need_idle(current)
        return current

    async def need_idle(self, current: ProspectList) -> None:
        """Raise `Conflict` where a job is at work."""
        if await is_at_work(self.tx, current.job_id):
            message = "A job is at it; wait for its end, or cancel it."
            details = {"job_id": str(current.job_id)}
            raise Conflict(message, code="list_at_work", details=details)

    async def freeze(self, id: UUID, expected: int | None = None) -> Any:
        """Have its members stay as they are; what is frozen stays so."""
        current = await self.idle(id, expected)
        if current.status == "split":
            raise split_before()
        values = {"status": "frozen", "frozen_at": current.frozen_at or self.tx.now}
        return await self.told(await self.change(current, values, verb="frozen"))

    async def reopen(self, id: UUID, expected: int | None = None) -> Any:
        """Have members come and go again."""
        current = await self.idle(id, expected)
        if current.status == "split":
            raise split_before()
        values = {"status": "open", "frozen_at": None}
        return await self.told(await self.change(current, values, verb="reopened"))


class ProspectMemberService(CrudService[ProspectMember]):
    """Who is on a list, and what became of them there."""

    repository = ProspectMembers
    area = LISTS_AREA
    plural = "prospect_members"
    personal = About(("lead_id",), end="kept", reason="An id alone: on which lists the lead was.")
    plain = False
    upserts = False
    records: ProspectMembers

    async def join(self, list_ids: Sequence[UUID], lead_ids: Sequence[UUID]) -> None:
        """Put leads on lists, which are locked, that they are not on: pairs of a list and a lead."""
        if not lead_ids:
            return
        common: dict[str, Any] = {
            "status": "listed",
            **dict.fromkeys(("user_id", "outcome", "given_at", "accepted_at", "owner_id")),
            **dict.fromkeys(("run", "returns"), 0),
            "custom": {},
            "external_ids": {},
        }
        await add_alike(self, common, {"list_id": list_ids, "lead_id": lead_ids})


def split_before() -> WrongState:
    """The error for a list that goes on in its parts."""
    return WrongState("The list was split: its parts go on.", code="list_split")
