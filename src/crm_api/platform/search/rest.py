"""The search over REST."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from crm_api.kit.query.selection import names_of
from crm_api.kit.rest import answers
from crm_api.kit.rest.params import Cursor
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import new_router
from crm_api.platform.search.schemas import Mode, SearchPage
from crm_api.platform.search.service import MAX_RESULTS, SearchService, Services

_PAGE: dict[int | str, dict[str, Any]] = {200: {"model": SearchPage}}


def search_routes(services: Services) -> APIRouter:
    """`GET /v1/search` over these collections."""
    router = new_router("search", "search")
    listed = ", ".join(f"`{entity}`" for entity in services)

    @router.get(
        "",
        operation_id="search",
        summary="Find records of any kind by words",
        responses=_PAGE | problems(403, 422),
    )
    async def search(
        request: Request,
        tx: Reading,
        q: Annotated[
            str,
            Query(
                max_length=200,
                description="Words, in any order and alphabet; their endings may be missing. Also "
                "a part of a phone number, an e-mail address, a domain, an id.",
                examples=["sample pers"],
            ),
        ],
        types: Annotated[
            str | None,
            Query(max_length=500, description=f"Only these: {listed}, separated by commas."),
        ] = None,
        mode: Annotated[
            Mode,
            Query(
                description="`typeahead`, for each key stroke, looks for typing mistakes only if "
                "nothing else is found, and highlights names alone."
            ),
        ] = "full",
        limit: Annotated[int, Query(ge=1, le=MAX_RESULTS, description="Results per page.")] = 20,
        cursor: Cursor = None,
    ) -> Response:
        """All words must be found in a record; typing mistakes are forgiven where little is found.

        Snippets are HTML, escaped but for `<mark>` around what was found.
        """
        service = SearchService(tx, services)
        page = await service.find(q, types=names_of(types), mode=mode, limit=limit, cursor=cursor)
        return answers.page(request, page)

    del search
    return router
