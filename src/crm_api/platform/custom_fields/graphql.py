"""Definitions over GraphQL."""

from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.types import type_from
from crm_api.platform.custom_fields.schemas import CustomFieldOut, CustomObjectOut
from crm_api.platform.custom_fields.service import CustomFieldService, CustomObjectService


@type_from(CustomFieldOut)
class CustomField:
    """A field that the organization gave its records itself."""


@type_from(CustomObjectOut)
class CustomObject:
    """A kind of record that the organization has made up."""


_FIELDS = Collection(CustomFieldService, CustomField)
_OBJECTS = Collection(CustomObjectService, CustomObject)
QUERIES = (_FIELDS.query(), _OBJECTS.query())
MUTATIONS = (_FIELDS.mutation(), _OBJECTS.mutation())
