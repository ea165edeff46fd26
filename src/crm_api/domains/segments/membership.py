"""Who belongs to a segment: compared by one statement, which writes down who came and who went.

The filter is compiled as that of a list is; what surrounds it compares sets. Stays are intervals,
which are ended and never changed. Of a refresh and somebody's hand one waits for the other, and
the hand wins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm_api.domains.segments.asking import asked
from crm_api.domains.segments.graph import filter_in
from crm_api.domains.segments.models import Reason
from crm_api.domains.segments.ways import Ways
from crm_api.kit.actor import Actor
from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.events import NEW_ID
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.visibility import ALL

ENTERED, LEFT = "segment.entered", "segment.left"
COMPANY_ENTERED, COMPANY_LEFT = "segment.company_entered", "segment.company_left"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('segment:' || $1::text, 0))"
_SEGMENTS = """
    SELECT s.id, s.name, s.kind, s.target, s.filter, s.is_active, o.time_zone, o.country
    FROM segments s JOIN organizations o ON o.id = s.organization_id
    WHERE s.organization_id = $1 AND s.deleted_at IS NULL
        AND ($2::uuid[] IS NULL OR s.id = ANY($2))
    ORDER BY s.id
"""
_MOVE = """
    gone AS (
        UPDATE segment_members m SET left_at = greatest($6, m.entered_at), left_by = $7
        WHERE m.organization_id = $1 AND m.segment_id = $2 AND m.left_at IS NULL {among_members}
            AND NOT EXISTS (SELECT FROM wanted w WHERE w.id = m.record_id)
        RETURNING record_id),
    came AS (
        INSERT INTO segment_members (organization_id, segment_id, record_id, entered_at, entered_by)
        SELECT $1, $2, w.id, $6, $7 FROM wanted w
        WHERE NOT EXISTS (SELECT FROM segment_members m WHERE m.organization_id = $1
            AND m.segment_id = $2 AND m.record_id = w.id AND m.left_at IS NULL)
        ON CONFLICT DO NOTHING RETURNING record_id),
    told AS (
        INSERT INTO events (organization_id, id, type, entity, record_id, version, data, actor_kind,
            actor_id, request_id, cause_id, occurred_at)
        SELECT $1, {new_id}, x.type, $3, c.id, c.version,
            jsonb_build_object('segment_id', $2::uuid, 'segment_name', $4::text,
                'moved_by', $7::text),
            $8, $9, $10, $11, $6
        FROM (SELECT record_id, 'segment.{of}entered' AS type FROM came
            UNION ALL SELECT record_id, 'segment.{of}left' FROM gone) x
        JOIN {table} c ON c.organization_id = $1 AND c.id = x.record_id),
    counted AS (
        SELECT (SELECT count(*) FROM came)::int AS came, (SELECT count(*) FROM gone)::int AS gone),
    stands AS (
        INSERT INTO segment_standings (organization_id, segment_id, size, refreshed_at,
            reconciled_at, drift_entered, drift_left)
        SELECT $1, $2, came - gone, CASE WHEN $5 <> 'some' THEN $6 END,
            CASE WHEN $5 = 'night' THEN $6 END, CASE WHEN $5 = 'night' THEN came ELSE 0 END,
            CASE WHEN $5 = 'night' THEN gone ELSE 0 END FROM counted
        ON CONFLICT (organization_id, segment_id) DO UPDATE SET
            size = segment_standings.size + excluded.size,
            refreshed_at = coalesce(excluded.refreshed_at, segment_standings.refreshed_at),
            reconciled_at = coalesce(excluded.reconciled_at, segment_standings.reconciled_at),
            drift_entered = CASE WHEN $5 = 'night' THEN excluded.drift_entered
                ELSE segment_standings.drift_entered END,
            drift_left = CASE WHEN $5 = 'night' THEN excluded.drift_left
                ELSE segment_standings.drift_left END,
            fault = CASE WHEN $5 = 'some' THEN segment_standings.fault END)
    SELECT came, gone FROM counted
"""
_BY_FILTER = """
    WITH q AS MATERIALIZED ({matching}),
    wanted AS MATERIALIZED (
        SELECT q.id FROM q WHERE NOT EXISTS (SELECT FROM segment_overrides o
            WHERE o.organization_id = $1 AND o.segment_id = $2 AND o.record_id = q.id
                AND NOT o.is_member)
        UNION SELECT c.id FROM segment_overrides o
        JOIN {table} c ON c.organization_id = $1 AND c.id = o.record_id AND c.deleted_at IS NULL
        WHERE o.organization_id = $1 AND o.segment_id = $2 AND o.is_member {among_overrides}),
"""
_BY_HAND = """
    WITH wanted AS MATERIALIZED (
        SELECT c.id FROM {table} c JOIN segment_overrides o ON o.organization_id = $1
            AND o.segment_id = $2 AND o.record_id = c.id AND o.is_member
        WHERE c.organization_id = $1 AND c.deleted_at IS NULL {among_overrides}),
"""
_FAULT = """
    INSERT INTO segment_standings (organization_id, segment_id, size, drift_entered, drift_left,
        fault)
    VALUES ($1, $2, 0, 0, 0, $3)
    ON CONFLICT (organization_id, segment_id) DO UPDATE SET fault = excluded.fault
"""
COMPANIES = "companies"
_OWN = 11
"""How many parameters come before those of the filter."""


@dataclass(frozen=True)
class Moved:
    """How many came and went."""

    entered: int = 0
    left: int = 0


@dataclass
class Stored:
    """A segment as its members are found."""

    tx: Tx
    row: Any

    @property
    def id(self) -> UUID:
        """The segment's."""
        return self.row["id"]

    @cached_property
    def source(self) -> dict[str, Any]:
        """Its filter as it is stored."""
        return filter_in(self.row)

    @cached_property
    def listing(self) -> Listing:
        """The collection that it is made of."""
        return service_of(self.tx, self.row["target"]).records.listing

    @property
    def everybody(self) -> Actor:
        """Whose eyes it looks with: it is the same whoever asks, in its organization's time."""
        return Actor(
            self.tx.organization_id,
            "system",
            scopes=frozenset({"*"}),
            time_zone=self.row["time_zone"],
            country=self.row["country"],
        )

    @cached_property
    def filter(self) -> Filter:
        """Its filter, read now; raises where it does not fit any more."""
        with self.tx.learned.seeing_as(self.everybody):
            return parse(self.source, self.listing, self.tx)

    @cached_property
    def ways(self) -> Ways:
        """What it depends on."""
        return Ways.of(self.filter, self.listing)


async def stored(tx: Tx, ids: Sequence[UUID] | None = None) -> list[Stored]:
    """The living segments, or some of them."""
    wanted = None if ids is None else list(ids)
    rows = await tx.fetch(_SEGMENTS, tx.organization_id, wanted)
    return [Stored(tx, row) for row in rows]


class Membership:
    """The members of segments, within a transaction."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def lock(self, segment_id: UUID) -> None:
        """Have others who would move its members wait till the commit."""
        await self.tx.write(_LOCK, str(segment_id))

    async def refresh(
        self,
        segment: Stored,
        ids: Sequence[UUID] | None = None,
        *,
        by: Reason = "filter",
        night: bool = False,
    ) -> Moved:
        """Compare all records, or some, with who belongs to it; move who differs."""
        await self.lock(segment.id)
        sql, values = _BY_HAND, list[Any]()
        if segment.source:
            try:
                found = segment.filter
            except CrmError as error:
                detail = "; ".join(one.message for one in error.faults) or error.detail
                own = self.tx.organization_id
                await self.tx.write(_FAULT, own, segment.id, detail[:500])
                return Moved()
            sql, values = _around(segment.listing, found, self.tx, ids)
        how = "some" if ids is not None else "night" if night else "whole"
        place = None if ids is None else _OWN + len(values) + 1
        statement = _completed(sql, segment.listing.model.__tablename__, place)
        tx = self.tx
        given = [tx.organization_id, segment.id, segment.listing.entity, segment.row["name"], how]
        who = [tx.now, by, tx.actor.kind, tx.actor.id, tx.request_id, tx.cause_id]
        some = [] if ids is None else [list(ids)]
        rows = await tx.write(statement, *given, *who, *values, *some)
        moved = Moved(rows[0]["came"], rows[0]["gone"])
        tx.told += moved.entered + moved.left
        return moved


def _around(
    listing: Listing, filter: Filter, tx: Tx, ids: Sequence[UUID] | None
) -> tuple[str, list[Any]]:
    """The comparison around a compiled filter, and the values of that."""
    selected = select(listing.model.id)
    inner, values = asked(
        *(tx, listing, selected, filter),
        behind=_OWN,
        named="ids",
        sight=ALL,
        all_rows=ids is None,
    )
    if ids is not None:
        table = listing.model.__tablename__
        inner += f" AND {table}.id = ANY(${_OWN + len(values) + 1})"
    return _BY_FILTER.replace("{matching}", inner), values


def _completed(sql: str, table: str, place: int | None) -> str:
    """The whole comparison; of some records, whose ids are the parameter at a place."""
    among = "" if place is None else f"record_id = ANY(${place})"
    return (
        (sql + _MOVE)
        .replace("{among_members}", among and f"AND m.{among}")
        .replace("{among_overrides}", among and f"AND o.{among}")
        .replace("{of}", "company_" if table == COMPANIES else "")
        .replace("{table}", table)
        .replace("{new_id}", NEW_ID)
    )
