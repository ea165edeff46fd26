"""Definitions over REST."""

from crm_api.kit.rest.router import crud_router
from crm_api.platform.custom_fields.service import CustomFieldService, CustomObjectService

custom_fields = crud_router(CustomFieldService)
custom_objects = crud_router(CustomObjectService)
