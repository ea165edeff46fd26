"""How often people were reached."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.kit.crud.personal import Gone
from crm_api.kit.db.tx import Tx

# Whoever may send one more is not told so twice at once. In one order, so that none wait in a ring.
_LOCK = """
    SELECT pg_advisory_xact_lock(place) FROM (
        SELECT DISTINCT hashtextextended('outreach:' || $1::text || ':' || id, 0) AS place
        FROM unnest($2::text[]) AS id ORDER BY 1) AS places
"""
_COUNT = """
    WITH RECURSIVE whole(id, place, subject, at) AS (
        SELECT * FROM unnest($2::uuid[], $3::int[], $2::uuid[], $4::timestamptz[])
        UNION SELECT r.record_id, w.place, w.subject, w.at FROM whole w JOIN record_redirects r
        ON r.organization_id = $1 AND r.target_id = w.id)
    SELECT w.place, w.subject, g.id AS rule_id, count(*)::int AS used,
        (array_agg(t.at ORDER BY t.at DESC))[g.most] + g.days * interval '24 hours' AS frees_at
    FROM whole w
    JOIN outreach_touches t ON t.organization_id = $1 AND t.{column} = w.id
    JOIN guard_rules g ON g.organization_id = $1 AND g.id = ANY($5)
    WHERE t.at > w.at - g.days * interval '24 hours' AND NOT t.key = ANY($6)
        AND (g.channels = '[]'::jsonb OR g.channels ? t.channel)
        AND (g.purposes = '[]'::jsonb OR g.purposes ? t.purpose)
    GROUP BY w.place, w.subject, g.id, g.most, g.days
"""
_ADD = """
    INSERT INTO outreach_touches
        (organization_id, key, target, record_id, company_id, channel, purpose, at)
    SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::text[],
        $7::text[], $8::timestamptz[])
    ON CONFLICT DO NOTHING
"""
_TAKE_BACK = "DELETE FROM outreach_touches WHERE organization_id = $1 AND key = ANY($2)"
_ERASE = """
    DELETE FROM outreach_touches WHERE organization_id = $1 AND record_id = ANY($2) RETURNING key
"""
FORGET = "SELECT crm_forget_touches($1) AS number"
_COLUMNS = {"contact": "record_id", "company": "company_id"}


@dataclass(frozen=True)
class Touch:
    """That somebody is reached."""

    key: UUID
    target: str
    record_id: UUID
    company_id: UUID | None
    channel: str
    purpose: str
    at: datetime


@dataclass(frozen=True)
class Used:
    """How often somebody was reached, by what a rule counts."""

    number: int = 0
    frees_at: datetime | None = None


class Touches:
    """What was sent, as the gate counts it."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def lock(self, ids: Collection[UUID]) -> None:
        """Have others who would reach these wait till the commit."""
        if ids:
            own = str(self._tx.organization_id)
            await self._tx.write(_LOCK, own, sorted(map(str, ids)))

    async def used(
        self,
        subject: str,
        rules: Sequence[UUID],
        asked: Sequence[tuple[int, UUID, datetime]],
        but: Sequence[UUID],
    ) -> dict[tuple[int, UUID, UUID], Used]:
        """By place, subject and rule, how often each of these was reached before its moment.

        What was reached under the id of a record that was merged since counts for what it became;
        `but` are the keys that do not count.
        """
        if not rules or not asked:
            return {}
        places, ids, moments = zip(*asked, strict=True)
        rows = await self._tx.fetch(
            _COUNT.format(column=_COLUMNS[subject]),
            self._tx.organization_id,
            list(ids),
            list(places),
            list(moments),
            list(rules),
            list(but),
        )
        return {
            (row["place"], row["subject"], row["rule_id"]): Used(row["used"], row["frees_at"])
            for row in rows
        }

    async def add(self, touches: Sequence[Touch]) -> None:
        """Count these; one that has been counted stays as it is."""
        if touches:
            names = ("key", "target", "record_id", "company_id", "channel", "purpose", "at")
            columns: list[Any] = [[getattr(one, name) for one in touches] for name in names]
            await self._tx.write(_ADD, self._tx.organization_id, *columns)

    async def take_back(self, keys: Sequence[UUID]) -> None:
        """Have what never left count no more."""
        await self._tx.write(_TAKE_BACK, self._tx.organization_id, list(keys))


async def erase_touches(tx: Tx, gone: Gone) -> int:
    """Forget that a person was reached."""
    return len(await tx.write(_ERASE, tx.organization_id, list(gone.ids)))


async def purge_touches(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """The same where people are purged."""
    if entity == "contact":
        await tx.write(_ERASE, tx.organization_id, list(ids))
