"""Who holds certain look-up values, of several kinds at once."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.visibility import among

_HELD = """
    SELECT k.kind, k.record_id FROM unnest($3::text[], $4::text[]) AS w(kind, value)
    JOIN record_keys k ON k.organization_id = $1 AND k.entity = $2 AND k.kind = w.kind
        AND k.value = w.value
    ORDER BY k.record_id
"""


async def holders_of(
    records: Repository[Any], keys: Mapping[str, Sequence[str]]
) -> dict[UUID, str]:
    """By record of a collection that the actor sees, the first kind of these values that it has."""
    pairs = [(kind, value) for kind, values in keys.items() for value in dict.fromkeys(values)]
    if not pairs:
        return {}
    tx, listing = records.tx, records.listing
    kinds, values = map(list, zip(*pairs, strict=True))
    rows = await tx.fetch(_HELD, tx.organization_id, listing.entity, kinds, values)
    visible = await among(tx, listing, records.sight, [row["record_id"] for row in rows])
    order = list(keys)
    found: dict[UUID, str] = {}
    for kind, id in sorted(rows, key=lambda row: order.index(row["kind"])):
        if id in visible:
            found.setdefault(id, kind)
    return found
