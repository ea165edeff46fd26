"""Sealing: what workers do behind the back of requests, so that no commit waits for a chain."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog

from crm_api.kit import clock
from crm_api.kit.db.database import Database
from crm_api.kit.errors import CrmError
from crm_api.kit.files.store import Files
from crm_api.platform.audit import chain
from crm_api.platform.audit.chain import Anchor

log = structlog.get_logger("crm_api.audit")

EVERY_S = 1
BATCH = 2_000
# Below the oldest running transaction everything is decided: in the order of the transactions no
# event can turn up later before one that is sealed. A restored backup begins to count anew, so what
# is sealed is known by its seal, and only passed over by the mark. What is next is looked up: left
# to itself, the planner may read all events that there are.
_HORIZON = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_WAITING = f"""
    SELECT o.id FROM crm_organization_ids() o
    CROSS JOIN (SELECT {_HORIZON} AS tx OFFSET 0) horizon
    LEFT JOIN audit_chains c ON c.organization_id = o.id
    CROSS JOIN LATERAL (
        SELECT FROM events e WHERE e.organization_id = o.id AND e.tx < horizon.tx AND (e.tx, e.seq)
            > (CASE WHEN c.tx < horizon.tx THEN c.tx ELSE 0 END, coalesce(c.seq, 0))
        ORDER BY e.tx, e.seq LIMIT 1) e
"""  # noqa: S608
# As long as little is known of the events, the planner would sort all that wait for each batch.
_IN_ORDER = "SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off"
_FIRST = "INSERT INTO audit_chains (organization_id) VALUES ($1) ON CONFLICT DO NOTHING"
_HOLD = f"""
    SELECT position, hash, CASE WHEN tx < {_HORIZON} THEN tx ELSE 0 END AS tx, seq, anchors
    FROM audit_chains WHERE organization_id = $1 FOR UPDATE SKIP LOCKED
"""  # noqa: S608
_NEXT = f"""
    SELECT e.*, s.event_id IS NOT NULL AS is_sealed FROM (
        SELECT * FROM events WHERE organization_id = $1 AND (tx, seq) > ($2, $3)
            AND tx < {_HORIZON} ORDER BY tx, seq LIMIT $4) e
    LEFT JOIN LATERAL (SELECT event_id FROM event_seals
        WHERE organization_id = $1 AND event_id = e.id OFFSET 0) s ON true
    ORDER BY e.tx, e.seq
"""  # noqa: S608
_SEAL = """
    INSERT INTO event_seals (organization_id, position, event_id, content, salt, hash)
    SELECT $1, * FROM unnest($2::bigint[], $3::uuid[], $4::bytea[], $5::bytea[], $6::bytea[])
"""
_ANCHOR = """
    INSERT INTO audit_anchors (organization_id, number, first, last, hash, signature, sealed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_ADVANCE = """
    UPDATE audit_chains SET position = $2, hash = $3, tx = $4, seq = $5, anchors = $6,
        sealed_at = $7
    WHERE organization_id = $1
"""


async def seal_events(database: Database, _files: Files) -> None:
    """Seal what was committed in every organization, till nothing waits."""
    waiting = [row["id"] for row in await database.ask(_WAITING)]
    while waiting:
        # A batch each, so that a busy organization does not keep the others waiting.
        waiting = [own for own in waiting if await _full_batch(database, own)]


async def _full_batch(database: Database, organization_id: UUID) -> bool:
    """Seal a batch; whether there may be more. What fails here keeps nobody else waiting."""
    try:
        return await seal_some(database, organization_id) == BATCH
    except CrmError as error:
        log.warning("cannot seal", organization=str(organization_id), error=error.detail)
        return False


async def seal_some(database: Database, organization_id: UUID) -> int:
    """Seal the next batch of an organization; how many events were looked at.

    None where another worker is at it.
    """
    async with database.transaction() as driver:
        await driver.execute(_FIRST, organization_id)
        head = await driver.fetchrow(_HOLD, organization_id)
        if head is None:
            return 0
        await driver.execute(_IN_ORDER)
        # Only now: whoever erases holds the chain as well, so none does between this and the end.
        rows = await driver.fetch(_NEXT, organization_id, head["tx"], head["seq"], BATCH)
        if not rows:
            return 0
        new = [row for row in rows if not row["is_sealed"]]
        anchor = await _seal(driver, organization_id, head, new, database.signing_key)
        end = anchor or Anchor(
            organization_id, head["anchors"], 0, head["position"], head["hash"], clock.now()
        )
        mark = rows[-1]["tx"], rows[-1]["seq"]
        await driver.execute(
            _ADVANCE, organization_id, end.last, end.hash, *mark, end.number, end.sealed_at
        )
    if anchor is not None:
        # A log that leaves the machine keeps heads that nobody can take back.
        log.info(
            "sealed", organization=str(organization_id), last=anchor.last, hash=anchor.hash.hex()
        )
    return len(rows)


async def _seal(
    driver: Any, organization_id: UUID, head: Any, events: Sequence[Any], key: bytes
) -> Anchor | None:
    if not events:
        return None
    position: int = head["position"]
    hash: bytes = head["hash"] or chain.genesis(organization_id)
    rows: list[tuple[int, UUID, bytes, bytes, bytes]] = []
    for event, salt in zip(events, chain.new_salts(len(events)), strict=True):
        position += 1
        data, previous = chain.values_of(event)
        content = chain.content_digest(salt, data, previous)
        hash = chain.link(hash, position, chain.plain_header(event), content)
        rows.append((position, event["id"], content, salt, hash))
    await driver.execute(_SEAL, organization_id, *zip(*rows, strict=True))
    first, number = head["position"] + 1, head["anchors"] + 1
    anchor = Anchor(organization_id, number, first, position, hash, clock.now())
    signature = anchor.signed_by(key)
    await driver.execute(
        _ANCHOR, organization_id, number, first, position, hash, signature, anchor.sealed_at
    )
    return anchor
