"""How segments differ: what they have in common, what tells them apart, who stays active."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import combinations
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.segments.asking import asked
from crm_api.domains.segments.figures import CompareInput
from crm_api.domains.segments.membership import Stored, stored
from crm_api.domains.segments.previewing import counted_by, labelled, said, with_joins
from crm_api.domains.segments.repository import BEHAVIOUR_AREA
from crm_api.domains.segments.service import SegmentService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, NotFound
from crm_api.kit.proportions import holm, two_proportions, wilson
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.selection import names_of

MOST = 16
_MASKS = """
    WITH q AS MATERIALIZED ({inner})
    SELECT mask, count(*) AS number FROM (
        SELECT sum(1 << (array_position($2, m.segment_id) - 1)) AS mask FROM segment_members m
        JOIN q ON q.id = m.record_id
        WHERE m.organization_id = $1 AND m.segment_id = ANY($2) AND m.left_at IS NULL
        GROUP BY m.record_id) AS held
    GROUP BY mask ORDER BY number DESC, mask
"""
# Whoever is in both is neither in the one sample nor in the other.
_COUNTS = """
    WITH q AS MATERIALIZED ({inner}),
    held AS MATERIALIZED (
        SELECT q.*, EXISTS (SELECT FROM segment_members m WHERE m.organization_id = $1
                AND m.segment_id = $2 AND m.record_id = q.id AND m.left_at IS NULL) AS one,
            CASE WHEN $3::uuid IS NULL THEN NULL ELSE EXISTS (
                SELECT FROM segment_members m WHERE m.organization_id = $1
                AND m.segment_id = $3 AND m.record_id = q.id AND m.left_at IS NULL) END AS other
        FROM q),
    sides AS MATERIALIZED (
        SELECT *, one AND other IS NOT TRUE AS first,
            CASE WHEN $3::uuid IS NULL THEN NOT one ELSE other AND NOT one END AS second
        FROM held)
    SELECT NULL::int AS place, NULL::text AS value, count(*) FILTER (WHERE first) AS first,
        count(*) FILTER (WHERE second) AS second, count(*) FILTER (WHERE one AND other) AS both
    FROM sides
"""
_BY_VALUE = """
    UNION ALL (SELECT {place}, c{place}::text, count(*) FILTER (WHERE first),
        count(*) FILTER (WHERE second), 0 FROM sides WHERE first OR second GROUP BY 2
        ORDER BY 3 DESC, 4 DESC, 2 LIMIT 50)
"""
_ACTIVE = """
    WITH q AS MATERIALIZED ({inner}),
    begun AS (
        SELECT id, date_trunc('month', created_at AT TIME ZONE $2)::date AS month FROM q
        WHERE created_at >= (date_trunc('month', $3::timestamptz AT TIME ZONE $2)
            - make_interval(months => $4 - 1)) AT TIME ZONE $2),
    active AS (
        SELECT DISTINCT b.month, b.id,
            (extract(year FROM e.at) - extract(year FROM b.month))::int * 12
                + (extract(month FROM e.at) - extract(month FROM b.month))::int AS later
        FROM begun b JOIN LATERAL (
            SELECT DISTINCT date_trunc('month', v.occurred_at AT TIME ZONE $2) AS at
            FROM behaviour_events v WHERE v.organization_id = $1 AND v.contact_id = b.id
                AND v.deleted_at IS NULL AND ($5::text IS NULL OR v.name = $5)
                AND v.occurred_at <= $3) e ON e.at >= b.month)
    SELECT month, -1 AS later, count(*) AS number FROM begun GROUP BY month
    UNION ALL SELECT month, later, count(*) FROM active GROUP BY month, later
"""
_ACTIVE_THEN = """
    WITH q AS MATERIALIZED ({inner})
    SELECT DISTINCT q.id FROM q JOIN behaviour_events v ON v.organization_id = $1
        AND v.contact_id = q.id AND v.deleted_at IS NULL AND ($2::text IS NULL OR v.name = $2)
        AND v.occurred_at >= $3 AND v.occurred_at < $4 AND v.occurred_at <= $5
    ORDER BY q.id LIMIT $6
"""


def ids_of(parameter: str, text: str) -> list[UUID]:
    """Ids separated by commas; raises `Invalid`."""
    try:
        return [UUID(one) for one in names_of(text)]
    except ValueError:
        raise Invalid.parameter(parameter, "invalid_value", "Not a UUID.") from None


class _Side(NamedTuple):
    """How many of how many."""

    held: int
    of: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.held / self.of if self.of else 0.0

    @property
    def interval(self) -> list[float]:
        """Wilson's, at 95 %."""
        return [round(bound, 6) for bound in wilson(self.held, self.of)]


class Analysis:
    """What is asked about segments that are there, of those records that the actor sees."""

    def __init__(self, tx: Tx) -> None:
        self.tx, self.service = tx, SegmentService(tx)

    async def _segments(self, ids: Sequence[UUID]) -> list[Stored]:
        """Segments of one kind of record, in their order; raises `NotFound`, `Invalid`."""
        self.service.need("read")
        seen = await self.service.many(ids)
        known = {segment.id: segment for segment in await stored(self.tx, ids)}
        if any(id not in seen or id not in known for id in ids):
            raise NotFound("There is no such segment.")
        found = [known[id] for id in ids]
        if len({segment.row["target"] for segment in found}) > 1:
            raise Invalid("Segments of people and of companies have nothing in common.")
        self.tx.actor.need(found[0].listing.area, "read")
        return found

    async def overlap(self, ids: Sequence[UUID]) -> dict[str, Any]:
        """How much 2 to 16 segments have in common."""
        if len(set(ids)) != len(ids) or not 2 <= len(ids) <= MOST:
            raise Invalid.parameter("ids", "invalid_value", f"Name 2 to {MOST} segments once each.")
        listing = (await self._segments(ids))[0].listing
        filter = parse({"segment": {"in": list(map(str, ids))}}, listing, self.tx)
        selected = select(listing.model.id)
        inner, values = asked(self.tx, listing, selected, filter, behind=2, named="ids")
        sql, own = _MASKS.replace("{inner}", inner), self.tx.organization_id
        rows = await self.tx.fetch(sql, own, list(ids), *values)
        masks = {int(row["mask"]): row["number"] for row in rows}
        sizes = [_held(masks, 1 << place) for place in range(len(ids))]
        pairs: list[dict[str, Any]] = []
        for first, second in combinations(range(len(ids)), 2):
            both = _held(masks, 1 << first | 1 << second)
            either = sizes[first] + sizes[second] - both
            pairs.append(
                {
                    "first_id": ids[first],
                    "second_id": ids[second],
                    "both": both,
                    "jaccard": round(both / either, 6) if either else 0.0,
                }
            )
        mixes = [
            {"segment_ids": [id for n, id in enumerate(ids) if mask >> n & 1], "count": number}
            for mask, number in masks.items()
        ]
        return {"sizes": sizes, "pairs": pairs, "mixes": mixes}

    async def compare(self, data: CompareInput) -> dict[str, Any]:
        """What tells a segment from another one, or from everybody else."""
        others = [] if data.second_id is None else [data.second_id]
        if data.second_id == data.first_id:
            raise Invalid.at("/second_id", "same_segment", "Name another one.")
        listing = (await self._segments([data.first_id, *others]))[0].listing
        columns = dict(enumerate(counted_by(listing, self.tx, data.fields, "/fields")))
        names = [one.name for one in columns.values()]
        selected = with_joins(select(listing.model.id, *labelled(columns)), listing, columns)
        inner, values = asked(
            self.tx, listing, selected, Filter(), behind=3, named=("by", *said(columns))
        )
        parts = [_BY_VALUE.replace("{place}", str(place)) for place in columns]
        sql = _COUNTS.replace("{inner}", inner) + "".join(parts)
        own = self.tx.organization_id
        rows = await self.tx.fetch(sql, own, data.first_id, data.second_id, *values)
        whole = next(row for row in rows if row["place"] is None)
        contrasts = _contrasts(names, [row for row in rows if row["place"] is not None], whole)
        return {
            "first_size": whole["first"] + whole["both"],
            "second_size": whole["second"] + whole["both"],
            "common": whole["both"],
            "contrasts": contrasts,
        }

    async def cohorts(
        self, *, segment_id: UUID | None, name: str | None, months: int
    ) -> dict[str, Any]:
        """Contacts by the month in which they were made, and who did something later."""
        tx = self.tx
        tx.actor.require(f"{BEHAVIOUR_AREA}:read")
        tx.actor.need(CONTACTS.area, "read")
        filter = Filter()
        if segment_id is not None:
            await self.of_contacts(segment_id)
            filter = parse({"segment": str(segment_id)}, CONTACTS, tx)
        model: Any = CONTACTS.model
        selected = select(model.id, model.created_at)
        inner, values = asked(tx, CONTACTS, selected, filter, behind=5, named="created")
        zone = tx.actor.time_zone
        sql = _ACTIVE.replace("{inner}", inner)
        rows = await tx.fetch(sql, tx.organization_id, zone, tx.now, months, name, *values)
        counts: dict[date, dict[int, int]] = defaultdict(dict)
        for row in rows:
            counts[row["month"]][row["later"]] = row["number"]
        today = tx.now.astimezone(ZoneInfo(zone)).date()
        return {"data": [_cohort(month, counts[month], today) for month in sorted(counts)]}

    async def of_contacts(self, segment_id: UUID) -> None:
        """Raise `Invalid` unless a segment is of contacts, `NotFound` where there is none."""
        (segment,) = await self._segments([segment_id])
        if segment.row["target"] != "contact":
            message = "Companies do nothing themselves."
            raise Invalid.parameter("segment_id", "not_of_contacts", message)

    async def active_in(
        self,
        made: Mapping[str, Any],
        span: tuple[datetime, datetime],
        *,
        name: str | None,
        most: int,
    ) -> list[UUID]:
        """Those contacts who pass a filter and did something in a stretch of time."""
        tx = self.tx
        tx.actor.require(f"{BEHAVIOUR_AREA}:read")
        model: Any = CONTACTS.model
        filter = parse(made, CONTACTS, tx)
        inner, values = asked(tx, CONTACTS, select(model.id), filter, behind=6, named="ids")
        sql = _ACTIVE_THEN.replace("{inner}", inner)
        rows = await tx.fetch(sql, tx.organization_id, name, *span, tx.now, most, *values)
        return [row["id"] for row in rows]


def _held(masks: dict[int, int], wanted: int) -> int:
    return sum(number for mask, number in masks.items() if mask & wanted == wanted)


def _contrasts(names: Sequence[str], rows: Sequence[Any], whole: Any) -> list[dict[str, Any]]:
    sides = [
        (_Side(row["first"], whole["first"]), _Side(row["second"], whole["second"])) for row in rows
    ]
    tests = [two_proportions(first, second) for first, second in sides]
    adjusted = holm([p for _, p in tests])
    told: list[tuple[float, dict[str, Any]]] = []
    for row, (first, second), (z, _), p in zip(rows, sides, tests, adjusted, strict=True):
        lift = first.share / second.share if second.share else None
        told.append(
            (
                abs(z),
                {
                    "field": names[row["place"]],
                    "value": row["value"],
                    "first": first.held,
                    "second": second.held,
                    "first_share": round(first.share, 6),
                    "first_interval": first.interval,
                    "second_share": round(second.share, 6),
                    "second_interval": second.interval,
                    "lift": None if lift is None else round(lift, 6),
                    "z": round(z, 6),
                    "p": p,
                },
            )
        )
    return [one for _, one in sorted(told, key=lambda pair: -pair[0])]


def _cohort(month: date, counts: dict[int, int], today: date) -> dict[str, Any]:
    # The month that is not over says nothing yet: censored, not zero.
    over = (today.year - month.year) * 12 + today.month - month.month
    size = counts.get(-1, 0)
    active = [counts.get(later, 0) if later < over else None for later in range(over + 1)]
    return {
        "month": month,
        "size": size,
        "active": active,
        "retention": [None if n is None else round(n / size, 6) for n in active],
    }
