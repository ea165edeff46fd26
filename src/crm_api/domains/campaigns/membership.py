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
    ORDER BY contact_id LIMIT $8
"""
_READ_ON = 20
Reached = Callable[[Tx, UUID, Sequence[UUID]], Awaitable[Mapping[UUID, Mapping[str, Any]]]]
"""What has become of what members were sent, as `CampaignMemberOut` tells it."""
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
