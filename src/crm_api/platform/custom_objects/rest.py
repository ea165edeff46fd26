"""Records of custom objects over REST."""

from crm_api.kit.rest.router import crud_router
from crm_api.platform.custom_objects.service import CustomRecordService

custom_records = crud_router(CustomRecordService)
