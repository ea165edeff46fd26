"""Links of projects over REST, for those who deliver."""

from typing import Any

from fastapi import Response

from crm_api.domains.delivery_links.schemas import (
    DeliveryLinkMade,
    DeliveryLinkOut,
    DeliveryVisits,
)
from crm_api.domains.delivery_links.service import DeliveryLinkService
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router

Responses = dict[int | str, dict[str, Any]]
_LINK: Responses = {200: {"model": DeliveryLinkOut}}
_VISITS: Responses = {200: {"model": DeliveryVisits}}
links = crud_router(DeliveryLinkService, made=DeliveryLinkMade)
projects = new_router("projects", "projects")


@links.post(
    "/{id}/revoke",
    operation_id="revokeDeliveryLink",
    summary="Have a link of a project open nothing any more",
    responses=_LINK | problems(403, 404, 409, 412, 422),
)
async def revoke(id: Id, tx: Writing, if_match: IfMatch = None) -> Response:
    """From this moment on, and for good."""
    expected = answers.version_of(if_match)
    return answers.record(await DeliveryLinkService(tx).revoke(id, expected))


@projects.get(
    "/{id}/delivery-visits",
    operation_id="getDeliveryVisits",
    summary="What customers did by the links of a project",
    responses=_VISITS | problems(403, 404, 422),
)
async def visits(id: Id, tx: Reading) -> Response:
    """Who looked, accepted and rejected, when and from where."""
    return answers.plain(await DeliveryLinkService(tx).visits(id))


ROUTERS = (links, projects)
