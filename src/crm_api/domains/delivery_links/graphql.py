"""Links of projects over GraphQL, for those who deliver."""

from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.delivery_links import schemas
from crm_api.domains.delivery_links.service import DeliveryLinkService
from crm_api.domains.projects.graphql import Project
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import type_from


@type_from(schemas.DeliveryLinkOut)
class DeliveryLink:
    """A secret address at which a customer accepts what was delivered of a project."""

    project = related(DeliveryLinkService, "project", Project)
    contact = related(DeliveryLinkService, "contact", Contact)


@type_from(schemas.DeliveryLinkMade)
class NewDeliveryLink:
    """A new link with its token."""


@type_from(schemas.DeliveryVisits)
class DeliveryVisits:
    """What was done by the links of a project."""


_LINKS = Collection(DeliveryLinkService, DeliveryLink, made=NewDeliveryLink)


@strawberry.type
class DeliveryVisitQuery:
    """What became of links."""

    @strawberry.field
    async def delivery_visits(self, info: GraphInfo, id: UUID) -> DeliveryVisits:
        """What customers did by the links of a project."""
        return cast("Any", await DeliveryLinkService(info.context.tx).visits(id))


@strawberry.type
class DeliveryLinkMutation:
    """What is done with links."""

    @mutation
    async def revoke_delivery_link(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> DeliveryLink:
        """Have a link open nothing from now on, for good."""
        return await DeliveryLinkService(info.context.tx).revoke(id, expected_version)


QUERIES = (_LINKS.query(), DeliveryVisitQuery)
MUTATIONS = (_LINKS.mutation(), DeliveryLinkMutation)
