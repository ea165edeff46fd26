"""How rules, their versions and their runs are found and kept."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.kit.automation import Run
from crm_api.kit.crud.places import Places
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import NotFound
from crm_api.kit.ids import new_id
from crm_api.kit.query.listing import Listing
from crm_api.platform.automations.definitions import Definition
from crm_api.platform.automations.events import TakeSteps
from crm_api.platform.automations.flow import Way, first
from crm_api.platform.automations.models import Automation, AutomationStep, AutomationVersion
from crm_api.platform.automations.schemas import AutomationOut

_BEGIN_ANEW = """
    INSERT INTO automation_states (organization_id, automation_id, listens, since, next_at)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (organization_id, automation_id) DO UPDATE SET
        listens = excluded.listens, since = excluded.since, next_at = excluded.next_at,
        tx = excluded.tx, seq = excluded.seq, begun = excluded.begun
"""
_DUE = """
    SELECT since, next_at, now() AS at FROM automation_states
    WHERE organization_id = $1 AND automation_id = $2 AND next_at <= now()
    FOR NO KEY UPDATE SKIP LOCKED
"""
_COME = """
    UPDATE automation_states SET since = $3, next_at = $4
    WHERE organization_id = $1 AND automation_id = $2
"""
_TURN = """
    INSERT INTO automation_states (organization_id, automation_id, listens, turns)
    VALUES ($1, $2, false, 1)
    ON CONFLICT (organization_id, automation_id) DO UPDATE SET turns = automation_states.turns + 1
    RETURNING turns
"""
_FORGET = (
    (
        "DELETE FROM automation_steps s USING automation_runs r WHERE s.organization_id = $1 "
        "AND r.organization_id = $1 AND r.automation_id = $2 AND s.run_id = r.id"
    ),
    "DELETE FROM automation_runs WHERE organization_id = $1 AND automation_id = $2",
    "DELETE FROM automation_states WHERE organization_id = $1 AND automation_id = $2",
    "DELETE FROM automation_versions WHERE organization_id = $1 AND automation_id = $2",
)
_VERSIONS = """
    SELECT number, trigger, condition, steps, published_at, published_by
    FROM automation_versions WHERE organization_id = $1 AND automation_id = $2
        AND ($3::int IS NULL OR number = $3)
    ORDER BY number DESC
"""
_BEGIN = """
    INSERT INTO automation_runs (organization_id, id, automation_id, version, key, entity,
        record_id, event_id, depth, actor, status, place, steps_taken, results, input, job_id,
        error, created_at, finished_at)
    SELECT $1, r.id, $2, $3, r.key, $4, r.record_id, r.event_id, r.depth, $5::jsonb,
        CASE WHEN r.error IS NULL THEN 'queued' ELSE 'stopped' END, $6::jsonb, 0, '{}', $7::jsonb,
        r.job_id,
        r.error, now(), CASE WHEN r.error IS NOT NULL THEN now() END
    FROM unnest($8::uuid[], $9::text[], $10::uuid[], $11::uuid[], $12::int[], $13::uuid[],
        $14::jsonb[]) AS r (id, key, record_id, event_id, depth, job_id, error)
    ON CONFLICT (organization_id, automation_id, key) DO NOTHING
    RETURNING id, job_id, status
"""
_BY_KEY = """
    SELECT id FROM automation_runs WHERE organization_id = $1 AND automation_id = $2 AND key = $3
"""
_DEPTHS = "SELECT id, depth FROM automation_runs WHERE organization_id = $1 AND id = ANY($2)"
_ROUNDS = """
    SELECT r.record_id, count(*) AS number FROM automation_runs r
    JOIN events e ON e.organization_id = r.organization_id AND e.id = r.event_id
    WHERE r.organization_id = $1 AND r.automation_id = $2 AND r.record_id = ANY($3)
        AND r.created_at > now() - interval '1 hour' AND e.cause_id IS NOT NULL
    GROUP BY r.record_id
"""
_COLUMNS = (
    "id, automation_id, version, entity, record_id, event_id, depth, status, steps_taken, "
    "wake_at, error, created_at, finished_at"
)
_MANY = f"""
    SELECT {_COLUMNS} FROM automation_runs
    WHERE organization_id = $1 AND automation_id = $2 AND id < $3
        AND ($4::text IS NULL OR status = $4) AND ($5::uuid IS NULL OR record_id = $5)
    ORDER BY id DESC LIMIT $6
"""  # noqa: S608
_SOME = f"SELECT {_COLUMNS} FROM automation_runs WHERE organization_id = $1 AND id = ANY($2)"  # noqa: S608
_LOG = """
    SELECT number, place, action, name, outcome, result, error, taken_at FROM automation_steps
    WHERE organization_id = $1 AND run_id = $2 ORDER BY number
"""
_STATE = """
    SELECT r.*, a.actor AS owner, a.deleted_at AS gone_at FROM automation_runs r
    JOIN automations a ON a.organization_id = $1 AND a.id = r.automation_id
    WHERE r.organization_id = $1 AND r.id = $2
"""
# Nobody but the job that the run waits for takes its next step.
_HOLD = """
    UPDATE automation_runs SET status = 'running', wake_at = NULL
    WHERE organization_id = $1 AND id = $2 AND job_id = $3
        AND status IN ('queued', 'running', 'waiting')
    RETURNING steps_taken
"""
_MOVE = """
    UPDATE automation_runs SET status = $3, place = $4, steps_taken = steps_taken + 1,
        results = results || $5, wake_at = $6, job_id = coalesce($7, job_id), error = NULL,
        finished_at = CASE WHEN $3 = 'succeeded' THEN now() END
    WHERE organization_id = $1 AND id = $2
"""
_FAIL = """
    UPDATE automation_runs SET status = $3, error = $4, finished_at = now(), wake_at = NULL,
        steps_taken = steps_taken + CASE WHEN $3 = 'failed' AND place IS NOT NULL THEN 1 ELSE 0 END
    WHERE organization_id = $1 AND id = $2 AND status IN ('queued', 'running', 'waiting')
    RETURNING steps_taken, automation_id, place
"""
_CANCEL = """
    WITH ended AS (
        UPDATE automation_runs SET status = 'cancelled', finished_at = now(), wake_at = NULL
        WHERE organization_id = $1 AND (id = $2 OR automation_id = $3)
            AND status IN ('queued', 'running', 'waiting')
        RETURNING id, job_id),
    idle AS (
        UPDATE jobs j SET status = 'cancelled', finished_at = now() FROM ended e
        WHERE j.organization_id = $1 AND j.id = e.job_id AND j.status = 'queued')
    SELECT id FROM ended
"""
_RETRY = """
    UPDATE automation_runs SET status = 'queued', job_id = $3, finished_at = NULL, error = NULL
    WHERE organization_id = $1 AND id = $2 AND status = 'failed' AND place IS NOT NULL
    RETURNING id
"""
_WIPE = """
    UPDATE automation_runs r SET input = NULL, results = '{}', error = NULL,
        status = CASE WHEN r.finished_at IS NULL THEN 'cancelled' ELSE r.status END,
        finished_at = coalesce(r.finished_at, now()), wake_at = NULL
    WHERE r.organization_id = $1 AND (r.record_id = ANY($2::uuid[]) OR EXISTS (
        SELECT FROM unnest($3::text[]) AS said
        WHERE position(said IN concat_ws(' ', r.input, r.results, r.error)) > 0))
    RETURNING r.id
"""
_WIPE_STEPS = """
    UPDATE automation_steps s SET result = '{}', error = NULL
    WHERE s.organization_id = $1 AND (s.run_id = ANY($2::uuid[]) OR EXISTS (
        SELECT FROM unnest($3::text[]) AS said
        WHERE position(said IN concat_ws(' ', s.result, s.error)) > 0))
"""


class Automations(Repository[Automation]):
    """The rules of an organization."""

    model = Automation
    listing = Listing(
        model=Automation,
        out=AutomationOut,
        area="automations",
        sorts={"name": Automation.sort_name},
    )

    @property
    def places(self) -> Places:
        """Where the rules stand in the feed."""
        return Places(self.tx, "automation_states", "automation_id")

    async def begin_anew(
        self, id: UUID, *, listens: bool, since: datetime | None, next_at: datetime | None
    ) -> None:
        """Have a rule be for what happens from now on."""
        own = self.tx.organization_id
        await self.tx.write(_BEGIN_ANEW, own, id, listens, since, next_at)

    async def due(self, id: UUID) -> Any | None:
        """When its time came before, when it came, and now; None if it is not or another is at it."""
        rows = await self.tx.write(_DUE, self.tx.organization_id, id)
        return rows[0] if rows else None

    async def come(self, id: UUID, moment: datetime, next_at: datetime) -> None:
        """Note that its time has come, and when it comes next."""
        await self.tx.write(_COME, self.tx.organization_id, id, moment, next_at)

    async def turn(self, id: UUID) -> int:
        """A number that grows by one with each use; whoever else wants one waits till the commit."""
        rows = await self.tx.write(_TURN, self.tx.organization_id, id)
        return rows[0]["turns"] - 1

    async def forget(self, id: UUID) -> None:
        """Remove all that was kept of a rule."""
        for statement in _FORGET:
            await self.tx.write(statement, self.tx.organization_id, id)

    def publish(self, id: UUID, number: int, definition: Definition) -> None:
        """Keep a version."""
        self.tx.insert(
            AutomationVersion,
            {
                "automation_id": id,
                "number": number,
                "trigger": definition.trigger,
                "condition": definition.condition,
                "steps": definition.steps,
                "published_at": self.tx.now,
                "published_by": self.tx.actor.id,
            },
        )

    async def versions(self, id: UUID, number: int | None = None) -> list[dict[str, Any]]:
        """What was published, the newest first."""
        return [
            {**row, **{n: decode(row[n]) for n in ("trigger", "condition", "steps")}}
            for row in map(
                dict, await self.tx.fetch(_VERSIONS, self.tx.organization_id, id, number)
            )
        ]

    async def version(self, id: UUID, number: int) -> Definition:
        """One version; raises `NotFound`."""
        found = await self.versions(id, number)
        if not found:
            raise NotFound(f"There is no version {number}.")
        return Definition(found[0]["trigger"], found[0]["condition"], found[0]["steps"])


@dataclass(frozen=True)
class Beginning:
    """A run that is to begin: `key` tells it from all others of its rule."""

    key: str
    record_id: UUID | None = None
    event_id: UUID | None = None
    depth: int = 0
    error: Any = None
    """Why it ends before it begins."""


class Runs:
    """What rules have done, and what they are at."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def begin(
        self,
        automation_id: UUID,
        version: int,
        definition: Definition,
        beginnings: Sequence[Beginning],
        *,
        entity: str | None = None,
        actor: Any = None,
        input: Any = None,
    ) -> list[UUID]:
        """Begin runs, each but once however often it is said; returns those that are new."""
        if not beginnings:
            return []
        rows = await self.tx.write(
            _BEGIN,
            self.tx.organization_id,
            automation_id,
            version,
            entity,
            _json(actor),
            _json(first(definition.steps)),
            _json(input),
            [new_id() for _ in beginnings],
            [one.key for one in beginnings],
            [one.record_id for one in beginnings],
            [one.event_id for one in beginnings],
            [one.depth for one in beginnings],
            [new_id() for _ in beginnings],
            [_json(one.error) for one in beginnings],
        )
        for row in rows:
            if row["status"] == "queued":
                self.tx.enqueue(TakeSteps(row["id"]), job_id=row["job_id"])
        return [row["id"] for row in rows]

    async def by_key(self, automation_id: UUID, key: str) -> UUID | None:
        """The run that a key is of."""
        rows = await self.tx.fetch(_BY_KEY, self.tx.organization_id, automation_id, key)
        return rows[0]["id"] if rows else None

    async def depths(self, causes: Iterable[UUID | None]) -> dict[UUID, int]:
        """How deep these are, those of them that are runs."""
        ids = [id for id in set(causes) if id is not None]
        rows = await self.tx.fetch(_DEPTHS, self.tx.organization_id, ids) if ids else []
        return {row["id"]: row["depth"] for row in rows}

    async def rounds(self, automation_id: UUID, records: Collection[UUID]) -> dict[UUID, int]:
        """How often a rule ran about these within an hour for what something else had caused."""
        own = self.tx.organization_id
        rows = await self.tx.fetch(_ROUNDS, own, automation_id, list(records)) if records else []
        return {row["record_id"]: row["number"] for row in rows}

    async def page(
        self,
        automation_id: UUID,
        before: UUID,
        limit: int,
        status: str | None,
        record_id: UUID | None,
    ) -> list[dict[str, Any]]:
        """Runs of a rule, newest first."""
        own = self.tx.organization_id
        rows = await self.tx.fetch(_MANY, own, automation_id, before, status, record_id, limit)
        return [dict(row) for row in rows]

    async def some(self, ids: Sequence[UUID]) -> list[dict[str, Any]]:
        """Some runs."""
        rows = await self.tx.fetch(_SOME, self.tx.organization_id, list(ids))
        return sorted(map(dict, rows), key=lambda row: row["id"])

    async def log(self, id: UUID) -> list[dict[str, Any]]:
        """Every step of a run."""
        return [dict(row) for row in await self.tx.fetch(_LOG, self.tx.organization_id, id)]

    async def state(self, id: UUID) -> Any | None:
        """All that is known of a run, and whom its rule acts for."""
        rows = await self.tx.fetch(_STATE, self.tx.organization_id, id)
        return rows[0] if rows else None

    async def hold(self, id: UUID, job_id: UUID) -> int | None:
        """Lock a run for its next step; how many were taken, None if the job has no part in it."""
        rows = await self.tx.write(_HOLD, self.tx.organization_id, id, job_id)
        return rows[0]["steps_taken"] if rows else None

    async def move(
        self,
        id: UUID,
        to: Way | None,
        *,
        results: Any,
        wake_at: datetime | None = None,
    ) -> None:
        """Have a run stand before its next step, or be over; with a time it waits till then."""
        job_id = None
        status = "succeeded" if to is None else "running"
        if wake_at is not None:
            status = "waiting"
            job_id = self.tx.enqueue(TakeSteps(id), run_at=wake_at)
        await self.tx.write(
            _MOVE, self.tx.organization_id, id, status, _json(to), _json(results), wake_at, job_id
        )

    async def end(self, id: UUID, status: str, error: Any) -> Any | None:
        """Have a run that is under way be over; what it was at, None where it was over."""
        rows = await self.tx.write(_FAIL, self.tx.organization_id, id, status, _json(error))
        return rows[0] if rows else None

    async def cancel(self, *, id: UUID | None = None, automation_id: UUID | None = None) -> int:
        """Have a run be over, or all of a rule; how many were under way."""
        return len(await self.tx.write(_CANCEL, self.tx.organization_id, id, automation_id))

    async def retry(self, id: UUID) -> bool:
        """Have a run that failed go on where it did; whether it had."""
        job_id = new_id()
        rows = await self.tx.write(_RETRY, self.tx.organization_id, id, job_id)
        if rows:
            self.tx.enqueue(TakeSteps(id), job_id=job_id)
        return bool(rows)

    def note(self, id: UUID, number: int, **step: Any) -> None:
        """Write a step down."""
        row = {"run_id": id, "number": number, "taken_at": self.tx.now, **step}
        self.tx.insert(AutomationStep, row)

    async def wipe(self, records: Sequence[UUID], said: Sequence[str]) -> list[UUID]:
        """End and empty the runs of records, and those that say something; which they were."""
        own = self.tx.organization_id
        rows = await self.tx.write(_WIPE, own, list(records), list(said))
        ids = [row["id"] for row in rows]
        await self.tx.write(_WIPE_STEPS, own, ids, list(said))
        return ids


def run_of(row: Any) -> Run:
    """What a run is about, as its steps see it."""
    return Run(
        row["id"],
        row["automation_id"],
        row["entity"],
        row["record_id"],
        row["event_id"],
        None if row["input"] is None else decode(row["input"]),
        decode(row["results"]),
    )


def _json(value: Any) -> Any:
    return None if value is None else encode(value)
