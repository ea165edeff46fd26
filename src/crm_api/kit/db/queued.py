"""What a row of the jobs table holds at first, and jobs that one does for others."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm_api.kit import traces
from crm_api.kit.actor import Actor
from crm_api.kit.db.json import encode
from crm_api.kit.db.tables import JobRow
from crm_api.kit.ids import new_id
from crm_api.kit.messages import Message

_NOW = "SELECT clock_timestamp() AS now"


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
        "run_at": run_at,
        "dedupe_key": dedupe_key,
        "actor": tx.actor.stored(),
        # What the job does belongs to the request that asked for it.
        "trace": tx.trace or (tx.request_id and traces.begun(tx.request_id)),
        "created_by": tx.actor.id,
        "created_at": tx.now,
    }


async def due_now(tx: Any) -> datetime:
    """The moment by the clock of the database, by which jobs begin; `tx.now` is that of a machine."""
    moment: datetime = (await tx.fetch(_NOW))[0]["now"]
    return moment


async def enqueue_later(
    tx: Any, message: Message, after: timedelta, *, dedupe_key: str | None = None
) -> UUID:
    """Have work done when so much time has passed by the clock of the database; the job."""
    job_id: UUID = tx.enqueue(message, run_at=await due_now(tx) + after, dedupe_key=dedupe_key)
    return job_id


async def enqueue_own(tx: Any, message: Message, after: timedelta) -> None:
    """Have work done later in nobody's name but the organization's, whoever asks for it now."""
    own = Actor(tx.organization_id, "system", scopes=frozenset({"*"}))
    row = job_row(tx, new_id(), message, await due_now(tx) + after, None)
    tx.insert(JobRow, {**row, "actor": own.stored(), "created_by": None})


_ABSORB = """
    UPDATE jobs SET status = 'succeeded', started_at = $5, finished_at = $5,
        result = jsonb_build_object('done_by', $2::uuid)
    WHERE organization_id = $1 AND id IN (
        SELECT id FROM jobs WHERE organization_id = $1 AND kind = $3 AND status = 'queued'
            AND id <> $2 AND args @> $4::text::jsonb FOR UPDATE SKIP LOCKED)
    RETURNING id
"""


async def absorb(tx: Any, kind: str, job_id: UUID, args: Mapping[str, Any]) -> int:
    """Have a job do what others ask for that wait, of its kind and with these arguments; how many.

    For jobs that go through all there is: what committed together with a job that is seen here is
    seen by every statement that follows.
    """
    now, asked = tx.now, encode(args).decode()
    return len(await tx.write(_ABSORB, tx.organization_id, job_id, kind, asked, now))


_AT_WORK = """
    SELECT FROM jobs WHERE organization_id = $1 AND id = $2 AND status IN ('queued', 'running')
"""


async def is_at_work(tx: Any, job_id: UUID | None) -> bool:
    """Whether a job waits or runs."""
    return job_id is not None and bool(await tx.fetch(_AT_WORK, tx.organization_id, job_id))
