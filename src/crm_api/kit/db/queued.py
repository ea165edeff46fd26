"""What a row of the jobs table holds at first."""

from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.kit import traces
from crm_api.kit.messages import Message


def job_row(
    tx: Any, id: UUID, message: Message, run_at: datetime | None, dedupe_key: str | None
) -> dict[str, Any]:
    """Work that a unit of work asks for, in the name of its actor."""
    return {
        "id": id,
        "kind": message.kind,
        "args": message.args(),
        "max_attempts": message.max_attempts,
        "lane": message.lane,
        "order_key": message.order(),
        "run_at": run_at or tx.now,
        "dedupe_key": dedupe_key,
        "actor": tx.actor.stored(),
        # What the job does belongs to the request that asked for it.
        "trace": tx.trace or (tx.request_id and traces.begun(tx.request_id)),
        "created_by": tx.actor.id,
        "created_at": tx.now,
    }
