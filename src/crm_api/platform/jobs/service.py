"""What users see of jobs, and may do to them."""

from typing import Any, get_args
from uuid import UUID

from crm_api.kit.access import Action
from crm_api.kit.crud.personal import Gone
from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import NotFound, WrongState, need_choice
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.platform.jobs.schemas import JobStatus

_COLUMNS = (
    "id, kind, lane, status, progress_done, progress_total, attempts, cancel_requested, result, error, "
    "created_at, created_by, run_at, started_at, finished_at"
)
# What others have asked for is for those alone whose level reaches everything.
_MINE = "AND ($2::text IS NULL OR actor ->> 'user_id' = $2) "
_SELECT = f"SELECT {_COLUMNS} FROM jobs WHERE organization_id = $1 {_MINE}"  # noqa: S608
_CANCEL = f"""
    UPDATE jobs SET cancel_requested = true,
        status = CASE WHEN status = 'queued' THEN 'cancelled' ELSE status END,
        finished_at = CASE WHEN status = 'queued' THEN now() ELSE finished_at END
    WHERE organization_id = $1 {_MINE} AND id = $3 AND status IN ('queued', 'running')
    RETURNING {_COLUMNS}
"""  # noqa: S608
# What another job does already is not done twice; the index on its key keeps it so.
_RETRY = f"""
    UPDATE jobs SET status = 'queued', attempts = 0, error = error - '{{deaths,done}}'::text[],
        run_at = now(), finished_at = NULL, hinted_at = NULL, cancel_requested = false
    WHERE organization_id = $1 {_MINE} AND id = $3 AND status = 'failed' AND NOT EXISTS (
        SELECT FROM jobs o WHERE o.organization_id = $1 AND o.kind = jobs.kind
            AND o.dedupe_key = jobs.dedupe_key AND o.status IN ('queued', 'running'))
    RETURNING {_COLUMNS}
"""  # noqa: S608
_WIPE = """
    UPDATE jobs SET args = '{}', state = NULL, result = NULL, error = NULL
    WHERE organization_id = $1 AND status IN ('succeeded', 'failed', 'cancelled') AND EXISTS (
        SELECT FROM unnest($2::text[]) AS said
        WHERE position(said IN concat_ws(' ', args, state, result, error)) > 0)
    RETURNING 1
"""
ENDED = frozenset({"succeeded", "failed", "cancelled"})


class JobService:
    """The jobs of an organization."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def get(self, id: UUID) -> dict[str, Any]:
        """One job; raises `NotFound`."""
        self.tx.actor.require("jobs:read")
        sql, of = _SELECT + "AND id = $3", self._of("read")
        rows = await self.tx.fetch(sql, self.tx.organization_id, of, id)
        if not rows:
            raise NotFound(f"There is no job with the id {id}.")
        return _shown(rows[0])

    async def page(
        self, *, cursor: str | None, limit: int, status: str | None = None
    ) -> dict[str, Any]:
        """Jobs, newest first."""
        self.tx.actor.require("jobs:read")
        need_choice("status", status, get_args(JobStatus))
        key = self.tx.database.signing_key
        context = context_of(self.tx.organization_id, "jobs", status)
        before = UUID(unseal(key, context, cursor)[0]) if cursor else UUID(int=2**128 - 1)
        rows = await self.tx.fetch(
            _SELECT + "AND id < $3 AND ($4::text IS NULL OR status = $4) ORDER BY id DESC LIMIT $5",
            self.tx.organization_id,
            self._of("read"),
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
            self._of("update"),
            id,
        )
        if not rows:
            found = await self.get(id)
            raise WrongState(f"The job has {found['status']} already.", code="job_ended")
        return _shown(rows[0])

    async def retry(self, id: UUID) -> dict[str, Any]:
        """Have a job that was given up be tried anew, in the name of whoever asked for it."""
        self.tx.actor.require("jobs:write")
        rows = await self.tx.write(_RETRY, self.tx.organization_id, self._of("update"), id)
        if not rows:
            found = await self.get(id)
            if found["status"] == "failed":
                raise WrongState("Another job does the same just now.", code="job_repeated")
            raise WrongState(f"The job is {found['status']}, not failed.", code="job_not_failed")
        self.tx.jobs.append(id)
        return _shown(rows[0])

    def _of(self, action: Action) -> str | None:
        """Whose jobs count; None where all do."""
        access = self.tx.actor.access
        if access is None or access.level("jobs", action) == "all":
            return None
        return str(access.user_id)


async def wipe_jobs(tx: Tx, gone: Gone) -> int:
    """Wipe out what ended jobs were told of a person."""
    named = {*gone.names, *(value for _, value in gone.keys)}
    written = [encode(text).decode()[1:-1] for text in sorted(named)]
    return len(await tx.write(_WIPE, tx.organization_id, written))


def _shown(row: Any) -> dict[str, Any]:
    shown = dict(row)
    done, total = shown.pop("progress_done"), shown.pop("progress_total")
    return {**shown, "progress": {"done": done, "total": total}}
