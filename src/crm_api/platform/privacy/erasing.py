"""The erasure of one person: what goes, what stays and by what right."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.crud.personal import About, Gone, Person, Trace
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.purges import destroy, empty_events, unindex
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.base import Json
from crm_api.kit.db.hashes import hasher_of
from crm_api.kit.db.json import decode
from crm_api.kit.db.states import hold_state, publish_state
from crm_api.kit.db.tx import Tx
from crm_api.kit.files.store import Files
from crm_api.platform.privacy.guard import Key, hashed, keys_of
from crm_api.platform.privacy.persons import by_kind, people, person_type, same_person, whole
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
    SELECT DISTINCT record_id FROM record_keys WHERE organization_id = $1 AND entity = ANY($2)
    AND kind = ANY($3) AND value = ANY($4) AND NOT record_id = ANY($5) ORDER BY record_id
"""
_REFERRING = """
    SELECT count(DISTINCT record_id) AS n FROM custom_values
    WHERE organization_id = $1 AND field_id = $2 AND reference = ANY($3)
"""


class Erasure:
    """One erasure, within a transaction that may be undone."""

    services: ClassVar[Sequence[type[CrudService[Any]]]] = ()
    traces: ClassVar[Sequence[Trace]] = ()

    def __init__(self, tx: Tx, target: str, id: UUID, *, reaches: bool = True) -> None:
        """Of the record `id`; where it `reaches`, of all that are the same person."""
        self.tx, self.id, self._reaches = tx, id, reaches
        self._target: Any = person_type(tx, target)
        self.entity: str = self._target.records.listing.entity
        self.records: dict[str, int] = {}
        self.kept: dict[str, Any] = {}
        self.same_keys: list[UUID] = []
        self.ids: list[UUID] = []
        self.emptied: list[UUID] = []

    async def bar(self) -> None:
        """Keep the person out from the commit on, whatever is stored of them yet."""
        for service, ids, rows in await self._locked():
            await self._bar(await self._gone(service, ids, rows, None))
        await hold_state(self.tx)
        barred = {*self.tx.catalogue.barred, self.entity}
        await publish_state(self.tx, barred=sorted(barred))

    async def run(self, files: Files | None, *, bars: bool = True) -> dict[str, Any]:
        """Erase; returns what was done. Without `bars` the person may come back."""
        found = await self._locked()
        goners = [(await self._gone(*each, files), *each) for each in found]
        if bars:
            for gone, *_ in goners:
                await self._bar(gone)
        self.same_keys = await self._same_keys([gone for gone, *_ in goners])
        for gone, service, ids, rows in goners:
            await self._erase(gone, service, ids, rows)
        await empty_events(self.tx, [*self.emptied, *self.ids])
        return self.report

    async def _erase(self, gone: Gone, service: Any, ids: list[UUID], rows: Sequence[Any]) -> None:
        tx = self.tx
        await self._release(service, rows)
        await self._erase_about(gone.entity, ids)
        await self._count_referring(gone.entity, ids)
        await tx.flush()
        await self._blank(service, ids, rows)
        for trace in self.traces:
            self._count(trace.name, await trace.erase(tx, gone))

    async def _bar(self, gone: Gone) -> None:
        """By all that they are known by together; the rows stay as they are also if they return."""
        erased = ErasedKeys(self.tx)
        whom = [hash for (kind, _), hash in gone.hashes.items() if kind != "record"]
        await erased.bar(gone.entity, self.id, whom)
        for (kind, value), hash in gone.hashes.items():
            if kind == "record":
                await erased.bar(gone.entity, UUID(value), [hash])

    @property
    def report(self) -> dict[str, Any]:
        """What was done, what stays by what right, and who else has the same addresses."""
        return {"records": self.records, "kept": self.kept, "same_keys": self.same_keys}

    async def _locked(self) -> list[tuple[Any, list[UUID], list[Any]]]:
        """All that is the person, by kind; nobody can even begin to refer to them."""
        tx = self.tx
        self.id = await whole(self._target, self.id)
        kinds, members = self.services if self._reaches else (), None
        found: list[tuple[Any, list[UUID], list[Any]]] = []
        while members != (now := await same_person(tx, kinds, self.entity, self.id)):
            members, found = now, []
            for service, ids in by_kind(tx, now):
                rows = await service.records.sealed(ids, deleted=True, everywhere=True)
                found.append((service, ids, rows))
        self.ids = [id for _, ids, _ in found for id in ids]
        for service, ids, _ in found:
            for keeper in service.keepers:
                await keeper.release(tx, service.records.listing.entity, ids)
        return found

    async def _gone(
        self, service: Any, ids: list[UUID], rows: Sequence[Any], files: Files | None
    ) -> Gone:
        tx = self.tx
        states = await states_of(tx, ids, rows)
        keys = known_by(service, states)
        personal: Person = service.personal
        shared = {*STAYS, *personal.keeps, *personal.common}
        texts = set(_texts(states, lambda name: name not in shared))
        asked = map(columns_of, await SubjectRequests(tx).of_person(ids))
        texts |= set(_texts(asked, _ASKED.__contains__))
        names = {s["name"] for s in states if s.get("name")}
        hasher = await hasher_of(tx)
        return Gone(
            service.records.listing.entity,
            tuple(ids),
            frozenset(keys),
            frozenset(names),
            frozenset(texts),
            files,
            hashed(hasher, keys),
        )

    async def _same_keys(self, goners: Sequence[Gone]) -> list[UUID]:
        kinds = ["email", "phone"]
        values = [value for gone in goners for kind, value in gone.keys if kind in kinds]
        entities = [kind.repository.model.entity for kind, _ in people(self.services)]
        args = (self.tx.organization_id, entities, kinds, values, self.ids)
        return [row["record_id"] for row in await self.tx.fetch(_SAME, *args)]

    async def _release(self, service: Any, rows: Sequence[Any]) -> None:
        for row in rows:
            if row.deleted_at is None:
                # By the rules of its collection, for what follows from it.
                await service.remove([row])
        await self.tx.flush()

    async def _erase_about(self, entity: str, ids: Sequence[UUID]) -> None:
        for service, about in abouts(self.services):
            found = await ids_about(self.tx, service, about, entity, ids)
            listing = service.repository.listing
            if about.end == "removed" and found:
                await destroy(self.tx, listing, found)
                self.emptied += found
                self._count(listing.entity, len(found))
            elif found:
                self._keep(listing.entity, len(found), about.reason)

    async def _count_referring(self, entity: str, ids: Sequence[UUID]) -> None:
        """What names the person by a custom field stays: it is the organization's own."""
        for field in self.tx.catalogue.relations_to(entity):
            args = (self.tx.organization_id, field.id, list(ids))
            count = (await self.tx.fetch(_REFERRING, *args))[0]["n"]
            if count:
                name = f"{field.target}.custom.{field.name}"
                self._keep(name, count, "Names the person by an id only.")

    async def _blank(self, service: Any, ids: list[UUID], rows: Sequence[Any]) -> None:
        tx, entity = self.tx, service.records.listing.entity
        for row in rows:
            args = (tx.organization_id, row.id, tx.now, tx.actor.id)
            await tx.write(_blanking(service.model, row, service.personal), *args)
        await unindex(tx, ids)
        for row in rows:
            tx.record(
                f"{entity}.erased",
                entity=entity,
                record_id=row.id,
                version=row.version + 1,
                data={},
            )
        tx.forget(set(ids))
        self._count(entity, len(rows))

    def _count(self, name: str, count: int) -> None:
        if count:
            self.records[name] = self.records.get(name, 0) + count

    def _keep(self, name: str, count: int, reason: str) -> None:
        before = self.kept.get(name, {}).get("count", 0)
        self.kept[name] = {"count": before + count, "reason": reason}


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


async def states_of(tx: Tx, ids: Sequence[UUID], rows: Iterable[Any]) -> list[dict[str, Any]]:
    """What rows hold, and what their events say that they held."""
    told = await tx.fetch(_TOLD, tx.organization_id, ids)
    past = [decode(part) for row in told for part in (row["data"], row["previous"]) if part]
    return [*map(columns_of, rows), *past]


def known_by(service: Any, states: Iterable[Mapping[str, Any]]) -> set[Key]:
    """By what somebody was ever known."""
    return {key for state in states for key in keys_of(service, _whole(state))}


def _blanking(model: Any, row: Any, personal: Person) -> str:
    """The statement that leaves a row of nobody."""
    empty: list[str] = []
    for column in model.__table__.columns:
        if column.key in STAYS or column.key in personal.keeps:
            continue
        has_to_be = column.key in personal.replaced and getattr(row, column.key) is not None
        if column.nullable and not has_to_be:
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
