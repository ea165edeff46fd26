"""Points of contact as they are kept: added, moved with merges, taken away with their records."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.crud.personal import Gone
from crm_api.kit.db.tx import Tx
from crm_api.kit.touchpoints import PartyKind

_ADD = """
    INSERT INTO touchpoints (organization_id, id, at, topic, kind, department, direction, entity,
        record_id, actor_kind, actor_id)
    SELECT $1, * FROM unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[],
        $7::text[], $8::text[], $9::uuid[], $10::text[], $11::uuid[])
    ON CONFLICT (organization_id, id) DO NOTHING
"""
_ADD_PARTIES = """
    INSERT INTO touchpoint_parties (organization_id, party_id, party_kind, touchpoint_id, at,
        department, topic, kind, direction, entity, is_direct)
    SELECT $1, p.party_id, p.party_kind, t.id, t.at, t.department, t.topic, t.kind, t.direction,
        t.entity, p.is_direct
    FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::boolean[])
        AS p (party_id, party_kind, touchpoint_id, is_direct)
    JOIN touchpoints t ON t.organization_id = $1 AND t.id = p.touchpoint_id
    ON CONFLICT (organization_id, party_id, party_kind, touchpoint_id) DO NOTHING
"""
_COPIED = """
    INSERT INTO touchpoint_parties (organization_id, party_id, party_kind, touchpoint_id, at,
        department, topic, kind, direction, entity, is_direct, moved_from)
    SELECT organization_id, {party}, touchpoint_id, at, department, topic, kind,
        direction, entity, {rest}
    FROM touchpoint_parties
    WHERE organization_id = $1 AND party_id = $2 AND party_kind = $3
    ON CONFLICT (organization_id, party_id, party_kind, touchpoint_id) DO NOTHING
"""
_ROLL_UP = _COPIED.format(party="$4::uuid, $5::text", rest="false, NULL::uuid")
_TAKE_OVER = _COPIED.format(party="$4::uuid, party_kind", rest="is_direct, $2")
_GIVE_BACK = "DELETE FROM touchpoint_parties WHERE organization_id = $1 AND moved_from = ANY($2)"
_OF_RECORDS = """
    WITH gone AS (
        DELETE FROM touchpoints WHERE organization_id = $1 AND record_id = ANY($2) RETURNING id),
    parties AS (
        DELETE FROM touchpoint_parties p USING gone
        WHERE p.organization_id = $1 AND p.touchpoint_id = gone.id)
    SELECT count(*) AS number FROM gone
"""
_OF_PARTIES = """
    WITH gone AS (
        DELETE FROM touchpoint_parties WHERE organization_id = $1 AND party_id = ANY($2)
        RETURNING 1)
    SELECT count(*) AS number FROM gone
"""
_HEALTH = "DELETE FROM company_health WHERE organization_id = $1 AND company_id = ANY($2)"
PARTIES: frozenset[str] = frozenset({"company", "contact", "deal", "case"})
Standing = tuple[UUID, PartyKind, UUID, bool]
"""That a point of contact stands on a timeline: the party with its kind, the point of contact,
and whether it is with the party itself."""


class Touchpoints:
    """The points of contact of an organization."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def add(self, rows: Sequence[Sequence[Any]], parties: Iterable[Standing]) -> None:
        """Keep points of contact; what is there already stays as it is."""
        own = self.tx.organization_id
        if rows:
            await self.tx.write(_ADD, own, *map(list, zip(*rows, strict=True)))
        if parties := list(parties):
            await self.tx.write(_ADD_PARTIES, own, *map(list, zip(*parties, strict=True)))

    async def roll_up(self, child: tuple[PartyKind, UUID], parent: tuple[PartyKind, UUID]) -> None:
        """Have what stands on one timeline stand on the one above as well."""
        own = self.tx.organization_id
        await self.tx.write(_ROLL_UP, own, child[1], child[0], parent[1], parent[0])

    async def take_over(self, kind: str, loser: UUID, winner: UUID) -> None:
        """Have what stands on the timeline of a merged record stand on that of the other one.

        It stays there as well, which nobody sees till the merge is undone.
        """
        await self.tx.write(_TAKE_OVER, self.tx.organization_id, loser, kind, winner)

    async def give_back(self, losers: Sequence[UUID]) -> None:
        """Undo `take_over`."""
        await self.tx.write(_GIVE_BACK, self.tx.organization_id, list(losers))

    async def forget(self, ids: Collection[UUID], *, parties: bool) -> int:
        """Take away the points of contact of records, and what stands on their own timelines."""
        own, wanted = self.tx.organization_id, list(ids)
        rows = await self.tx.write(_OF_RECORDS, own, wanted)
        if parties:
            rows += await self.tx.write(_OF_PARTIES, own, wanted)
            await self.tx.write(_HEALTH, own, wanted)
        return sum(row["number"] for row in rows)


async def move_touchpoints(
    tx: Tx, entity: str, winner: UUID, losers: Sequence[UUID], merge: UUID
) -> None:
    """Have the points of contact of merged records be those of the one that is left."""
    del merge
    if entity in PARTIES:
        for loser in losers:
            await Touchpoints(tx).take_over(entity, loser, winner)


async def purge_touchpoints(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """Take away the points of contact of records that were destroyed."""
    await Touchpoints(tx).forget(ids, parties=entity in PARTIES)


async def forget_person(tx: Tx, gone: Gone) -> int:
    """Take a person off all timelines; what concerned others as well stays on theirs."""
    return await Touchpoints(tx).forget(gone.ids, parties=True)
