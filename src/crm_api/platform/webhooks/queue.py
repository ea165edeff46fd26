"""Deliveries as workers see them: claimed with a lease, and finished by whoever holds it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm_api.kit.db.database import Database
from crm_api.kit.db.json import decode
from crm_api.kit.files.store import Files
from crm_api.kit.ids import new_id
from crm_api.platform.webhooks.parking import PARKED, PARKED_S
from crm_api.platform.webhooks.schedule import DELAYS_S
from crm_api.platform.webhooks.tallies import BOUNDS, EVERY, KEPT

LEASE_S = 30
"""Twice what an attempt may take."""
ORGANIZATION_AT_ONCE = 50
REST_S = 60
STUMBLES = 5
"""After so many attempts that nobody answered, an endpoint is tried one by one, with rests."""
FREE = 5
"""So many deaths of workers do not count as tries."""
UNSENT = ("event_gone", "not_made", "unreadable_secret")
"""Why nothing was sent, through no fault of the endpoint: it is not counted against it."""
_BATCH = 50
FORGET = "SELECT crm_forget_deliveries($1) AS number"
_FORGET_TALLIES = f"DELETE FROM webhook_tallies WHERE at < now() - interval '{KEPT}'"  # noqa: S608

_ORGANIZATION = "hashtextextended('webhooks:' || organization_id::text, 0)"
# Whose turn it is: of each organization the endpoint that waits longest, then its second, so that
# those of one which cannot go on stand before nobody else's. Each is locked, and so is its
# organization, so that what is counted next cannot change.
_OPEN = f"""
    WITH waiting AS (
        SELECT s.organization_id, s.webhook_id, s.served_at, row_number() OVER (
            PARTITION BY s.organization_id ORDER BY s.served_at) AS place
        FROM webhook_states s
        JOIN webhooks w ON w.organization_id = s.organization_id AND w.id = s.webhook_id
        WHERE w.status = 'enabled' AND w.deleted_at IS NULL AND s.rests_until <= now()
            AND EXISTS (SELECT FROM webhook_deliveries d
                WHERE d.organization_id = s.organization_id AND d.webhook_id = s.webhook_id
                    AND d.status = 'pending' AND d.run_at <= now()))
    SELECT organization_id, webhook_id, pg_try_advisory_xact_lock({_ORGANIZATION}) AS is_ours FROM (
        SELECT s.organization_id, s.webhook_id FROM waiting
        JOIN webhook_states s USING (organization_id, webhook_id)
        ORDER BY waiting.place, waiting.served_at LIMIT $1 FOR NO KEY UPDATE OF s SKIP LOCKED) turns
"""  # noqa: S608
_AWAIT = f"""
    SELECT pg_advisory_xact_lock({_ORGANIZATION}) FROM (SELECT $1::uuid) AS own (organization_id)
"""  # noqa: S608
# The room of an endpoint is counted from the leases, never kept: a number drifts when a worker
# dies. Its rate is a bucket of one second, `free_from` the moment at which it was empty. Where there
# may be more turns than were taken ($5), whoever can take nothing makes room for the next.
_CLAIM = f"""
    WITH open AS (
        SELECT s.organization_id, s.webhook_id, w.in_order, w.rate, s.free_from,
            least(
                CASE WHEN s.stumbles >= {STUMBLES} THEN 1 ELSE w.concurrency END
                    - (SELECT count(*) FROM webhook_deliveries d
                        WHERE d.organization_id = s.organization_id
                            AND d.webhook_id = s.webhook_id AND d.status = 'sending'),
                floor(w.rate * extract(epoch FROM
                    now() - greatest(s.free_from, now() - interval '1 second')) + 0.001)::int
            ) AS room
        FROM unnest($1::uuid[], $2::uuid[]) AS turn (organization_id, webhook_id)
        JOIN webhook_states s USING (organization_id, webhook_id)
        JOIN webhooks w ON w.organization_id = s.organization_id AND w.id = s.webhook_id
    ), due AS (
        SELECT o.organization_id, o.webhook_id, d.id, row_number() OVER (
            PARTITION BY o.organization_id ORDER BY d.place, o.webhook_id) AS of_organization
        FROM open o CROSS JOIN LATERAL (
            SELECT d.id, row_number() OVER (ORDER BY d.run_at, d.seq) AS place
            FROM webhook_deliveries d
            WHERE d.organization_id = o.organization_id AND d.webhook_id = o.webhook_id
                AND d.status = 'pending' AND d.run_at <= now()
                AND (NOT o.in_order OR NOT EXISTS (SELECT FROM webhook_deliveries e
                    WHERE e.organization_id = d.organization_id AND e.webhook_id = d.webhook_id
                        AND e.record_id = d.record_id AND e.seq < d.seq
                        AND e.status IN ('pending', 'sending')))
            ORDER BY d.run_at, d.seq LIMIT greatest(o.room, 0)) d
    ), chosen AS (
        SELECT due.* FROM due WHERE of_organization <= {ORGANIZATION_AT_ONCE} - (
            SELECT count(*) FROM webhook_deliveries s WHERE s.organization_id = due.organization_id
                AND s.status = 'sending')
        ORDER BY of_organization LIMIT $4
    ), taken AS (
        UPDATE webhook_deliveries d SET status = 'sending', lease_token = $3,
            lease_until = now() + interval '{LEASE_S} seconds',
            attempts = d.attempts + 1, tries = d.tries + 1
        FROM chosen c WHERE d.organization_id = c.organization_id AND d.id = c.id
            AND d.status = 'pending'
        RETURNING d.organization_id, d.id, d.webhook_id, d.event_id, d.type, d.is_test,
            d.attempts, d.tries, d.created_at
    ), served AS (
        UPDATE webhook_states s SET served_at = clock_timestamp(),
            free_from = greatest(s.free_from, now() - interval '1 second')
                + make_interval(secs => n.number::float8 / n.rate)
        FROM (SELECT organization_id, webhook_id, o.rate, count(c.id) AS number
            FROM open o LEFT JOIN chosen c USING (organization_id, webhook_id)
            WHERE c.id IS NOT NULL OR $5 AND NOT EXISTS (SELECT FROM due
                WHERE due.organization_id = o.organization_id AND due.webhook_id = o.webhook_id)
            GROUP BY 1, 2, 3) n
        WHERE s.organization_id = n.organization_id AND s.webhook_id = n.webhook_id
    )
    SELECT t.*, w.url, w.fields, w.payload, w.sealed_headers, w.secrets, w.actor, now() AS at
    FROM taken t
    JOIN webhooks w ON w.organization_id = t.organization_id AND w.id = t.webhook_id
"""  # noqa: S608
# What was given up meanwhile is tried no more. In the order of their keys, so that two workers never
# wait for one another crosswise. An attempt that is noted twice is tallied once.
_FINISH = f"""
    WITH r AS (
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int[],
            $6::text[], $7::float8[], $8::smallint[], $9::text[], $10::text[], $11::timestamptz[],
            $12::int[]) AS r (organization_id, webhook_id, id, token, number,
            outcome, delay_s, status, error, answer, started_at, latency_ms)
    ), logged AS (
        INSERT INTO webhook_attempts (organization_id, delivery_id, number, started_at,
            latency_ms, status, error, answer)
        SELECT organization_id, id, number, started_at, latency_ms, status, error, answer FROM r
        ON CONFLICT (organization_id, delivery_id, number) DO NOTHING
        RETURNING organization_id, delivery_id, number
    ), ended AS (
        UPDATE webhook_deliveries d SET lease_token = NULL, lease_until = NULL,
            status = CASE WHEN r.outcome = 'pending' AND d.status = 'cancelled'
                THEN 'cancelled' ELSE r.outcome END,
            run_at = now() + make_interval(secs => r.delay_s), last_status = r.status,
            last_error = r.error, finished_at = CASE
                WHEN r.outcome <> 'pending' OR d.status = 'cancelled' THEN now() END
        FROM r WHERE d.organization_id = r.organization_id AND d.id = r.id
            AND d.lease_token = r.token AND d.status IN ('sending', 'cancelled')
    ), asked AS (
        SELECT * FROM r WHERE error IS NULL OR error <> ALL ($15::text[])
    ), fared AS (
        SELECT organization_id, webhook_id,
            bool_or(error IS NULL) AS reached, count(*) FILTER (WHERE error IS NOT NULL) AS failed,
            count(*) FILTER (WHERE status IS NULL) AS silent,
            bool_or(status IS NOT NULL) AS answered
        FROM asked GROUP BY 1, 2
    ), held AS (
        SELECT s.organization_id, s.webhook_id FROM webhook_states s
        JOIN fared USING (organization_id, webhook_id) ORDER BY 1, 2 FOR NO KEY UPDATE OF s
    ), tallied AS (
        INSERT INTO webhook_tallies AS t
            (organization_id, webhook_id, at, latency_class, succeeded, failed)
        SELECT r.organization_id, r.webhook_id, date_bin('{EVERY}', now(), 'epoch'),
            width_bucket(r.latency_ms, ARRAY{list(BOUNDS)}),
            count(*) FILTER (WHERE r.error IS NULL),
            count(*) FILTER (WHERE r.error IS NOT NULL)
        FROM asked r JOIN held USING (organization_id, webhook_id)
        JOIN logged l ON l.organization_id = r.organization_id AND l.delivery_id = r.id
            AND l.number = r.number
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        ON CONFLICT (organization_id, webhook_id, at, latency_class) DO UPDATE
        SET succeeded = t.succeeded + excluded.succeeded, failed = t.failed + excluded.failed
    )
    UPDATE webhook_states s SET
        failing_since = CASE WHEN f.reached THEN NULL ELSE coalesce(s.failing_since, now()) END,
        failures = CASE WHEN f.reached THEN 0 ELSE s.failures + f.failed END,
        notices = CASE WHEN f.reached THEN 0 ELSE s.notices END,
        stumbles = CASE WHEN f.answered THEN 0 ELSE s.stumbles + f.silent END,
        rests_until = CASE WHEN NOT f.answered AND s.stumbles + f.silent >= $13
            THEN now() + make_interval(secs => $14) ELSE s.rests_until END,
        last_success_at = CASE WHEN f.reached THEN now() ELSE s.last_success_at END
    FROM fared f JOIN held USING (organization_id, webhook_id)
    WHERE s.organization_id = f.organization_id AND s.webhook_id = f.webhook_id
    RETURNING s.organization_id, s.webhook_id, now() - s.failing_since AS failing_for, s.failures,
        s.notices
"""  # noqa: S608
# A worker that dies is no fault of the receiver; a delivery at which workers die again and again
# may be one: it then waits as after any other failure ($1), and comes to its end.
_DROPPED = f"""
    WITH dropped AS (
        SELECT d.organization_id, d.id, CASE
            WHEN d.attempts - d.tries < {FREE} THEN 0 ELSE ($1::float8[])[d.tries] END AS delay_s
        FROM webhook_states s JOIN webhook_deliveries d
            ON d.organization_id = s.organization_id AND d.webhook_id = s.webhook_id
        WHERE d.status = 'sending' AND d.lease_until < now()
        LIMIT 200 FOR NO KEY UPDATE OF d SKIP LOCKED
    ), freed AS (
        UPDATE webhook_deliveries d SET lease_token = NULL, lease_until = NULL,
            last_error = 'interrupted',
            status = CASE WHEN c.delay_s IS NULL THEN 'failed' ELSE 'pending' END,
            finished_at = CASE WHEN c.delay_s IS NULL THEN now() END,
            run_at = now() + make_interval(secs => coalesce(c.delay_s, 0)),
            tries = CASE WHEN c.delay_s = 0 THEN d.tries - 1 ELSE d.tries END
        FROM dropped c WHERE d.organization_id = c.organization_id AND d.id = c.id
        RETURNING d.organization_id, d.id, d.attempts)
    INSERT INTO webhook_attempts (organization_id, delivery_id, number, started_at, latency_ms,
        status, error, answer)
    SELECT organization_id, id, attempts, now(), 0, NULL, 'interrupted', '' FROM freed
    ON CONFLICT (organization_id, delivery_id, number) DO NOTHING
"""  # noqa: S608
_RELEASE = """
    UPDATE webhook_deliveries d SET status = 'pending', lease_token = NULL, lease_until = NULL,
        run_at = now() + make_interval(secs => $4), attempts = d.attempts - 1,
        tries = greatest(d.tries - 1, 0)
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS held (organization_id, id, token)
    WHERE d.organization_id = held.organization_id AND d.id = held.id
        AND d.lease_token = held.token AND d.status = 'sending'
"""
# What waits as well, so that an endpoint with much of it is asked once. `tries` and `attempts` are
# as before the claim.
_PARK = f"""
    UPDATE webhook_deliveries SET
        attempts = attempts - CASE WHEN status = 'sending' THEN 1 ELSE 0 END,
        tries = greatest(tries - CASE WHEN status = 'sending' THEN 1 ELSE 0 END, 0),
        status = 'pending', lease_token = NULL, lease_until = NULL, last_error = '{PARKED}',
        run_at = now() + make_interval(secs => {PARKED_S})
    WHERE organization_id = $1 AND webhook_id = $2 AND NOT is_test
        AND split_part(type, '.', 1) = ANY($4)
        AND (status = 'pending' OR status = 'sending' AND lease_token = $3)
"""  # noqa: S608
_NOTED = """
    UPDATE webhook_states SET notices = $3
    WHERE organization_id = $1 AND webhook_id = $2 AND notices < $3 RETURNING webhook_id
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this worker holds."""

    organization_id: UUID
    id: UUID
    webhook_id: UUID
    event_id: UUID
    type: str
    is_test: bool
    attempts: int
    tries: int
    created_at: datetime
    url: str
    fields: list[str]
    thin: bool
    sealed_headers: str | None
    secrets: str
    actor: dict[str, Any]
    at: datetime
    """What PostgreSQL's clock said when it was claimed."""
    token: UUID


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of an attempt, and what follows: `outcome` is the delivery's next status."""

    claimed: Claimed
    outcome: str
    started_at: datetime
    latency_ms: int
    status: int | None = None
    error: str | None = None
    answer: str = ""
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """An endpoint that has reached nobody for a while."""

    organization_id: UUID
    webhook_id: UUID
    failing_for: timedelta
    failures: int
    notices: int


class DeliveryQueue:
    """The deliveries of every organization; needs the worker's role."""

    def __init__(self, shared: Database) -> None:
        self._shared = shared

    async def claim(self, most: int) -> list[Claimed]:
        """Take deliveries that are due, no more at a time than their endpoints bear."""
        async with self._shared.transaction() as driver:
            found = await driver.fetch(_OPEN, _BATCH)
            if not found:
                return []
            turns = [row for row in found if row["is_ours"]]
            if not turns:
                # Another worker claims for all of them just now. Whoever waits for one of them
                # alone waits in no circle, and for milliseconds.
                own = found[0]["organization_id"]
                await driver.execute(_AWAIT, own)
                turns = [row for row in found if row["organization_id"] == own]
            token = new_id()
            rows = await driver.fetch(
                _CLAIM,
                [row["organization_id"] for row in turns],
                [row["webhook_id"] for row in turns],
                token,
                most,
                len(found) == _BATCH,
            )
        return [_claimed(row, token) for row in rows]

    async def finish(self, attempts: Sequence[Attempt]) -> list[Trouble]:
        """Note what came of attempts; whoever lost a lease changes nothing but the log.

        Returns the endpoints that have failed for a while.
        """
        rows = await self._shared.ask(
            _FINISH,
            [a.claimed.organization_id for a in attempts],
            [a.claimed.webhook_id for a in attempts],
            [a.claimed.id for a in attempts],
            [a.claimed.token for a in attempts],
            [a.claimed.attempts for a in attempts],
            [a.outcome for a in attempts],
            [a.delay_s for a in attempts],
            [a.status for a in attempts],
            [a.error for a in attempts],
            [a.answer for a in attempts],
            [a.started_at for a in attempts],
            [a.latency_ms for a in attempts],
            STUMBLES,
            REST_S,
            UNSENT,
        )
        return [Trouble(*row) for row in rows if row["failing_for"] is not None]

    async def sweep(self) -> None:
        """Free what dead workers held."""
        await self._shared.ask(_DROPPED, list(DELAYS_S))

    async def release(self, claimed: Sequence[Claimed], delay_s: float = 0.0) -> None:
        """Give deliveries back untried, to be sent after so many seconds."""
        await self._shared.ask(
            _RELEASE,
            [one.organization_id for one in claimed],
            [one.id for one in claimed],
            [one.token for one in claimed],
            delay_s,
        )

    async def park(self, claimed: Claimed, kinds: Sequence[str]) -> None:
        """Have what an endpoint is told of these kinds wait until their modules are on again."""
        of = (claimed.organization_id, claimed.webhook_id, claimed.token)
        await self._shared.ask(_PARK, *of, list(kinds))

    async def note(self, trouble: Trouble, number: int) -> bool:
        """Whether this is the first to tell of a trouble for the so-many-eth time."""
        rows = await self._shared.ask(_NOTED, trouble.organization_id, trouble.webhook_id, number)
        return bool(rows)


async def forget_tallies(shared: Database, _files: Files) -> None:
    """Remove the sums that nobody asks for any more; needs the worker's role."""
    await shared.ask(_FORGET_TALLIES)


def _claimed(row: Any, token: UUID) -> Claimed:
    plain = (
        "organization_id", "id", "webhook_id", "event_id", "type", "is_test", "attempts", "tries",
        "created_at", "url", "sealed_headers", "secrets", "at",
    )  # fmt: skip
    return Claimed(
        **{name: row[name] for name in plain},
        fields=decode(row["fields"]),
        thin=row["payload"] == "thin",
        actor=decode(row["actor"]),
        token=token,
    )
