"""What happened, in the order of the commits: for whoever may see it, with nothing left out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from crm_api.kit import traces
from crm_api.kit.crud.sight import EventSight, Services, Told
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.filters import Filter, parse

LAST = 2**63 - 1
_COLUMNS = (
    "id, type, occurred_at, entity, record_id, version, data, previous, "
    "actor_kind, actor_id, request_id, cause_id, tx, seq"
)
SELECT_EVENTS = f"SELECT {_COLUMNS} FROM events WHERE organization_id = $1 "  # noqa: S608
# A sequence is not in commit order: an event becomes visible after later numbers are read. What
# stands before the oldest running transaction is complete, so the feed ends at that horizon.
_STRETCH = f"""
    SELECT h.horizon, e.* FROM
        (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon) h
    LEFT JOIN LATERAL ({SELECT_EVENTS}
        AND (tx, seq) > ($2, $3) AND tx < h.horizon
        AND (cardinality($5::text[]) = 0 OR type = ANY($5)
            OR split_part(type, '.', 1) || '.*' = ANY($5))
        AND ($6::text[] IS NULL OR entity = ANY($6))
        ORDER BY tx, seq LIMIT $4) e ON true
    ORDER BY e.tx, e.seq
"""  # noqa: S608
_END = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon"
_SOME = f"""
    SELECT {_COLUMNS}, trace FROM events WHERE organization_id = $1
        AND id = ANY($2) AND ($3::text[] IS NULL OR entity = ANY($3))
"""  # noqa: S608
# Of a stretch whose events are hidden, so much is read on before it is handed over short.
_READ_ON = 20


@dataclass(frozen=True, order=True, slots=True)
class Position:
    """A place in the feed: after the event with these numbers."""

    tx: int = 0
    seq: int = 0


class Traced(NamedTuple):
    """An event, and the `traceparent` of the request it comes from."""

    event: dict[str, Any]
    trace: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some of the events between two places, and where the next ones begin."""

    rows: Sequence[Any]
    end: Position
    whole: bool
    """Whether nothing more was there when it was read."""


class Feed:
    """The events of an organization, as an actor sees them.

    `services` are the collections by the word for a record. Whoever may not read a record does not
    see its events either; those of an unknown entity are for whoever may read everything.
    """

    def __init__(self, tx: Tx, services: Services) -> None:
        self.tx = tx
        self.sight = EventSight(tx, services)

    def filter_of(self, source: Any, types: Sequence[str], *, lax: bool = False) -> Filter:
        """A filter over the records of events; raises `Invalid`, with the pointer `/filter`."""
        entities = {topic.partition(".")[0] for topic in types}
        service = self.sight.service(next(iter(entities))) if len(entities) == 1 else None
        if service is None:
            message = "A filter takes topics of one kind of record, such as `contact.*`."
            raise Invalid.at("/filter", "filter_needs_entity", message)
        self.tx.actor.require(f"{service.area}:read")
        return parse(source, service.records.listing, self.tx, lax=lax)

    async def stretch(
        self,
        after: Position,
        limit: int,
        *,
        types: Sequence[str] = (),
        filter: Filter | None = None,
    ) -> Stretch:
        """The next events that the actor may see and that pass, none skipped.

        `types` may hold `contact.*`; a filter goes with the topics that `filter_of` read it for.
        """
        self.tx.actor.require("events:read")
        wanted = [] if "*" in types else list(types)
        found: list[Any] = []
        for _ in range(_READ_ON):
            rows = await self.tx.fetch(
                _STRETCH,
                self.tx.organization_id,
                after.tx,
                after.seq,
                limit,
                wanted,
                self.sight.readable(),
            )
            horizon = rows[0]["horizon"]
            rows = [row for row in rows if row["id"] is not None]
            whole = len(rows) < limit
            passing = await self._passing(rows, filter)
            for row in rows:
                after = Position(row["tx"], row["seq"])
                if row["id"] in passing:
                    found.append(row)
                    if len(found) == limit:
                        return Stretch(found, after, whole=False)
            if whole:
                # What is older than the horizon is complete: nothing can come before it any more.
                return Stretch(found, max(after, Position(horizon - 1, LAST)), whole=True)
        return Stretch(found, after, whole=False)

    async def end(self) -> Position:
        """Where the feed ends now: what happens from here on comes after it."""
        rows = await self.tx.fetch(_END)
        return Position(rows[0]["horizon"] - 1, LAST)

    async def some(self, ids: Collection[UUID], *, thin: bool = False) -> dict[UUID, Traced]:
        """Events by their ids, as the actor sees them; what is gone or unseen is left out.

        `thin` ones have no values.
        """
        self.tx.actor.require("events:read")
        readable = self.sight.readable()
        rows = await self.tx.fetch(_SOME, self.tx.organization_id, list(ids), readable)
        passing = await self._passing(rows, None)
        rows = [row for row in rows if row["id"] in passing]
        shown = await self.shown(rows, thin=thin)
        return {
            row["id"]: Traced(event, _trace_of(row)) for row, event in zip(rows, shown, strict=True)
        }

    async def shown(self, rows: Sequence[Any], *, thin: bool = False) -> list[dict[str, Any]]:
        """Events as they look from outside; what of them is watched is noted as read."""
        if not thin:
            await self.sight.note(map(told, rows))
        return [
            {
                **common(row),
                "entity": row["entity"],
                "record_id": row["record_id"],
                "data": None if thin else self.sight.values(row["entity"], row["data"]),
                "previous": None if thin else self.sight.values(row["entity"], row["previous"]),
            }
            for row in rows
        ]

    async def _passing(self, rows: Sequence[Any], filter: Filter | None) -> set[UUID]:
        """The events among these whose records the actor sees and that pass a filter."""
        unseen = await self.sight.unseen(map(_about, rows))
        seen = [row for row in rows if row["record_id"] not in unseen]
        if filter is None:
            return {row["id"] for row in seen}
        matching = await self.sight.passing(map(_about, seen), filter)
        # Of what was destroyed nothing is left to compare, and everybody who saw it must know.
        return {
            row["id"]
            for row in seen
            if row["record_id"] in matching or row["type"].endswith(".purged")
        }


def told(row: Any) -> Told:
    """What an event tells, for whoever notes readings."""
    return row["entity"], row["record_id"], row["data"], row["previous"]


def _trace_of(row: Any) -> str:
    return row["trace"] or traces.begun(row["request_id"] or row["cause_id"] or row["id"])


def _about(row: Any) -> tuple[str, UUID]:
    return row["entity"], row["record_id"]


def common(row: Any) -> dict[str, Any]:
    """What an event and an entry of a history both say."""
    return {
        "id": row["id"],
        "type": row["type"],
        "occurred_at": row["occurred_at"],
        "version": row["version"],
        "actor": {"kind": row["actor_kind"], "id": row["actor_id"]},
        "request_id": row["request_id"],
        "cause_id": row["cause_id"],
    }
