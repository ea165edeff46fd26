"""Relay's `Node`: any record by its id alone."""

from collections.abc import Iterable, Sequence
from typing import Any, Optional
from uuid import UUID

import strawberry
from graphql import GraphQLError

from crm_api.kit.crud.service import CrudService
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.reads import READS, Column
from crm_api.kit.query.kinds import kinds_of

MAX_NODES = 200


@strawberry.interface
class Node:
    """A record that is found by its id alone."""

    @strawberry.field(description="UUIDv7.", metadata={READS: Column()})
    def id(self) -> strawberry.ID:
        """The id as a string."""
        # A row stands where the library expects an instance; the creation of some are mappings.
        row: Any = self
        return strawberry.ID(str(row["id"] if isinstance(row, dict) else row.id))

    @classmethod
    def resolve_type(cls, value: Any, *_: Any) -> str:
        """The type of a row, which is named after its shape."""
        return type(value).__name__.removesuffix("Out")


def node_query(services: Iterable[type[CrudService[Any]]]) -> type:
    """`node(id:)` and `nodes(ids:)` over these collections."""
    known = {service.repository.listing.entity: service for service in services}

    async def load(info: GraphInfo, ids: Sequence[UUID]) -> list[Any]:
        tx = info.context.tx
        # What may not be read is not there.
        listings = [
            service.repository.listing
            for service in known.values()
            if tx.actor.covers(f"{service.area}:read")
        ]
        kinds = await kinds_of(tx, listings, ids)
        found: dict[UUID, Any] = {}
        for entity in dict.fromkeys(kinds.values()):
            found |= await known[entity](tx).many(id for id in kinds if kinds[id] == entity)
        return [found.get(id) for id in ids]

    async def node(info: GraphInfo, id: strawberry.ID) -> Any:
        uuid = _uuid(id)
        if uuid is None:
            return None
        loader = info.context.loader(node_query, lambda ids: load(info, ids))
        return await loader.load(uuid)

    async def nodes(info: GraphInfo, ids: list[strawberry.ID]) -> Any:
        if len(ids) > MAX_NODES:
            raise GraphQLError(f"At most {MAX_NODES} ids.")
        uuids = [_uuid(id) for id in ids]
        wanted = list(dict.fromkeys(filter(None, uuids)))
        rows = await load(info, wanted) if wanted else []
        found = dict(zip(wanted, rows, strict=True))
        return [None if uuid is None else found[uuid] for uuid in uuids]

    node.__annotations__["return"] = Optional[Node]  # noqa: UP045 - built at run time
    nodes.__annotations__["return"] = list[Optional[Node]]  # noqa: UP045
    fields = {
        "node": strawberry.field(resolver=node, description="Any record by its id, or null."),
        "nodes": strawberry.field(
            resolver=nodes, description="Records by their ids, in the order asked for."
        ),
    }
    return strawberry.type(type("NodeQuery", (), fields))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
