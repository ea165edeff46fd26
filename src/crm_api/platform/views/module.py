"""Views as a part of the product."""

from collections.abc import Iterable
from typing import Any

from crm_api.kit.crud.applying import CollectionApplier
from crm_api.kit.crud.service import CrudService
from crm_api.kit.module import Faces, Module
from crm_api.kit.parts import Use
from crm_api.platform.views.service import ViewService

_ABOUT = """
    SELECT count(*) AS n FROM views
    WHERE organization_id = $1 AND target = ANY($2) AND deleted_at IS NULL
"""


def views_module(services: Iterable[type[CrudService[Any]]]) -> Module:
    """Views of these collections, and of the views themselves."""
    plain = (service for service in (*services, ViewService) if service.plain)
    ViewService.targets = frozenset(s.repository.listing.entity for s in plain)

    def faces() -> Faces:
        from crm_api.platform.views.graphql import ViewMutation, ViewQuery
        from crm_api.platform.views.rest import router

        return Faces(
            routers=[router],
            queries=[ViewQuery],
            mutations=[ViewMutation],
        )

    return Module(
        key="views",
        title="Views",
        description="Saved ways to look at a collection.",
        uses=[Use("views", _ABOUT)],
        faces=faces,
        appliers=[CollectionApplier(ViewService, by=["target", "name"])],
        services=[ViewService],
    )
