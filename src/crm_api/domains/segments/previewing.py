"""Who would belong to a segment: counted, sampled and taken apart by one statement."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm_api.domains.segments.asking import asked
from crm_api.domains.segments.graph import need_known, segments_in, unknown_segment
from crm_api.domains.segments.schemas import PreviewInput
from crm_api.domains.segments.service import SegmentService
from crm_api.kit.actor import hidden_field
from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.listing import Listing

_OWN = 3
_COUNT = (
    "SELECT 'count' AS what, NULL::text AS name, NULL::text AS value, count(*) AS number FROM q"
)
_SAMPLE = "(SELECT 'sample', NULL, id::text, 0 FROM q ORDER BY id DESC LIMIT $3)"
_FIELD = (
    "(SELECT 'field', '{name}', q.c{place}::text, count(*) FROM q GROUP BY 3 "
    "ORDER BY 4 DESC, 3 LIMIT 10)"
)
_OVERLAP = """
    SELECT 'segment', m.segment_id::text, NULL, count(*) FROM segment_members m
    JOIN q ON q.id = m.record_id
    WHERE m.organization_id = $1 AND m.segment_id = ANY($2) AND m.left_at IS NULL GROUP BY 2
"""
_KNOWN = """
    SELECT id FROM segments WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL
"""
_GROUPED = frozenset({"text", "boolean", "integer", "uuid", "day"})


class Preview:
    """What a filter would make of a segment, for whoever asks."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def of(self, data: PreviewInput) -> dict[str, Any]:
        """Of those whom the actor sees; raises `Invalid`, `Forbidden`."""
        tx = self.tx
        SegmentService(tx).need("read")
        service = service_of(tx, data.target)
        service.need("read")
        listing = service.records.listing
        filter = parse(data.filter, listing, tx) if data.filter else Filter()
        names = counted_by(listing, tx, data.breakdown, "/breakdown")
        await self._need_known(data)
        rows = await tx.fetch(*self._asked(listing, filter, names, data))
        sample = [UUID(row["value"]) for row in rows if row["what"] == "sample"]
        shown = await service.many(sample) if sample else {}
        overlaps = {row["name"]: row["number"] for row in rows if row["what"] == "segment"}
        return {
            "count": next(row["number"] for row in rows if row["what"] == "count"),
            "sample": [shown[id] for id in sample if id in shown],
            "breakdown": [_breakdown(name, rows) for name in names],
            "overlap": [
                {"segment_id": id, "count": overlaps.get(str(id), 0)} for id in data.overlap
            ],
        }

    async def _need_known(self, data: PreviewInput) -> None:
        """Raises `Invalid`: whoever is not in a segment that is not there is everybody."""
        named = segments_in(data.filter) | set(data.overlap)
        if not named:
            return
        rows = await self.tx.fetch(_KNOWN, self.tx.organization_id, list(named))
        known = {row["id"] for row in rows}
        need_known(data.filter, known)
        for place, id in enumerate(data.overlap):
            if id not in known:
                raise unknown_segment(f"/overlap/{place}")

    def _asked(
        self, listing: Listing, filter: Filter, names: list[str], data: PreviewInput
    ) -> list[Any]:
        tx, wanted = self.tx, tuple(names)
        selected = select(listing.model.id, *listing.expressions(wanted))
        inner, values = asked(
            *(tx, listing, selected, filter), behind=_OWN, named=("by", wanted), all_rows=True
        )
        parts = [_COUNT, _SAMPLE, _OVERLAP]
        parts += [_FIELD.format(name=name, place=place) for place, name in enumerate(names)]
        sql = f"WITH q AS MATERIALIZED ({inner}) {' UNION ALL '.join(parts)}"
        return [sql, tx.organization_id, list(data.overlap), data.sample, *values]


def counted_by(listing: Listing, tx: Tx, names: list[str], at: str) -> list[str]:
    """Fields whose values are counted; raises `Invalid`, `Forbidden` for those that are hidden."""
    for place, name in enumerate(names):
        known = listing.fields.get(name)
        if known is None or known.kind not in _GROUPED:
            message = f"{listing.entity} cannot be counted by {name!r}."
            raise Invalid.at(f"{at}/{place}", "unknown_field", message)
        if name in tx.actor.hidden(listing.entity):
            raise hidden_field(name, f"{at}/{place}")
    return list(dict.fromkeys(names))


def _breakdown(name: str, rows: list[Any]) -> Mapping[str, Any]:
    mine = [row for row in rows if row["what"] == "field" and row["name"] == name]
    values = [{"value": row["value"], "count": row["number"]} for row in mine]
    return {"field": name, "values": values}
