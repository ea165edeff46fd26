"""The fields of a plain collection: one, a connection, and its mutations."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Optional
from uuid import UUID

import strawberry
from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode
from pydantic import BaseModel, ValidationError

from crm_api.kit.crud.service import CrudService
from crm_api.kit.errors import Merged, NotFound
from crm_api.kit.faults import invalid_body
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.filters import filter_of, where_of
from crm_api.kit.graphql.types import input_from, values_of
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.page import MAX_LIMIT, Page, PageQuery
from crm_api.kit.query.selection import Selection
from crm_api.kit.schema import Create, Update


@strawberry.type
class PageInfo:
    """Relay's page information."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


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
                f"{_pascal(self.plural)}Query",
                (),
                {self.single: self._one(), self.plural: self._many()},
            )
        )

    def mutation(self, create: type[Create], update: type[Update]) -> type:
        """Create, update, delete and restore."""
        single = _pascal(self.single)
        fields = {
            f"create_{self.single}": self._create(create),
            f"update_{self.single}": self._update(update),
            f"delete_{self.single}": self._delete(),
            f"restore_{self.single}": self._restore(),
        }
        return strawberry.type(type(f"{single}Mutation", (), fields))

    def connection(self) -> type:
        """The Relay connection type."""
        name = _pascal(self.single)
        edge = strawberry.type(
            type(
                f"{name}Edge",
                (),
                {"__annotations__": {"cursor": str, "node": self.node}},
            )
        )
        annotations = {
            "edges": list[edge],
            "nodes": list[self.node],
            "page_info": PageInfo,
            "total_count": Optional[int],  # noqa: UP045
        }
        return strawberry.type(type(f"{name}Connection", (), {"__annotations__": annotations}))

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
        return strawberry.field(resolver=resolver, description=f"One {self.single}, or null.")

    def _many(self) -> Any:
        service, listing = self.service, self.service.repository.listing
        connection = self.connection()

        async def resolver(
            info: GraphInfo,
            where: Any = None,
            order_by: list[str] | None = None,
            first: int = 50,
            after: str | None = None,
            search: str | None = None,
        ) -> Any:
            tx = info.context.tx
            wanted = filter_of(where) if where else None
            query = PageQuery(
                selection=Selection(listing.shown),
                filter=parse(wanted, listing, tx.actor, tx.now) if wanted else Filter(),
                sort=",".join(_snake(key) for key in order_by or ()) or None,
                limit=min(max(first, 1), MAX_LIMIT),
                cursor=after,
                search=search,
                count="exact" if _asks_total(info) else None,
            )
            return connected(await service(tx).page(query), after)

        resolver.__annotations__["where"] = Optional[where_of(listing)]  # noqa: UP045
        resolver.__annotations__["return"] = connection
        return strawberry.field(resolver=resolver, description=f"A page of {self.plural}.")

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


def connected(page: Page, after: str | None = None) -> dict[str, Any]:
    """A page as a connection."""
    cursors = page.cursors
    return {
        "edges": [{"cursor": cursors[n], "node": node} for n, node in enumerate(page.data)],
        "nodes": page.data,
        "page_info": {
            "has_next_page": page.next_cursor is not None,
            "has_previous_page": after is not None,
            "start_cursor": cursors[0] if page.data else None,
            "end_cursor": cursors[-1] if page.data else None,
        },
        "total_count": page.total,
    }


def _asks_total(info: GraphInfo) -> bool:
    # `selected_fields` copies the tree below, and fragments once for each time they are spread.
    raw = info._raw_info  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    left = [node.selection_set for node in raw.field_nodes]
    spread: set[str] = set()
    while left:
        selected = left.pop()
        for node in selected.selections if selected is not None else ():
            if isinstance(node, FieldNode):
                if node.name.value == "totalCount":
                    return True
            elif isinstance(node, InlineFragmentNode):
                left.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
                spread.add(node.name.value)
                left.append(raw.fragments[node.name.value].selection_set)
    return False


def related(service: type[CrudService[Any]], local: str, node: Any) -> Any:
    """A to-one relation, loaded for all rows at once."""

    async def resolver(info: GraphInfo, root: strawberry.Parent[Any]) -> Any:
        id = getattr(root, local)
        return None if id is None else await info.context.rows(service).load(id)

    resolver.__annotations__["return"] = Optional[node]  # noqa: UP045
    return strawberry.field(resolver=resolver)


def _pascal(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: "_" + found[1].lower(), name)
