"""The organization, its API keys, users and teams over REST."""

from datetime import timedelta
from typing import Any

from fastapi import Response

from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.platform.identity.schemas import (
    ApiKeyMade,
    InvitationOut,
    KeyRotation,
    OrganizationOut,
    OrganizationUpdate,
    UserOut,
)
from crm_api.platform.identity.service import (
    ApiKeyService,
    OrganizationService,
    UserService,
)
from crm_api.platform.identity.teams import TeamMemberService, TeamService

api_keys = crud_router(ApiKeyService, made=ApiKeyMade)
users = crud_router(UserService)
teams = crud_router(TeamService)
team_members = crud_router(TeamMemberService)
organization = new_router("organization", "organization")


@api_keys.post(
    "/{id}/rotate",
    status_code=201,
    operation_id="rotateApiKey",
    summary="Make a new key in the place of an old one",
    responses={201: {"model": ApiKeyMade}, **problems(400, 403, 404, 409, 415, 422)},
)
async def rotate_api_key(id: Id, tx: Writing, body: KeyRotation) -> Response:
    """The answer holds its token this once; the old key lasts for the grace period beside it."""
    grace = timedelta(seconds=body.grace_period_seconds)
    made = await ApiKeyService(tx).rotate(id, grace)
    place = {"Location": f"/v1/api-keys/{made['id']}"}
    return answers.plain(made, status=201, headers={**place, **answers.UNKEPT})


_USER: dict[int | str, dict[str, Any]] = {200: {"model": UserOut}}
_INVITED: dict[int | str, dict[str, Any]] = {200: {"model": InvitationOut}}


@users.post(
    "/{id}/invite",
    operation_id="inviteUser",
    summary="Invite a user to join",
    responses=_INVITED | problems(403, 404, 409, 422),
)
async def invite_user(id: Id, tx: Writing) -> Response:
    """The answer holds the token this once; an earlier one opens nothing any more.

    Takes everything that a member may do, which is all until roles say less.
    """
    return answers.plain(await UserService(tx).invite(id), headers=answers.UNKEPT)


@users.post(
    "/{id}/suspend",
    operation_id="suspendUser",
    summary="Let a user in no more",
    responses=_USER | problems(403, 404, 409, 422),
)
async def suspend_user(id: Id, tx: Writing) -> Response:
    """All sessions of the user end within a second."""
    return answers.record(await UserService(tx).suspend(id))


@users.post(
    "/{id}/reactivate",
    operation_id="reactivateUser",
    summary="Let a suspended user in again",
    responses=_USER | problems(403, 404, 409, 422),
)
async def reactivate_user(id: Id, tx: Writing) -> Response:
    """The user has to log in anew."""
    return answers.record(await UserService(tx).reactivate(id))


@users.delete(
    "/{id}/sessions",
    status_code=204,
    operation_id="endUserSessions",
    summary="Log a user out everywhere",
    responses=problems(403, 404, 422),
)
async def end_user_sessions(id: Id, tx: Writing) -> Response:
    """All sessions of the user in this organization end within a second."""
    await UserService(tx).end_sessions(id)
    return Response(status_code=204)


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
