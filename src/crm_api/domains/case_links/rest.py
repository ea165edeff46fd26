"""Links of cases over REST, for those who help."""

from typing import Any

from fastapi import Response

from crm_api.domains.case_links.schemas import CaseLinkMade, CaseLinkOut
from crm_api.domains.case_links.service import CaseLinkService
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Writing
from crm_api.kit.rest.router import crud_router

_LINK: dict[int | str, dict[str, Any]] = {200: {"model": CaseLinkOut}}
links = crud_router(CaseLinkService, made=CaseLinkMade)


@links.post(
    "/{id}/revoke",
    operation_id="revokeCaseLink",
    summary="Have a link of a case open nothing any more",
    responses=_LINK | problems(403, 404, 409, 412, 422),
)
async def revoke(id: Id, tx: Writing, if_match: IfMatch = None) -> Response:
    """From this moment on, and for good."""
    return answers.record(await CaseLinkService(tx).revoke(id, answers.version_of(if_match)))


ROUTERS = (links,)
