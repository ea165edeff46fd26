"""The status as a part of the product."""

from collections.abc import Iterable

from crm_api.kit.access import Managed
from crm_api.kit.module import Faces, Module
from crm_api.platform.system.schemas import status_shape
from crm_api.platform.system.service import AREA


def system_module(modules: Iterable[Module]) -> Module:
    """How these modules fare."""
    standings = [standing for module in modules for standing in module.standings]
    shape = status_shape(standings)

    def faces() -> Faces:
        from crm_api.platform.system.graphql import status_query
        from crm_api.platform.system.rest import status_routes

        return Faces(
            routers=[status_routes(shape, standings)],
            queries=[status_query(shape, standings)],
        )

    return Module(
        key="system",
        title="System",
        description="How far work in the background is behind, and what has failed of it.",
        switchable=False,
        areas=[AREA],
        managed={AREA: Managed("manage_settings", secret=True)},
        faces=faces,
        tags={"system": "How work in the background fares."},
    )
