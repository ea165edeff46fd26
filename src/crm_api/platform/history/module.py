"""History as a part of the product."""

from collections.abc import Iterable
from typing import Any

from crm_api.kit.crud.service import CrudService
from crm_api.kit.module import Faces, Module
from crm_api.kit.standing import Standing
from crm_api.platform.history.schemas import FeedStanding
from crm_api.platform.history.standing import feed_standing


def history_module(services: Iterable[type[CrudService[Any]]]) -> Module:
    """The feed, and the history of the records of these collections."""
    known = {service.repository.listing.entity: service for service in services}

    def faces() -> Faces:
        from crm_api.platform.history.graphql import history_query, history_subscription
        from crm_api.platform.history.rest import feed_routes, history_routes

        return Faces(
            routers=[feed_routes(known), history_routes(known)],
            queries=[history_query(known)],
            subscriptions=[history_subscription(known)],
        )

    return Module(
        key="history",
        title="History",
        description="What happened, to everything and to each record.",
        switchable=False,
        areas=["events"],
        faces=faces,
        tags={"events": "What happened, in the order of the commits."},
        standings=[Standing("feed", FeedStanding, feed_standing)],
    )
