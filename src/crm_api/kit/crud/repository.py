"""How rows of one collection are found: the only place that selects."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Generic, Literal, TypeVar
from uuid import UUID

from sqlalchemy import Select, inspect, select

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
from crm_api.kit.query.filters import Filter
from crm_api.kit.query.kinds import missing, referred
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.page import Page, matching, read_page, read_rows, values_of
from crm_api.kit.query.past import values_at
from crm_api.kit.query.related import include, read_related
from crm_api.kit.query.relevance import Relevance, read_hits
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.query.shown import ready
from crm_api.kit.query.visibility import Sight, among, bound, narrowed, seen, sight_of
from crm_api.kit.query.watching import saw

E = TypeVar("E", bound=Entity)
# The target of a merge may have been merged itself.
_BY_KEY = """
    SELECT value, record_id FROM record_keys WHERE organization_id = $1 AND entity = $2
        AND kind = $3 AND value = ANY($4) ORDER BY record_id
"""
_LIVE_IN = """
    WITH RECURSIVE path AS (
        SELECT record_id, target_id, 1 AS step FROM record_redirects
        WHERE organization_id = $1 AND entity = $2 AND record_id = ANY($3)
        UNION ALL
        SELECT path.record_id, r.target_id, step + 1 FROM path JOIN record_redirects r
        ON r.organization_id = $1 AND r.record_id = path.target_id AND step < 1000)
    SELECT DISTINCT ON (record_id) record_id, target_id FROM path ORDER BY record_id, step DESC
"""


class Repository(Generic[E]):
    """A collection of one organization, as one transaction sees it."""

    model: ClassVar[Any]
    listing: ClassVar[Listing]

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self._held: dict[UUID, E | None] = {}
        self._targets: dict[UUID, UUID] = {}
        self._holders: dict[tuple[str, str], list[UUID]] = {}
        self._referred: dict[UUID, str] = {}

    @property
    def sight(self) -> Sight:
        """How far the actor sees in the collection."""
        return sight_of(self.tx.actor, self.listing)

    def select(self) -> Select[E]:
        """The organization's records that the actor sees, those in the bin too."""
        query = self.select_all()
        visible = seen(self.listing, self.model, self.sight)
        return query if visible is None else query.where(visible).params(**bound(self.tx))

    def select_all(self) -> Select[E]:
        """The organization's records, whoever asks: for what the product does of its own accord."""
        return select(self.model).where(self.model.organization_id == self.tx.organization_id)

    async def find(self, id: UUID, *, lock: bool = False, deleted: bool = False) -> E | None:
        """A record to work on, or None; `lock` keeps others from changing it till the commit."""
        if lock and self.holds(id):
            held = self._held[id]
            return held if held is None or deleted or held.deleted_at is None else None
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

    async def every(self, ids: Sequence[UUID]) -> list[E]:
        """Some records as they stand, those in the bin too, whoever asks."""
        query = self.select_all().where(self.model.id.in_(ids)).order_by(self.model.id)
        return list((await self.tx.run(query)).scalars())

    async def locked(self, ids: Sequence[UUID], *, everywhere: bool = False) -> list[E]:
        """Some records to work on, locked in the order of their ids, so that none wait in a ring.

        `everywhere` reaches those that the actor does not see.
        """
        query = self.select_all() if everywhere else self.select()
        query = query.where(self.model.id.in_(ids), self.model.deleted_at.is_(None))
        query = query.order_by(self.model.id).with_for_update(key_share=True)
        return list((await self.tx.run(query)).scalars())

    async def batch(self, after: UUID | None, limit: int) -> list[E]:
        """The next living records in the order of their ids, locked, whoever asks."""
        query = self.select_all().where(self.model.deleted_at.is_(None))
        if after is not None:
            query = query.where(self.model.id > after)
        query = query.order_by(self.model.id).limit(limit).with_for_update(key_share=True)
        return list((await self.tx.run(query)).scalars())

    async def next_ids(self, after: UUID | None, limit: int) -> list[UUID]:
        """The ids of the next records, in the bin or not, which are locked, whoever asks."""
        query = self.select_all().with_only_columns(self.model.id)
        if after is not None:
            query = query.where(self.model.id > after)
        query = query.order_by(self.model.id).limit(limit).with_for_update(key_share=True)
        return list((await self.tx.run(query)).scalars())

    async def sealed(
        self, ids: Sequence[UUID], *, deleted: bool = False, everywhere: bool = False
    ) -> list[E]:
        """Some records as they are now, locked so that nobody can even begin to refer to them.

        `everywhere` reaches those that the actor does not see.
        """
        query = self.select_all() if everywhere else self.select()
        query = query.where(self.model.id.in_(ids)).order_by(self.model.id)
        if not deleted:
            query = query.where(self.model.deleted_at.is_(None))
        query = query.with_for_update().execution_options(populate_existing=True)
        return list((await self.tx.run(query)).scalars())

    async def hold(self, ids: Sequence[UUID]) -> None:
        """Lock many records, those in the bin too, so that `find` knows them without asking.

        In the order of their ids, so that none wait in a ring. To be said again for those that a
        savepoint took back.
        """
        wanted = [id for id in ids if not self.holds(id)]
        if not wanted:
            return
        query = self.select().where(self.model.id.in_(wanted)).order_by(self.model.id)
        rows = (await self.tx.run(query.with_for_update(key_share=True))).scalars()
        self._held |= dict.fromkeys(wanted) | {record.id: record for record in rows}
        gone = [id for id in wanted if (at := self._held[id]) is None or at.deleted_at is not None]
        self._targets |= await self._live_in(gone) if gone else {}

    async def hold_matching(
        self,
        filter: Filter,
        *,
        after: UUID | None,
        until: UUID,
        limit: int,
        deleted: Literal["only"] | None = None,
    ) -> list[E]:
        """The next records that match, locked and held; in the order of their ids."""
        query, values = self._next_matching(filter, after, until, limit, deleted)
        query = query.with_for_update(key_share=True, of=self.model)
        found = list((await self.tx.run(query.params(**values))).scalars())
        self._held |= {record.id: record for record in found}
        if deleted is not None:
            self._targets |= await self._live_in([record.id for record in found])
        return found

    def _next_matching(
        self,
        filter: Filter,
        after: UUID | None,
        until: UUID,
        limit: int,
        deleted: Literal["only"] | None,
    ) -> tuple[Select[Any], dict[str, Any]]:
        """The statement for the next records that match, and its values."""
        listing, model = self.listing, self.model
        asked = PageQuery(Selection(()), filter, deleted=deleted, sight=self.sight)
        query = matching(listing, select(model), asked).where(model.id <= until)
        if after is not None:
            query = query.where(model.id > after)
        values = values_of(self.tx, asked, None)
        return query.order_by(model.id).limit(limit), values

    def held(self, id: UUID) -> E | None:
        """A record that is held, also if it is in the bin."""
        return self._held.get(id)

    def holds(self, id: UUID) -> bool:
        """Whether it is known if there is such a record; if so it is locked."""
        record = self._held.get(id)
        return id in self._held and (record is None or not inspect(record).expired)

    async def page(self, query: PageQuery) -> Page:
        """A page of representations."""
        query.need_bounds()
        query = replace(query, sight=await narrowed(self.tx, self.listing, self.sight))
        relevant = query.search is not None and query.sort is None
        read = read_hits if relevant else read_page
        found = await read(self.tx, self.listing, query)
        if query.selection.extended:
            await include(self.tx, query.selection, found.data)
        return found

    def relevance(self, selection: Selection) -> Relevance:
        """What is searched for, in the order of relevance."""
        return Relevance(self.tx, self.listing, PageQuery(selection, sight=self.sight))

    async def related(self, name: str, ids: Sequence[UUID], query: PageQuery) -> dict[UUID, Page]:
        """A page of a to-many relation for each of these records."""
        relation = self.listing.related[name]
        self.tx.actor.require(f"{relation.target().area}:read")
        return await read_related(self.tx, relation, ids, query)

    async def rows(
        self,
        ids: Sequence[UUID],
        selection: Selection | None = None,
        *,
        deleted: Literal["include", "only"] | None = None,
    ) -> dict[UUID, Any]:
        """Representations by id; missing ones are left out."""
        if not ids:
            return {}
        return await self._rows(ids, selection or Selection(self.listing.shown), deleted)

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

        Related records come as they are now, and what is computed over them is left out.
        """
        selection = selection or Selection(self.listing.shown)
        if not await self.sees(id):
            raise await self.absence(id)
        values = await values_at(self.tx, self.listing, id, moment)
        if values is None:
            raise NotFound(f"There was no {self.listing.entity} with the id {id} then.")
        row = selection.shape(self.listing)(*[values[name] for name in selection.columns])
        await saw(self.tx, self.listing.entity, selection.read, [id])
        await ready(self.tx, self.listing, selection, [row], None)
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
        return id in await among(self.tx, self.listing, self.sight, [id])

    async def _rows(
        self,
        ids: Sequence[UUID],
        selection: Selection,
        deleted: Literal["include", "only"] | None = None,
    ) -> dict[UUID, Any]:
        found = await read_rows(self.tx, self.listing, ids, selection, deleted=deleted)
        if selection.extended:
            await include(self.tx, selection, list(found.values()))
        return found

    async def by_keys(self, kind: str, values: Sequence[str]) -> dict[str, list[UUID]]:
        """The records that the actor sees and that hold each of these values, unless hidden."""
        if self.listing.hides(kind, self.tx.actor):
            return {}
        own, wanted = (self.tx.organization_id, self.listing.entity), list(dict.fromkeys(values))
        rows = await self.tx.fetch(_BY_KEY, *own, kind, wanted)
        ids = [row["record_id"] for row in rows]
        visible = await among(self.tx, self.listing, self.sight, ids)
        found: dict[str, list[UUID]] = {}
        for value, record_id in rows:
            if record_id in visible:
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
            self.listing.entity,
            kind,
            list(values),
        )

    async def check_custom(self, values: Mapping[str, Any]) -> None:
        """Refuse custom values that refer to nothing."""
        fields = self.tx.catalogue.of(self.listing.entity)
        references = [field for field in fields.relations if field.name in values]
        kinds = self._referred
        if not all(UUID(values[field.name]) in kinds for field in references):
            kinds = await referred(self.tx, references, [values])
        fields.refuse(missing(references, values, kinds))

    async def hold_custom(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Look up at once what many custom values refer to, so that `check_custom` knows it."""
        relations = self.tx.catalogue.of(self.listing.entity).relations
        if relations and not self._referred:
            self._referred = await referred(self.tx, relations, records)

    async def hold_keys(self, kind: str, values: Sequence[str]) -> list[UUID]:
        """Lock many look-up values; returns the records that hold them, and remembers which."""
        wanted = [value for value in values if (kind, value) not in self._holders]
        if wanted:
            await self.lock_keys(kind, wanted)
            found = await self.by_keys(kind, wanted)
            self._holders |= {(kind, value): found.get(value, []) for value in wanted}
        return [id for value in values for id in self._holders[kind, value]]

    def holders(self, kind: str, values: Sequence[str]) -> list[UUID] | None:
        """What `hold_keys` found for all of these values; None where it is not known.

        Once: whoever asks goes on to write a record with these values.
        """
        found = [self._holders.pop((kind, value), None) for value in values]
        if None in found:
            return None
        ids = sorted({id for of_value in found if of_value is not None for id in of_value})
        held = [record for id in ids if (record := self._held.get(id)) is not None]
        if any(record.updated_at == self.tx.now for record in held):
            # It was changed since, perhaps by losing the value.
            return None
        return ids

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
        entity = self.listing.entity
        targets = self._targets if id in self._held else await self._live_in([id])
        if id in targets and await self.sees(targets[id]):
            return Merged(entity, id, targets[id])
        return NotFound(f"There is no {entity} with the id {id}.")

    async def _live_in(self, ids: Sequence[UUID]) -> dict[UUID, UUID]:
        entity = self.listing.entity
        rows = await self.tx.fetch(_LIVE_IN, self.tx.organization_id, entity, list(ids))
        return {row["record_id"]: row["target_id"] for row in rows}
