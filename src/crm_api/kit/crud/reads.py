"""Reading a collection: the use cases that change nothing."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.access import Action
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.repository import Repository
from crm_api.kit.crud.rights import Guard
from crm_api.kit.crud.upserts import External, none_such
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.changes import Changes
from crm_api.kit.query.page import Page
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.query.views import viewed


class Reads:
    """What of a collection its readers may ask for."""

    repository: ClassVar[type[Repository[Any]]]
    # `Any`, so that a domain can say that its repository is a richer one.
    records: Any
    area: ClassVar[str]
    """The first half of its scopes, such as `contacts`."""
    plural: ClassVar[str]
    """The collection's name on the wire, such as `contacts`."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.records = self.found_in(tx)
        self.guard = Guard(self.area, self.records)

    @property
    def path(self) -> str:
        """Where its records are on the wire, such as `/v1/contacts`."""
        return f"/v1/{self.route_of()}"

    @classmethod
    def route_of(cls) -> str:
        """The path of its routes below the version."""
        return cls.plural.replace("_", "-")

    def found_in(self, tx: Tx) -> Any:
        """Its records, as a transaction sees them."""
        return self.repository(tx)

    def need(self, action: Action) -> None:
        """Raise `Forbidden` unless the actor may do this to some of these records at least."""
        self.guard.need(action)

    async def page(self, query: PageQuery) -> Page:
        """A page of representations."""
        self.need("read")
        return await self.records.page(await viewed(self.tx, self.records.listing, query))

    async def get(
        self, id: UUID, selection: Selection | None = None, *, at: datetime | None = None
    ) -> Any:
        """One representation, as it is now or was at a moment; raises `NotFound`."""
        self.need("read")
        if at is not None:
            return await self.records.row_at(id, at, selection)
        return await self.records.row(id, selection)

    async def id_of(self, external: External) -> UUID:
        """The record with this id in another system; raises `NotFound`."""
        self.need("read")
        found = await self.records.by_keys("external", [external.key])
        if not found:
            raise none_such(self.records.listing.entity, external)
        return found[external.key][0]

    async def many(
        self, ids: Iterable[UUID], selection: Selection | None = None
    ) -> dict[UUID, Any]:
        """Representations by id; those that are missing are left out."""
        self.need("read")
        return await self.records.rows(list(ids), selection)

    async def changes(
        self, after: str | None, limit: int, selection: Selection | None = None
    ) -> Changes:
        """A stretch of the sync feed: all there is at first, then what changes."""
        self.need("read")
        return await self.records.changes(after, limit, selection)

    async def related(self, name: str, ids: Iterable[UUID], query: PageQuery) -> dict[UUID, Page]:
        """A page of a to-many relation for each of these records, read together."""
        self.need("read")
        return await self.records.related(name, list(ids), query)

    def shown_of(self, record: Any) -> Any:
        """The representation of a loaded record."""
        return self.shown(columns_of(record))

    def shown(self, record: Mapping[str, Any]) -> Any:
        """The representation of column values."""
        listing = self.records.listing
        return listing.row_shape(listing.shown)(*self._shown_values(record))

    def _shown_values(self, record: Mapping[str, Any]) -> list[Any]:
        listing = self.records.listing
        values: list[Any] = list(map(record.get, listing.shown))
        for place, shown in listing.decimal_places:
            if values[place] is not None:
                values[place] = shown(values[place])
        return values
