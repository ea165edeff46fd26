"""Many writes over REST: a batch, and for each collection a change by filter."""

from collections.abc import Iterable, Sequence
from typing import Any, Optional

from fastapi import APIRouter, Response
from pydantic import Field, create_model

from crm_api.kit.crud.bulk import Report
from crm_api.kit.crud.reports import BulkOutcome, BulkReport, shown_report
from crm_api.kit.crud.service import CrudService
from crm_api.kit.rest import answers
from crm_api.kit.rest.bulk import ITEMS_PER_POINT, refusal
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Insisting, Writing
from crm_api.kit.rest.router import new_router
from crm_api.kit.rest.routes import joined
from crm_api.platform.batching.schemas import BatchInput, MatchingInput, MatchingOut, Operation
from crm_api.platform.batching.service import BatchService, MatchingService

batch = new_router("batch", "batch")


class BatchOutcome(BulkOutcome):
    """What became of an operation."""

    name: str | None


class BatchReport(BulkReport):
    """What became of a batch."""

    results: list[BatchOutcome] = Field(description="In the order of the operations.")  # pyright: ignore[reportIncompatibleVariableOverride]


def shown_batch(report: Report, operations: Sequence[Operation]) -> dict[str, Any]:
    """The report of a batch as both faces show it."""
    shown = shown_report(report)
    for result in shown["results"]:
        result["name"] = operations[result["index"]].name
    return shown


@batch.post(
    "",
    operation_id="batch",
    summary="Write records of any kind at once",
    responses={200: {"model": BatchReport}} | problems(400, 403, 413, 415, 422),
)
async def run_batch(tx: Insisting, body: BatchInput) -> Response:
    """Up to 100 operations in their order. `{"$ref": "name.field"}` stands for a value of the
    record of an earlier one. With `atomic` all are stored or none, and the mistakes of all are
    told; without, each has its own result.
    """
    await tx.spend(len(body.operations) // ITEMS_PER_POINT)
    report = await BatchService(tx).run(body)
    if not report.stored:
        raise refusal(report, "batch_failed", "/operations")
    return answers.plain(shown_batch(report, body.operations))


def matching_routes(services: Iterable[type[CrudService[Any]]]) -> APIRouter:
    """`POST /v1/{collection}/bulk/by-filter` for each collection."""
    return joined(map(_matching_of, services))


def _matching_of(service: type[CrudService[Any]]) -> APIRouter:
    plural = service.plural
    router = new_router(plural, service.route_of())
    name = "".join(word.capitalize() for word in plural.split("_"))
    patch: Any = (
        Optional[service.update_shape],  # noqa: UP045 - built at run time
        Field(None, description="Of `update`: a merge patch."),
    )
    body: Any = create_model(f"{name}ByFilter", __base__=MatchingInput, patch=patch)

    async def write_matching(
        tx: Writing,
        body: body,  # pyright: ignore[reportInvalidTypeForm]
    ) -> Response:
        """Without `expected_count` nothing is done: the answer is how many records match, and some
        of them. With it a job begins (202), unless by now more than a hundredth fewer or more
        match, or more than the organization's `bulk_limit` (409).
        """
        entity = service(tx).records.listing.entity
        asked = await MatchingService(tx).ask(entity, body, body.patch)
        if asked["job_id"] is None:
            return answers.plain(asked)
        return answers.plain(asked, status=202, headers={"Location": f"/v1/jobs/{asked['job_id']}"})

    router.add_api_route(
        "/bulk/by-filter",
        write_matching,
        methods=["POST"],
        operation_id=f"write{name}ByFilter",
        summary=f"Do the same to all {plural.replace('_', ' ')} that match",
        responses={200: {"model": MatchingOut}, 202: {"model": MatchingOut}}
        | problems(400, 403, 409, 415, 422),
    )
    return router
