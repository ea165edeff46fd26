"""Merges over REST: what was merged, and one route for each kind of record that can be."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from msgspec import to_builtins
from pydantic import BaseModel, Field, create_model

from crm_api.kit.query.page import PageQuery
from crm_api.kit.query.selection import Selection
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import IfMatch
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import filtered, new_router, page_shape
from crm_api.kit.rest.routes import joined
from crm_api.platform.merging.merger import Merger
from crm_api.platform.merging.repository import LISTING
from crm_api.platform.merging.schemas import MergeInput, MergeOut
from crm_api.platform.merging.service import MergeService

router = new_router("merges", "merges")
_ONE: dict[int | str, dict[str, Any]] = {200: {"model": MergeOut}}
_MANY: dict[int | str, dict[str, Any]] = {200: {"model": page_shape(MergeOut)}}


class MergeWithRecord(MergeOut):
    """A merge, and what is left of the record that it made."""

    record: dict[str, Any] | None = Field(description="The winner as it is now.")


_UNDONE: dict[int | str, dict[str, Any]] = {200: {"model": MergeWithRecord}}


@router.get(
    "",
    operation_id="listMerges",
    summary="List merges",
    responses=_MANY | problems(403, 422),
    openapi_extra=filtered(LISTING),
)
async def list_merges(
    request: Request, tx: Reading, limit: params.Limit = 50, cursor: params.Cursor = None
) -> Response:
    """Merges, newest first; `filter[winner_id]` finds those of a record."""
    found = params.filter_of(request, LISTING, tx)
    query = PageQuery(Selection(LISTING.shown), filter=found, limit=limit, cursor=cursor)
    return answers.page(request, await MergeService(tx).page(query))


@router.get(
    "/{id}",
    operation_id="getMerge",
    summary="Read a merge",
    responses=_ONE | problems(403, 404, 422),
)
async def read_merge(id: UUID, tx: Reading) -> Response:
    """What was folded into what, and where each value came from."""
    return answers.record(await MergeService(tx).get(id))


@router.post(
    "/{id}/undo",
    operation_id="undoMerge",
    summary="Take merged records apart again",
    responses=_UNDONE | problems(403, 404, 409, 412, 422),
)
async def undo_merge(id: UUID, tx: Writing, if_match: IfMatch = None) -> Response:
    """Everything is put back as it was; what was changed or added since stays with the winner."""
    merge, record = await MergeService(tx).undo(id, expected_version=answers.version_of(if_match))
    return answers.plain(_with_record(merge, record), headers={"ETag": f'"{merge.version}"'})


def merge_routes(mergers: Iterable[Merger]) -> APIRouter:
    """`POST /v1/{collection}/merge` for each kind of record."""
    return joined(map(_merge_of, mergers))


def _merge_of(merger: Merger) -> APIRouter:
    service, entity = merger.service, merger.entity
    own = new_router(service.plural, service.plural.replace("_", "-"))
    name = "".join(word.capitalize() for word in service.plural.split("_"))
    made: type[BaseModel] = create_model(
        f"{name}Merged",
        __base__=MergeOut,
        __doc__="A merge, and the record that it made.",
        record=(service.repository.listing.out, ...),
    )

    @own.post(
        "/merge",
        status_code=201,
        operation_id=f"merge{name}",
        summary=f"Make one of several {service.plural}",
        responses={201: {"model": made}} | problems(400, 403, 409, 412, 415, 422),
    )
    async def merge_records(tx: Writing, body: MergeInput, if_match: IfMatch = None) -> Response:
        """The losers go to the bin and their ids lead to the winner; whatever referred to them
        refers to it. `POST /v1/merges/{id}/undo` puts everything back; `dry_run` only shows.
        `If-Match` is about the winner.
        """
        expected = answers.version_of(if_match)
        merge, record = await MergeService(tx).merge(entity, body, expected_version=expected)
        headers = {"Location": f"/v1/merges/{merge.id}", "ETag": f'"{merge.version}"'}
        return answers.plain(_with_record(merge, record), status=201, headers=headers)

    del merge_records
    return own


def _with_record(merge: Any, record: Any) -> dict[str, Any]:
    return {**to_builtins(merge), "record": record}
