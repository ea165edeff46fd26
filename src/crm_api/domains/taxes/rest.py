"""Tax rates over REST."""

from crm_api.domains.taxes.service import TaxRateService
from crm_api.kit.rest.router import crud_router

router = crud_router(TaxRateService)
