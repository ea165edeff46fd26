"""What a row of the events table holds."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_api.kit.ids import new_id


def event_row(
    tx: Any,
    type: str,
    entity: str,
    record_id: UUID,
    version: int,
    data: Any,
    previous: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Something that a unit of work did, in the name of its actor."""
    return {
        "id": new_id(),
        "type": type,
        "entity": entity,
        "record_id": record_id,
        "version": version,
        "data": data,
        "previous": previous,
        "actor_kind": tx.actor.kind,
        "actor_id": tx.actor.id,
        "request_id": tx.request_id,
        "cause_id": tx.cause_id,
        "occurred_at": tx.now,
        "trace": tx.trace,
    }
