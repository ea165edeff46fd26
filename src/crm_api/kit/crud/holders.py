"""Who holds certain look-up values, of several kinds at once."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.visibility import among

_HELD = """
    SELECT k.kind, k.value, k.record_id FROM unnest($3::text[], $4::text[]) AS w(kind, value)
    JOIN record_keys k ON k.organization_id = $1 AND k.entity = $2 AND k.kind = w.kind
        AND k.value = w.value
    ORDER BY k.record_id
"""


async def holders_of(
    records: Repository[Any], asked: Sequence[Mapping[str, Sequence[str]]]
) -> list[dict[UUID, str]]:
    """For each that asks, by record of a collection that the actor sees the first kind of its
    values that the record has; one statement for all of them.

    None by what is hidden from the actor, who would find it out by guessing.
    """
    tx, listing = records.tx, records.listing
    pairs = dict.fromkeys(
        (kind, value)
        for keys in asked
        for kind, values in keys.items()
        if not listing.hides(kind, tx.actor)
        for value in values
    )
    found: list[dict[UUID, str]] = [{} for _ in asked]
    if not pairs:
        return found
    kinds, values = map(list, zip(*pairs, strict=True))
    rows = await tx.fetch(_HELD, tx.organization_id, listing.entity, kinds, values)
    visible = await among(tx, listing, records.sight, [row["record_id"] for row in rows])
    held: dict[tuple[str, str], list[UUID]] = {}
    for kind, value, id in rows:
        if id in visible:
            held.setdefault((kind, value), []).append(id)
    for own, keys in zip(found, asked, strict=True):
        for kind, values in keys.items():
            for id in sorted({id for value in values for id in held.get((kind, value), ())}):
                own.setdefault(id, kind)
    return found
