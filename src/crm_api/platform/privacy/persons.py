"""Who somebody is: all records of whichever kinds that are the same person."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.personal import Person
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, Merged, NotFound

Kinds = Iterable[type[CrudService[Any]]]
Members = dict[str, set[UUID]]
"""The ids of the records of each kind that are one person."""

_MERGED = """
    WITH RECURSIVE path AS (SELECT unnest($2::uuid[]) AS id
        UNION SELECT CASE WHEN r.record_id = path.id THEN r.target_id ELSE r.record_id END
        FROM record_redirects r JOIN path
        ON r.organization_id = $1 AND (r.record_id = path.id OR r.target_id = path.id))
    SELECT id FROM path
"""


def person_type(tx: Tx, target: str) -> CrudService[Any]:
    """The service of a kind of record that is people; raises `Invalid`."""
    try:
        service = service_of(tx, target)
    except NotFound:
        service = None
    if service is None or not isinstance(service.personal, Person):
        message = f"Records of the kind {target[:60]!r} are no people."
        raise Invalid.at("/target", "not_a_person", message)
    return service


async def whole(service: Any, id: UUID) -> UUID:
    """Who a person is by now, after merges, locked; raises `NotFound`."""
    current = await service.locked(id, deleted=True)
    if current.deleted_at is not None:
        absence = await service.records.absence(id)
        if isinstance(absence, Merged):
            return await whole(service, absence.target)
    return id


async def merged(tx: Tx, ids: Iterable[UUID]) -> set[UUID]:
    """Records, those that they were merged into, and those that were merged into these."""
    return {row["id"] for row in await tx.fetch(_MERGED, tx.organization_id, list(ids))}


async def same_person(tx: Tx, kinds: Kinds, entity: str, id: UUID) -> Members:
    """All records that are the person whom a record is: merged ones, and those that are linked."""
    links = list(_links(kinds))
    members: Members = {entity: await merged(tx, [id])}
    fresh = dict(members)
    while fresh:
        met: Members = {}
        for table, column, of, to in links:
            for known, other, asked, told in ((of, to, "id", column), (to, of, column, "id")):
                if known in fresh:
                    sql = _linked(table, asked, told)
                    rows = await tx.fetch(sql, tx.organization_id, list(fresh[known]))
                    met.setdefault(other, set()).update(row["id"] for row in rows)
        fresh = {}
        for other, ids in met.items():
            if more := await merged(tx, ids) - members.get(other, set()) if ids else set():
                fresh[other] = more
                members.setdefault(other, set()).update(more)
    return members


def people(kinds: Kinds) -> Iterator[tuple[type[CrudService[Any]], Person]]:
    """The collections of people, and how these are told."""
    for service in kinds:
        if isinstance(service.personal, Person):
            yield service, service.personal


def _links(kinds: Kinds) -> Iterator[tuple[str, str, str, str]]:
    """Table and column by which a kind of people leads to the same ones of another kind."""
    for service, personal in people(kinds):
        table, entity = service.repository.model.__tablename__, service.repository.model.entity
        for column, other in personal.same.items():
            yield table, column, entity, other


def _linked(table: str, asked: str, told: str) -> str:
    return (
        f"SELECT DISTINCT {told} AS id FROM {table} "  # noqa: S608 - declared
        f"WHERE organization_id = $1 AND {asked} = ANY($2) AND {told} IS NOT NULL"
    )


def by_kind(tx: Tx, members: Mapping[str, Iterable[UUID]]) -> list[tuple[Any, list[UUID]]]:
    """The service and the ids of each kind."""
    return [(service_of(tx, entity), sorted(ids)) for entity, ids in members.items()]
