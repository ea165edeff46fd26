"""The organization, its API keys, users and teams over GraphQL."""

from datetime import timedelta
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related, related_many
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.identity.schemas import (
    ApiKeyMade,
    ApiKeyOut,
    InvitationOut,
    KeyRotation,
    OrganizationOut,
    OrganizationUpdate,
    TeamMemberOut,
    TeamOut,
    UserOut,
)
from crm_api.platform.identity.service import (
    ApiKeyService,
    OrganizationService,
    UserService,
)
from crm_api.platform.identity.teams import TeamMemberService, TeamService


@type_from(OrganizationOut)
class Organization:
    """The organization."""


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

    team = related(TeamMemberService, "team", Team)
    user = related(TeamMemberService, "user", User)


@type_from(ApiKeyOut)
class ApiKey:
    """An API key, without its secret."""

    user = related(ApiKeyService, "user", User)


@type_from(ApiKeyMade)
class NewApiKey:
    """A new API key with its token."""


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


@type_from(InvitationOut)
class Invitation:
    """An invitation to join."""


@strawberry.type
class UserActions:
    """Who is let in."""

    @mutation
    async def rotate_api_key(
        self, info: GraphInfo, id: UUID, grace_period_seconds: int = 86_400
    ) -> NewApiKey:
        """Make a new key in the place of an old one, which lasts for a while beside it."""
        data = shape_given(KeyRotation, {"grace_period_seconds": grace_period_seconds})
        grace = timedelta(seconds=data.grace_period_seconds)
        return cast("Any", await ApiKeyService(info.context.tx).rotate(id, grace))

    @mutation
    async def invite_user(self, info: GraphInfo, id: UUID) -> Invitation:
        """Invite a user to join; the answer holds the token this once."""
        return cast("Any", await UserService(info.context.tx).invite(id))

    @mutation
    async def suspend_user(self, info: GraphInfo, id: UUID) -> User:
        """Let a user in no more."""
        return await UserService(info.context.tx).suspend(id)

    @mutation
    async def reactivate_user(self, info: GraphInfo, id: UUID) -> User:
        """Let a suspended user in again."""
        return await UserService(info.context.tx).reactivate(id)

    @mutation
    async def end_user_sessions(self, info: GraphInfo, id: UUID) -> bool:
        """Log a user out everywhere."""
        await UserService(info.context.tx).end_sessions(id)
        return True


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
MUTATIONS = (
    OrganizationMutation,
    UserActions,
    *(collection.mutation() for collection in _COLLECTIONS),
)
