"""The queue as workers see it: lease, renew, finish, and find again what was dropped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.ids import new_id
from crm_api.kit.jobs import JobCancelled, LeaseLost
from crm_api.kit.messages import Lane

LEASE_S = 15
"""A worker that is silent this long has lost its jobs; it speaks up three times as often."""
HINT_AGAIN_S = 4
BATCH = 50
DEATHS = 6
"""So many workers may die under a job in succession without its getting on (ADR-0113)."""
LONGEST_PAUSE_S = 3600

# Every decision about time is PostgreSQL's: a worker's clock may be wrong.
_LEASE = f"now() + interval '{LEASE_S} seconds'"
_CLAIM = f"""
    UPDATE jobs SET status = 'running', lease_token = $3, lease_until = {_LEASE},
        attempts = attempts + 1, started_at = coalesce(started_at, now())
    WHERE organization_id = $1 AND id = $2 AND status = 'queued' AND run_at <= now()
    RETURNING id, organization_id, kind, lane, args, actor, attempts, max_attempts, state,
        trace
"""  # noqa: S608
# The first due job of each organization that has one in the lane, those first whose organization
# has the least under way. From organization to organization, never over all that waits.
_TURN = """
    WITH RECURSIVE waiting (organization_id) AS (
        (SELECT organization_id FROM jobs WHERE status = 'queued' AND lane = $1
            ORDER BY organization_id LIMIT 1)
        UNION ALL
        SELECT (SELECT j.organization_id FROM jobs j WHERE j.status = 'queued' AND j.lane = $1
            AND j.organization_id > w.organization_id ORDER BY j.organization_id LIMIT 1)
        FROM waiting w WHERE w.organization_id IS NOT NULL)
    SELECT w.organization_id, first.id FROM waiting w CROSS JOIN LATERAL (
        SELECT j.id, j.run_at FROM jobs j
        WHERE j.organization_id = w.organization_id AND j.lane = $1 AND j.status = 'queued'
            AND j.run_at <= now() AND (j.order_key IS NULL OR NOT EXISTS (
                SELECT FROM jobs e WHERE e.organization_id = j.organization_id
                    AND e.order_key = j.order_key AND e.id < j.id
                    AND e.status IN ('queued', 'running')))
        ORDER BY j.run_at, j.id LIMIT 1) first
    ORDER BY (SELECT count(*) FROM jobs r
        WHERE r.organization_id = w.organization_id AND r.status = 'running'), first.run_at
    LIMIT 10
"""
_RENEW = f"""
    UPDATE jobs SET lease_until = {_LEASE}
    WHERE lease_token = ANY($1) AND status = 'running' RETURNING lease_token
"""  # noqa: S608
_FINISH = """
    UPDATE jobs SET status = $3, result = $4, error = $5, lease_token = NULL, lease_until = NULL,
        run_at = now() + make_interval(secs => $6),
        attempts = attempts - $7,
        finished_at = CASE WHEN $3 = 'queued' THEN NULL ELSE now() END, hinted_at = NULL
    WHERE organization_id = $1 AND lease_token = $2 AND status = 'running' RETURNING id
"""
# A job under which workers die may be why they die: between its tries others have their turn, each
# time ten times as long, and it ends before it has killed them all. It may as well be innocent:
# that they die is no try of its own. How often in succession, and how far it had come, is kept in
# its error.
_DROPPED = f"""
    WITH dropped AS (
        SELECT organization_id, id, coalesce((error ->> 'deaths')::int, 0) + 1 AS deaths,
            greatest(progress_done, (error ->> 'done')::bigint) AS done
        FROM jobs WHERE status = 'running' AND lease_until < now()
        ORDER BY lease_until LIMIT 50 FOR UPDATE SKIP LOCKED)
    UPDATE jobs j SET lease_token = NULL, lease_until = NULL, hinted_at = NULL,
        attempts = j.attempts - 1,
        run_at = now() + make_interval(secs =>
            least(10.0 ^ (d.deaths - 1), {LONGEST_PAUSE_S}) * (0.8 + 0.4 * random())),
        status = CASE WHEN d.deaths >= {DEATHS} THEN 'failed' ELSE 'queued' END,
        finished_at = CASE WHEN d.deaths >= {DEATHS} THEN now() END,
        error = $1::jsonb || jsonb_build_object('deaths', d.deaths, 'done', d.done)
    FROM dropped d WHERE j.organization_id = d.organization_id AND j.id = d.id
    RETURNING j.id
"""  # noqa: S608
_DUE = """
    UPDATE jobs SET hinted_at = now() WHERE (organization_id, id) IN (
        SELECT organization_id, id FROM jobs WHERE status = 'queued' AND run_at <= now()
            AND (hinted_at IS NULL OR hinted_at < now() - make_interval(secs => $1))
        ORDER BY run_at LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING organization_id, id
"""
# It gets on where it is further than it ever was, or has something else to go on from: what begins
# anew each time and dies at the same place does not.
_ADVANCE = f"""
    UPDATE jobs SET progress_done = $3, progress_total = coalesce($4, progress_total),
        state = coalesce($5, state), lease_until = {_LEASE},
        error = CASE WHEN $3 > coalesce((error ->> 'done')::bigint, 0)
            OR coalesce($5, state) IS DISTINCT FROM state
            THEN error - '{{deaths,done}}'::text[] ELSE error END
    WHERE organization_id = $1 AND lease_token = $2 AND status = 'running'
    RETURNING cancel_requested
"""  # noqa: S608
_HOLD = """
    SELECT id FROM jobs WHERE organization_id = $1 AND lease_token = $2 AND status = 'running'
    FOR NO KEY UPDATE
"""
_CRASHED = encode(
    {
        "type": "/problems/crashed",
        "title": "The worker died",
        "status": 500,
        "detail": "The worker died while it ran this job.",
        "code": "crashed",
    }
)


@dataclass(frozen=True)
class Claimed:
    """A job that this worker holds."""

    id: UUID
    organization_id: UUID
    kind: str
    lane: Lane
    args: Mapping[str, Any]
    actor: Actor
    attempts: int
    max_attempts: int
    token: UUID
    state: Mapping[str, Any]
    user_id: UUID | None = None
    """For whom the actor acts; what that means at this moment is not among what was stored."""
    trace: str | None = None

    async def hold(self, tx: Tx) -> None:
        """Refuse `tx` to everybody but the lease's holder; see `kit.jobs.Job`."""
        if not await tx.write(_HOLD, self.organization_id, self.token):
            raise LeaseLost

    async def advance(
        self,
        tx: Tx,
        done: int,
        total: int | None = None,
        *,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        """Store how far it is within `tx`; see `kit.jobs.Job`."""
        kept = None if state is None else encode(state)
        rows = await tx.write(_ADVANCE, self.organization_id, self.token, done, total, kept)
        if not rows:
            raise LeaseLost
        if rows[0]["cancel_requested"]:
            raise JobCancelled


def pause_after(attempts: int) -> float:
    """Seconds until a job is tried again that has failed so many times."""
    return min(2.0**attempts * 2, 3_600.0)


class JobQueue:
    """The jobs of every organization; needs the worker's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, organization_id: UUID, id: UUID) -> Claimed | None:
        """Take a job that is due; None when it is not, or another worker was faster."""
        token = new_id()
        rows = await self._database.ask(_CLAIM, organization_id, id, token)
        if not rows:
            return None
        row = rows[0]
        actor = decode(row["actor"])
        return Claimed(
            id=row["id"],
            organization_id=row["organization_id"],
            kind=row["kind"],
            lane=row["lane"],
            args=decode(row["args"]),
            actor=Actor.restored(actor),
            user_id=UUID(actor["user_id"]) if actor.get("user_id") else None,
            attempts=row["attempts"],
            max_attempts=row["max_attempts"],
            trace=row["trace"],
            token=token,
            state=decode(row["state"]) if row["state"] is not None else {},
        )

    async def claim_next(self, lanes: Sequence[Lane]) -> Claimed | None:
        """Take the job whose turn it is: of the first of these lanes that has one."""
        for lane in lanes:
            for row in await self._database.ask(_TURN, lane):
                job = await self.claim(row["organization_id"], row["id"])
                if job is not None:
                    return job
        return None

    async def renew(self, tokens: Sequence[UUID]) -> set[UUID]:
        """Keep these leases; returns those that still hold."""
        rows = await self._database.ask(_RENEW, list(tokens))
        return {row["lease_token"] for row in rows}

    async def succeed(self, job: Claimed, result: Mapping[str, Any] | None) -> bool:
        """Store the result; False when the lease was lost."""
        return await self._finish(job, "succeeded", result=result)

    async def cancel(self, job: Claimed, result: Mapping[str, Any] | None = None) -> bool:
        """Store that it was ended on request, and what it did till then."""
        return await self._finish(job, "cancelled", result=result)

    async def skip(self, job: Claimed, error: Mapping[str, Any]) -> bool:
        """Store that it was not done, and why; False when the lease was lost."""
        return await self._finish(job, "cancelled", error=error)

    async def fail(self, job: Claimed, error: Mapping[str, Any], *, retry: bool) -> bool:
        """Store the error; try again later, twice as late each time, unless it is the last try."""
        if retry and job.attempts < job.max_attempts:
            delay_s = pause_after(job.attempts)
            return await self._finish(job, "queued", error=error, delay_s=delay_s)
        return await self._finish(job, "failed", error=error)

    async def release(self, job: Claimed) -> bool:
        """Give a job back untried, because this worker is stopping."""
        return await self._finish(job, "queued", untried=1)

    async def _finish(
        self,
        job: Claimed,
        status: str,
        *,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
        delay_s: float = 0,
        untried: int = 0,
    ) -> bool:
        rows = await self._database.ask(
            _FINISH,
            job.organization_id,
            job.token,
            status,
            None if result is None else encode(result),
            None if error is None else encode(error),
            delay_s,
            untried,
        )
        return bool(rows)

    async def sweep(self) -> list[tuple[UUID, UUID]]:
        """Free the jobs of dead workers; returns the due ones that nobody was told of lately."""
        await self._database.ask(_DROPPED, _CRASHED)
        rows = await self._database.ask(_DUE, HINT_AGAIN_S, BATCH)
        return [(row["organization_id"], row["id"]) for row in rows]
