"""Companies over GraphQL."""

from typing import Annotated

import strawberry

from crm_api.domains.companies.schemas import CompanyOut
from crm_api.domains.companies.service import CompanyService
from crm_api.kit.graphql.fields import Collection, related
from crm_api.kit.graphql.types import type_from


@type_from(CompanyOut)
class Company:
    """A company."""

    parent = related(CompanyService, "parent_id", Annotated["Company", strawberry.lazy(__name__)])


COMPANIES = Collection(CompanyService, Company)
Query = COMPANIES.query()
Mutation = COMPANIES.mutation()
