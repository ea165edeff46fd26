"""Who would belong to a segment: counted, sampled and taken apart by one statement."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, column, select, table

from crm_api.domains.segments.asking import asked
from crm_api.domains.segments.graph import need_known, segments_in, unknown_segment
from crm_api.domains.segments.schemas import PreviewInput
from crm_api.domains.segments.service import SegmentService
from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, Invalid
from crm_api.kit.query.columns import Column, table_columns
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.places import joined

_OWN = 3
_COUNT = (
    "SELECT 'count' AS what, NULL::text AS name, NULL::text AS value, count(*) AS number FROM q"
)
_SAMPLE = "(SELECT 'sample', NULL, id::text, 0 FROM q ORDER BY id DESC LIMIT $3)"
_FIELD = (
    "(SELECT 'field', '{place}', {of}.c{place}::text, count(*) FROM {of} GROUP BY 3 "
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
        columns = counted_by(listing, tx, data.breakdown, "/breakdown")
        await self._need_known(data)
        rows = await tx.fetch(*self._asked(listing, filter, columns, data))
        sample = [UUID(row["value"]) for row in rows if row["what"] == "sample"]
        shown = await service.many(sample) if sample else {}
        overlaps = {row["name"]: row["number"] for row in rows if row["what"] == "segment"}
        return {
            "count": next(row["number"] for row in rows if row["what"] == "count"),
            "sample": [shown[id] for id in sample if id in shown],
            "breakdown": [
                _breakdown(column.name, str(place), rows) for place, column in enumerate(columns)
            ],
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
        self, listing: Listing, filter: Filter, columns: Sequence[Column], data: PreviewInput
    ) -> list[Any]:
        tx, model = self.tx, listing.model
        # What stands in the rows comes with them; all else is looked up of those that there are.
        near = {place: one for place, one in enumerate(columns) if one.name in listing.fields}
        far = {place: one for place, one in enumerate(columns) if place not in near}
        selected = select(model.id, *labelled(near))
        inner, values = asked(
            *(tx, listing, selected, filter), behind=_OWN, named=said(near), all_rows=True
        )
        held = [f"q AS MATERIALIZED ({inner})"]
        if far:
            those = model.id.in_(select(table("q", column("id", Uuid())).c.id))
            beyond, more = asked(
                tx,
                listing,
                with_joins(select(*labelled(far)), listing, far).where(those),
                Filter(),
                behind=_OWN + len(values),
                named=("far", *said(far)),
            )
            held.append(f"far AS MATERIALIZED ({beyond})")
            values += more
        parts = [_COUNT, _SAMPLE, _OVERLAP]
        parts += [
            _FIELD.format(place=n, of="q" if n in near else "far") for n in range(len(columns))
        ]
        sql = f"WITH {', '.join(held)} {' UNION ALL '.join(parts)}"
        return [sql, tx.organization_id, list(data.overlap), data.sample, *values]


def counted_by(listing: Listing, tx: Tx, names: list[str], at: str) -> list[Column]:
    """Columns whose values are counted; raises `Invalid`, `Forbidden` for those that are hidden.

    Fields of the records, of one that they refer to (`company.industry`), and custom fields.
    """
    found: dict[str, Column] = {}
    for place, name in enumerate(names):
        pointer = f"{at}/{place}"
        no_such = Invalid.at(
            pointer, "unknown_field", f"{listing.entity} cannot be counted by {name[:60]!r}."
        )
        try:
            (known,) = table_columns(listing, [name], tx)
        except Forbidden as error:
            raise error.elsewhere(pointer=pointer) from None
        except Invalid:
            raise no_such from None
        if known.kind not in _GROUPED or known.values:
            raise no_such
        found[name] = known
    return list(found.values())


def labelled(columns: Mapping[int, Column]) -> list[Any]:
    """What is selected for columns, each called `c` and its place."""
    return [one.expression.label(f"c{place}") for place, one in columns.items()]


def with_joins(selected: Any, listing: Listing, columns: Mapping[int, Column]) -> Any:
    """What is selected, with the records that columns are of."""
    return joined(selected, listing, [join for one in columns.values() for join in one.joins])


def said(columns: Mapping[int, Column]) -> tuple[Any, ...]:
    """What tells the statements of columns from those of others: also how far their reader sees."""
    return tuple(
        (place, one.name, one.kind, *(id(other) for other, _ in one.joins))
        for place, one in columns.items()
    )


def _breakdown(name: str, place: str, rows: list[Any]) -> Mapping[str, Any]:
    mine = [row for row in rows if row["what"] == "field" and row["name"] == place]
    values = [{"value": row["value"], "count": row["number"]} for row in mine]
    return {"field": name, "values": values}
