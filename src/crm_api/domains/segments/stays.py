"""From when till when records belonged to segments, told by segment, by record and over time."""

from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.domains.segments.membership import stored
from crm_api.domains.segments.schemas import SegmentTarget, SizesBy
from crm_api.domains.segments.service import SegmentService
from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.selection import Selection
from crm_api.kit.query.visibility import among, sight_of

_STAYS = """
    SELECT {id} AS id, entered_at, left_at, entered_by, left_by FROM segment_members
    WHERE organization_id = $1 AND {of} = $2 AND {more}
        AND ($3::timestamptz IS NULL OR (coalesce(left_at, entered_at), {id}, entered_at)
            < ($3, $4, $5))
    ORDER BY coalesce(left_at, entered_at) DESC, {id} DESC, entered_at DESC LIMIT $6
"""
_OF_SEGMENT = _STAYS.format(
    id="record_id", of="segment_id", more="($7::uuid IS NULL OR record_id = $7)"
)
_OF_RECORD = _STAYS.format(
    id="segment_id",
    of="record_id",
    more="""($7 OR left_at IS NULL) AND segment_id IN (
            SELECT s.id FROM segments s
            WHERE s.organization_id = $1 AND s.target = $8 AND s.deleted_at IS NULL)""",
)
# What came before the first stretch of time is one number.
_SIZES = """
    WITH first AS (
        SELECT date_trunc($3::text, now() AT TIME ZONE $4) - ($5::int - 1) * ('1 ' || $3)::interval AS day),
    moves AS (
        SELECT entered_at AS at, 1 AS came, entered_by AS way FROM segment_members
        WHERE organization_id = $1 AND segment_id = $2
        UNION ALL
        SELECT left_at, -1, left_by FROM segment_members
        WHERE organization_id = $1 AND segment_id = $2 AND left_at IS NOT NULL),
    counted AS (
        SELECT CASE WHEN at AT TIME ZONE $4 >= first.day
                THEN date_trunc($3::text, at AT TIME ZONE $4) END AS day,
            count(*) FILTER (WHERE came > 0) AS entered,
            count(*) FILTER (WHERE came < 0) AS gone,
            count(*) FILTER (WHERE came > 0 AND way = 'reconciled') AS drift_entered,
            count(*) FILTER (WHERE came < 0 AND way = 'reconciled') AS drift_left
        FROM moves CROSS JOIN first GROUP BY 1)
    SELECT NULL::date AS begins, entered, gone, 0 AS drift_entered, 0 AS drift_left
    FROM counted WHERE day IS NULL
    UNION ALL
    SELECT s.day::date, coalesce(c.entered, 0), coalesce(c.gone, 0), coalesce(c.drift_entered, 0),
        coalesce(c.drift_left, 0)
    FROM first CROSS JOIN generate_series(
        first.day, date_trunc($3::text, now() AT TIME ZONE $4), ('1 ' || $3)::interval) AS s (day)
    LEFT JOIN counted c ON c.day = s.day
    ORDER BY begins NULLS FIRST
"""
_READ_ON = 20


class SegmentStays:
    """Who came to segments and left them."""

    def __init__(self, tx: Tx) -> None:
        self.tx, self.service = tx, SegmentService(tx)

    async def of_segment(
        self, id: UUID, *, record_id: UUID | None, limit: int, cursor: str | None
    ) -> dict[str, Any]:
        """Who came and went when and why, the latest first; of those whom the actor sees."""
        await self.service.get(id, Selection(("id", "version")))
        (segment,) = await stored(self.tx, [id])
        listing = segment.listing
        self.tx.actor.require(f"{listing.area}:read")
        context = self._context(str(id), record_id and str(record_id))
        found, then = await self._seen(
            listing, _OF_SEGMENT, (id, record_id), limit, cursor, context
        )
        data = [{"record_id": row.pop("id"), **row} for row in found]
        return {"data": data, "next_cursor": then}

    async def of_record(
        self, target: SegmentTarget, id: UUID, *, ended: bool, limit: int, cursor: str | None
    ) -> dict[str, Any]:
        """The segments that a contact or company belongs to, or `ended` that it ever did."""
        self.service.need("read")
        await service_of(self.tx, target).get(id, Selection(("id", "version")))
        listing = self.service.records.listing
        context = self._context(target, str(id), str(ended))
        found, then = await self._seen(
            listing, _OF_RECORD, (id, ended, target), limit, cursor, context
        )
        ids = list({row["id"] for row in found})
        known = await self.service.records.rows(ids, Selection(("id", "name", "kind")))
        data: list[dict[str, Any]] = []
        for row in found:
            if (segment := known.get(row["id"])) is not None:
                told = {"name": segment.name, "kind": segment.kind}
                data.append({"segment_id": row.pop("id"), **told, **row})
        return {"data": data, "next_cursor": then}

    async def sizes(self, id: UUID, *, by: SizesBy, last: int) -> dict[str, Any]:
        """How many belonged to it at the end of each stretch of time, and who came and left."""
        await self.service.get(id, Selection(("id", "version")))
        rows = await self.tx.fetch(
            _SIZES, self.tx.organization_id, id, by, self.tx.actor.time_zone, last
        )
        size, data = 0, list[dict[str, Any]]()
        for row in rows:
            size += row["entered"] - row["gone"]
            if row["begins"] is not None:
                told = dict(row)
                told |= {"left": told.pop("gone"), "size": size}
                data.append(told)
        return {"data": data}

    def _context(self, *about: str | None) -> Any:
        return context_of(self.tx.organization_id, "segment_stays", *about)

    async def _seen(
        self,
        listing: Listing,
        sql: str,
        of: tuple[Any, ...],
        limit: int,
        cursor: str | None,
        context: Any,
    ) -> tuple[list[dict[str, Any]], str | None]:
        """A page of stays of what the actor sees, and what leads to the next."""
        tx = self.tx
        key, (id, *more) = tx.database.signing_key, of
        at: list[Any] = [None, None, None]
        if cursor is not None:
            said = unseal(key, context, cursor)
            at = [datetime.fromisoformat(said[0]), UUID(said[1]), datetime.fromisoformat(said[2])]
        found: list[dict[str, Any]] = []
        sight = sight_of(tx.actor, listing)
        for _ in range(_READ_ON):
            rows = await tx.fetch(sql, tx.organization_id, id, *at, limit + 1, *more)
            seen = await among(tx, listing, sight, [row["id"] for row in rows])
            taken = 0
            for row in rows:
                taken += 1
                at = [row["left_at"] or row["entered_at"], row["id"], row["entered_at"]]
                if row["id"] in seen:
                    found.append(dict(row))
                if len(found) == limit:
                    break
            if taken == len(rows) <= limit:
                return found, None
            if len(found) == limit:
                break
        last = [at[0].isoformat(), str(at[1]), at[2].isoformat()]
        return found, seal(key, context, last)
