"""What a row of the events table holds."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_api.kit.ids import new_id

# Version 7 of RFC 9562, as all ids are: milliseconds first, the rest by chance.
NEW_ID = """encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
    FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid"""
"""A new id, for statements that make many rows."""


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
