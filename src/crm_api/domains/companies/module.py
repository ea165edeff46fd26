"""Companies as a part of the product."""

from crm_api.domains.companies.importer import CompanyImporter
from crm_api.domains.companies.matcher import CompanyMatcher
from crm_api.domains.companies.merger import CompanyMerger
from crm_api.domains.companies.service import CompanyService
from crm_api.domains.companies.standard import STANDARD_REPORTS
from crm_api.kit.module import Faces, Module


def _faces() -> Faces:
    from crm_api.domains.companies.graphql import Mutation, Query
    from crm_api.domains.companies.rest import router

    return Faces(
        routers=[router],
        queries=[Query],
        mutations=[Mutation],
    )


MODULE = Module(
    key="companies",
    title="Companies",
    description="The organizations that one deals with, and their hierarchy.",
    faces=_faces,
    importers=[CompanyImporter()],
    matchers=[CompanyMatcher()],
    mergers=[CompanyMerger()],
    services=[CompanyService],
    standard_reports=STANDARD_REPORTS,
)
