"""Leads that wait in queues."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Text, literal

from crm_api.domains.leads.models import Lead
from crm_api.domains.leads.repository import Leads
from crm_api.domains.leads.sharing import Sharable
from crm_api.kit.db.json import parsed

_IN_QUEUE = """
    organization_id = $1 AND pool_id = $2 AND unassigned_reason = 'queued' AND deleted_at IS NULL
"""
_QUEUED = f"""
    SELECT {", ".join(Sharable._fields)} FROM leads WHERE {_IN_QUEUE} AND id <> ALL($3)
    ORDER BY score DESC NULLS LAST, waits_since, id LIMIT $4
"""  # noqa: S608
_QUEUE = f"""
    SELECT count(*) AS lead_count, min(waits_since) AS waits_since, max(score) AS next_score
    FROM leads WHERE {_IN_QUEUE}
"""  # noqa: S608


class Queued(Leads):
    """Leads that wait in the queue of a pool, whoever asks."""

    async def after(self, pool_id: UUID, but: Sequence[UUID], limit: int) -> list[Sharable]:
        """The next leads of a queue, without some."""
        rows = await self.tx.fetch(_QUEUED, self.tx.organization_id, pool_id, list(but), limit)
        return [Sharable._make(map(parsed, row.values())) for row in rows]

    async def take(self, pool_id: UUID, id: UUID) -> Lead | None:
        """One of a queue, locked; None where somebody else has a hand on it."""
        query = self.select_all().where(
            Lead.id == id,
            Lead.pool_id == pool_id,
            Lead.unassigned_reason == literal("queued", Text()),
            Lead.deleted_at.is_(None),
        )
        query = query.with_for_update(key_share=True, skip_locked=True)
        return (await self.tx.run(query)).scalar_one_or_none()

    async def standing(self, pool_id: UUID) -> dict[str, Any]:
        """How many wait in a queue, since when, and how good the next one is."""
        (row,) = await self.tx.fetch(_QUEUE, self.tx.organization_id, pool_id)
        return dict(row)
