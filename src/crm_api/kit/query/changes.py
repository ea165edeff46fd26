"""The sync feed of a collection: what it holds, and from then on what changes; none is missed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.visibility import among, sight_of

SCANNED = 5_000
"""How many events of any collection one page looks at, so that each costs about the same."""
_HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS tx"
# In the order of the transactions and no further than the oldest that still runs: a sequence is
# not in commit order (ADR-0003). The last row tells where to go on.
_CHANGED = f"""
    WITH horizon AS MATERIALIZED ({_HORIZON}),
    scanned AS MATERIALIZED (
        SELECT tx, seq, entity, record_id, occurred_at FROM events
        WHERE organization_id = $1 AND (tx, seq) > ($2, $3) AND tx < (SELECT tx FROM horizon)
        ORDER BY tx, seq LIMIT {SCANNED}),
    mine AS (
        SELECT tx, seq, record_id, occurred_at FROM scanned WHERE entity = $4
        ORDER BY tx, seq LIMIT $5)
    SELECT tx, seq, record_id, occurred_at FROM mine
    UNION ALL
    SELECT CASE WHEN count(*) < {SCANNED} THEN (SELECT tx FROM horizon) ELSE max(tx) END,
        CASE WHEN count(*) < {SCANNED} THEN 0
            ELSE (SELECT seq FROM scanned ORDER BY tx DESC, seq DESC LIMIT 1) END,
        NULL, NULL FROM scanned
"""  # noqa: S608
_GONE = """
    SELECT i.id, t.deleted_at, r.target_id FROM unnest($2::uuid[]) AS i(id)
    LEFT JOIN {table} t ON t.organization_id = $1 AND t.id = i.id
    LEFT JOIN record_redirects r ON r.organization_id = $1 AND r.record_id = i.id
"""
# Of what is destroyed nobody can tell any more whose it was, and shares are moved by merges.
_SEEN = """
    SELECT record_id FROM events WHERE organization_id = $1 AND record_id = ANY($2) AND (
        data->>'owner_id' = ANY($3::text[]) OR previous->>'owner_id' = ANY($3::text[])
        OR data->'share'->>'user_id' = ANY($4::text[])
        OR data->'share'->>'team_id' = ANY($4::text[])
        OR data->'share'->>'role_id' = ANY($4::text[]) OR type = ANY($5))
    UNION SELECT target_id FROM record_redirects
    WHERE organization_id = $1 AND target_id = ANY($2)
"""


@dataclass(frozen=True)
class Tombstone:
    """A record that is in the bin, gone or out of sight, or whose id leads to another one."""

    id: UUID
    deleted_at: datetime
    merged_into: UUID | None


@dataclass(frozen=True)
class Changes:
    """A stretch of the sync feed: each record at most once, as it is now."""

    data: list[Any]
    removed: list[Tombstone]
    next_cursor: str
    more: bool
    """Whether there may be more already."""


@dataclass(frozen=True)
class Position:
    """Where a follower is: at a page of the whole collection, or after an event."""

    tx: int
    seq: int = 0
    walk: str | None = None
    """The cursor of the next page; empty for the first one, None when all have been read."""


@dataclass(frozen=True)
class Stretch:
    """The records that the next events are about, with the time of the last of these."""

    records: Mapping[UUID, datetime]
    end: Position
    more: bool


async def position_of(tx: Tx, listing: Listing, after: str | None) -> Position:
    """Where a cursor stands; without one, at the beginning of the whole collection.

    All that was changed before that beginning is in the collection when it is read; all that is
    changed later will be among the events after it.
    """
    if after is None:
        rows = await tx.fetch(_HORIZON)
        return Position(rows[0]["tx"], walk="")
    key = tx.database.signing_key
    return Position(*unseal(key, _context(tx, listing), after, parameter="after"))


def cursor_of(tx: Tx, listing: Listing, position: Position) -> str:
    """The cursor that leads to a position."""
    values = [position.tx, position.seq, position.walk]
    return seal(tx.database.signing_key, _context(tx, listing), values)


async def changed_after(tx: Tx, listing: Listing, start: Position, limit: int) -> Stretch:
    """What the next events are about, not more than `limit` of them."""
    args = (tx.organization_id, start.tx, start.seq, listing.entity, limit)
    *rows, last = sorted(await tx.fetch(_CHANGED, *args), key=lambda row: row["record_id"] is None)
    if len(rows) == limit:
        last = rows[-1]
    end = Position(last["tx"], last["seq"])
    records = {row["record_id"]: row["occurred_at"] for row in rows}
    return Stretch(records, end, more=end.seq > 0)


async def tombstones(
    tx: Tx, listing: Listing, ids: Sequence[UUID], times: Mapping[UUID, datetime]
) -> list[Tombstone]:
    """What is left of records that are not there any more, for those who may have seen them."""
    ids = await _once_seen(tx, listing, ids)
    if not ids:
        return []
    sql = _GONE.format(table=listing.model.__tablename__)
    rows = await tx.fetch(sql, tx.organization_id, list(ids))
    targets = [row["target_id"] for row in rows if row["target_id"] is not None]
    visible = await among(tx, listing, sight_of(tx.actor, listing), targets)
    return [
        # What is gone for good or out of sight, or is there again by now, has only its last event.
        Tombstone(
            row["id"],
            row["deleted_at"] or times[row["id"]],
            row["target_id"] if row["target_id"] in visible else None,
        )
        for row in rows
    ]


async def _once_seen(tx: Tx, listing: Listing, ids: Sequence[UUID]) -> list[UUID]:
    """The records that whoever asks may have seen at some time, as far as that can be told.

    It can where levels and shares alone say who sees what: by whom each belonged to, and with whom
    it was shared.
    """
    sight, access = sight_of(tx.actor, listing), tx.actor.access
    by_others = listing.within or listing.open_to or sight.of is not None
    if access is None or sight.level == "all" or by_others or _rules_for(tx, listing):
        return list(ids)
    rows = await tx.fetch(
        _SEEN,
        tx.organization_id,
        list(ids),
        [str(id) for id in access.owners(sight.level)],
        [str(id) for id in access.principals],
        [f"{listing.entity}.{verb}" for verb in ("purged", "erased")],
    )
    known = {row["record_id"] for row in rows}
    return [id for id in ids if id in known]


def _rules_for(tx: Tx, listing: Listing) -> list[Any]:
    """What shares records of a kind with whoever asks by itself."""
    access, rules = tx.actor.access, tx.catalogue.rules.get(listing.entity, ())
    principals = () if access is None else access.principals
    return [[rule.id, rule.version] for rule in rules if rule.principal_id in principals]


def _context(tx: Tx, listing: Listing) -> bytes:
    return context_of(tx.organization_id, "changes", listing.entity, *_reach(tx, listing))


def _reach(tx: Tx, listing: Listing) -> list[Any]:
    """Whose records are seen: where that changes, a follower begins anew."""
    sight, access = sight_of(tx.actor, listing), tx.actor.access
    if access is None or sight.level == "all":
        return []
    owners = sorted(access.owners(sight.level))
    return [sight.level, owners, sorted(access.principals), _rules_for(tx, listing)]
