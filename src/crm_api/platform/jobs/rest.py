"""Jobs over REST, their progress as server-sent events."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response

from crm_api.kit.db.json import encode
from crm_api.kit.live import Ended
from crm_api.kit.rest import answers
from crm_api.kit.rest.params import Cursor, Limit
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import new_router
from crm_api.kit.rest.streams import EventStream, live_of
from crm_api.platform.jobs.live import progress
from crm_api.platform.jobs.schemas import JobOut, JobPage, JobStatus
from crm_api.platform.jobs.service import JobService

router = new_router("jobs", "jobs")
_ONE: dict[int | str, dict[str, Any]] = {200: {"model": JobOut}}
_MANY: dict[int | str, dict[str, Any]] = {200: {"model": JobPage}}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events `progress` and `end`.", "content": {"text/event-stream": {}}}
}


@router.get("", operation_id="listJobs", summary="List jobs", responses=_MANY | problems(403, 422))
async def list_jobs(
    tx: Reading,
    cursor: Cursor = None,
    limit: Limit = 50,
    status: Annotated[JobStatus | None, Query(description="Only these.")] = None,
) -> Response:
    """Jobs, newest first."""
    return answers.plain(await JobService(tx).page(cursor=cursor, limit=limit, status=status))


@router.get(
    "/{id}",
    operation_id="getJob",
    summary="How far a job is",
    responses=_ONE | problems(403, 404, 422),
)
async def read_job(id: UUID, tx: Reading) -> Response:
    """Status, progress, and at its end the result or the error."""
    return answers.plain(await JobService(tx).get(id))


@router.post(
    "/{id}/cancel",
    operation_id="cancelJob",
    summary="End a job",
    responses=_ONE | problems(403, 404, 409, 422),
)
async def cancel_job(id: UUID, tx: Writing) -> Response:
    """A waiting job ends at once, a running one at its next step; what is done stays done."""
    return answers.plain(await JobService(tx).cancel(id))


@router.post(
    "/{id}/retry",
    operation_id="retryJob",
    summary="Try a failed job again",
    responses=_ONE | problems(403, 404, 409, 422),
)
async def retry_job(id: UUID, tx: Writing) -> Response:
    """With all of its attempts; `GET /v1/jobs?status=failed` lists what was given up."""
    return answers.plain(await JobService(tx).retry(id))


@router.get(
    "/{id}/events",
    operation_id="streamJob",
    summary="Follow a job",
    responses=_STREAM | problems(403, 404, 422),
)
async def stream_job(id: UUID, request: Request, tx: Reading) -> Response:
    """Server-sent events: `progress` when something changes, `end` with the last state.

    Where whoever listens may not see the job any more, and after an hour, `end` has a `code` and a
    `detail`.
    """
    await JobService(tx).get(id)
    own = tx.organization_id
    return EventStream(request, own, _told(progress(live_of(request), own, id)))


async def _told(states: AsyncIterator[dict[str, Any] | None]) -> AsyncIterator[bytes]:
    last: dict[str, Any] = {}
    try:
        async for state in states:
            if state is None:
                yield b": still here\n\n"
                continue
            last = state
            yield _message("progress", state)
    except Ended as end:
        last = {"code": end.code, "detail": str(end)}
    yield _message("end", last)


def _message(event: str, shown: dict[str, Any]) -> bytes:
    return b"event: " + event.encode() + b"\ndata: " + encode(shown) + b"\n\n"
