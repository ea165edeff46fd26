"""History as a part of the product."""

from collections.abc import Iterable
from typing import Any

from crm_api.kit.crud.service import CrudService
from crm_api.kit.module import Module
from crm_api.platform.history.graphql import history_query
from crm_api.platform.history.rest import feed_routes, history_routes


def history_module(services: Iterable[type[CrudService[Any]]]) -> Module:
    """The feed, and the history of the records of these collections."""
    known = list(services)
    areas = {service.repository.listing.entity: service.area for service in known}
    return Module(
        name="history",
        routers=[feed_routes(areas), history_routes(known, areas)],
        tags={"events": "What happened, in the order of the commits."},
        queries=[history_query(areas)],
    )
