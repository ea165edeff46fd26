"""Records of custom objects as a part of the product."""

from crm_api.kit.crud.collections import serve_objects
from crm_api.kit.custom.catalogue import OBJECTS
from crm_api.kit.module import Faces, Module
from crm_api.kit.query.targets import refer_to_objects
from crm_api.platform.custom_objects.repository import LISTING, listing_of
from crm_api.platform.custom_objects.service import service_of_object

serve_objects(service_of_object)
refer_to_objects(listing_of, LISTING)


def _faces() -> Faces:
    from crm_api.platform.custom_objects.graphql import CustomRecordMutation, CustomRecordQuery
    from crm_api.platform.custom_objects.rest import custom_records

    return Faces(
        routers=[custom_records],
        queries=[CustomRecordQuery],
        mutations=[CustomRecordMutation],
    )


MODULE = Module(
    key="custom_objects",
    title="Custom objects",
    description="Records of kinds that the organization has made up.",
    switchable=False,
    areas=[OBJECTS],
    faces=_faces,
    tags={"custom_records": "The records of custom objects."},
)
