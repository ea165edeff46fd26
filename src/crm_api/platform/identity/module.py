"""Identity as a part of the product."""

from crm_api.kit.access import Managed
from crm_api.kit.crud.applying import CollectionApplier
from crm_api.kit.module import Faces, Module
from crm_api.platform.identity.service import (
    ApiKeyService,
    UserService,
)
from crm_api.platform.identity.teams import TeamMemberService, TeamService


def _faces() -> Faces:
    from crm_api.platform.identity.graphql import MUTATIONS, QUERIES
    from crm_api.platform.identity.rest import api_keys, organization, team_members, teams, users

    return Faces(
        routers=[organization, api_keys, users, teams, team_members],
        queries=QUERIES,
        mutations=MUTATIONS,
    )


MODULE = Module(
    key="identity",
    title="Organization",
    description="The organization, its users, teams and API keys.",
    switchable=False,
    areas=["organization"],
    faces=_faces,
    tags={"organization": "The organization of the credential."},
    events=[
        "api_key.rotated",
        "organization.updated",
        "user.invited",
        "user.joined",
        "user.suspended",
        "user.reactivated",
        "user.logged_out",
    ],
    appliers=[CollectionApplier(TeamService, by=["name"])],
    managed={
        "api_keys": Managed("manage_keys", secret=True),
        "organization": Managed("manage_settings"),
        "users": Managed("manage_users"),
        "teams": Managed("manage_users"),
    },
    services=[ApiKeyService, UserService, TeamService, TeamMemberService],
)
