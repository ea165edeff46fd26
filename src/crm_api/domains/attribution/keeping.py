"""Touches as they are kept: said anew by their sources, taken away with people and records."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.crud.personal import Gone
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.touches import Touched, campaign_key

_TAKE_BACK = """
    DELETE FROM campaign_touches t USING unnest($2::text[], $3::uuid[]) AS s (source, source_id)
    WHERE t.organization_id = $1 AND t.source = s.source AND t.source_id = s.source_id
"""
_ADD = """
    INSERT INTO campaign_touches (organization_id, source, source_id, kind, person_id, person_kind,
        campaign_id, campaign, channel, variant, occurred_at)
    SELECT $1, * FROM unnest($2::text[], $3::uuid[], $4::text[], $5::uuid[], $6::text[],
        $7::uuid[], $8::text[], $9::text[], $10::text[], $11::timestamptz[])
    ON CONFLICT (organization_id, source, source_id, kind, person_id) DO NOTHING
"""
_CAMPAIGNS = """
    SELECT id, name, kind, external_ids FROM campaigns WHERE organization_id = $1 AND deleted_at IS NULL
"""
_FORGET_PEOPLE = """
    WITH gone AS (
        DELETE FROM campaign_touches WHERE organization_id = $1 AND person_id = ANY($2)
        RETURNING 1)
    SELECT count(*) AS number FROM gone
"""
_FORGET_SOURCES = """
    DELETE FROM campaign_touches WHERE organization_id = $1 AND source = $2 AND source_id = ANY($3)
"""
_FORGET_CAMPAIGNS = """
    UPDATE campaign_touches SET campaign_id = NULL
    WHERE organization_id = $1 AND campaign_id = ANY($2)
"""
LONGEST = 200
Kept = tuple[str, UUID, Touched]
"""A touch with the kind and the id of its source."""


class Names:
    """What campaigns are called: by their ids, names, and ids elsewhere; what two share is none's."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._ids: dict[str, UUID | None] = {}
        self.kinds: dict[UUID, str] = {}
        """What each of them is, such as `email`."""
        for row in rows:
            self.kinds[row["id"]] = row["kind"]
            elsewhere: Collection[Any] = row["external_ids"].values()
            called = {
                str(row["id"]),
                campaign_key(row["name"]),
                *map(campaign_key, map(str, elsewhere)),
            }
            for one in called - {""}:
                self._ids[one] = None if one in self._ids else row["id"]

    def id(self, said: str | None) -> UUID | None:
        """Which campaign it is, if exactly one is called so."""
        return None if said is None else self._ids.get(said)

    def called(self, ids: Collection[UUID]) -> list[tuple[str, UUID]]:
        """What some campaigns are called, and no others."""
        found = self._ids.items()
        return [(said, id) for said, id in found if id is not None and id in ids]


async def names_of(tx: Tx) -> Names:
    """What the campaigns of the organization are called."""
    rows = await tx.fetch(_CAMPAIGNS, tx.organization_id)
    return Names({**dict(row), "external_ids": decode(row["external_ids"])} for row in rows)


class Touches:
    """The touches of an organization."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def say(self, sources: Collection[tuple[str, UUID]], touches: Sequence[Kept]) -> None:
        """Have these be the touches of their sources, whatever was there before."""
        own = self.tx.organization_id
        if sources:
            await self.tx.write(_TAKE_BACK, own, *map(list, zip(*sources, strict=True)))
        if not touches:
            return
        names = await names_of(self.tx)
        rows = [_row(names, *one) for one in touches]
        await self.tx.write(_ADD, own, *map(list, zip(*rows, strict=True)))


def _row(names: Names, source: str, source_id: UUID, one: Touched) -> tuple[Any, ...]:
    said = None if one.campaign is None else campaign_key(one.campaign)[:LONGEST] or None
    channel = None if one.channel is None else campaign_key(one.channel)[:LONGEST] or None
    variant = None if one.variant is None else one.variant[:LONGEST]
    person = (one.person_id, one.person)
    return (source, source_id, one.kind, *person, names.id(said), said, channel, variant, one.at)


async def forget_purged(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """Take away what is kept of records that were destroyed."""
    own, wanted = tx.organization_id, list(ids)
    await tx.write(_FORGET_SOURCES, own, entity, wanted)
    if entity in {"contact", "lead"}:
        await tx.write(_FORGET_PEOPLE, own, wanted)
    if entity == "campaign":
        await tx.write(_FORGET_CAMPAIGNS, own, wanted)


async def forget_person(tx: Tx, gone: Gone) -> int:
    """Take away all touches of a person."""
    rows: list[Any] = await tx.write(_FORGET_PEOPLE, tx.organization_id, list(gone.ids))
    return rows[0]["number"]
