"""What users see of jobs, and may do to them."""

from typing import Any
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import NotFound, WrongState
from crm_api.kit.query.cursor import context_of, seal, unseal

_COLUMNS = (
    "id, kind, status, progress_done, progress_total, attempts, cancel_requested, result, error, "
    "created_at, created_by, started_at, finished_at"
)
_SELECT = f"SELECT {_COLUMNS} FROM jobs WHERE organization_id = $1 "  # noqa: S608
_CANCEL = f"""
    UPDATE jobs SET cancel_requested = true,
        status = CASE WHEN status = 'queued' THEN 'cancelled' ELSE status END,
        finished_at = CASE WHEN status = 'queued' THEN now() ELSE finished_at END
    WHERE organization_id = $1 AND id = $2 AND status IN ('queued', 'running')
    RETURNING {_COLUMNS}
"""  # noqa: S608
ENDED = frozenset({"succeeded", "failed", "cancelled"})


class JobService:
    """The jobs of an organization."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def get(self, id: UUID) -> dict[str, Any]:
        """One job; raises `NotFound`."""
        self.tx.actor.require("jobs:read")
        rows = await self.tx.fetch(_SELECT + "AND id = $2", self.tx.organization_id, id)
        if not rows:
            raise NotFound(f"There is no job with the id {id}.")
        return _shown(rows[0])

    async def page(
        self, *, cursor: str | None, limit: int, status: str | None = None
    ) -> dict[str, Any]:
        """Jobs, newest first."""
        self.tx.actor.require("jobs:read")
        key = self.tx.database.signing_key
        context = context_of(self.tx.organization_id, "jobs", status)
        before = UUID(unseal(key, context, cursor)[0]) if cursor else UUID(int=2**128 - 1)
        rows = await self.tx.fetch(
            _SELECT + "AND id < $2 AND ($3::text IS NULL OR status = $3) ORDER BY id DESC LIMIT $4",
            self.tx.organization_id,
            before,
            status,
            limit + 1,
        )
        more = len(rows) > limit
        data = [_shown(row) for row in rows[:limit]]
        last = seal(key, context, [data[-1]["id"]]) if more else None
        return {"data": data, "next_cursor": last}

    async def cancel(self, id: UUID) -> dict[str, Any]:
        """End a job: at once while it waits, at its next step while it runs."""
        self.tx.actor.require("jobs:write")
        rows = await self.tx.write(
            _CANCEL,
            self.tx.organization_id,
            id,
        )
        if not rows:
            found = await self.get(id)
            raise WrongState(f"The job has {found['status']} already.", code="job_ended")
        return _shown(rows[0])


def _shown(row: Any) -> dict[str, Any]:
    shown = dict(row)
    done, total = shown.pop("progress_done"), shown.pop("progress_total")
    return {**shown, "progress": {"done": done, "total": total}}
