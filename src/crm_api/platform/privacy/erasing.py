"""The erasure of one person: what goes, what stays and by what right."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.personal import About, Gone, Person, Trace
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.purges import destroy, empty_events, merged_into, unindex
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.base import Json
from crm_api.kit.db.hashes import hasher_of
from crm_api.kit.db.json import decode
from crm_api.kit.db.states import hold_state, publish_state
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, Merged, NotFound
from crm_api.kit.files.store import Files
from crm_api.platform.privacy.guard import hashed, keys_of
from crm_api.platform.privacy.repository import ErasedKeys, SubjectRequests

ERASED = "(erased)"
STAYS = frozenset(
    [
        "organization_id",
        "id",
        "version",
        "created_at",
        "updated_at",
        "created_by",
        "updated_by",
        "owner_id",
        "deleted_at",
        "deleted_by",
    ]
)
"""What a row of nobody still has."""
SHORTEST = 4
"""Shorter texts are found everywhere and tell nothing."""
_TOLD = "SELECT data, previous FROM events WHERE organization_id = $1 AND record_id = ANY($2)"
_SAME = """
    SELECT DISTINCT record_id FROM record_keys WHERE organization_id = $1 AND entity = $2
    AND kind = ANY($3) AND value = ANY($4) AND NOT record_id = ANY($5) ORDER BY record_id
"""
_REFERRING = """
    SELECT count(DISTINCT record_id) AS n FROM custom_values
    WHERE organization_id = $1 AND field_id = $2 AND reference = ANY($3)
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


class Erasure:
    """One erasure, within a transaction that may be undone."""

    services: ClassVar[Sequence[type[CrudService[Any]]]] = ()
    traces: ClassVar[Sequence[Trace]] = ()

    def __init__(self, tx: Tx, target: str, id: UUID) -> None:
        self.tx, self.id = tx, id
        self.service: Any = person_type(tx, target)
        self.entity: str = self.service.records.listing.entity
        self.records: dict[str, int] = {}
        self.kept: dict[str, Any] = {}
        self.same_keys: list[UUID] = []
        self.ids: list[UUID] = []
        self.emptied: list[UUID] = []

    async def bar(self) -> None:
        """Keep the person out from the commit on, whatever is stored of them yet."""
        ids, rows = await self._locked()
        gone = await self._gone(ids, rows, None)
        await ErasedKeys(self.tx).bar(self.entity, self.id, gone.hashes.values())
        await hold_state(self.tx)
        barred = {*self.tx.catalogue.barred, self.entity}
        await publish_state(self.tx, barred=sorted(barred))

    async def run(self, files: Files | None, *, bars: bool = True) -> dict[str, Any]:
        """Erase; returns what was done. Without `bars` the person may come back."""
        tx = self.tx
        ids, rows = await self._locked()
        gone = await self._gone(ids, rows, files)
        if bars:
            await ErasedKeys(tx).bar(self.entity, self.id, gone.hashes.values())
        self.same_keys = await self._same_keys(gone)
        await self._release(rows)
        await self._erase_about(ids)
        await self._count_referring(ids)
        await tx.flush()
        await self._blank(ids, rows)
        for trace in self.traces:
            self._count(self.records, trace.name, await trace.erase(tx, gone))
        await empty_events(tx, [*self.emptied, *ids])
        return self.report

    @property
    def report(self) -> dict[str, Any]:
        """What was done, what stays by what right, and who else has the same addresses."""
        return {"records": self.records, "kept": self.kept, "same_keys": self.same_keys}

    async def _locked(self) -> tuple[list[UUID], list[Any]]:
        """The person and those that were merged into them; nobody can even begin to refer to them."""
        tx, service = self.tx, self.service
        self.id = await whole(service, self.id)
        ids = [self.id, *await merged_into(tx, self.entity, self.id)]
        self.ids = ids
        rows = await service.records.sealed(ids, deleted=True, everywhere=True)
        for keeper in service.keepers:
            await keeper.release(tx, self.entity, ids)
        return ids, rows

    async def _gone(self, ids: list[UUID], rows: Sequence[Any], files: Files | None) -> Gone:
        tx = self.tx
        states: list[dict[str, Any]] = [columns_of(row) for row in rows]
        told = await tx.fetch(_TOLD, tx.organization_id, ids)
        past = [decode(part) for row in told for part in (row["data"], row["previous"]) if part]
        keys = {key for state in (*states, *past) for key in keys_of(self.service, _whole(state))}
        shared = {*STAYS, *self._personal.keeps, *self._personal.common}
        texts = set(_texts([*states, *past], lambda name: name not in shared))
        asked = map(columns_of, await SubjectRequests(tx).of_person(ids))
        texts |= set(_texts(asked, _ASKED.__contains__))
        names = {s["name"] for s in (*states, *past) if s.get("name")}
        hasher = await hasher_of(tx)
        return Gone(
            self.entity,
            tuple(ids),
            frozenset(keys),
            frozenset(names),
            frozenset(texts),
            files,
            hashed(hasher, keys),
        )

    @property
    def _personal(self) -> Person:
        personal = self.service.personal
        assert isinstance(personal, Person)
        return personal

    async def _same_keys(self, gone: Gone) -> list[UUID]:
        kinds = ["email", "phone"]
        values = [value for kind, value in gone.keys if kind in kinds]
        args = (self.tx.organization_id, self.entity, kinds, values, list(gone.ids))
        return [row["record_id"] for row in await self.tx.fetch(_SAME, *args)]

    async def _release(self, rows: Sequence[Any]) -> None:
        for row in rows:
            if row.deleted_at is None:
                # By the rules of its collection, for what follows from it.
                await self.service.remove([row])
        await self.tx.flush()

    async def _erase_about(self, ids: Sequence[UUID]) -> None:
        for service, about in abouts(self.services):
            found = await ids_about(self.tx, service, about, self.entity, ids)
            listing = service.repository.listing
            if about.end == "removed" and found:
                await destroy(self.tx, listing, found)
                self.emptied += found
                self._count(self.records, listing.entity, len(found))
            elif found:
                self.kept[listing.entity] = {"count": len(found), "reason": about.reason}

    async def _count_referring(self, ids: Sequence[UUID]) -> None:
        """What names the person by a custom field stays: it is the organization's own."""
        for field in self.tx.catalogue.relations_to(self.entity):
            args = (self.tx.organization_id, field.id, list(ids))
            count = (await self.tx.fetch(_REFERRING, *args))[0]["n"]
            if count:
                name = f"{field.target}.custom.{field.name}"
                self.kept[name] = {"count": count, "reason": "Names the person by an id only."}

    async def _blank(self, ids: list[UUID], rows: Sequence[Any]) -> None:
        tx, model = self.tx, self.service.model
        for row in rows:
            args = (tx.organization_id, row.id, tx.now, tx.actor.id)
            await tx.write(_blanking(model, row, self._personal.keeps), *args)
        await unindex(tx, ids)
        for row in rows:
            tx.record(
                f"{self.entity}.erased",
                entity=self.entity,
                record_id=row.id,
                version=row.version + 1,
                data={},
            )
        tx.forget(set(ids))
        self._count(self.records, self.entity, len(rows))

    def _count(self, where: dict[str, int], name: str, count: int) -> None:
        if count:
            where[name] = where.get(name, 0) + count


_SHARED_PARTS = frozenset({"kind", "status", "city", "region", "postal_code", "country"})
_ASKED = frozenset({"requester", "note", "verification", "rejection", "extension"})


def abouts(
    services: Iterable[type[CrudService[Any]]],
) -> Iterator[tuple[type[CrudService[Any]], About]]:
    """The collections that are about people, and how."""
    for service in services:
        if isinstance(service.personal, About):
            yield service, service.personal


async def ids_about(
    tx: Tx, service: type[CrudService[Any]], about: About, entity: str, ids: Sequence[UUID]
) -> list[UUID]:
    """The records of a collection that are about a person."""
    table = service.repository.model.__tablename__
    named = " OR ".join(f"{column} = ANY($2)" for column in about.columns)
    of_kind = f" AND {about.entity} = $3" if about.entity else ""
    sql = f"SELECT id FROM {table} WHERE organization_id = $1 AND ({named}){of_kind} ORDER BY id"  # noqa: S608 - declared
    args: list[Any] = [tx.organization_id, list(ids), *([entity] if about.entity else [])]
    return [row["id"] for row in await tx.fetch(sql, *args)]


def _blanking(model: Any, row: Any, keeps: frozenset[str]) -> str:
    """The statement that leaves a row of nobody."""
    empty: list[str] = []
    for column in model.__table__.columns:
        if column.key in STAYS or column.key in keeps:
            continue
        if column.nullable:
            empty.append(f'"{column.key}" = NULL')
        elif isinstance(column.type, Json):
            value = "[]" if isinstance(getattr(row, column.key), list) else "{}"
            empty.append(f"\"{column.key}\" = '{value}'")
        else:
            empty.append(f"\"{column.key}\" = '{ERASED}'")
    return (
        f"UPDATE {model.__tablename__} SET {', '.join(empty)}, version = version + 1, "  # noqa: S608
        "updated_at = $3, updated_by = $4, deleted_at = coalesce(deleted_at, $3), "
        "deleted_by = coalesce(deleted_by, $4) WHERE organization_id = $1 AND id = $2"
    )


def _whole(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state of which events may hold parts, as keys are made from it."""
    return {**state, "emails": state.get("emails") or [], "phones": state.get("phones") or []}


def _texts(states: Iterable[Mapping[str, Any]], wanted: Callable[[str], bool]) -> Iterator[str]:
    """Every text in the wanted fields of some states, that of nested values too."""
    for state in states:
        for name, value in state.items():
            if wanted(name):
                yield from _leaves(value)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) >= SHORTEST:
            yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():  # pyright: ignore[reportUnknownVariableType]
            if name not in _SHARED_PARTS:
                yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _leaves(inner)
