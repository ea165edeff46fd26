"""Roles over GraphQL."""

from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from crm_api.kit.crud.collections import service_of
from crm_api.kit.errors import Invalid
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related, related_many
from crm_api.kit.graphql.types import type_from
from crm_api.platform.access.explaining import explain
from crm_api.platform.access.rules import SharingRuleService
from crm_api.platform.access.schemas import (
    AccessOut,
    CollaboratorInput,
    CollaboratorOut,
    RoleAssignmentOut,
    RoleOut,
    ShareOut,
    SharingRuleOut,
)
from crm_api.platform.access.service import RoleAssignmentService, RoleService
from crm_api.platform.access.sharing import ShareService


@type_from(RoleOut)
class Role:
    """What whoever has it may do."""

    assignments = related_many(
        RoleService, "assignments", Annotated["RoleAssignmentConnection", strawberry.lazy(__name__)]
    )


@type_from(RoleAssignmentOut)
class RoleAssignment:
    """That a user has a role."""

    role = related(RoleAssignmentService, "role", Role)


@type_from(ShareOut)
class Share:
    """That a record is shared."""


@type_from(SharingRuleOut)
class SharingRule:
    """That whatever passes a filter is shared."""


@type_from(AccessOut)
class Access:
    """Who may do what with a record, and why."""


@type_from(CollaboratorOut)
class Collaborator:
    """Somebody who works on a record along with its owner."""


@strawberry.type
class AccessQuery:
    """Why somebody may do what."""

    @strawberry.field
    async def access(
        self, info: GraphInfo, entity: str, id: UUID, user: UUID | None = None
    ) -> Access:
        """Why a user may do what with a record; yourself, when `user` is left out."""
        tx = info.context.tx
        known = {*RoleService.targets, *tx.catalogue.objects}
        if entity not in known:
            message = f"There are: {', '.join(sorted(known))}."
            raise Invalid.parameter("entity", "not_a_choice", message)
        return cast("Any", await explain(service_of(tx, entity), id, user))

    @strawberry.field
    async def collaborators(self, info: GraphInfo, entity: str, id: UUID) -> list[Collaborator]:
        """The users with whom a record is shared, oldest first."""
        return cast("Any", await _shares(info, entity).collaborators(entity, id))


@strawberry.type
class AccessMutation:
    """Who works on records."""

    @mutation
    async def put_collaborator(
        self, info: GraphInfo, entity: str, id: UUID, user_id: UUID, access: str = "write"
    ) -> Collaborator:
        """Have a user work on a record along with its owner."""
        given = shape_given(CollaboratorInput, {"access": access})
        found = await _shares(info, entity).collaborate(entity, id, user_id, given.access)
        return cast("Any", found)

    @mutation
    async def delete_collaborator(
        self, info: GraphInfo, entity: str, id: UUID, user_id: UUID
    ) -> bool:
        """Have a user work on a record no more."""
        await _shares(info, entity).leave(entity, id, user_id)
        return True


def _shares(info: GraphInfo, entity: str) -> ShareService:
    service = ShareService(info.context.tx)
    try:
        service.of_target(entity)
    except Invalid as error:
        raise Invalid.parameter("entity", "not_a_choice", error.detail) from None
    return service


_ROLES = Collection(RoleService, Role)
_ASSIGNMENTS = Collection(RoleAssignmentService, RoleAssignment)
RoleAssignmentConnection = _ASSIGNMENTS.connection
_COLLECTIONS = (
    _ROLES,
    _ASSIGNMENTS,
    Collection(ShareService, Share),
    Collection(SharingRuleService, SharingRule),
)
QUERIES = (AccessQuery, *(collection.query() for collection in _COLLECTIONS))
MUTATIONS = (AccessMutation, *(collection.mutation() for collection in _COLLECTIONS))
