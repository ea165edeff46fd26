"""Which collection a record belongs to, by its id alone."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CompoundSelect,
    Select,
    Text,
    Uuid,
    bindparam,
    func,
    literal,
    select,
    union_all,
)

from crm_api.kit.custom.fields import CustomField
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.statements import Statement, compiled
from crm_api.kit.query.targets import target_of
from crm_api.kit.query.visibility import ALL, among, bound, living, seen, sight_of

Asked = tuple[Listing, ...]


async def referred(
    tx: Tx, fields: Sequence[CustomField], records: Iterable[Mapping[str, Any]]
) -> dict[UUID, str]:
    """The kind of each living record that custom values refer to; none of them goes meanwhile."""
    given = (record.get(field.name) for record in records for field in fields)
    ids = sorted({id for value in given if (id := _id_of(value)) is not None})
    entities = {field.relates_to or "" for field in fields}
    listings = [found for entity in sorted(entities) if (found := target_of(entity)) is not None]
    # A column would have a foreign key, which locks what it finds in the same way.
    return await kinds_of(tx, listings, ids, lock=not tx.read_only)


def missing(
    fields: Sequence[CustomField], values: Mapping[str, Any], kinds: Mapping[UUID, str]
) -> list[Fault]:
    """The relations whose values are no living record of their kind."""
    return [
        Fault("unknown_reference", f"There is no such {f.relates_to}.", pointer=f"/custom/{f.name}")
        for f in fields
        if f.name in values and kinds.get(UUID(values[f.name])) != f.relates_to
    ]


def _id_of(value: Any) -> UUID | None:
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except (AttributeError, TypeError, ValueError):
        # Told where the value is read.
        return None


async def kinds_of(
    tx: Tx, listings: Sequence[Listing], ids: Sequence[UUID], *, lock: bool = False
) -> dict[UUID, str]:
    """The entity of each id that is a living record, which is seen, of one of these collections.

    `lock` keeps these records from being purged or merged till the commit.
    """
    if not listings or not ids:
        return {}
    asked, values = tuple(listings), bound(tx) | {"ids": list(ids)}
    if lock:
        rows: Any = await tx.run(_union(asked, lock=True).params(**values))
    else:
        statement = _statement(asked)
        rows = await tx.fetch(statement.sql, *statement.args(values))
    # Who sees what is asked of the kinds that there are: of all kinds at once it would be hundreds
    # of subqueries, most of a second to plan.
    found: defaultdict[str, list[UUID]] = defaultdict(list)
    for entity, id in rows:
        found[entity].append(id)
    kinds: dict[UUID, str] = {}
    for listing in asked:
        if own := found.get(listing.entity):
            sight = sight_of(tx.actor, listing)
            visible = own if sight == ALL else await among(tx, listing, sight, own)
            kinds |= dict.fromkeys(visible, listing.entity)
    return kinds


@lru_cache(maxsize=512)
def _statement(asked: Asked) -> Statement:
    return compiled(_union(asked))


@lru_cache(maxsize=512)
def _union(asked: Asked, *, lock: bool = False) -> CompoundSelect[Any]:
    parts = [_living(listing) for listing in asked]
    if lock:
        # What a union is made of cannot be locked, but what that selects from can.
        parts = [part.with_for_update(read=True, key_share=True) for part in parts]
    return union_all(*(select(part.subquery()) for part in parts))


def _living(listing: Listing) -> Select[Any, Any]:
    row: Any = listing.model
    entity: Any = literal(listing.entity, Text()).label("entity")
    found = (
        select(entity, row.id)
        .where(*living(listing, row), row.id == func.any(bindparam("ids", type_=ARRAY(Uuid()))))
        .order_by(row.id)
    )
    says_itself = seen(listing, row, ALL)
    return found if says_itself is None else found.where(says_itself)
