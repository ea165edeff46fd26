"""Custom fields as a part of the product."""

from collections.abc import Iterable
from typing import Any

from crm_api.kit.access import Managed
from crm_api.kit.crud.applying import CollectionApplier
from crm_api.kit.crud.service import CrudService
from crm_api.kit.module import Faces, Module
from crm_api.kit.parts import Use
from crm_api.kit.query.targets import refer_to
from crm_api.platform.custom_fields.jobs import index_records
from crm_api.platform.custom_fields.service import CustomFieldService, CustomObjectService

_ABOUT = """
    SELECT count(*) AS n FROM custom_fields
    WHERE organization_id = $1 AND target = ANY($2) AND deleted_at IS NULL
"""


def custom_fields_module(services: Iterable[type[CrudService[Any]]]) -> Module:
    """Definitions for the records of these collections."""
    own = [CustomFieldService, CustomObjectService]
    listings = [s.repository.listing for s in (*services, *own) if s.plain]
    CustomFieldService.targets = frozenset(listing.entity for listing in listings)
    refer_to(listings)

    def faces() -> Faces:
        from crm_api.platform.custom_fields.graphql import MUTATIONS, QUERIES
        from crm_api.platform.custom_fields.rest import custom_fields, custom_objects

        return Faces(
            routers=[custom_fields, custom_objects],
            queries=QUERIES,
            mutations=MUTATIONS,
        )

    return Module(
        key="custom_fields",
        title="Custom fields",
        description="Fields of the organization's own, for records of any kind, and custom objects.",
        switchable=False,
        uses=[Use("custom_fields", _ABOUT)],
        faces=faces,
        jobs=[index_records],
        appliers=[CollectionApplier(CustomFieldService, by=["target", "name"])],
        managed={area: Managed("manage_settings") for area in ("custom_fields", "custom_objects")},
        services=own,
        events=["custom_field.indexed"],
    )
