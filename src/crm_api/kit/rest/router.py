"""The routes of a plain collection."""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field, create_model

from crm_api.kit.crud.service import CrudService
from crm_api.kit.query.filters import OPERATORS
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.page import PageQuery
from crm_api.kit.query.selection import Selection
from crm_api.kit.query.totals import QUANTIFIERS
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.bulk import add_bulk
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import ELSEWHERE, Id, IfMatch, IfNoneMatch, PurgeFlag, one
from crm_api.kit.rest.requests import Insisting, Reading, StrictRoute, Writing, named_object
from crm_api.kit.rest.upserts import add_upserts
from crm_api.kit.schema import Out, Shape, TombstoneOut, pascal

_FILTER = (
    "`filter[lifecycle][in]=lead,customer&filter[company][industry]=bank`: the filter language, "
    "flattened. A bare value means `eq`, or `has` of a list; `filter[or][0]…` numbers from 0 what "
    "`and` and `or` take, and `not` takes one filter. Records take `count`, and `sum`, `avg`, `min` "
    "or `max` of a `field`, each with one comparison and of those that fit `where`: "
    "`filter[deals][sum][field]=amount&filter[deals][sum][gte]=1000`. Amounts are in the "
    "organization's currency, or those in `currency` alone. What refers to a record by a custom "
    "field is under its `reverse`: `filter[custom][vehicle.holder][some][name]=x`."
)
ABOUT_PARAMETERS: tuple[dict[str, Any], ...] = (
    {
        "name": "about",
        "in": "query",
        "description": "Only what is about a record, `company:ID`; short for `filter[about]`.",
        "schema": {"type": "string", "maxLength": 200},
    },
    {
        "name": "rollup",
        "in": "query",
        "description": "Also what is about the records that belong to it, such as the contacts "
        "and deals of a company.",
        "schema": {"type": "boolean"},
    },
)


def new_router(tag: str, prefix: str) -> APIRouter:
    """An empty router whose requests are read strictly."""
    router = APIRouter(prefix=f"/v1/{prefix}", tags=[tag], route_class=StrictRoute)
    if "{object}" in prefix:
        router.dependencies.append(Depends(named_object))
        router.responses.update(problems(404))
    return router


def page_shape(out: type[BaseModel]) -> type[BaseModel]:
    """The documented shape of a list of these."""
    name = f"{out.__name__.removesuffix('Out')}Page"
    return create_model(
        name,
        __base__=Shape,
        __doc__="A page of a list.",
        data=(list[out], ...),  # pyright: ignore[reportInvalidTypeForm]
        next_cursor=(str | None, ...),
        total=(int | None, None),
    )


def changes_shape(out: type[BaseModel]) -> type[BaseModel]:
    """The documented shape of a stretch of the sync feed of these."""
    return create_model(
        f"{out.__name__.removesuffix('Out')}Changes",
        __base__=Shape,
        __doc__="A stretch of the sync feed: each record at most once, as it is now.",
        data=(list[out], ...),  # pyright: ignore[reportInvalidTypeForm]
        removed=(list[TombstoneOut], ...),
        next_cursor=(str, Field(description="Ask `after` this for what comes next.")),
        more=(bool, Field(description="Whether there may be more already.")),
    )


def read_router(service: type[CrudService[Any]]) -> APIRouter:
    """List, follow, query and read."""
    plural = service.plural
    router = new_router(plural, service.route_of())
    listing = service.repository.listing
    single, many, word = *_names(service), listing.entity
    out = listing.out
    listed: dict[int | str, dict[str, Any]] = {200: {"model": page_shape(out)}}
    found: dict[int | str, dict[str, Any]] = {200: {"model": out}}

    async def list_records(
        request: Request,
        tx: Reading,
        limit: params.Limit = 50,
        cursor: params.Cursor = None,
        sort: params.Sort = None,
        fields: params.Fields = None,
        include: params.Include = None,
        q: params.Search = None,
        count: params.Count = None,
        deleted: params.Deleted = None,
        view: params.ViewId = None,
    ) -> Response:
        own = service(tx)
        page = await own.page(
            PageQuery(
                selection=Selection.of(own.records.listing, tx, fields, include),
                filter=params.filter_of(request, own.records.listing, tx),
                sort=sort,
                limit=limit,
                cursor=cursor,
                search=q,
                count=count,
                deleted=deleted,
                view=view,
                view_shows=not fields,
                include=include,
            )
        )
        return answers.page(request, page)

    async def list_changes(
        tx: Reading,
        after: params.After = None,
        limit: params.Limit = 50,
        fields: params.Fields = None,
    ) -> Response:
        """Begin without `after`: first comes all there is, then whatever has changed since.

        Ask again after `next_cursor` at once while `more` is true, and from time to time later:
        whoever applies each stretch in turn has what the collection holds. A record comes as it
        is now, and those in `removed` are in the bin, merged into another one, or gone.
        """
        own = service(tx)
        selection = Selection.of(own.records.listing, tx, fields)
        return answers.plain(await own.changes(after, limit, selection))

    async def query_records(request: Request, tx: Reading, body: params.QueryBody) -> Response:
        return answers.page(request, await params.queried(service(tx), body), link=False)

    async def read_record(
        request: Request,
        id: Id,
        tx: Reading,
        fields: params.Fields = None,
        include: params.Include = None,
        as_of: params.AsOf = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        own = service(tx)
        selection = Selection.of(own.records.listing, tx, fields, include)
        return await one(own, request, id, selection, if_none_match, as_of)

    add = router.add_api_route
    add(
        "",
        list_records,
        methods=["GET"],
        operation_id=f"list{many}",
        summary=f"List {plural}",
        responses=listed | problems(403, 409, 422),
        openapi_extra=filtered(listing),
    )
    add(
        "/changes",
        list_changes,
        methods=["GET"],
        operation_id=f"list{single}Changes",
        summary=f"Follow the {plural}",
        responses={200: {"model": changes_shape(out)}} | problems(403, 422),
    )
    add(
        "/query",
        query_records,
        methods=["POST"],
        operation_id=f"query{many}",
        summary=f"List {plural} by a filter in the body",
        responses=listed | problems(400, 403, 409, 415, 422),
    )
    add(
        "/{id}",
        read_record,
        methods=["GET"],
        operation_id=f"get{single}",
        summary=f"Read a {word}",
        responses=found | ELSEWHERE | problems(403, 404, 422),
    )
    return router


def filtered(listing: Listing | None = None) -> dict[str, Any]:
    """What a route says beside its types that takes filters, and `about` where there is such."""
    told = _FILTER if listing is None else "\n\n".join((_FILTER, *_fields_of(listing)))
    parameter = {
        "name": "filter",
        "in": "query",
        "style": "deepObject",
        "explode": True,
        "description": told,
        "schema": {"type": "object", "additionalProperties": True},
    }
    about = ABOUT_PARAMETERS if listing is not None and listing.linked else ()
    return {"x-filter": True, "parameters": [parameter, *about]}


def _fields_of(listing: Listing) -> Iterator[str]:
    """What may be filtered, by the kinds of fields with their operators, and what leads where."""
    for kind, operators in OPERATORS.items():
        names = [name for name, known in listing.fields.items() if known.kind == kind]
        if names:
            yield f"{_listed(names)} ({kind}): {_listed(operators)}."
    ways = listing.related.items()
    if one := [name for name, relation in ways if not relation.many]:
        yield f"{_listed(one)} (a record): its fields."
    if many := [name for name, relation in ways if relation.many]:
        yield f"{_listed(many)} (records): {_listed(QUANTIFIERS)}."
    if listing.terms:
        yield f"{_listed(listing.terms)}: as in a body."
    yield "`custom`: fields of the organization's own, by their names (in a body as a list, too)."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def crud_router(service: type[CrudService[Any]], *, made: type[Out] | None = None) -> APIRouter:
    """What `read_router` has, create, patch, bin and restore; `made` is what creation answers."""
    router = read_router(service)
    single, many = _names(service)
    create, update = service.create_shape, service.update_shape
    out, word = service.repository.listing.out, service.repository.listing.entity
    found: dict[int | str, dict[str, Any]] = {200: {"model": out}}
    unit = Insisting if service.matched else Writing

    async def create_record(request: Request, tx: unit, body: create) -> Response:  # pyright: ignore[reportInvalidTypeForm]
        return answers.linked(answers.created(request, await service(tx).create(body)), tx)

    async def update_record(
        id: Id,
        tx: unit,  # pyright: ignore[reportInvalidTypeForm]
        body: update,  # pyright: ignore[reportInvalidTypeForm]
        if_match: IfMatch = None,
    ) -> Response:
        expected = answers.version_of(if_match)
        row = await service(tx).update(id, body, expected_version=expected)
        return answers.linked(answers.record(row), tx)

    async def delete_record(
        id: Id,
        tx: Writing,
        purge: PurgeFlag = False,  # noqa: FBT002 - a query parameter
        if_match: IfMatch = None,
    ) -> Response:
        destroy = service(tx).purge if purge else service(tx).delete
        await destroy(id, expected_version=answers.version_of(if_match))
        return Response(status_code=204)

    async def restore_record(
        id: Id,
        tx: unit,  # pyright: ignore[reportInvalidTypeForm]
        if_match: IfMatch = None,
    ) -> Response:
        expected = answers.version_of(if_match)
        row = await service(tx).restore(id, expected_version=expected)
        return answers.linked(answers.record(row), tx)

    if service.upserts:
        add_upserts(router, service)
    add = router.add_api_route
    add(
        "",
        create_record,
        methods=["POST"],
        status_code=201,
        operation_id=f"create{single}",
        summary=f"Create a {word}",
        responses={201: {"model": made or out}} | problems(400, 403, 409, 415, 422),
    )
    add_bulk(router, service, many)
    add(
        "/{id}",
        update_record,
        methods=["PATCH"],
        operation_id=f"update{single}",
        summary=f"Change a {word} by a merge patch",
        responses=found | problems(400, 403, 404, 409, 412, 415, 422),
    )
    add(
        "/{id}",
        delete_record,
        methods=["DELETE"],
        status_code=204,
        operation_id=f"delete{single}",
        summary=f"Put a {word} in the bin, or destroy it",
        responses=problems(403, 404, 409, 412, 422),
    )
    add(
        "/{id}/restore",
        restore_record,
        methods=["POST"],
        operation_id=f"restore{single}",
        summary=f"Take a {word} out of the bin",
        responses=found | problems(403, 404, 409, 412, 422),
    )
    return router


def _names(service: type[CrudService[Any]]) -> tuple[str, str]:
    single, many = service.repository.listing.entity, service.plural
    return pascal(single), pascal(many)
