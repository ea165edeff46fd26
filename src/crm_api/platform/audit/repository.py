"""How events and their seals are read."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

from crm_api.kit.db.tables import EventRow
from crm_api.kit.query.listing import Listing
from crm_api.platform.audit import chain
from crm_api.platform.audit.chain import Anchor, Sealed
from crm_api.platform.audit.models import AuditAnchor, AuditChain, EventSeal
from crm_api.platform.audit.schemas import AuditEventOut

Fetch = Callable[..., Awaitable[list[Any]]]
"""Rows of a statement, bound to the organization."""
PAGE = 2_000
_HEAD = f"""
    SELECT c.*, coalesce(top, 0) AS top FROM (
        SELECT max(position) AS top FROM {EventSeal.__tablename__} WHERE organization_id = $1) s
    LEFT JOIN {AuditChain.__tablename__} c ON c.organization_id = $1
"""  # noqa: S608
_SEALED = """
    SELECT s.position, s.event_id, s.content, s.salt, s.hash, e.* FROM event_seals s
    LEFT JOIN events e ON e.organization_id = $1 AND e.id = s.event_id
    WHERE s.organization_id = $1 AND s.position > $2 AND s.position <= $3
    ORDER BY s.position LIMIT $4
"""
_ANCHORS = f"""
    SELECT organization_id, number, first, last, hash, sealed_at, signature
    FROM {AuditAnchor.__tablename__}
    WHERE organization_id = $1 AND number > $2 AND last <= $3 ORDER BY number LIMIT $4
"""  # noqa: S608
_BEFORE = """
    SELECT s.hash, (SELECT max(number) FROM audit_anchors
        WHERE organization_id = $1 AND last = $2) AS anchors
    FROM event_seals s WHERE s.organization_id = $1 AND s.position = $2
"""
# Page by page, so that no statement takes long.
_PLACED = """
    SELECT e.tx, e.seq, e.id, s.event_id IS NULL AS is_unsealed FROM (
        SELECT tx, seq, id FROM events
        WHERE organization_id = $1 AND (tx, seq) > ($2, $3) AND (tx, seq) <= ($4, $5)
        ORDER BY tx, seq LIMIT $6) e
    LEFT JOIN event_seals s ON s.organization_id = $1 AND s.event_id = e.id
    ORDER BY e.tx, e.seq
"""
_ERASURES = """
    SELECT e.data FROM events e
    LEFT JOIN event_seals s ON s.organization_id = $1 AND s.event_id = e.id
    WHERE e.organization_id = $1 AND e.record_id = $2 AND e.type = $3
        AND (s.position IS NULL OR s.position > $4)
    ORDER BY e.seq
"""
_PENDING = """
    SELECT count(*) AS number, min(occurred_at) AS since FROM (
        SELECT occurred_at FROM events WHERE organization_id = $1 AND (tx, seq) > ($2, $3)
        ORDER BY tx, seq LIMIT $4) AS waiting
"""
_VERIFIED = """
    SELECT data, occurred_at, actor_kind, actor_id FROM events
    WHERE organization_id = $1 AND record_id = $2 AND type = $3 ORDER BY seq DESC LIMIT 1
"""
MOST_PENDING = 100_000


class EventListing(Listing):
    """The events themselves, as a collection."""

    @property
    def entity(self) -> str:
        """Not the column of that name, which says what an event is about."""
        return "audit_event"


EVENTS = EventListing(
    model=EventRow,  # pyright: ignore[reportArgumentType] - has no bin, which is never asked for
    out=AuditEventOut,  # pyright: ignore[reportArgumentType]
    area="audit",
    default_sort="-occurred_at",
)


class Seals:
    """The chain of an organization as it is stored."""

    def __init__(self, fetch: Fetch, organization_id: UUID) -> None:
        self._fetch, self._own = fetch, organization_id

    async def head(self) -> Any:
        """How far it goes; None before the first seal."""
        row = (await self._fetch(_HEAD, self._own))[0]
        return row if row["position"] or row["top"] else None

    async def before(self, position: int) -> Any:
        """The hash at a position, and the number of the anchor that is there."""
        rows = await self._fetch(_BEFORE, self._own, position)
        return rows[0] if rows else None

    async def pages(self, after: int, last: int) -> AsyncIterator[list[Sealed]]:
        """The positions after one, up to another."""
        while rows := await self._fetch(_SEALED, self._own, after, last, PAGE):
            yield [_sealed(row) for row in rows]
            after = rows[-1]["position"]

    async def anchors(self, after: int, last: int) -> AsyncIterator[Anchor]:
        """The anchors after one, up to a position."""
        while rows := await self._fetch(_ANCHORS, self._own, after, last, PAGE):
            for row in rows:
                yield Anchor(**row)
            after = rows[-1]["number"]

    async def unsealed(self, head: Any) -> AsyncIterator[UUID]:
        """The events that stand before the head and have no seal."""
        end = head["tx"], head["seq"]
        at = 0, 0
        while rows := await self._fetch(_PLACED, self._own, *at, *end, 10 * PAGE):
            for row in rows:
                if row["is_unsealed"]:
                    yield row["id"]
            at = rows[-1]["tx"], rows[-1]["seq"]

    async def erasures(self, after: int) -> list[Any]:
        """What was told of erasures beyond a position."""
        rows = await self._fetch(_ERASURES, self._own, chain.AUDIT_ID, chain.ERASED, after)
        return [chain.exactly(row["data"]) for row in rows]

    async def pending(self, head: Any) -> Any:
        """How many events wait for their seal, and since when the first of them does."""
        mark = (head["tx"], head["seq"]) if head else (0, 0)
        return (await self._fetch(_PENDING, self._own, *mark, MOST_PENDING))[0]

    async def verified(self, type: str) -> Any:
        """The last verification; None where there was none."""
        rows = await self._fetch(_VERIFIED, self._own, chain.AUDIT_ID, type)
        return rows[0] if rows else None


class Anchors:
    """Anchors that are read no further than they are wanted."""

    def __init__(self, source: AsyncIterator[Anchor]) -> None:
        self._source = source
        self._next: Anchor | None = None
        self._ended = False

    async def until(self, position: int | None) -> list[Anchor]:
        """The next ones, up to a position, or all that are left."""
        found: list[Anchor] = []
        while (anchor := await self._ahead()) and (position is None or anchor.last <= position):
            found.append(anchor)
            self._next = None
        return found

    async def _ahead(self) -> Anchor | None:
        if self._next is None and not self._ended:
            self._next = await anext(self._source, None)
            self._ended = self._next is None
        return self._next


def _sealed(row: Any) -> Sealed:
    there = row["id"] is not None
    return Sealed(
        row["position"],
        row["event_id"],
        row["content"],
        row["salt"],
        row["hash"],
        chain.plain_header(row) if there else None,
        chain.values_of(row) if there else None,
    )
