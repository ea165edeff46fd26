"""One record over REST: its entity tag, its parts, where it lives on."""

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Path, Query, Request, Response

from crm_api.kit.crud.service import CrudService
from crm_api.kit.errors import Merged
from crm_api.kit.query.moments import moment_of
from crm_api.kit.query.selection import Selection
from crm_api.kit.rest import answers

IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="Change only if this is still the record's `ETag`."),
]
IfNoneMatch = Annotated[
    str | None, Header(alias="If-None-Match", description="304 if this is still the `ETag`.")
]
PurgeFlag = Annotated[
    bool,
    Query(
        description="Destroy it for good, in the bin or not, with its parts and with the values in "
        "its history. Takes the scope `<collection>:purge`. What refers to it is a 409."
    ),
]
Id = Annotated[UUID, Path(description="The record's id.")]

ELSEWHERE: dict[int | str, dict[str, Any]] = {
    304: {"description": "Not modified"},
    308: {"description": "Merged into another record; `Location` names it"},
}


async def one(
    service: CrudService[Any],
    request: Request,
    id: UUID,
    selection: Selection,
    if_none_match: str | None,
    as_of: str | None = None,
) -> Response:
    """The record as it is or was, or that the client has it, or where it is now."""
    listing = service.records.listing
    asked = selection
    if "version" not in selection.fields:
        asked = replace(selection, fields=(*selection.fields, "version"))
    tx = service.tx
    moment = moment_of("as_of", as_of, tx.now, tx.actor.time_zone)
    try:
        row = await service.get(id, asked, at=moment)
    except Merged as merged:
        return answers.moved(request, merged.target)
    if selection.included or service.fields.rollups:
        etag = answers.etag_of_body(row.version, row)
    else:
        etag = answers.etag_of(row.version, selection, listing.shown)
    if answers.matches(if_none_match, etag):
        return answers.unchanged(etag)
    shape = listing.row_shape(selection.fields, tuple(selection.included))
    return answers.record(row if asked is selection else answers.narrowed(row, shape), etag=etag)
