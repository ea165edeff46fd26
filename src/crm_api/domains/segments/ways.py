"""By what changes a record may enter a segment or leave it: the ways from what happened to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.filters import Filter, Shape
from crm_api.kit.query.listing import Listing, Relation

RELATED = frozenset({"one", "some", "none", "every", "count"})
"""The kinds of shapes that ask for related records."""
# Of what these ask, nothing leads back to the records; such a segment waits for the night.
_BLIND = frozenset({"refer", "rollup", "about"})
SOURCES: Mapping[str, tuple[tuple[str, ...], str | None]] = {
    "behaviour": (("behaviour_event.created", "behaviour_event.purged"), "contact_id"),
    "consent": (("consent.created",), "record_id"),
    "segment": (
        (
            *("segment.entered", "segment.left"),
            *("segment.company_entered", "segment.company_left"),
        ),
        None,
    ),
}
"""By a term, the events that it hears of, and where they name the person; else it is of them."""
Path = tuple[Relation, ...]


@dataclass
class Ways:
    """What a filter depends on."""

    records: dict[str, set[Path]] = field(default_factory=dict[str, set[Path]])
    """By a kind of record, the paths from the segment's records to it."""
    terms: dict[str, set[Path]] = field(default_factory=dict[str, set[Path]])
    is_blind: bool = False
    with_time: bool = False

    @classmethod
    def of(cls, filter: Filter, listing: Listing) -> "Ways":
        """Those of a parsed filter over the records of a collection."""
        ways = cls(with_time=any(isinstance(v, str) and v.startswith("@") for v in filter.said))
        ways.records.setdefault(listing.entity, set()).add(())
        ways._walk(filter.shape, listing, ())
        return ways

    @property
    def topics(self) -> set[str]:
        """The events that may change who belongs to it."""
        heard = {topic for term in self.terms for topic in SOURCES[term][0]}
        return {*(f"{entity}.*" for entity in self.records), *heard}

    def _walk(self, shape: Shape, listing: Listing, path: Path) -> None:
        kind = shape[0]
        if kind in {"and", "or"}:
            for part in shape[1]:
                self._walk(part, listing, path)
        elif kind == "not":
            self._walk(shape[1], listing, path)
        elif kind == "term":
            self.terms.setdefault(shape[1], set()).add(path)
        elif kind in _BLIND:
            self.is_blind = True
        elif kind in RELATED:
            relation = listing.related[shape[1]]
            target = relation.target()
            further = (*path, relation)
            self.records.setdefault(target.entity, set()).add(further)
            if shape[3] is not None:
                self._walk(shape[3], target, further)

    async def touched(self, tx: Tx, rows: Sequence[Any]) -> set[UUID]:
        """The records that some events may have moved; the statements grow with the paths alone."""
        found: set[UUID] = set()
        for entity, paths in self.records.items():
            own = [row for row in rows if row["entity"] == entity]
            if own:
                ids = {row["record_id"] for row in own}
                before = [decode(row["previous"]) for row in own if row["previous"] is not None]
                for path in paths:
                    found |= await _climb(tx, path, ids, before)
        for term, paths in self.terms.items():
            people = set(_people(term, rows))
            for path in paths if people else ():
                found |= await _climb(tx, path, people, ())
        return found


def _people(term: str, rows: Sequence[Any]) -> Iterable[UUID]:
    topics, name = SOURCES[term]
    for row in rows:
        if row["type"] in topics:
            if name is None:
                yield row["record_id"]
            elif (id := decode(row["data"]).get(name)) is not None:
                yield UUID(id)


async def _climb(
    tx: Tx, path: Path, ids: set[UUID], before: Iterable[Mapping[str, Any]]
) -> set[UUID]:
    """From the end of a path to its beginning; also by what the last records referred to before."""
    for place, relation in enumerate(reversed(path)):
        remote, local = relation.remote.key, relation.local.key
        values = set(ids)
        if remote != "id":
            table = relation.target().model.__tablename__
            values = await _column(tx, table, remote, "id", ids)
            if place == 0:
                values |= {UUID(one[remote]) for one in before if one.get(remote)}
        if local != "id":
            values = await _column(tx, relation.local.class_.__tablename__, "id", local, values)
        ids = values
        if not ids:
            return set()
    return set(ids)


async def _column(tx: Tx, table: str, wanted: str, by: str, values: set[UUID]) -> set[UUID]:
    # In the bin or not: what has just gone there is what changed.
    sql = (
        f"SELECT DISTINCT {wanted} AS value FROM {table} "  # noqa: S608 - names of columns
        f"WHERE organization_id = $1 AND {by} = ANY($2) AND {wanted} IS NOT NULL"
    )
    rows = await tx.fetch(sql, tx.organization_id, sorted(values))
    return {row["value"] for row in rows}
