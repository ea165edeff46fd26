"""Views as a part of the product."""

from collections.abc import Iterable
from typing import Any

from crm_api.kit.crud.service import CrudService
from crm_api.kit.module import Module
from crm_api.platform.views.graphql import ViewMutation, ViewQuery
from crm_api.platform.views.rest import router
from crm_api.platform.views.service import ViewService


def views_module(services: Iterable[type[CrudService[Any]]]) -> Module:
    """Views of these collections, and of the views themselves."""
    plain = (service for service in (*services, ViewService) if service.plain)
    ViewService.targets = {service.repository.listing.entity: service for service in plain}
    return Module(
        name="views",
        routers=[router],
        queries=[ViewQuery],
        mutations=[ViewMutation],
        services=[ViewService],
    )
