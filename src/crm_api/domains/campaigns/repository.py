"""How campaigns are listed and found."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from sqlalchemy import select

from crm_api.domains.campaigns.models import Campaign
from crm_api.domains.campaigns.schemas import CampaignOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.json import decode
from crm_api.kit.errors import NotFound
from crm_api.kit.query.filters import Filter
from crm_api.kit.query.listing import Listing, Relation, Searched
from crm_api.kit.query.page import matching, values_of
from crm_api.kit.query.selection import PageQuery, Selection

AREA = "campaigns"
_PLAN = """
    SELECT id, channel, purpose, include_segment_ids, exclude_segment_ids, holdout_percent,
        variants, launched_at
    FROM campaigns WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
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
    launched_at: datetime | None

    @classmethod
    def of(cls, record: Campaign) -> Self:
        """That of a loaded campaign."""
        return cls(**{one.name: getattr(record, one.name) for one in fields(cls)})


class Campaigns(Repository[Campaign]):
    """The campaigns of an organization."""

    model = Campaign
    listing = CAMPAIGNS

    async def launched(self, filter: Filter, limit: int) -> Sequence[Any]:
        """So many that match and are seen, the latest first: their ids and names."""
        asked = PageQuery(Selection(()), filter, sight=self.sight)
        columns: Any = select(Campaign.id, Campaign.name)
        query = matching(self.listing, columns, asked).order_by(Campaign.id.desc()).limit(limit)
        return (await self.tx.run(query.params(**values_of(self.tx, asked, None)))).all()

    async def plan(self, id: UUID) -> Plan:
        """That of a campaign which the actor sees, as it was asked before."""
        rows = await self.tx.fetch(_PLAN, self.tx.organization_id, id)
        if not rows:
            raise NotFound("There is no such campaign.")
        row = dict(rows[0])
        for name in ("include_segment_ids", "exclude_segment_ids", "variants"):
            row[name] = decode(row[name])
        return Plan(**row)
