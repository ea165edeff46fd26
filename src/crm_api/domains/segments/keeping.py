"""What becomes of tracked events and of memberships with the people they are of."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.crud.personal import Gone
from crm_api.kit.crud.purges import empty_events
from crm_api.kit.db.tx import Tx

_MERGE = """
    UPDATE behaviour_events SET contact_id = $2, moved_from = coalesce(moved_from, contact_id)
    WHERE organization_id = $1 AND contact_id = ANY($3)
"""
_GIVE_BACK = """
    UPDATE behaviour_events SET contact_id = moved_from, moved_from = NULL
    WHERE organization_id = $1 AND moved_from = ANY($2)
"""
# By hand they are what the one that is left is, unless somebody has decided of that as well.
_MERGE_OVERRIDES = """
    INSERT INTO segment_overrides (organization_id, segment_id, record_id, is_member, at, actor_id)
    SELECT DISTINCT ON (segment_id) organization_id, segment_id, $2::uuid, is_member, at, actor_id
    FROM segment_overrides WHERE organization_id = $1 AND record_id = ANY($3)
    ORDER BY segment_id, at DESC
    ON CONFLICT (organization_id, segment_id, record_id) DO NOTHING
"""
_FORGET_MEMBERS = """
    WITH gone AS (
        DELETE FROM segment_members WHERE organization_id = $1 AND record_id = ANY($2)
        RETURNING segment_id, left_at),
    fewer AS (
        UPDATE segment_standings s SET size = s.size - g.number
        FROM (SELECT segment_id, count(*) FILTER (WHERE left_at IS NULL)::int AS number
            FROM gone GROUP BY segment_id) g
        WHERE s.organization_id = $1 AND s.segment_id = g.segment_id),
    overrides AS (
        DELETE FROM segment_overrides WHERE organization_id = $1 AND record_id = ANY($2))
    SELECT count(*) AS number FROM gone
"""
_FORGET_SEGMENTS = (
    "DELETE FROM segment_members WHERE organization_id = $1 AND segment_id = ANY($2)",
    "DELETE FROM segment_overrides WHERE organization_id = $1 AND segment_id = ANY($2)",
    "DELETE FROM segment_standings WHERE organization_id = $1 AND segment_id = ANY($2)",
)
_FORGET_BEHAVIOUR = """
    DELETE FROM behaviour_events WHERE organization_id = $1
        AND (contact_id = ANY($2) OR moved_from = ANY($2)) RETURNING id
"""


async def move_behaviour(
    tx: Tx, entity: str, winner: UUID, losers: Sequence[UUID], merge: UUID
) -> None:
    """Have what merged contacts did be what the one that is left did."""
    del merge
    if entity == "contact":
        await tx.write(_MERGE, tx.organization_id, winner, list(losers))
    if entity in {"contact", "company"}:
        await tx.write(_MERGE_OVERRIDES, tx.organization_id, winner, list(losers))


async def give_back(tx: Tx, people: Sequence[UUID]) -> None:
    """Undo that for contacts that are no longer merged."""
    await tx.write(_GIVE_BACK, tx.organization_id, list(people))


async def forget_purged(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """Take away what is kept of records that were destroyed."""
    wanted = list(ids)
    if entity == "contact":
        rows = await tx.write(_FORGET_BEHAVIOUR, tx.organization_id, wanted)
        await empty_events(tx, [row["id"] for row in rows])
    if entity in {"contact", "company"}:
        await tx.write(_FORGET_MEMBERS, tx.organization_id, wanted)
    if entity == "segment":
        for statement in _FORGET_SEGMENTS:
            await tx.write(statement, tx.organization_id, wanted)


async def forget_person(tx: Tx, gone: Gone) -> int:
    """Take a person out of all segments, with since when they were in them."""
    rows: list[Any] = await tx.write(_FORGET_MEMBERS, tx.organization_id, list(gone.ids))
    return rows[0]["number"]
