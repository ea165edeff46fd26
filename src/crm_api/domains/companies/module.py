"""Companies as a part of the product."""

from crm_api.domains.companies.graphql import Mutation, Query
from crm_api.domains.companies.importer import CompanyImporter
from crm_api.domains.companies.matcher import CompanyMatcher
from crm_api.domains.companies.merger import CompanyMerger
from crm_api.domains.companies.rest import router
from crm_api.domains.companies.service import CompanyService
from crm_api.kit.module import Module

MODULE = Module(
    key="companies",
    title="Companies",
    description="The organizations that one deals with, and their hierarchy.",
    routers=[router],
    queries=[Query],
    mutations=[Mutation],
    importers=[CompanyImporter()],
    matchers=[CompanyMatcher()],
    mergers=[CompanyMerger()],
    services=[CompanyService],
)
