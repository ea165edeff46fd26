"""Companies over GraphQL."""

from typing import Annotated

import strawberry

from crm_api.domains.companies.schemas import CompanyOut
from crm_api.domains.companies.service import CompanyService
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.relations import related, related_many
from crm_api.kit.graphql.types import type_from


@type_from(CompanyOut)
class Company:
    """A company."""

    parent = related(CompanyService, "parent", Annotated["Company", strawberry.lazy(__name__)])
    children = related_many(
        CompanyService, "children", Annotated["CompanyConnection", strawberry.lazy(__name__)]
    )


COMPANIES = Collection(CompanyService, Company)
CompanyConnection = COMPANIES.connection
Query = COMPANIES.query()
Mutation = COMPANIES.mutation()
