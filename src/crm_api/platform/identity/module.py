"""Identity as a part of the product."""

from crm_api.kit.module import Module
from crm_api.platform.identity.graphql import ApiKeyMutation, ApiKeyQuery, OrganizationQuery
from crm_api.platform.identity.rest import api_keys, organization
from crm_api.platform.identity.service import ApiKeyService

MODULE = Module(
    name="identity",
    routers=[organization, api_keys],
    tags={"organization": "The organization of the credential."},
    queries=[OrganizationQuery, ApiKeyQuery],
    mutations=[ApiKeyMutation],
    services=[ApiKeyService],
)
