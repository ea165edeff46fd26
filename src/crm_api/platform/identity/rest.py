"""The organization, its API keys, users and teams over REST."""

from typing import Any

from fastapi import Response

from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.platform.identity.schemas import ApiKeyMade, OrganizationOut, OrganizationUpdate
from crm_api.platform.identity.service import (
    ApiKeyService,
    OrganizationService,
    TeamMemberService,
    TeamService,
    UserService,
)

api_keys = crud_router(ApiKeyService, made=ApiKeyMade)
users = crud_router(UserService)
teams = crud_router(TeamService)
team_members = crud_router(TeamMemberService)
organization = new_router("organization", "organization")

_OWN: dict[int | str, dict[str, Any]] = {200: {"model": OrganizationOut}}


@organization.get(
    "",
    operation_id="getOrganization",
    summary="The organization of the credential",
    responses=_OWN | problems(403),
)
async def own_organization(tx: Reading) -> Response:
    """The organization that the credential belongs to."""
    return answers.plain(await OrganizationService(tx).own())


@organization.patch(
    "",
    operation_id="updateOrganization",
    summary="Change the organization by a merge patch",
    responses=_OWN | problems(400, 403, 415, 422),
)
async def update_organization(tx: Writing, body: OrganizationUpdate) -> Response:
    """The credentials that are remembered follow within seconds."""
    return answers.plain(await OrganizationService(tx).update(body))
