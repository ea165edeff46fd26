"""How rows of one collection are found: the only place that selects."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Generic, Literal, TypeVar
from uuid import UUID

from sqlalchemy import Select, select

from crm_api.kit.db.base import Entity
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Merged, NotFound
from crm_api.kit.query.changes import (
    Changes,
    changed_after,
    cursor_of,
    position_of,
    tombstones,
)
from crm_api.kit.query.compile import Binds, condition
from crm_api.kit.query.filters import EVERYTHING, Filter
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.page import Page, read_page, read_rows, value_names
from crm_api.kit.query.past import values_at
from crm_api.kit.query.related import include, read_related
from crm_api.kit.query.relevance import Relevance, read_hits
from crm_api.kit.query.selection import PageQuery, Selection

E = TypeVar("E", bound=Entity)
# The target of a merge may have been merged itself.
_LIVES_IN = """
    WITH RECURSIVE path AS (
        SELECT target_id, 1 AS step FROM record_redirects
        WHERE organization_id = $1 AND entity = $2 AND record_id = $3
        UNION ALL
        SELECT r.target_id, step + 1 FROM path JOIN record_redirects r
        ON r.organization_id = $1 AND r.record_id = path.target_id AND step < 1000)
    SELECT target_id FROM path ORDER BY step DESC LIMIT 1
"""


class Repository(Generic[E]):
    """A collection of one organization, as one transaction sees it."""

    model: ClassVar[Any]
    listing: ClassVar[Listing]

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    def visible(self) -> Filter:
        """What the actor may see of the collection, beyond what its scopes say: all of it."""
        return EVERYTHING

    def select(self) -> Select[E]:
        """The organization's records that the actor may see, those in the bin too."""
        query = select(self.model).where(self.model.organization_id == self.tx.organization_id)
        only = self.visible()
        if only is EVERYTHING:
            return query
        seen = condition(only.shape, self.listing, self.model, Binds())
        values = zip(value_names(only), only.values, strict=True)
        return query.where(seen).params(organization=self.tx.organization_id, **dict(values))

    async def find(self, id: UUID, *, lock: bool = False, deleted: bool = False) -> E | None:
        """A record to work on, or None; `lock` keeps others from changing it till the commit."""
        query = self.select().where(self.model.id == id)
        if not deleted:
            query = query.where(self.model.deleted_at.is_(None))
        if lock:
            query = query.with_for_update(key_share=True)
        return (await self.tx.run(query)).scalar_one_or_none()

    async def get(self, id: UUID, *, lock: bool = False, deleted: bool = False) -> E:
        """A record to work on; raises `NotFound`."""
        found = await self.find(id, lock=lock, deleted=deleted)
        if found is None:
            raise await self.absence(id)
        return found

    async def some(self, ids: Sequence[UUID]) -> list[E]:
        """Some records as they stand, to look at; missing ones are left out."""
        query = self.select().where(self.model.id.in_(ids), self.model.deleted_at.is_(None))
        return list((await self.tx.run(query)).scalars())

    async def locked(self, ids: Sequence[UUID]) -> list[E]:
        """Some records to work on, locked in the order of their ids, so that none wait in a ring."""
        query = self.select().where(self.model.id.in_(ids), self.model.deleted_at.is_(None))
        query = query.order_by(self.model.id).with_for_update(key_share=True)
        return list((await self.tx.run(query)).scalars())

    async def batch(self, after: UUID | None, limit: int) -> list[E]:
        """The next living records in the order of their ids, locked."""
        query = self.select().where(self.model.deleted_at.is_(None))
        if after is not None:
            query = query.where(self.model.id > after)
        query = query.order_by(self.model.id).limit(limit).with_for_update(key_share=True)
        return list((await self.tx.run(query)).scalars())

    async def page(self, query: PageQuery) -> Page:
        """A page of representations."""
        only = self.visible()
        if only is not EVERYTHING:
            query = replace(query, filter=query.filter.both(only))
        relevant = query.search is not None and query.sort is None
        read = read_hits if relevant else read_page
        found = await read(self.tx, self.listing, query)
        if query.selection.extended:
            await include(self.tx, query.selection, found.data)
        return found

    def relevance(self, selection: Selection) -> Relevance:
        """What is searched for, in the order of relevance."""
        return Relevance(self.tx, self.listing, PageQuery(selection))

    async def related(self, name: str, ids: Sequence[UUID], query: PageQuery) -> dict[UUID, Page]:
        """A page of a to-many relation for each of these records."""
        relation = self.listing.related[name]
        self.tx.actor.require(f"{relation.target().area}:read")
        return await read_related(self.tx, relation, ids, query)

    async def rows(
        self, ids: Sequence[UUID], selection: Selection | None = None
    ) -> dict[UUID, Any]:
        """Representations by id; missing ones are left out."""
        if not ids:
            return {}
        return await self._rows(ids, selection or Selection(self.listing.shown))

    async def row(
        self,
        id: UUID,
        selection: Selection | None = None,
        *,
        deleted: Literal["include", "only"] | None = None,
    ) -> Any:
        """One representation; raises `NotFound`."""
        found = await self._rows([id], selection or Selection(self.listing.shown), deleted)
        if id not in found:
            raise await self.absence(id)
        return found[id]

    async def row_at(self, id: UUID, moment: datetime, selection: Selection | None = None) -> Any:
        """One representation as it was, in the bin or not; raises `NotFound`.

        Related records come as they are now.
        """
        selection = selection or Selection(self.listing.shown)
        if not await self.sees(id):
            raise await self.absence(id)
        values = await values_at(self.tx, self.listing, id, moment)
        if values is None:
            raise NotFound(f"There was no {self.model.entity} with the id {id} then.")
        row = selection.shape(self.listing)(*[values[name] for name in selection.columns])
        await include(self.tx, selection, [row])
        return row

    async def changes(
        self, after: str | None, limit: int, selection: Selection | None = None
    ) -> Changes:
        """A stretch of the sync feed, which begins with all there is; see `query/changes.py`."""
        tx, listing = self.tx, self.listing
        selection = selection or Selection(listing.shown)
        start = await position_of(tx, listing, after)
        if start.walk is not None:
            walk = PageQuery(selection, sort="id", limit=limit, cursor=start.walk or None)
            page = await self.page(walk)
            end = replace(start, walk=page.next_cursor)
            return Changes(page.data, [], cursor_of(tx, listing, end), more=True)
        found = await changed_after(tx, listing, start, limit)
        rows = await self.rows(list(found.records), selection)
        gone = [id for id in found.records if id not in rows]
        removed = await tombstones(tx, listing, gone, found.records)
        return Changes(
            list(rows.values()), removed, cursor_of(tx, listing, found.end), more=found.more
        )

    async def sees(self, id: UUID) -> bool:
        """Whether the actor may see this record, if there is one."""
        if self.visible() is EVERYTHING:
            return True
        return id in await self._rows([id], Selection(("id",)), "include")

    async def _rows(
        self,
        ids: Sequence[UUID],
        selection: Selection,
        deleted: Literal["include", "only"] | None = None,
    ) -> dict[UUID, Any]:
        found = await read_rows(
            self.tx, self.listing, ids, selection, deleted=deleted, only=self.visible()
        )
        if selection.extended:
            await include(self.tx, selection, list(found.values()))
        return found

    async def by_keys(self, kind: str, values: Sequence[str]) -> dict[str, list[UUID]]:
        """The records that hold each of these look-up values."""
        rows = await self.tx.fetch(
            "SELECT value, record_id FROM record_keys WHERE organization_id = $1 AND entity = $2 "
            "AND kind = $3 AND value = ANY($4) ORDER BY record_id",
            self.tx.organization_id,
            self.model.entity,
            kind,
            list(dict.fromkeys(values)),
        )
        found: dict[str, list[UUID]] = {}
        for value, record_id in rows:
            found.setdefault(value, []).append(record_id)
        return found

    async def lock_keys(self, kind: str, values: Sequence[str]) -> None:
        """Have whoever else locks one of these look-up values wait till the commit."""
        # In one order, so that none wait in a ring; the limit keeps the order from being skipped.
        await self.tx.write(
            "SELECT pg_advisory_xact_lock(number) FROM ("
            "SELECT DISTINCT hashtextextended(concat_ws(chr(1), $1::text, $2::text, $3::text, value), 0) AS number "
            "FROM unnest($4::text[]) AS value ORDER BY 1 OFFSET 0) AS keys",
            str(self.tx.organization_id),
            self.model.entity,
            kind,
            list(values),
        )

    async def changed_since(self, id: UUID, version: int) -> list[str]:
        """The shown fields whose values now differ from those at that version, in their order."""
        rows = await self.tx.fetch(
            "SELECT data, previous FROM events WHERE organization_id = $1 AND record_id = $2 "
            "AND version > $3 ORDER BY seq",
            self.tx.organization_id,
            id,
            version,
        )
        before: dict[str, Any] = {}
        after: dict[str, Any] = {}
        for data, previous in rows:
            after |= decode(data)
            earlier: dict[str, Any] = decode(previous) if previous is not None else {}
            before = earlier | before
        return [n for n in self.listing.shown if n in after and after[n] != before.get(n)]

    async def absence(self, id: UUID) -> NotFound | Merged:
        """The error for a record that is not there, or not any more."""
        entity = self.model.entity
        found = await self.tx.fetch(_LIVES_IN, self.tx.organization_id, entity, id)
        if found:
            return Merged(entity, id, found[0]["target_id"])
        return NotFound(f"There is no {entity} with the id {id}.")
