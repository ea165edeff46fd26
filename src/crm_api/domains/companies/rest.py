"""Companies over REST."""

from crm_api.domains.companies.service import CompanyService
from crm_api.kit.rest.router import crud_router

router = crud_router(CompanyService)
