"""The search over GraphQL."""

from typing import Any, Optional
from uuid import UUID

import strawberry

from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.nodes import Node
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.relations import connected, connection_of
from crm_api.kit.graphql.types import type_from
from crm_api.platform.search.schemas import SearchResultOut
from crm_api.platform.search.service import MAX_RESULTS, SearchService, Services


def search_query(services: Services) -> type:
    """`search(q:, types:, mode:, first:, after:)` over these collections."""

    async def node(info: GraphInfo, root: strawberry.Parent[Any]) -> Any:
        return await info.context.rows(services[root["type"]]).load(UUID(str(root["id"])))

    node.__annotations__["return"] = Optional[Node]  # noqa: UP045 - built at run time
    result = type_from(SearchResultOut)(
        type(
            "SearchResult",
            (),
            {
                "__annotations__": {},
                "node": strawberry.field(resolver=node, description="The whole record."),
            },
        )
    )
    connection = connection_of("search_result", result)

    async def resolver(
        info: GraphInfo,
        q: str,
        types: list[str] | None = None,
        mode: str = "full",
        first: int = 20,
        after: str | None = None,
    ) -> Any:
        service = SearchService(info.context.tx, services)
        page = await service.find(
            q,
            types=types or (),
            mode=mode,
            limit=page_size(first, MAX_RESULTS),
            cursor=after,
        )
        return connected(page, after)

    resolver.__annotations__["return"] = connection
    field = strawberry.field(
        resolver=resolver,
        description="Records of any kind by words: all of them must be found in a record. "
        "`mode` is `full` or `typeahead`.",
    )
    return strawberry.type(type("SearchQuery", (), {"search": field}))
