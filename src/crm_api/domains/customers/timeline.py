"""Timelines: what anybody in any department had to do with a contact, a company or a deal."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from crm_api.domains.customers.declared import Declared
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import ModuleDisabled, NotFound
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.page import read_rows
from crm_api.kit.query.selection import Selection
from crm_api.kit.touchpoints import PartyKind

AREA = "customers"
_SHORT = ("number", "name", "subject", "title", "status", "kind", "priority", "outcome", "channel")
_NAMES = ("name", "subject", "what", "text", "title", "number", "purpose", "decision")
_FIRST_STEP, _LONGEST_STEP = 200, 2_000
_PAGE = """
    SELECT p.touchpoint_id AS id, p.at, p.topic, p.kind, p.department, p.direction, p.entity,
        p.is_direct, t.record_id, t.actor_kind, t.actor_id
    FROM (
        SELECT * FROM touchpoint_parties
        WHERE organization_id = $1 AND party_id = $2 AND party_kind = $3 {conditions}
        ORDER BY at DESC, touchpoint_id DESC LIMIT {limit}) p
    JOIN touchpoints t ON t.organization_id = $1 AND t.id = p.touchpoint_id
    ORDER BY p.at DESC, p.touchpoint_id DESC
"""


@dataclass(frozen=True)
class Asked:
    """What of a timeline is wanted."""

    department: str | None = None
    topic: str | None = None
    kind: str | None = None
    direction: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    rollup: bool = True
    """Also what its contacts, deals and cases have, not only what names the party itself."""

    @property
    def said(self) -> list[Any]:
        """What a cursor belongs to."""
        return [
            *(self.department, self.topic, self.kind, self.direction),
            *(self.start and self.start.isoformat(), self.end and self.end.isoformat()),
            self.rollup,
        ]


class Timeline:
    """The timelines, as an actor sees them."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def of(
        self, kind: PartyKind, id: UUID, asked: Asked, *, cursor: str | None, limit: int
    ) -> dict[str, Any]:
        """A page of a timeline, the latest first; raises `NotFound` where the party is not seen.

        An entry whose record is not seen, is in the bin or belongs to a module that is off is not
        there; more is read in its place, so a page is short only at the end.
        """
        await self.need(kind, id)
        context = context_of(self.tx.organization_id, "timeline", kind, str(id), asked.said)
        key = self.tx.database.signing_key
        after = None if cursor is None else _place(unseal(key, context, cursor))
        found = await self.read(kind, id, asked, after, limit + 1)
        more = len(found) > limit
        found = found[:limit]
        last = found[-1] if more else None
        sealed = last and seal(key, context, [last["at"].isoformat(), str(last["id"])])
        return {"data": found, "next_cursor": sealed}

    async def need(self, kind: PartyKind, id: UUID) -> CrudService[Any]:
        """What is in charge of a party, once it is seen; raises `NotFound`, `ModuleDisabled`."""
        self.tx.actor.require(f"{AREA}:read")
        found = Declared.service(kind)
        if found is None:
            raise NotFound(f"There is no {kind}.")
        service = found(self.tx)
        await service.get(id, Selection(("id",)))
        return service

    async def read(
        self,
        kind: PartyKind,
        id: UUID,
        asked: Asked,
        after: tuple[datetime, UUID] | None,
        limit: int,
    ) -> list[dict[str, Any]]:
        """So many entries that are seen, or all there are."""
        found: list[dict[str, Any]] = []
        entities = self.readable()
        step = limit
        while entities and len(found) < limit:
            rows = await self._rows(kind, id, asked, after, entities, step)
            records = await self._records(rows)
            found += [
                _entry(row, records[row["record_id"]])
                for row in rows
                if row["record_id"] in records
            ]
            if len(rows) < step:
                break
            after = (rows[-1]["at"], rows[-1]["id"])
            step = min(max(step * 4, _FIRST_STEP), _LONGEST_STEP)
        return found[:limit]

    def readable(self) -> list[str]:
        """The kinds of records whose points of contact the actor may see some of."""
        covers = self.tx.actor.covers
        entities = {one.entity for one in Declared.touchpoints.values()}
        return sorted(
            entity
            for entity in entities
            if (service := Declared.service(entity)) and covers(f"{service.area}:read")
        )

    async def _rows(
        self,
        kind: PartyKind,
        id: UUID,
        asked: Asked,
        after: tuple[datetime, UUID] | None,
        entities: Sequence[str],
        limit: int,
    ) -> list[Any]:
        values: list[Any] = [self.tx.organization_id, id, kind]
        conditions: list[str] = []

        def add(condition: str, *given: Any) -> None:
            places = [f"${len(values) + n + 1}" for n in range(len(given))]
            values.extend(given)
            conditions.append("AND " + condition.format(*places))

        if set(entities) < {one.entity for one in Declared.touchpoints.values()}:
            add("entity = ANY({0}::text[])", list(entities))
        for column in ("department", "topic", "kind", "direction"):
            if (wanted := getattr(asked, column)) is not None:
                add(f"{column} = {{0}}", wanted)
        if asked.start is not None:
            add("at >= {0}", asked.start)
        if asked.end is not None:
            add("at < {0}", asked.end)
        if not asked.rollup:
            add("is_direct")
        if after is not None:
            # The first comparison is one that the index begins at.
            add("at <= {0} AND (at, touchpoint_id) < ({0}, {1})", *after)
        sql = _PAGE.format(conditions=" ".join(conditions), limit=int(limit))
        return await self.tx.fetch(sql, *values)

    async def _records(self, rows: Sequence[Any]) -> dict[UUID, dict[str, Any]]:
        """The short forms of the records that are seen, by their ids: a statement for each kind."""
        wanted: dict[str, set[UUID]] = defaultdict(set)
        for row in rows:
            wanted[row["entity"]].add(row["record_id"])
        found: dict[UUID, dict[str, Any]] = {}
        for entity, ids in wanted.items():
            found |= await short_forms(self.tx, entity, ids)
        return found


async def short_forms(tx: Tx, entity: str, ids: set[UUID]) -> dict[UUID, dict[str, Any]]:
    """What stands for some records in a list of many kinds: their names and states, as seen."""
    service = Declared.service(entity)
    if service is None:
        return {}
    listing = service.repository.listing
    fields = tuple(name for name in dict.fromkeys((*_SHORT, *_NAMES)) if name in listing.shown)
    try:
        service(tx).need("read")
    except ModuleDisabled:
        return {}
    rows = await read_rows(tx, listing, list(ids), Selection(("id", *fields)))
    return {id: _short(service, row, fields) for id, row in rows.items()}


def _short(service: type[CrudService[Any]], row: Any, fields: Sequence[str]) -> dict[str, Any]:
    values: Mapping[str, Any] = {name: getattr(row, name) for name in fields}
    named = next((values[n] for n in _NAMES if values.get(n) is not None), None)
    return {
        "collection": service.plural,
        "target": service.repository.listing.entity,
        "id": row.id,
        "name": named,
        **{name: values.get(name) for name in ("number", "status", "kind", "priority", "outcome")},
    }


def _entry(row: Any, record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: row[name] for name in ("id", "at", "department", "topic", "kind", "direction")},
        "is_direct": row["is_direct"],
        "actor": {"kind": row["actor_kind"], "id": row["actor_id"]},
        "record": record,
    }


def _place(values: list[Any]) -> tuple[datetime, UUID]:
    return msgspec.convert(values, tuple[datetime, UUID])
