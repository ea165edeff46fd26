"""By what changes a record may enter a segment or leave it: the ways from what happened to it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from crm_api.kit.custom.fields import CustomField
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.filters import Filter
from crm_api.kit.query.listing import Listing, Relation
from crm_api.kit.query.shapes import Shape, led, within
from crm_api.kit.query.targets import known_target

SOURCES: dict[str, tuple[tuple[str, ...], str | None]] = {
    "behaviour": (("behaviour_event.created", "behaviour_event.purged"), "contact_id"),
    "consent": (("consent.recorded",), "record_id"),
    "segment": (
        (
            *("segment.entered", "segment.left"),
            *("segment.company_entered", "segment.company_left"),
        ),
        None,
    ),
}
"""By a term, the events that it hears of, and where they name the person; else it is of them.

Domains above add those of their terms."""
_REFERRING = (
    "SELECT DISTINCT record_id FROM custom_values "
    "WHERE organization_id = $1 AND field_id = $2 AND reference = ANY($3)"
)
# Of the records themselves: the index forgets those in the bin.
_REFERRED = """
    SELECT DISTINCT custom ->> $2 AS value FROM {table}
    WHERE organization_id = $1 AND id = ANY($3) AND custom ->> $2 IS NOT NULL
"""


@dataclass(frozen=True)
class _ByField:
    """A step by a relation field: to what it refers to, or back to the records that refer."""

    id: UUID
    name: str
    source: str
    """The kind of the records that refer."""
    is_back: bool

    @classmethod
    def of(cls, field: CustomField, *, is_back: bool) -> "_ByField":
        """The step by a field."""
        return cls(field.id, field.name, field.target, is_back)


Step = Relation | _ByField
Path = tuple[Step, ...]


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
        ways._walk(filter.shape, listing, (), iter(filter.led_by))
        return ways

    def add(self, others: "Ways") -> None:
        """Have what another filter depends on be found by the same statements."""
        for own, more in ((self.records, others.records), (self.terms, others.terms)):
            for key, paths in more.items():
                own.setdefault(key, set()).update(paths)
        self.is_blind |= others.is_blind
        self.with_time |= others.with_time

    @property
    def topics(self) -> set[str]:
        """The events that may change who belongs to it."""
        heard = {topic for term in self.terms for topic in SOURCES[term][0]}
        return {*(f"{entity}.*" for entity in self.records), *heard}

    def _walk(
        self, shape: Shape, listing: Listing, path: Path, fields: Iterator[CustomField]
    ) -> None:
        for part in within(shape):
            if part[0] == "term":
                self.terms.setdefault(part[1], set()).add(path)
            # Of what this asks, nothing leads back to the records; it waits for the night.
            self.is_blind |= part[0] == "about"
            way = led(part, listing)
            if way is None:
                continue
            step = way.relation or _ByField.of(next(fields), is_back=way.is_back)
            further = (*path, step)
            self.records.setdefault(way.target.entity, set()).add(further)
            if way.inner is not None:
                self._walk(way.inner, way.target, further, fields)

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
    for step in reversed(path):
        if isinstance(step, _ByField):
            ids = await _by_field(tx, step, ids, before)
        else:
            ids = await _by_relation(tx, step, ids, before)
        if not ids:
            return set()
        before = ()
    return set(ids)


async def _by_relation(
    tx: Tx, relation: Relation, ids: set[UUID], before: Iterable[Mapping[str, Any]]
) -> set[UUID]:
    remote, local = relation.remote.key, relation.local.key
    values = set(ids)
    if remote != "id":
        table = relation.target().model.__tablename__
        values = await _column(tx, table, remote, "id", ids)
        values |= {UUID(one[remote]) for one in before if one.get(remote)}
    if local != "id":
        values = await _column(tx, relation.local.class_.__tablename__, "id", local, values)
    return values


async def _by_field(
    tx: Tx, step: _ByField, ids: set[UUID], before: Iterable[Mapping[str, Any]]
) -> set[UUID]:
    own = tx.organization_id
    if not step.is_back:
        # What refers to them now: whatever did and does not has changed itself.
        rows = await tx.fetch(_REFERRING, own, step.id, sorted(ids))
        return {row["record_id"] for row in rows}
    table = known_target(step.source).model.__tablename__
    rows = await tx.fetch(_REFERRED.format(table=table), own, step.name, sorted(ids))
    found = {UUID(row["value"]) for row in rows}
    for one in before:
        custom: Mapping[str, Any] = one.get("custom") or {}
        if earlier := custom.get(step.name):
            found.add(UUID(earlier))
    return found


async def _column(tx: Tx, table: str, wanted: str, by: str, values: set[UUID]) -> set[UUID]:
    # In the bin or not: what has just gone there is what changed.
    sql = (
        f"SELECT DISTINCT {wanted} AS value FROM {table} "  # noqa: S608 - names of columns
        f"WHERE organization_id = $1 AND {by} = ANY($2) AND {wanted} IS NOT NULL"
    )
    rows = await tx.fetch(sql, tx.organization_id, sorted(values))
    return {row["value"] for row in rows}
