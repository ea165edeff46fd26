"""Requests of people, holds and retention over REST."""

from typing import Any

from fastapi import Request, Response

from crm_api.kit.files.store import Place
from crm_api.kit.rest import answers
from crm_api.kit.rest.downloads import Download, sent
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading, Writing, services_of
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.platform.privacy.archive import SHELF
from crm_api.platform.privacy.retention import RetentionPolicyService
from crm_api.platform.privacy.schemas import (
    ErasureReport,
    ExtendInput,
    ReadmitInput,
    Readmitted,
    RejectInput,
    RequestStarted,
    RetentionPreview,
    RetentionStarted,
    SubjectRequestOut,
    VerifyInput,
)
from crm_api.platform.privacy.service import LegalHoldService, SubjectRequestService

requests = crud_router(SubjectRequestService)
holds = crud_router(LegalHoldService)
policies = crud_router(RetentionPolicyService)
erasures = new_router("erasures", "erasures")

_ONE: dict[int | str, dict[str, Any]] = {200: {"model": SubjectRequestOut}}
_STARTED: dict[int | str, dict[str, Any]] = {202: {"model": RequestStarted}}
_REPORT: dict[int | str, dict[str, Any]] = {200: {"model": ErasureReport}}
_READMITTED: dict[int | str, dict[str, Any]] = {200: {"model": Readmitted}}
_PREVIEW: dict[int | str, dict[str, Any]] = {200: {"model": RetentionPreview}}
_RUNNING: dict[int | str, dict[str, Any]] = {202: {"model": RetentionStarted}}
_ZIP: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The archive.",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@requests.post(
    "/{id}/verify",
    operation_id="verifySubjectRequest",
    summary="Say how a person is known to be who they say",
    responses=_ONE | problems(400, 403, 404, 409, 415, 422),
)
async def verify(id: Id, tx: Writing, body: VerifyInput) -> Response:
    """Nothing is carried out for whoever is not verified."""
    return answers.record(await SubjectRequestService(tx).verify(id, body))


@requests.post(
    "/{id}/extend",
    operation_id="extendSubjectRequest",
    summary="Take longer for an answer",
    responses=_ONE | problems(400, 403, 404, 409, 415, 422),
)
async def extend(id: Id, tx: Writing, body: ExtendInput) -> Response:
    """Up to three months from receipt."""
    return answers.record(await SubjectRequestService(tx).extend(id, body))


@requests.post(
    "/{id}/reject",
    operation_id="rejectSubjectRequest",
    summary="Reject a request",
    responses=_ONE | problems(400, 403, 404, 409, 415, 422),
)
async def reject(id: Id, tx: Writing, body: RejectInput) -> Response:
    """With the reason that the person is told."""
    return answers.record(await SubjectRequestService(tx).reject(id, body))


@requests.post(
    "/{id}/start",
    status_code=202,
    operation_id="startSubjectRequest",
    summary="Carry a request out",
    responses=_STARTED | problems(403, 404, 409, 422),
)
async def start(id: Id, tx: Writing) -> Response:
    """By a job. Access takes the scope `privacy:export`; erasure takes `privacy:purge` and that of
    the collection, and whoever is to be erased can neither be changed nor created from here on.
    """
    started = await SubjectRequestService(tx).start(id)
    headers = {"Location": f"/v1/jobs/{started['job_id']}"}
    return answers.plain(started, status=202, headers=headers)


@requests.post(
    "/{id}/preview",
    operation_id="previewErasure",
    summary="What an erasure would do",
    responses=_REPORT | problems(403, 404, 409, 422),
)
async def preview(id: Id, tx: Writing) -> Response:
    """Counts by kind, and what would stay by what right; files are only looked into by the job."""
    return answers.plain(await SubjectRequestService(tx).preview(id))


@requests.get(
    "/{id}/archive",
    operation_id="downloadArchive",
    summary="Everything there is about a person",
    responses=_ZIP | problems(403, 404, 422),
)
async def download(id: Id, request: Request, tx: Reading) -> Response:
    """A zip with a manifest and a JSON Lines file for each kind of record, kept for seven days."""
    stored_as = await SubjectRequestService(tx).file(id)
    place = Place(SHELF, tx.organization_id, stored_as)
    found = Download(place, f"subject-request-{id}.zip", "application/zip")
    return await sent(request, services_of(request).files, found)


@erasures.post(
    "/readmit",
    operation_id="readmitPerson",
    summary="Let somebody be known again who was erased",
    responses=_READMITTED | problems(400, 403, 409, 415, 422),
)
async def readmit(tx: Writing, body: ReadmitInput) -> Response:
    """Because they want to: the reason is written down. Takes the scope `privacy:override`."""
    return answers.plain(await SubjectRequestService(tx).readmit(body))


@policies.post(
    "/{id}/preview",
    operation_id="previewRetention",
    summary="What a policy would let go of",
    responses=_PREVIEW | problems(403, 404, 422),
)
async def preview_retention(id: Id, tx: Reading) -> Response:
    """How many records match now, and how many of them a legal hold keeps."""
    return answers.plain(await RetentionPolicyService(tx).preview(id))


@policies.post(
    "/{id}/run",
    status_code=202,
    operation_id="runRetention",
    summary="Carry a policy out now",
    responses=_RUNNING | problems(403, 404, 409, 422),
)
async def run_policy(id: Id, tx: Writing) -> Response:
    """By a job, also while the policy is not active."""
    job_id = await RetentionPolicyService(tx).begin(id)
    return answers.plain({"job_id": job_id}, status=202, headers={"Location": f"/v1/jobs/{job_id}"})
