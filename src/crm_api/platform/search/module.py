"""Search as a part of the product."""

from crm_api.kit.module import Faces, Module
from crm_api.platform.search.service import Services


def search_module(services: Services) -> Module:
    """The search over these collections, by their entities."""

    def faces() -> Faces:
        from crm_api.platform.search.graphql import search_query
        from crm_api.platform.search.rest import search_routes

        return Faces(
            routers=[search_routes(services)],
            queries=[search_query(services)],
        )

    return Module(
        key="search",
        title="Search",
        description="One search through all collections.",
        faces=faces,
        tags={"search": "One search through all collections."},
    )
