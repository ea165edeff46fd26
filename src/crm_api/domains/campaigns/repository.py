"""How campaigns are listed and found."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from crm_api.domains.campaigns.models import Campaign
from crm_api.domains.campaigns.schemas import CampaignOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.json import decode
from crm_api.kit.errors import NotFound
from crm_api.kit.query.listing import Listing, Relation, Searched

AREA = "campaigns"
_PLAN = """
    SELECT id, channel, purpose, include_segment_ids, exclude_segment_ids, holdout_percent,
        variants, test_percent, stop_rule, decision, launched_at
    FROM campaigns WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
"""
# What was called off, or is in the bin, holds nobody out; what is above it may.
_LINE = """
    WITH RECURSIVE line (id, parent_id, holds) AS (
        SELECT k.id, k.parent_id, {holds} FROM campaigns k
        WHERE k.organization_id = $1 AND k.id = {campaign}
        UNION SELECT k.id, k.parent_id, {holds} FROM line
        JOIN campaigns k ON k.organization_id = $1 AND k.id = line.parent_id)
    SELECT id FROM line WHERE holds{but}
"""
_HOLDS = "k.status <> 'cancelled' AND k.deleted_at IS NULL"
_WINNER = """
    SELECT decision ->> 'variant' AS variant FROM campaigns WHERE organization_id = $1 AND id = $2
        AND (decision ->> 'winner_for_rest')::boolean
"""
CAMPAIGNS: Listing = Listing(
    model=Campaign,
    out=CampaignOut,
    area=AREA,
    sorts={"name": Campaign.sort_name},
    relations=(Relation("parent", lambda: CAMPAIGNS, Campaign.parent_id, Campaign.id),),
    search=Searched(names=("name",), others=("objective", "description", "external_ids")),
)


@dataclass(frozen=True)
class Plan:
    """What decides who is reached with what, whoever asks: no mask hides a part of it."""

    id: UUID
    channel: str | None
    purpose: str | None
    include_segment_ids: list[str]
    exclude_segment_ids: list[str]
    holdout_percent: int
    variants: list[dict[str, Any]]
    test_percent: int
    stop_rule: dict[str, Any] | None
    decision: dict[str, Any] | None
    launched_at: datetime | None

    @property
    def split_until(self) -> datetime | None:
        """Till when each was sent their own variant; None where a decision has not ended that."""
        if self.decision is None or not self.decision.get("winner_for_rest"):
            return None
        return datetime.fromisoformat(self.decision["decided_at"])

    @property
    def waits(self) -> bool:
        """Whether those in no variant wait for what its experiment decides."""
        return self.test_percent < 100 and self.decision is None

    @classmethod
    def of(cls, record: Campaign) -> Self:
        """That of a loaded campaign."""
        return cls(**{one.name: getattr(record, one.name) for one in fields(cls)})


_DECODED = ("include_segment_ids", "exclude_segment_ids", "variants", "stop_rule", "decision")
_PINS = """
    SELECT s.id::text AS segment_id, s.version, s.id = ANY($2::uuid[]) AS is_included,
        (SELECT count(*)::int FROM segment_members m WHERE m.organization_id = $1
            AND m.segment_id = s.id AND m.left_at IS NULL) AS members
    FROM segments s WHERE s.organization_id = $1 AND s.id = ANY($2::uuid[] || $3::uuid[])
    ORDER BY s.id
"""
_GONE = """
    SELECT one.id::text AS id FROM unnest($2::uuid[]) AS one (id) WHERE NOT EXISTS (
        SELECT FROM segments s WHERE s.organization_id = $1 AND s.id = one.id
        AND s.deleted_at IS NULL AND s.is_active)
"""


def held_out(campaign: str, *, itself: bool = False) -> str:
    """The SQL of who is held out by the campaigns above one, and by itself: their `contact_id`.

    `campaign` is the SQL of its id. It joins as the table of members does, by its key.
    """
    but = "" if itself else f" AND id <> {campaign}"
    line = _LINE.format(campaign=campaign, holds=_HOLDS, but=but)
    return (
        "SELECT h.contact_id FROM campaign_members h WHERE h.organization_id = $1 "  # noqa: S608
        f"AND h.is_holdout AND h.campaign_id = ANY(ARRAY({line}))"
    )


def waiting(campaign: str) -> str:
    """The SQL of whether those in no variant of a campaign wait for what its experiment decides."""
    return (
        "EXISTS (SELECT FROM campaigns k WHERE k.organization_id = $1 "
        f"AND k.id = {campaign} AND k.test_percent < 100 AND k.decision IS NULL)"
    )


class Campaigns(Repository[Campaign]):
    """The campaigns of an organization."""

    model = Campaign
    listing = CAMPAIGNS

    async def plan(self, id: UUID) -> Plan:
        """That of a campaign which the actor sees, as it was asked before."""
        rows = await self.tx.fetch(_PLAN, self.tx.organization_id, id)
        if not rows:
            raise NotFound("There is no such campaign.")
        row = dict(rows[0])
        for name in _DECODED:
            row[name] = None if row[name] is None else decode(row[name])
        return Plan(**row)

    async def winner(self, id: UUID) -> str | None:
        """The variant as which all leaves from now on, where an experiment has decided so."""
        rows = await self.tx.fetch(_WINNER, self.tx.organization_id, id)
        return rows[0]["variant"] if rows else None

    async def pins(self, current: Plan) -> list[dict[str, Any]]:
        """Which versions of segments an audience is made of, and how many are in each now."""
        ids = (list(current.include_segment_ids), list(current.exclude_segment_ids))
        rows = await self.tx.fetch(_PINS, self.tx.organization_id, *ids)
        return [dict(row) for row in rows]

    async def gone(self, ids: Sequence[str]) -> set[str]:
        """Of some segments those that are in the bin, or not kept up."""
        rows = await self.tx.fetch(_GONE, self.tx.organization_id, list(ids))
        return {row["id"] for row in rows}
