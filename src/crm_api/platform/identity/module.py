"""Identity as a part of the product."""

from crm_api.kit.module import Module
from crm_api.platform.identity.graphql import MUTATIONS, QUERIES
from crm_api.platform.identity.rest import api_keys, organization, team_members, teams, users
from crm_api.platform.identity.service import (
    ApiKeyService,
    TeamMemberService,
    TeamService,
    UserService,
)

MODULE = Module(
    name="identity",
    routers=[organization, api_keys, users, teams, team_members],
    tags={"organization": "The organization of the credential."},
    queries=QUERIES,
    mutations=MUTATIONS,
    events=["organization.updated"],
    services=[ApiKeyService, UserService, TeamService, TeamMemberService],
)
