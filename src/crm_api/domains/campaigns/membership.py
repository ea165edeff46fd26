"""Who is in a frozen audience."""

from typing import Any
from uuid import UUID

from crm_api.domains.campaigns.schemas import CampaignMembersAsked
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


async def members_of(
    tx: Tx, id: UUID, asked: CampaignMembersAsked, limit: int, cursor: str | None
) -> dict[str, Any]:
    """Who is in the frozen audience, of those whom the actor sees."""
    await CampaignService(tx).get(id)
    tx.actor.require(f"{CONTACTS.area}:read")
    context = context_of(tx.organization_id, "campaign_members", str(id), asked.model_dump_json())
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
            return {"data": found, "next_cursor": None}
        if len(found) == limit:
            break
    return {"data": found, "next_cursor": seal(key, context, [str(after)])}
