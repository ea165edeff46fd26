"""History as a part of the product."""

from collections.abc import Iterable
from typing import Any

from crm_api.kit.crud.service import CrudService
from crm_api.kit.module import Module
from crm_api.platform.history.graphql import HistoryQuery, history_query
from crm_api.platform.history.rest import history_routes, router


def history_module(services: Iterable[type[CrudService[Any]]]) -> Module:
    """The feed, and the history of the records of these collections."""
    known = list(services)
    areas = {service.repository.listing.entity: service.area for service in known}
    return Module(
        name="history",
        routers=[router, history_routes(known)],
        queries=[HistoryQuery, history_query(areas)],
    )
