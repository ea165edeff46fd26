"""The routes of a record that is named by its id in another system, or by a key of its own."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from msgspec.structs import asdict
from pydantic import BaseModel, Field, create_model
from starlette.convertors import PathConvertor, register_url_convertor

from crm_api.kit.crud.service import CrudService
from crm_api.kit.crud.upserts import EXTERNAL, Expected, External, Result, Upserted
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.query.selection import Selection
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import ELSEWHERE, IfMatch, IfNoneMatch, one
from crm_api.kit.rest.requests import Insisting, Reading, Writing
from crm_api.kit.schema import Name, Source

InSystem = Annotated[Source, Path(description="The other system, such as `hubspot`.")]
IdThere = Annotated[Name, Path(description="The record's id there; it may hold slashes.")]
IfNew = Annotated[
    str | None, Header(alias="If-None-Match", description="`*`: only if there is no such record.")
]
_BY_EXTERNAL = "/by-external/{source}/{external_id:whatever}"


class _Whatever(PathConvertor):
    """The rest of a path with slashes and line breaks, which that of the framework takes for none."""

    regex = "(?s:.*)"


register_url_convertor("whatever", _Whatever())


def add_upserts(router: APIRouter, service: type[CrudService[Any]]) -> None:
    """Read and write by external id, and write by a look-up key."""
    listing = service.repository.listing
    word = listing.entity
    single = "".join(word.capitalize() for word in word.split("_"))
    given = service.upsert_shape()
    answered: type[BaseModel] = create_model(
        f"{single}Upserted",
        __base__=listing.out,
        __doc__=f"A {word}, and what became of it.",
        result=(Result, Field(description="What the request did.")),
    )
    known = ", ".join(f"`{kind}`" for kind in sorted([EXTERNAL, *listing.lookups]))
    unit = Insisting if service.matched else Writing
    match_by = Annotated[str, Query(max_length=40, description=f"One of {known}.")]

    async def read_by_external(
        request: Request,
        source: InSystem,
        external_id: IdThere,
        tx: Reading,
        fields: params.Fields = None,
        include: params.Include = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        own = service(tx)
        selection = Selection.of(own.records.listing, tx, fields, include)
        id = await own.id_of(External(source, external_id))
        return await one(own, request, id, selection, if_none_match)

    async def put_by_external(
        source: InSystem,
        external_id: IdThere,
        tx: unit,  # pyright: ignore[reportInvalidTypeForm]
        body: given,  # pyright: ignore[reportInvalidTypeForm]
        if_match: IfMatch = None,
        if_none_match: IfNew = None,
    ) -> Response:
        expected = _expected(if_match, if_none_match)
        external = External(source, external_id)
        own = service(tx)
        done = await own.upsert_external(external, body, expected)
        return answers.linked(_answer(own, done), tx)

    async def upsert_record(
        tx: unit,  # pyright: ignore[reportInvalidTypeForm]
        match: match_by,  # pyright: ignore[reportInvalidTypeForm]
        body: given,  # pyright: ignore[reportInvalidTypeForm]
        if_match: IfMatch = None,
        if_none_match: IfNew = None,
    ) -> Response:
        expected = _expected(if_match, if_none_match)
        own = service(tx)
        done = await own.upsert(match, body, expected)
        return answers.linked(_answer(own, done), tx)

    done: dict[int | str, dict[str, Any]] = {200: {"model": answered}, 201: {"model": answered}}
    add = router.add_api_route
    add(
        _BY_EXTERNAL,
        read_by_external,
        methods=["GET"],
        operation_id=f"get{single}ByExternalId",
        summary=f"Read a {word} by its id in another system",
        responses={200: {"model": listing.out}} | ELSEWHERE | problems(403, 404, 422),
    )
    add(
        _BY_EXTERNAL,
        put_by_external,
        methods=["PUT"],
        operation_id=f"put{single}ByExternalId",
        summary=f"Create or change a {word} by its id in another system",
        description="The body is a merge patch of what is there, or of nothing.",
        responses=done | problems(400, 403, 409, 412, 415, 422),
    )
    add(
        "/upsert",
        upsert_record,
        methods=["POST"],
        operation_id=f"upsert{single}",
        summary=f"Create or change a {word} by a value that it has",
        description="The body is a merge patch of the record that has one of its values of the "
        "key `match`, or of nothing. Several such records: 409 with the candidates.",
        responses=done | problems(400, 403, 409, 412, 415, 422),
    )


def _expected(if_match: str | None, if_none_match: str | None) -> Expected:
    if if_none_match is not None and if_none_match.strip() != "*":
        message = "If-None-Match takes `*` here: only if there is no such record."
        raise Invalid(message, faults=[Fault("invalid_etag", message, header="If-None-Match")])
    if if_match is not None and if_none_match is not None:
        message = "If-Match and If-None-Match exclude each other here."
        raise Invalid(message, faults=[Fault("contradiction", message, header="If-None-Match")])
    version = answers.version_of(if_match)
    if if_none_match is not None:
        return Expected(exists=False)
    return Expected(version, exists=True if if_match is not None else None)


def _answer(service: CrudService[Any], done: Upserted) -> Response:
    row = done.record
    headers = {"ETag": f'"{row.version}"', "Cache-Control": answers.PRIVATE}
    headers["Location"] = f"{service.path}/{row.id}"
    status = 201 if done.result == "created" else 200
    return answers.plain(asdict(row) | {"result": done.result}, status=status, headers=headers)
