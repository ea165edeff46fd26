"""History as a part of the product."""

from collections.abc import Iterable
from typing import Any

from crm_api.kit.crud.service import CrudService
from crm_api.kit.module import Module
from crm_api.platform.history.graphql import history_query
from crm_api.platform.history.rest import feed_routes, history_routes


def history_module(services: Iterable[type[CrudService[Any]]]) -> Module:
    """The feed, and the history of the records of these collections."""
    known = {service.repository.listing.entity: service for service in services}
    return Module(
        name="history",
        routers=[feed_routes(known), history_routes(known)],
        tags={"events": "What happened, in the order of the commits."},
        queries=[history_query(known)],
    )
