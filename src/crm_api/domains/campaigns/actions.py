"""What is done with campaigns: launched, paused, ended, copied; and who is in their audience."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal
from uuid import UUID

from crm_api.domains.campaigns.audience import Audience
from crm_api.domains.campaigns.models import Campaign, Status
from crm_api.domains.campaigns.repository import Plan
from crm_api.domains.campaigns.schemas import (
    HAPPENINGS,
    CampaignCreate,
    CampaignMembersAsked,
    CloneInput,
)
from crm_api.domains.campaigns.service import CampaignService
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.kit.crud.transitions import Way, need_way, way
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.visibility import among, sight_of

Verb = Literal["launch", "pause", "resume", "complete", "cancel", "archive"]
WAYS: Mapping[Verb, Way[Status]] = {
    "launch": way("draft scheduled", "running", "launched"),
    "pause": way("running", "paused", "paused"),
    "resume": way("paused", "running", "resumed"),
    "complete": way("running paused", "completed", "completed"),
    "cancel": way("draft scheduled running paused", "cancelled", "cancelled"),
    "archive": way("completed cancelled", "archived", "archived"),
}
_ENDS = frozenset({"completed", "cancelled"})
_MEMBERS = """
    SELECT contact_id, variant, is_holdout, excluded_reason, frozen_at FROM campaign_members
    WHERE organization_id = $1 AND campaign_id = $2 AND ($3::uuid IS NULL OR contact_id > $3)
        AND ($4::text IS NULL OR variant = $4) AND ($5::boolean IS NULL OR is_holdout = $5)
        AND ($6::text IS NULL OR excluded_reason = $6)
        AND ($7::boolean IS NULL OR (excluded_reason IS NOT NULL) = $7)
    ORDER BY contact_id LIMIT $8
"""
_READ_ON = 20
Reached = Callable[[Tx, UUID, Sequence[UUID]], Awaitable[Mapping[UUID, Mapping[str, Any]]]]
"""What has become of what members were sent, as `CampaignMemberOut` tells it."""
_NOT_SENT: Mapping[str, Any] = {
    "status": None,
    "reasons": [],
    **dict.fromkeys(f"{one}_at" for one in HAPPENINGS),
}


class CampaignActions:
    """Campaigns, from draft to archive."""

    followed: ClassVar[list[Callable[[Tx, UUID, Verb], Awaitable[None]]]] = []
    """What else begins and ends with a campaign, in the same transaction: what raises stops it."""
    reached: ClassVar[list[Reached]] = []

    def __init__(self, tx: Tx) -> None:
        self.tx, self.service = tx, CampaignService(tx)

    async def go(self, id: UUID, verb: Verb, expected: int | None) -> Any:
        """Do it; returns the campaign after it."""
        self.service.need("update")
        current = await self.service.locked(id, expected)
        one = need_way("campaign", WAYS, current.status, verb)
        values: dict[str, Any] = {"status": one.after}
        if verb == "launch":
            values |= await self._launched(current)
        if one.after in _ENDS:
            values["ended_at"] = self.tx.now
        shown = await self.service.told(await self.service.change(current, values, verb=one.event))
        for follow in self.followed:
            await follow(self.tx, id, verb)
        return shown

    async def _launched(self, current: Campaign) -> dict[str, Any]:
        now = self.tx.now
        values: dict[str, Any] = {"launched_at": now, "frozen_at": now}
        # What reaches nobody by name, such as an advertisement, has no audience.
        if current.include_segment_ids or current.channel is not None:
            values |= await Audience(self.tx).freeze(Plan.of(current))
        return values

    async def preview(self, id: UUID) -> dict[str, Any]:
        """Who would be reached if it were launched now."""
        await self.service.get(id)
        return await Audience(self.tx).preview(await self.service.records.plan(id))

    async def clone(self, id: UUID, data: CloneInput) -> Any:
        """A draft like it, without its audience and its dates."""
        self.service.need("create")
        await self.service.get(id)
        source = await self.service.records.get(id)
        taken = set(CampaignCreate.model_fields)
        taken -= {"name", "starts_on", "ends_on", "external_ids", "custom", "owner_id"}
        body = {name: getattr(source, name) for name in taken}
        return await self.service.create(CampaignCreate(**body, name=data.name))

    async def members(
        self, id: UUID, asked: CampaignMembersAsked, limit: int, cursor: str | None
    ) -> dict[str, Any]:
        """Who is in the frozen audience, of those whom the actor sees."""
        await self.service.get(id)
        tx = self.tx
        tx.actor.require(f"{CONTACTS.area}:read")
        context = context_of(
            tx.organization_id, "campaign_members", str(id), asked.model_dump_json()
        )
        key, after = tx.database.signing_key, None
        if cursor is not None:
            after = UUID(unseal(key, context, cursor)[0])
        wanted = (asked.variant, asked.is_holdout, asked.excluded_reason, asked.is_excluded)
        found: list[dict[str, Any]] = []
        sight = sight_of(tx.actor, CONTACTS)
        for _ in range(_READ_ON):
            rows = await tx.fetch(_MEMBERS, tx.organization_id, id, after, *wanted, limit + 1)
            ids = [row["contact_id"] for row in rows[:limit]]
            seen = await among(tx, CONTACTS, sight, ids)
            for row in rows[:limit]:
                if len(found) < limit:
                    after = row["contact_id"]
                    if after in seen:
                        found.append(dict(row))
            if len(rows) <= limit and (not ids or after == ids[-1]):
                return {"data": await self._told(id, found), "next_cursor": None}
            if len(found) == limit:
                break
        sealed = seal(key, context, [str(after)])
        return {"data": await self._told(id, found), "next_cursor": sealed}

    async def _told(self, id: UUID, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Members with what has become of what they were sent."""
        ids = [one["contact_id"] for one in found]
        known: dict[UUID, Mapping[str, Any]] = {}
        for ask in self.reached if ids else ():
            known.update(await ask(self.tx, id, ids))
        return [{**_NOT_SENT, **one, **known.get(one["contact_id"], {})} for one in found]
