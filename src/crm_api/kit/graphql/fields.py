"""The fields of a plain collection: one, a connection, and its mutations."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any, Optional
from uuid import UUID

import strawberry
from graphql import FieldNode
from pydantic import BaseModel, ValidationError

from crm_api.kit.crud.service import CrudService
from crm_api.kit.errors import Merged, NotFound
from crm_api.kit.faults import invalid_body
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.filters import where_of
from crm_api.kit.graphql.reads import READS, Many, One
from crm_api.kit.graphql.relations import (
    asked,
    asks_total,
    connected,
    connection_of,
    pascal,
)
from crm_api.kit.graphql.types import input_from, values_of
from crm_api.kit.schema import Create, Update


def shape_given(shape: type[BaseModel], given: Any) -> Any:
    """The REST shape of an input, validated by the same rules; raises `Invalid`."""
    try:
        return shape.model_validate(values_of(given))
    except ValidationError as error:
        raise invalid_body(error.errors(include_url=False)) from None


def atomic(resolver: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Have a mutation happen wholly or not at all, whatever its neighbours do."""

    @wraps(resolver)
    async def whole(*args: Any, **kwargs: Any) -> Any:
        info: GraphInfo = kwargs["info"]
        roots = info.operation.selection_set.selections
        alone = len(roots) == 1 and isinstance(roots[0], FieldNode)
        async with info.context.tx.atomic(alone=alone):
            return await resolver(*args, **kwargs)

    return whole


@dataclass(frozen=True)
class Collection:
    """Builds the GraphQL face of a collection from what REST has."""

    service: type[CrudService[Any]]
    node: type
    made: type | None = None
    """What creation answers, where that is not the node itself."""

    @property
    def plural(self) -> str:
        """`contacts`."""
        return self.service.plural

    @property
    def single(self) -> str:
        """`contact`."""
        return self.service.repository.listing.entity

    def query(self) -> type:
        """`contact(id:)` and `contacts(where:, orderBy:, first:, after:)`."""
        return strawberry.type(
            type(
                f"{pascal(self.plural)}Query",
                (),
                {self.single: self._one(), self.plural: self._many()},
            )
        )

    def mutation(self) -> type:
        """Create, update, delete and restore."""
        single = pascal(self.single)
        fields = {
            f"create_{self.single}": self._create(self.service.create_shape),
            f"update_{self.single}": self._update(self.service.update_shape),
            f"delete_{self.single}": self._delete(),
            f"restore_{self.single}": self._restore(),
        }
        return strawberry.type(type(f"{single}Mutation", (), fields))

    @cached_property
    def connection(self) -> type:
        """The Relay connection type."""
        return connection_of(self.single, self.node)

    def _one(self) -> Any:
        service, node = self.service, self.node

        async def resolver(info: GraphInfo, id: UUID) -> Any:
            try:
                return await service(info.context.tx).get(id)
            except Merged as merged:
                return (await service(info.context.tx).many([merged.target])).get(merged.target)
            except NotFound:
                return None

        resolver.__annotations__["return"] = Optional[node]  # noqa: UP045
        description = f"One {self.single}, or null."
        return strawberry.field(
            resolver=resolver, description=description, metadata={READS: One(service)}
        )

    def _many(self) -> Any:
        service, listing = self.service, self.service.repository.listing

        async def resolver(
            info: GraphInfo,
            where: Any = None,
            order_by: list[str] | None = None,
            first: int = 50,
            after: str | None = None,
            search: str | None = None,
        ) -> Any:
            tx = info.context.tx
            query = asked(
                listing,
                tx,
                where=where,
                order_by=order_by,
                first=first,
                after=after,
                search=search,
                total=asks_total(info),
            )
            return connected(await service(tx).page(query), after)

        resolver.__annotations__["where"] = Optional[where_of(listing)]  # noqa: UP045
        resolver.__annotations__["return"] = self.connection
        description = f"A page of {self.plural}."
        return strawberry.field(
            resolver=resolver, description=description, metadata={READS: Many(service)}
        )

    def _create(self, shape: type[Create]) -> Any:
        service = self.service

        @atomic
        async def resolver(info: GraphInfo, input: Any) -> Any:
            return await service(info.context.tx).create(shape_given(shape, input))

        resolver.__annotations__.update(
            input=input_from(shape), **{"return": self.made or self.node}
        )
        return strawberry.mutation(resolver=resolver, description=f"Create a {self.single}.")

    def _update(self, shape: type[Update]) -> Any:
        service = self.service

        @atomic
        async def resolver(
            info: GraphInfo, id: UUID, input: Any, expected_version: int | None = None
        ) -> Any:
            data = shape_given(shape, input)
            return await service(info.context.tx).update(
                id, data, expected_version=expected_version
            )

        resolver.__annotations__.update(input=input_from(shape), **{"return": self.node})
        return strawberry.mutation(resolver=resolver, description=f"Change a {self.single}.")

    def _delete(self) -> Any:
        service = self.service

        @atomic
        async def resolver(info: GraphInfo, id: UUID, expected_version: int | None = None) -> UUID:
            await service(info.context.tx).delete(id, expected_version=expected_version)
            return id

        return strawberry.mutation(
            resolver=resolver, description=f"Put a {self.single} in the bin; returns its id."
        )

    def _restore(self) -> Any:
        service = self.service

        @atomic
        async def resolver(info: GraphInfo, id: UUID) -> Any:
            return await service(info.context.tx).restore(id)

        resolver.__annotations__["return"] = self.node
        return strawberry.mutation(
            resolver=resolver, description=f"Take a {self.single} out of the bin."
        )
