"""Search as a part of the product."""

from collections.abc import Iterable
from typing import Any

from crm_api.kit.crud.service import CrudService
from crm_api.kit.module import Module
from crm_api.platform.search.graphql import search_query
from crm_api.platform.search.rest import search_routes


def search_module(services: Iterable[type[CrudService[Any]]]) -> Module:
    """The search over those of these collections that are searched."""
    known = {
        service.repository.listing.entity: service
        for service in services
        if service.repository.listing.search is not None
    }
    return Module(name="search", routers=[search_routes(known)], queries=[search_query(known)])
