"""Roles, shares and why somebody may do what over REST."""

from collections.abc import Iterable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_api.kit.crud.service import CrudService
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.kit.rest.routes import joined
from crm_api.platform.access.explaining import explain
from crm_api.platform.access.rules import SharingRuleService
from crm_api.platform.access.schemas import (
    AccessOut,
    CollaboratorInput,
    CollaboratorList,
    CollaboratorOut,
)
from crm_api.platform.access.service import RoleAssignmentService, RoleService
from crm_api.platform.access.sharing import ShareService

roles = crud_router(RoleService)
role_assignments = crud_router(RoleAssignmentService)
shares = crud_router(ShareService)
sharing_rules = crud_router(SharingRuleService)
_ACCESS: dict[int | str, dict[str, Any]] = {200: {"model": AccessOut}}
_COLLABORATOR: dict[int | str, dict[str, Any]] = {200: {"model": CollaboratorOut}}
_COLLABORATORS: dict[int | str, dict[str, Any]] = {200: {"model": CollaboratorList}}


def record_routes(
    services: Iterable[type[CrudService[Any]]], shared: Iterable[type[CrudService[Any]]]
) -> APIRouter:
    """`GET /{id}/access` for every collection in which levels count, and who works on records."""
    return joined([*map(_explanation, services), *map(_collaborators, shared)])


def _explanation(service: type[CrudService[Any]]) -> APIRouter:
    entity = service.repository.listing.entity
    single = "".join(word.capitalize() for word in entity.split("_"))
    own = new_router(service.plural, service.route_of())

    @own.get(
        "/{id}/access",
        operation_id=f"get{single}Access",
        summary=f"Why a user may do what with a {entity}",
        responses=_ACCESS | problems(403, 404, 422),
    )
    async def access(
        id: UUID,
        tx: Reading,
        user: Annotated[UUID | None, Query(description="Yourself, when it is left out.")] = None,
    ) -> Response:
        """Levels, ownership, teams and shares; of somebody else it takes `manage_roles`."""
        return answers.plain(await explain(service(tx), id, user))

    return own


def _collaborators(service: type[CrudService[Any]]) -> APIRouter:
    entity = service.repository.listing.entity
    single = "".join(word.capitalize() for word in entity.split("_"))
    own = new_router(service.plural, service.route_of())

    def target_in(tx: Any) -> str:
        return service(tx).records.listing.entity

    @own.get(
        "/{id}/collaborators",
        operation_id=f"list{single}Collaborators",
        summary=f"Who works on a {entity} along with its owner",
        responses=_COLLABORATORS | problems(403, 404, 422),
    )
    async def collaborators(id: UUID, tx: Reading) -> Response:
        """The users with whom it is shared, oldest first."""
        found = await ShareService(tx).collaborators(target_in(tx), id)
        return answers.plain({"data": found})

    @own.put(
        "/{id}/collaborators/{user_id}",
        operation_id=f"put{single}Collaborator",
        summary=f"Have a user work on a {entity}",
        responses=_COLLABORATOR | problems(400, 403, 404, 409, 415, 422),
    )
    async def put_collaborator(
        id: UUID, user_id: UUID, tx: Writing, body: CollaboratorInput
    ) -> Response:
        """By whoever may change it; once more says anew what the user may do."""
        found = await ShareService(tx).collaborate(target_in(tx), id, user_id, body.access)
        return answers.plain(found)

    @own.delete(
        "/{id}/collaborators/{user_id}",
        status_code=204,
        operation_id=f"delete{single}Collaborator",
        summary=f"Have a user work on a {entity} no more",
        responses=problems(403, 404, 409, 422),
    )
    async def delete_collaborator(id: UUID, user_id: UUID, tx: Writing) -> Response:
        """By whoever may change it, or by the user."""
        await ShareService(tx).leave(target_in(tx), id, user_id)
        return Response(status_code=204)

    return own
