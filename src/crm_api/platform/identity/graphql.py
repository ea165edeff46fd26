"""The organization and its API keys over GraphQL."""

import strawberry

from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.types import type_from
from crm_api.platform.identity.schemas import ApiKeyMade, ApiKeyOut, OrganizationOut
from crm_api.platform.identity.service import ApiKeyService, OrganizationService


@type_from(OrganizationOut)
class Organization:
    """The organization."""


@type_from(ApiKeyOut)
class ApiKey:
    """An API key, without its secret."""


@type_from(ApiKeyMade)
class NewApiKey:
    """A new API key with its token."""


_KEYS = Collection(ApiKeyService, ApiKey, made=NewApiKey)
ApiKeyQuery = _KEYS.query()
ApiKeyMutation = _KEYS.mutation()


@strawberry.type
class OrganizationQuery:
    """The organization of the credential."""

    @strawberry.field
    async def organization(self, info: GraphInfo) -> Organization:
        """The organization that the credential belongs to."""
        return await OrganizationService(info.context.tx).own()
