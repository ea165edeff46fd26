"""Lists of the records that belong to one record of another collection."""

from typing import Any

from fastapi import APIRouter, Request, Response

from crm_api.kit.crud.service import CrudService
from crm_api.kit.query.filters import parse
from crm_api.kit.query.page import PageQuery
from crm_api.kit.query.selection import Selection
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import page_shape


def add_below(
    router: APIRouter,
    path: str,
    above: type[CrudService[Any]],
    service: type[CrudService[Any]],
    *,
    by: str,
    operation_id: str,
    summary: str,
    description: str,
) -> None:
    """List, at `path` below a record, those of a service that refer to it in the column `by`.

    The newest come first. Whoever does not see the record above gets 404.
    """
    listing = service.repository.listing

    async def listed(
        request: Request,
        id: Id,
        tx: Reading,
        limit: params.Limit = 50,
        cursor: params.Cursor = None,
        fields: params.Fields = None,
        include: params.Include = None,
    ) -> Response:
        await above(tx).get(id, Selection(("id", "version")))
        query = PageQuery(
            selection=Selection.of(listing, tx, fields, include),
            filter=parse({by: {"eq": str(id)}}, listing, tx),
            limit=limit,
            cursor=cursor,
        )
        return answers.page(request, await service(tx).page(query))

    router.add_api_route(
        f"/{{id}}/{path}",
        listed,
        methods=["GET"],
        operation_id=operation_id,
        summary=summary,
        description=description,
        responses={200: {"model": page_shape(listing.out)}} | problems(403, 404, 422),
    )
