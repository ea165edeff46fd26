"""Jobs over REST, their progress as server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response

from crm_api.kit.db.json import encode
from crm_api.kit.errors import CrmError
from crm_api.kit.live import Live
from crm_api.kit.rest import answers
from crm_api.kit.rest.params import Cursor, Limit
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import new_router
from crm_api.kit.rest.streams import EventStream, live_of
from crm_api.platform.jobs.schemas import JobOut, JobPage, JobStatus
from crm_api.platform.jobs.service import ENDED, JobService

router = new_router("jobs", "jobs")
_ONE: dict[int | str, dict[str, Any]] = {200: {"model": JobOut}}
_MANY: dict[int | str, dict[str, Any]] = {200: {"model": JobPage}}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events `progress` and `end`.", "content": {"text/event-stream": {}}}
}
# A stream looks this often, says something at least that often, and ends after an hour.
_LOOK_S, _BEAT_S, _LONGEST_S = 0.4, 15.0, 3600.0


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

    Where whoever listens may not see the job any more, `end` has a `code` and a `detail`.
    """
    first = await JobService(tx).get(id)
    return EventStream(request, tx.organization_id, _follow(id, live_of(request), request, first))


async def _follow(
    id: UUID, live: Live, request: Request, shown: dict[str, Any]
) -> AsyncIterator[bytes]:
    yield _message("progress", shown)
    waited = quiet = 0.0
    while shown["status"] not in ENDED and waited < _LONGEST_S:
        await asyncio.sleep(_LOOK_S)
        waited, quiet = waited + _LOOK_S, quiet + _LOOK_S
        if await request.is_disconnected():
            return
        try:
            now = await JobService(await live.tx()).get(id)
        except CrmError as error:
            yield _message("end", {"code": error.own_code, "detail": error.detail})
            return
        if now != shown:
            shown, quiet = now, 0.0
            yield _message("progress", shown)
        elif quiet >= _BEAT_S:
            quiet = 0.0
            yield b": still here\n\n"
    yield _message("end", shown)


def _message(event: str, shown: dict[str, Any]) -> bytes:
    return b"event: " + event.encode() + b"\ndata: " + encode(shown) + b"\n\n"
