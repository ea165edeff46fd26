"""The organization, its API keys, users and teams over GraphQL."""

from typing import Annotated

import strawberry

from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related, related_many
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.identity.schemas import (
    ApiKeyMade,
    ApiKeyOut,
    OrganizationOut,
    OrganizationUpdate,
    TeamMemberOut,
    TeamOut,
    UserOut,
)
from crm_api.platform.identity.service import (
    ApiKeyService,
    OrganizationService,
    TeamMemberService,
    TeamService,
    UserService,
)


@type_from(OrganizationOut)
class Organization:
    """The organization."""


@type_from(ApiKeyOut)
class ApiKey:
    """An API key, without its secret."""


@type_from(ApiKeyMade)
class NewApiKey:
    """A new API key with its token."""


_Memberships = Annotated["TeamMemberConnection", strawberry.lazy(__name__)]


@type_from(UserOut)
class User:
    """A member of the organization."""

    memberships = related_many(UserService, "memberships", _Memberships)


@type_from(TeamOut)
class Team:
    """A team."""

    parent = related(TeamService, "parent", Annotated["Team", strawberry.lazy(__name__)])
    children = related_many(
        TeamService, "children", Annotated["TeamConnection", strawberry.lazy(__name__)]
    )
    members = related_many(TeamService, "members", _Memberships)


@type_from(TeamMemberOut)
class TeamMember:
    """That a user belongs to a team."""

    team = related(TeamService, "team", Team)
    user = related(UserService, "user", User)


_KEYS = Collection(ApiKeyService, ApiKey, made=NewApiKey)
_USERS = Collection(UserService, User)
_TEAMS = Collection(TeamService, Team)
_MEMBERS = Collection(TeamMemberService, TeamMember)
TeamConnection = _TEAMS.connection
TeamMemberConnection = _MEMBERS.connection
_COLLECTIONS = (_KEYS, _USERS, _TEAMS, _MEMBERS)


@strawberry.type
class OrganizationQuery:
    """The organization of the credential."""

    @strawberry.field
    async def organization(self, info: GraphInfo) -> Organization:
        """The organization that the credential belongs to."""
        return await OrganizationService(info.context.tx).own()


@strawberry.type
class OrganizationMutation:
    """The organization of the credential."""

    @mutation
    async def update_organization(
        self,
        info: GraphInfo,
        input: input_from(OrganizationUpdate),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> Organization:
        """Change the organization."""
        data = shape_given(OrganizationUpdate, input)
        return await OrganizationService(info.context.tx).update(data)


QUERIES = (OrganizationQuery, *(collection.query() for collection in _COLLECTIONS))
MUTATIONS = (OrganizationMutation, *(collection.mutation() for collection in _COLLECTIONS))
