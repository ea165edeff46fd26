"""The query parameters that every list has, typed and documented."""

import re
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Request
from pydantic import Field

from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Invalid
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.page import MAX_LIMIT, Page, PageQuery
from crm_api.kit.query.sealed import opened
from crm_api.kit.query.selection import Selection
from crm_api.kit.rest.requests import ABOUT, StrictRoute
from crm_api.kit.schema import Schema

Fields = Annotated[
    str | None,
    Query(max_length=2000, description="Only these fields: `id,name,company.name,custom.tier`."),
]
Include = Annotated[
    str | None,
    Query(
        max_length=500,
        description="Related records to bring along, two relations deep: `company.parent`. "
        "Of a collection its first 50 records, with a cursor to the others. A page brings at most "
        "20,000 related records along, counted by what is asked for (422 `include_too_large`).",
    ),
]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Records per page.")]
LONGEST_CURSOR = 3_000
"""Four sort keys of texts at their longest come to less."""
Cursor = Annotated[
    str | None,
    Query(max_length=LONGEST_CURSOR, description="`next_cursor` of the page before."),
]
Sort = Annotated[
    str | None,
    Query(
        max_length=200,
        description="`-created_at,company.name`: a minus sorts downwards; nulls come last. Of long "
        "texts the first 100 characters count.",
    ),
]
Search = Annotated[
    str | None,
    Query(
        max_length=200,
        description="Words to find, as in `/v1/search`; without `sort` the most relevant first.",
    ),
]
Count = Annotated[
    Literal["exact", "estimate"] | None, Query(description="Also count what matches.")
]
Deleted = Annotated[
    Literal["include", "only"] | None, Query(description="Show records in the bin, too or only.")
]
After = Annotated[
    str | None, Query(max_length=LONGEST_CURSOR, description="`next_cursor` of the stretch before.")
]
ViewId = Annotated[
    UUID | None,
    Query(
        description="A saved view: its filter holds beside the given one; its `sort` holds, and "
        "its `fields` and `include`, unless the request has its own."
    ),
]
AsOf = Annotated[
    str | None,
    Query(
        max_length=60,
        description="The record as it was then: `2026-03-31T12:00:00Z` or `@now-30d`. "
        "Related records come as they are now.",
    ),
]
# A custom object with the field that leads to it: 40 letters, a point and 63.
_PATH = re.compile(r"\[([^\[\]]{1,104})\]")


class QueryBody(Schema):
    """A list request whose filter is too rich for a query string."""

    filter: dict[str, Any] = Field(
        default_factory=dict,
        description="The filter language.",
        examples=[{"created_at": {"gte": "@now-30d"}}],
    )
    seal: Annotated[str, Field(max_length=LONGEST_CURSOR)] | None = Field(
        None,
        description="That of a filter which the service has made, as for the records behind a cell: it "
        "may be larger than one that is written.",
    )
    sort: list[Annotated[str, Field(max_length=100)]] = Field(
        default_factory=list, max_length=4, examples=[["-created_at"]]
    )
    limit: int = Field(50, ge=1, le=MAX_LIMIT)
    cursor: Annotated[str, Field(max_length=LONGEST_CURSOR)] | None = None
    fields: list[Annotated[str, Field(max_length=100)]] | None = Field(None, max_length=100)
    include: list[Annotated[str, Field(max_length=100)]] | None = Field(None, max_length=20)
    count: Literal["exact", "estimate"] | None = None
    deleted: Literal["include", "only"] | None = None
    q: Annotated[str, Field(max_length=200)] | None = None
    view: UUID | None = None


async def queried(service: CrudService[Any], body: QueryBody) -> Page:
    """The page that a body asks for; whatever is wrong with it is pointed at there."""
    try:
        return await service.page(_query_of(body, service.records.listing, service.tx))
    except CrmError as error:
        raise error.in_body() from None


async def newest(service: CrudService[Any], limit: int, cursor: str | None) -> Page:
    """A page of all that may be read, the newest first: for collections that take no filters."""
    shown = Selection(service.records.listing.shown)
    return await service.page(PageQuery(selection=shown, limit=limit, cursor=cursor))


def _query_of(body: QueryBody, listing: Listing, tx: Tx) -> PageQuery:
    return PageQuery(
        selection=Selection.of(
            listing, tx, ",".join(body.fields or ()), ",".join(body.include or ())
        ),
        filter=_filter_of(body, listing, tx),
        sort=",".join(body.sort) or None,
        limit=body.limit,
        cursor=body.cursor,
        search=body.q,
        count=body.count,
        deleted=body.deleted,
        view=body.view,
        view_shows=not body.fields,
        include=",".join(body.include or ()) or None,
    )


def _filter_of(body: QueryBody, listing: Listing, tx: Tx) -> Filter:
    if body.seal is not None:
        return opened(body.filter, body.seal, listing, tx)
    return parse(body.filter, listing, tx) if body.filter else Filter()


def filter_of(request: Request, listing: Listing, tx: Tx) -> Filter:
    """The filter of `filter[company][industry]=bank`, the flattening of the same JSON."""
    source = filter_source(request)
    asked = {name: request.query_params[name] for name in ABOUT & request.query_params.keys()}
    if asked:
        if listing.linked is None:
            raise StrictRoute.unknown(min(asked))
        if "about" not in asked or "about" in source:
            raise Invalid.parameter("about", "invalid_filter", "Say once what it is about.")
        record = {"record": asked.pop("about")}
        return parse({**source, "about": {**record, **asked}}, listing, tx, lax=True)
    return parse(source, listing, tx, lax=True) if source else Filter()


def filter_source(request: Request) -> dict[str, Any]:
    """The JSON that the `filter[…]` parameters of a request are the flattening of."""
    source: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name.startswith("filter["):
            _put(source, name, value)
    return _with_lists(source)


def _with_lists(node: Any, left: int = 40) -> Any:
    """The JSON in which what `and` and `or` number from 0 on are lists.

    What is nested deeper than any filter may be stays as it is, and is refused where it is read.
    """
    if not isinstance(node, dict) or not left:
        return node
    inner = {name: _with_lists(value, left - 1) for name, value in node.items()}
    for name in ("and", "or"):
        parts = inner.get(name)
        if isinstance(parts, dict) and parts.keys() == {str(n) for n in range(len(parts))}:
            inner[name] = [parts[str(n)] for n in range(len(parts))]
    return inner


def _put(source: dict[str, Any], name: str, value: str) -> None:
    path = _PATH.findall(name)
    if not path or name != "filter" + "".join(f"[{part}]" for part in path):
        raise Invalid.parameter(name[:80], "invalid_filter", "Write filter[field][operator]=value.")
    here: Any = source
    for part in path[:-1]:
        here = here.setdefault(part, {})
        if not isinstance(here, dict):
            raise Invalid.parameter(name[:80], "invalid_filter", "The field has a value already.")
    if path[-1] in here:
        raise Invalid.parameter(name[:80], "invalid_filter", "The same filter stands twice.")
    here[path[-1]] = value
