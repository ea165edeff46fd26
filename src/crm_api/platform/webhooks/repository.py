"""How endpoints and their deliveries are found."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from crm_api.kit.crud.feed import Position
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.ids import new_id
from crm_api.kit.query.listing import Listing
from crm_api.platform.webhooks.models import Webhook, WebhookState
from crm_api.platform.webhooks.parking import PARKED
from crm_api.platform.webhooks.schemas import WebhookOut

_BEGIN_ANEW = """
    UPDATE webhook_states SET tx = DEFAULT, seq = DEFAULT, begun = DEFAULT, rests_until = DEFAULT,
        failing_since = NULL, failures = DEFAULT, stumbles = DEFAULT, notices = DEFAULT
    WHERE organization_id = $1 AND webhook_id = $2
"""
# Whoever takes up events for it or claims its deliveries is waited for.
_HOLD = """
    SELECT FROM webhook_states WHERE organization_id = $1 AND webhook_id = $2 FOR NO KEY UPDATE
"""
# Of each only whether there is something: what, it reads as whoever it belongs to.
_BEHIND = """
    SELECT s.webhook_id, s.tx, s.seq, s.begun, w.topics, w.filter, w.actor::text FROM webhook_states s
    JOIN webhooks w ON w.organization_id = s.organization_id AND w.id = s.webhook_id
    WHERE s.organization_id = $1 AND s.webhook_id <> ALL($2)
        AND w.status = 'enabled' AND w.deleted_at IS NULL AND EXISTS (
            SELECT FROM events e WHERE e.organization_id = $1 AND (e.tx, e.seq) > (s.tx, s.seq)
                AND e.tx < pg_snapshot_xmin(pg_current_snapshot())::text::bigint)
    ORDER BY s.tx, s.seq LIMIT $3 FOR NO KEY UPDATE OF s SKIP LOCKED
"""
_MOVE = """
    UPDATE webhook_states SET tx = $3, seq = $4 WHERE organization_id = $1 AND webhook_id = ANY($2)
"""
# What is being sent keeps its token: it may still succeed, but is not tried again.
_CANCEL = """
    UPDATE webhook_deliveries SET status = 'cancelled', finished_at = now()
    WHERE organization_id = $1 AND webhook_id = $2 AND status IN ('pending', 'sending')
"""
_FORGET = (
    (
        "DELETE FROM webhook_attempts a USING webhook_deliveries d WHERE a.organization_id = $1 "
        "AND d.organization_id = $1 AND d.webhook_id = $2 AND a.delivery_id = d.id"
    ),
    "DELETE FROM webhook_deliveries WHERE organization_id = $1 AND webhook_id = $2",
    "DELETE FROM webhook_tallies WHERE organization_id = $1 AND webhook_id = $2",
    "DELETE FROM webhook_states WHERE organization_id = $1 AND webhook_id = $2",
)
# In the order of the feed, which the numbers of the rows then keep.
_ADD = """
    INSERT INTO webhook_deliveries
        (organization_id, id, webhook_id, event_id, type, record_id, run_at, created_at, status,
         is_test, attempts, tries)
    SELECT $1, e.id, e.webhook_id, e.event_id, e.type, e.record_id, now(), now(), 'pending', $7, 0, 0
    FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[])
        WITH ORDINALITY AS e (id, webhook_id, event_id, type, record_id, place)
    ORDER BY e.place
    ON CONFLICT (organization_id, webhook_id, event_id) DO NOTHING
    RETURNING id
"""
_AGAIN = """
    UPDATE webhook_deliveries SET status = 'pending', tries = 0, run_at = now(), finished_at = NULL
    WHERE organization_id = $1 AND webhook_id = $2 AND event_id = ANY($3)
        AND status = ANY($4) RETURNING event_id
"""
_UNPARK = f"""
    UPDATE webhook_deliveries SET run_at = now(), last_error = NULL
    WHERE organization_id = $1 AND webhook_id = ANY($2) AND status = 'pending' AND run_at > now()
        AND last_error = '{PARKED}' AND split_part(type, '.', 1) <> ALL($3)
"""  # noqa: S608
_COLUMNS = (
    "id, webhook_id, event_id, type, record_id, is_test, status, attempts, "
    "CASE WHEN status = 'pending' THEN run_at END AS next_attempt_at, "
    "last_status, last_error, created_at, finished_at, seq"
)
_ONE = f"SELECT {_COLUMNS} FROM webhook_deliveries WHERE organization_id = $1 AND id = $2"  # noqa: S608
_MANY = f"""
    SELECT {_COLUMNS} FROM webhook_deliveries
    WHERE organization_id = $1 AND webhook_id = $2 AND seq < $3
        AND ($4::text IS NULL OR status = $4) AND ($5::text IS NULL OR type = $5)
    ORDER BY seq DESC LIMIT $6
"""  # noqa: S608
_LOG = """
    SELECT number, started_at, latency_ms, status, error, answer FROM webhook_attempts
    WHERE organization_id = $1 AND delivery_id = $2 ORDER BY number
"""
_WIPE = """
    UPDATE webhook_attempts a SET answer = '' FROM webhook_deliveries d
    WHERE a.organization_id = $1 AND d.organization_id = $1 AND d.id = a.delivery_id
        AND a.answer <> '' AND (d.record_id = ANY($2::uuid[]) OR EXISTS (
            SELECT FROM unnest($3::text[]) AS said WHERE position(said IN a.answer) > 0))
    RETURNING 1
"""
_REDELIVER = f"""
    UPDATE webhook_deliveries SET status = 'pending', tries = 0, run_at = now(), finished_at = NULL
    WHERE organization_id = $1 AND id = $2 AND status <> 'sending' RETURNING {_COLUMNS}
"""  # noqa: S608
_HEALTH = """
    WITH mine AS (
        SELECT * FROM webhook_deliveries WHERE organization_id = $1 AND webhook_id = $2),
    recent AS (
        SELECT a.latency_ms FROM webhook_attempts a JOIN mine d ON a.delivery_id = d.id
        WHERE a.organization_id = $1 AND a.started_at > now() - interval '24 hours')
    SELECT (SELECT count(*) FROM mine WHERE status = 'pending') AS waiting,
        (SELECT min(created_at) FROM mine WHERE status = 'pending') AS oldest_waiting_at,
        (SELECT count(*) FROM mine WHERE status = 'sending') AS sending,
        (SELECT count(*) FROM mine WHERE status = 'succeeded'
            AND finished_at > now() - interval '24 hours') AS succeeded_24h,
        (SELECT count(*) FROM mine WHERE status = 'failed'
            AND finished_at > now() - interval '24 hours') AS failed_24h,
        (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_ms) FROM recent)
            AS latency_p50_ms,
        (SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_ms) FROM recent)
            AS latency_p95_ms,
        s.failing_since, s.last_success_at
    FROM webhook_states s WHERE s.organization_id = $1 AND s.webhook_id = $2
"""


class Behind(NamedTuple):
    """An endpoint that has not read all of the feed."""

    id: UUID
    place: Position
    begun: str
    """The snapshot that it began with."""
    topics: list[str]
    filter: dict[str, Any]
    actor: str
    """Whoever set it up last, as JSON."""


class Webhooks(Repository[Webhook]):
    """The endpoints of an organization."""

    model = Webhook
    listing = Listing(model=Webhook, out=WebhookOut, area="webhooks")

    def begin(self, id: UUID) -> None:
        """Have a new endpoint stand at the end of the feed."""
        self.tx.insert(WebhookState, {"webhook_id": id})

    async def begin_anew(self, id: UUID) -> None:
        """Have an endpoint stand at the end of the feed again, with nothing against it."""
        await self.tx.write(_BEGIN_ANEW, self.tx.organization_id, id)

    async def cancel_waiting(self, id: UUID) -> None:
        """Give up what waits to be sent, and all further tries of what is being sent."""
        await self.tx.write(_HOLD, self.tx.organization_id, id)
        await self.tx.write(_CANCEL, self.tx.organization_id, id)

    async def forget(self, id: UUID) -> None:
        """Remove all that was kept of an endpoint."""
        for statement in _FORGET:
            await self.tx.write(statement, self.tx.organization_id, id)

    async def behind(self, most: int, but: Sequence[UUID]) -> list[Behind]:
        """Endpoints for which something has happened, those that stand furthest back first.

        They are held; those that somebody else is at, and `but`, are left out.
        """
        rows = await self.tx.write(_BEHIND, self.tx.organization_id, list(but), most)
        return [
            Behind(
                row["webhook_id"],
                Position(row["tx"], row["seq"]),
                row["begun"],
                decode(row["topics"]),
                decode(row["filter"]),
                row["actor"],
            )
            for row in rows
        ]

    async def move(self, ids: Sequence[UUID], to: Position) -> None:
        """Have endpoints stand elsewhere in the feed."""
        await self.tx.write(_MOVE, self.tx.organization_id, list(ids), to.tx, to.seq)


class Deliveries:
    """What was sent, and what waits to be."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def add(self, wanted: Sequence[tuple[UUID, Any]], *, is_test: bool = False) -> list[UUID]:
        """Have events be sent, each to an endpoint; those that were taken up before stay as they are."""
        made = await self.tx.write(
            _ADD,
            self.tx.organization_id,
            [new_id() for _ in wanted],
            [webhook_id for webhook_id, _ in wanted],
            [row["id"] for _, row in wanted],
            [row["type"] for _, row in wanted],
            [row["record_id"] for _, row in wanted],
            is_test,
        )
        return [row["id"] for row in made]

    async def again(self, webhook_id: UUID, events: Sequence[UUID], ended: Sequence[str]) -> int:
        """Have events be sent anew whose deliveries ended like this; how many there were."""
        rows = await self.tx.write(
            _AGAIN, self.tx.organization_id, webhook_id, list(events), list(ended)
        )
        return len(rows)

    async def unpark(self, webhooks: Sequence[UUID], but: Sequence[str]) -> None:
        """Have what waits for modules be sent, except what is about these kinds."""
        await self.tx.write(_UNPARK, self.tx.organization_id, list(webhooks), list(but))

    async def find(self, id: UUID) -> Any | None:
        """One delivery."""
        rows = await self.tx.fetch(_ONE, self.tx.organization_id, id)
        return rows[0] if rows else None

    async def page(
        self, webhook_id: UUID, before: int, limit: int, status: str | None, type: str | None
    ) -> list[Any]:
        """Deliveries of an endpoint, newest first."""
        return await self.tx.fetch(
            _MANY, self.tx.organization_id, webhook_id, before, status, type, limit
        )

    async def log(self, id: UUID) -> list[dict[str, Any]]:
        """Every attempt at a delivery."""
        return [dict(row) for row in await self.tx.fetch(_LOG, self.tx.organization_id, id)]

    async def begin_anew(self, id: UUID) -> Any | None:
        """Have a delivery be sent anew; None while it is being sent."""
        rows = await self.tx.write(_REDELIVER, self.tx.organization_id, id)
        return rows[0] if rows else None

    async def wipe_answers(self, records: Sequence[UUID], said: Sequence[str]) -> int:
        """Forget answers to the events of records and those that say something; how many."""
        return len(await self.tx.write(_WIPE, self.tx.organization_id, list(records), list(said)))

    async def health(self, webhook_id: UUID) -> dict[str, Any]:
        """How an endpoint fares."""
        rows = await self.tx.fetch(_HEALTH, self.tx.organization_id, webhook_id)
        return dict(rows[0])


def moment_of(raw: str) -> datetime:
    """A moment as a message holds it."""
    return datetime.fromisoformat(raw)
