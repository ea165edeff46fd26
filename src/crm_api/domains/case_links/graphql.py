"""Links of cases over GraphQL, for those who help."""

from uuid import UUID

import strawberry

from crm_api.domains.case_links import schemas
from crm_api.domains.case_links.service import CaseLinkService
from crm_api.domains.cases.graphql import Case
from crm_api.domains.contacts.graphql import Contact
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import type_from


@type_from(schemas.CaseLinkOut)
class CaseLink:
    """A secret address at which a customer rates how a case was closed, once."""

    case = related(CaseLinkService, "case", Case)
    contact = related(CaseLinkService, "contact", Contact)


@type_from(schemas.CaseLinkMade)
class NewCaseLink:
    """A new link with its token."""


_LINKS = Collection(CaseLinkService, CaseLink, made=NewCaseLink)


@strawberry.type
class CaseLinkMutation:
    """What is done with links."""

    @mutation
    async def revoke_case_link(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> CaseLink:
        """Have a link open nothing from now on, for good."""
        return await CaseLinkService(info.context.tx).revoke(id, expected_version)


QUERIES = (_LINKS.query(),)
MUTATIONS = (_LINKS.mutation(), CaseLinkMutation)
