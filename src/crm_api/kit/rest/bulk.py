"""Many writes of one collection in one request, and how their outcomes are told."""

from typing import Annotated, Any, Literal, Union

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, SkipValidation, create_model

from crm_api.kit.crud.bulk import (
    MOST,
    ItemAct,
    OnError,
    Report,
    bulk,
    bulk_action,
    item_of,
    ops_of,
    shape_of,
)
from crm_api.kit.crud.reports import BulkReport, shown_outcome, shown_report
from crm_api.kit.crud.service import CrudService
from crm_api.kit.errors import CrmError, Fault, Invalid
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Insisting, Writing
from crm_api.kit.schema import Schema

MOST_FAULTS = 1_000
ITEMS_PER_POINT = 10
OnErrorQuery = Annotated[
    OnError,
    Query(description="`abort`: one mistake, and nothing is stored. `skip`: the others are."),
]

MatchQuery = Annotated[
    str | None,
    Query(max_length=40, description="Of `upsert`: the key by which a record is found."),
]


def refusal(report: Report, code: str, pointer: str) -> CrmError:
    """The error that says that nothing was stored, and why: all mistakes that were found."""
    failed = [(n, o.error, o) for n, o in enumerate(report.outcomes) if o.error is not None]
    faults = [
        fault
        for n, error, _ in failed
        for fault in error.faults or [Fault(error.own_code, error.detail, f"{pointer}/{n}")]
    ]
    return Invalid(
        f"{len(failed)} of {len(report.outcomes)} cannot be done, so nothing was stored.",
        code=code,
        faults=faults[:MOST_FAULTS],
        details={"results": [shown_outcome(n, outcome) for n, _, outcome in failed]},
    )


def add_bulk(router: APIRouter, service: type[CrudService[Any]], name: str) -> None:
    """`POST /v1/{collection}/bulk`."""
    body = _body_of(service, name)
    unit = Insisting if service.matched else Writing

    async def bulk_write(
        tx: unit,  # pyright: ignore[reportInvalidTypeForm]
        body: body,  # pyright: ignore[reportInvalidTypeForm]
        on_error: OnErrorQuery = "abort",
        match: MatchQuery = None,
    ) -> Response:
        """Up to 1,000 items of one operation: `create` and `upsert` take whole records, `update`
        takes `id` and `patch`, `delete` and `restore` take `id`. Each item has its own result.
        """
        await tx.spend(len(body.items) // ITEMS_PER_POINT)
        report = await bulk(service(tx), body.op, body.items, on_error=on_error, match=match)
        if not report.stored:
            raise refusal(report, "bulk_failed", "/items")
        return answers.plain(shown_report(report))

    router.add_api_route(
        "/bulk",
        bulk_write,
        methods=["POST"],
        operation_id=f"bulk{name}",
        summary=f"Write many {service.plural} at once",
        responses={200: {"model": BulkReport}} | problems(400, 403, 413, 415, 422),
    )


def add_bulk_action(
    router: APIRouter,
    service: type[CrudService[Any]],
    verb: str,
    act: ItemAct,
    texts: tuple[str, str],
    *,
    body: type[BaseModel],
) -> None:
    """`POST /v1/{collection}/bulk/{verb}`: `act` on many records, each with what `body` says.

    It has to be added before the route of the same action on one record, `/{id}/{verb}`.
    """
    plural = "".join(word.capitalize() for word in service.plural.split("_"))
    item: Any = SkipValidation[item_of(body)]
    fields: dict[str, Any] = {"items": (list[item], Field(min_length=1, max_length=MOST))}
    doc, name = "An action on many records.", f"{plural}{verb.capitalize()}"
    many: Any = create_model(name, __base__=Schema, __doc__=doc, **fields)

    async def bulk_act(
        tx: Writing,
        body: many,  # pyright: ignore[reportInvalidTypeForm]
        on_error: OnErrorQuery = "abort",
    ) -> Response:
        await tx.spend(len(body.items) // ITEMS_PER_POINT)
        report = await bulk_action(service(tx), shape, body.items, act, on_error=on_error)
        if not report.stored:
            raise refusal(report, "bulk_failed", "/items")
        return answers.plain(shown_report(report))

    shape = body
    router.add_api_route(
        f"/bulk/{verb}",
        bulk_act,
        methods=["POST"],
        operation_id=f"{verb}{plural}",
        summary=texts[0],
        description=texts[1],
        responses={200: {"model": BulkReport}} | problems(400, 403, 413, 415, 422),
    )


def _body_of(service: type[CrudService[Any]], name: str) -> Any:
    # Documented, but read item by item, so that one that is wrong is a mistake of its own.
    ops = ops_of(service)
    item: Any = SkipValidation[Union[*(shape_of(service, op) for op in ops)]]
    fields: dict[str, Any] = {
        "op": (Literal[*ops], Field("create", description="What is done to each item.")),
        "items": (list[item], Field(min_length=1, max_length=MOST)),
    }
    doc = "One operation on many records."
    return create_model(f"{name}Bulk", __base__=Schema, __doc__=doc, **fields)
