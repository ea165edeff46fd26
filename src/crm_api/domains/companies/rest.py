"""Companies over REST."""

from crm_api.domains.companies.schemas import CompanyCreate, CompanyOut, CompanyUpdate
from crm_api.domains.companies.service import CompanyService
from crm_api.kit.rest.router import crud_router

router = crud_router(CompanyService, create=CompanyCreate, update=CompanyUpdate, out=CompanyOut)
