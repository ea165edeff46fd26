"""Search as a part of the product."""

from crm_api.kit.module import Module
from crm_api.platform.search.graphql import search_query
from crm_api.platform.search.rest import search_routes
from crm_api.platform.search.service import Services


def search_module(services: Services) -> Module:
    """The search over these collections, by their entities."""
    return Module(
        key="search",
        title="Search",
        description="One search through all collections.",
        routers=[search_routes(services)],
        tags={"search": "One search through all collections."},
        queries=[search_query(services)],
    )
