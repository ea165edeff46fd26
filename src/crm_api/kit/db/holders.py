"""Which record has a look-up key that another one wanted; PostgreSQL does not say."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.errors import KeyTaken

_MOST = 1_000
_HOLDERS = """
    SELECT k.entity, k.kind, k.value, r.record_id
    FROM unnest($2::text[], $3::text[], $4::text[]) AS k(entity, kind, value)
    CROSS JOIN LATERAL (
        SELECT record_id FROM record_keys WHERE organization_id = $1 AND entity = k.entity
            COLLATE "C" AND kind = k.kind COLLATE "C" AND value = k.value COLLATE "C" LIMIT 1) r
"""


async def name_holder(
    fetch: Callable[..., Awaitable[list[Any]]],
    organization_id: UUID,
    error: KeyTaken,
    keys: Sequence[Mapping[str, Any]],
) -> None:
    """Have an error say which of the keys that were to be stored is taken, and by whom.

    PostgreSQL keeps the value back under row-level security, and a failed transaction answers
    nothing more: `fetch` comes after the rollback.
    """
    if "record_id" in error.details:
        return
    wanted = [key for key in keys if error.is_about(key["kind"])][:_MOST]
    asked = ([key[name] for key in wanted] for name in ("entity", "kind", "value"))
    rows = await fetch(_HOLDERS, organization_id, *asked)
    held = {(row["entity"], row["kind"], row["value"]): row["record_id"] for row in rows}
    for key in wanted:
        kind, value = key["kind"], key["value"]
        holder = held.get((key["entity"], kind, value))
        if holder is not None and holder != key["record_id"]:
            error.held_by(holder, kind, value)
            return
