"""What every resolver gets: the transaction, and loaders that batch."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from graphql import DocumentNode
from strawberry.dataloader import DataLoader
from strawberry.types import Info

from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.live import Live
from crm_api.kit.query.selection import PageQuery


class Context:
    """One per request."""

    def __init__(self, tx: Tx, document: DocumentNode) -> None:
        self.tx = tx
        self.document = document
        self.live: Live | None = None
        """What subscriptions need; only where there is a socket."""
        self.refused = False
        """Whether a change was refused as a whole and told so as data, not as an error."""
        self._loaders: dict[Any, DataLoader[UUID, Any]] = {}

    def rows(self, service: type[CrudService[Any]]) -> DataLoader[UUID, Any]:
        """Records of a collection by id, fetched together."""

        async def load(ids: list[UUID]) -> list[Any]:
            found = await service(self.tx).many(ids)
            return [found.get(id) for id in ids]

        return self.loader(service, load)

    def pages(
        self, service: type[CrudService[Any]], name: str, query: PageQuery
    ) -> DataLoader[UUID, Any]:
        """Pages of a to-many relation by the id of the record above, fetched together."""

        async def load(ids: list[UUID]) -> list[Any]:
            found = await service(self.tx).related(name, ids, query)
            return [found[id] for id in ids]

        return self.loader((service, name, repr(query)), load)

    def loader(self, key: Any, load: Callable[[list[UUID]], Any]) -> DataLoader[UUID, Any]:
        """The request's loader of this name."""
        if key not in self._loaders:
            self._loaders[key] = DataLoader(load)
        return self._loaders[key]


GraphInfo = Info[Context, None]
