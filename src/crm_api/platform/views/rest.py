"""Views over REST."""

from crm_api.kit.rest.router import crud_router
from crm_api.platform.views.service import ViewService

router = crud_router(ViewService)
