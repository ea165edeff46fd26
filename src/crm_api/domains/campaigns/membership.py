"""Who is in a frozen audience."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.campaigns.schemas import HAPPENINGS, CampaignMembersAsked
from crm_api.domains.campaigns.service import CampaignService
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.visibility import among, sight_of

_MEMBERS = """
    SELECT contact_id, variant, is_holdout, excluded_reason, frozen_at FROM campaign_members
    WHERE organization_id = $1 AND campaign_id = $2 AND ($3::uuid IS NULL OR contact_id > $3)
        AND ($4::text IS NULL OR variant = $4) AND ($5::boolean IS NULL OR is_holdout = $5)
        AND ($6::text IS NULL OR excluded_reason = $6)
        AND ($7::boolean IS NULL OR (excluded_reason IS NOT NULL) = $7)
        AND ($8::uuid[] IS NULL OR contact_id = ANY($8))
    ORDER BY contact_id LIMIT $9
"""
_READ_ON = 20
Reached = Callable[[Tx, UUID, Sequence[UUID]], Awaitable[Mapping[UUID, Mapping[str, Any]]]]
"""What has become of what members were sent, as `CampaignMemberOut` tells it."""
Sought = Callable[[Tx, UUID, CampaignMembersAsked, UUID | None, int], Awaitable[Sequence[UUID]]]
"""The next people, after one, by whom or with whom that may have happened; raises `Forbidden`."""
Contacted = Callable[[Tx, Sequence[UUID]], Awaitable[AbstractSet[tuple[UUID, UUID]]]]
"""By which campaigns some contacts were sent anything, or are being sent it at this moment."""
_NOT_SENT: Mapping[str, Any] = {
    "status": None,
    "reasons": [],
    **dict.fromkeys(f"{one}_at" for one in HAPPENINGS),
}


class CampaignMembership:
    """Frozen audiences, as far as the actor sees their contacts."""

    reached: ClassVar[list[Reached]] = []
    contacted: ClassVar[list[Contacted]] = []
    sought: ClassVar[list[Sought]] = []

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def of(
        self, id: UUID, asked: CampaignMembersAsked, limit: int, cursor: str | None
    ) -> dict[str, Any]:
        """Who is in the frozen audience, of those whom the actor sees."""
        tx = self.tx
        await CampaignService(tx).get(id)
        tx.actor.require(f"{CONTACTS.area}:read")
        context = context_of(
            tx.organization_id, "campaign_members", str(id), asked.model_dump_json()
        )
        key, after = tx.database.signing_key, None
        if cursor is not None:
            after = UUID(unseal(key, context, cursor)[0])
        found: list[dict[str, Any]] = []
        for _ in range(_READ_ON):
            ids, rows = await self._next(id, asked, after, limit + 1)
            known = {one["contact_id"]: one for one in await self._fitting(id, asked, rows)}
            for place in ids[:limit]:
                if len(found) < limit:
                    after = place
                    if place in known:
                        found.append(known[place])
            if len(ids) <= limit and (not ids or after == ids[-1]):
                return {"data": found, "next_cursor": None}
            if len(found) == limit:
                break
        return {"data": found, "next_cursor": seal(key, context, [str(after)])}

    async def _next(
        self, id: UUID, asked: CampaignMembersAsked, after: UUID | None, most: int
    ) -> tuple[list[UUID], list[Any]]:
        """The next people who are looked at, and those of them who are members."""
        some: list[UUID] | None = None
        if asked.status is not None or asked.did is not None:
            some = []
            for seek in self.sought:
                some += await seek(self.tx, id, asked, after, most)
            if not some:
                return [], []
        wanted = (asked.variant, asked.is_holdout, asked.excluded_reason, asked.is_excluded)
        own = (self.tx.organization_id, id, after, *wanted)
        rows = await self.tx.fetch(_MEMBERS, *own, some, most)
        return some or [row["contact_id"] for row in rows], rows

    async def _fitting(
        self, id: UUID, asked: CampaignMembersAsked, rows: Sequence[Any]
    ) -> list[dict[str, Any]]:
        """Those of some members who are seen and as they are asked for."""
        ids = [row["contact_id"] for row in rows]
        seen = await among(self.tx, CONTACTS, sight_of(self.tx.actor, CONTACTS), ids)
        told = await self._told(id, [dict(row) for row in rows if row["contact_id"] in seen])
        return [
            one
            for one in told
            if asked.status in (None, one["status"])
            and (asked.did is None or one[f"{asked.did}_at"] is not None)
        ]

    async def _told(self, id: UUID, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Members with what has become of what they were sent."""
        ids = [one["contact_id"] for one in found]
        known: dict[UUID, Mapping[str, Any]] = {}
        for ask in self.reached if ids else ():
            known.update(await ask(self.tx, id, ids))
        return [{**_NOT_SENT, **one, **known.get(one["contact_id"], {})} for one in found]
