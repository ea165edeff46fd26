"""Pages and relations as fields: Relay connections, loaded for all rows of a level at once."""

from typing import Any, Literal, Optional
from uuid import UUID

import strawberry
from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode

from crm_api.kit.crud.collections import service_type
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.filters import filter_of, snake, where_of
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.reads import READS, Related
from crm_api.kit.graphql.selecting import chosen
from crm_api.kit.graphql.types import output_type
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.page import Page
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.schema import TombstoneOut, pascal

Count = Literal["exact", "estimate"] | None
connections: dict[str, type] = {}
"""The connection types that were made, by the records' words."""


@strawberry.type
class PageInfo:
    """Relay's page information."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


def connection_of(entity: str, node: type) -> type:
    """The Relay connection type of a node."""
    name = pascal(entity)
    edge = strawberry.type(
        type(f"{name}Edge", (), {"__annotations__": {"cursor": str, "node": node}})
    )
    annotations = {
        "edges": list[edge],
        "nodes": list[node],
        "page_info": PageInfo,
        "total_count": Optional[int],  # noqa: UP045 - built at run time
        "estimated_count": Optional[int],  # noqa: UP045
    }
    made = strawberry.type(type(f"{name}Connection", (), {"__annotations__": annotations}))
    connections[entity] = made
    return made


def changes_of(entity: str, node: type) -> type:
    """The type of a stretch of the sync feed."""
    annotations = {
        "nodes": list[node],
        "removed": list[output_type(TombstoneOut)],
        "next_cursor": str,
        "more": bool,
    }
    return strawberry.type(type(f"{pascal(entity)}Changes", (), {"__annotations__": annotations}))


def asked(
    listing: Listing,
    tx: Tx,
    *,
    where: Any = None,
    order_by: list[str] | None = None,
    first: int = 50,
    after: str | None = None,
    search: str | None = None,
    view: UUID | None = None,
    deleted: str | None = None,
    count: Count = None,
    selection: Selection | None = None,
) -> PageQuery:
    """The page that a connection's arguments mean."""
    wanted = filter_of(where) if where else None
    return PageQuery(
        selection=selection or Selection(listing.shown),
        filter=parse(wanted, listing, tx) if wanted else Filter(),
        sort=",".join(snake(key) for key in order_by or ()) or None,
        limit=page_size(first),
        cursor=after,
        search=search,
        count=count,
        deleted=_deleted(deleted),
        view=view,
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
        "estimated_count": page.total,
    }


def _deleted(given: str | None) -> Literal["include", "only"] | None:
    if given is None or given in ("include", "only"):
        return given
    raise Invalid.parameter("deleted", "not_a_choice", "Say include or only.")


def asks_count(info: GraphInfo) -> Count:
    """How a connection is to be counted: exactly where both counts are asked for."""
    found: Count = None
    # `selected_fields` copies the tree below, and fragments once for each time they are spread.
    raw = info._raw_info  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    variables = info.variable_values
    left = [node.selection_set for node in raw.field_nodes]
    spread: set[str] = set()
    while left:
        selected = left.pop()
        for node in selected.selections if selected is not None else ():
            if not chosen(node, variables):
                continue
            if isinstance(node, FieldNode):
                if node.name.value == "totalCount":
                    return "exact"
                if node.name.value == "estimatedCount":
                    found = "estimate"
            elif isinstance(node, InlineFragmentNode):
                left.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
                spread.add(node.name.value)
                left.append(raw.fragments[node.name.value].selection_set)
    return found


def related(service: type[CrudService[Any]], name: str, node: Any) -> Any:
    """A to-one relation of `service`'s records, loaded for all rows at once."""
    relation = service.repository.listing.related[name]

    async def resolver(info: GraphInfo, root: strawberry.Parent[Any]) -> Any:
        id = getattr(root, relation.local.key)
        if id is None:
            return None
        target = service_type(info.context.tx, relation.target().entity)
        return await info.context.rows(target).load(id)

    resolver.__annotations__["return"] = Optional[node]  # noqa: UP045
    return strawberry.field(resolver=resolver, metadata={READS: Related(name)})


def related_many(service: type[CrudService[Any]], name: str, connection: Any) -> Any:
    """A to-many relation of `service`'s records as a connection, loaded for all rows at once."""
    relation = service.repository.listing.related[name]
    target, local = relation.target(), relation.local.key

    async def resolver(
        info: GraphInfo,
        root: strawberry.Parent[Any],
        where: Any = None,
        order_by: list[str] | None = None,
        first: int = 50,
        after: str | None = None,
    ) -> Any:
        query = asked(
            target,
            info.context.tx,
            where=where,
            order_by=order_by,
            first=first,
            after=after,
            count=asks_count(info),
        )
        pages = info.context.pages(service, name, query)
        return connected(await pages.load(getattr(root, local)), after)

    resolver.__annotations__["where"] = Optional[where_of(target)]  # noqa: UP045
    resolver.__annotations__["return"] = connection
    description = f"A page of {name}."
    return strawberry.field(
        resolver=resolver, description=description, metadata={READS: Related(name)}
    )
