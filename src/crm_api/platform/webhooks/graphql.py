"""Webhooks, their deliveries and the kinds of events over GraphQL."""

from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from crm_api.kit.errors import NotFound
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.types import type_from
from crm_api.platform.webhooks.schemas import (
    Replay,
    SecretRotation,
    WebhookDeliveryDetail,
    WebhookDeliveryOut,
    WebhookHealth,
    WebhookMade,
    WebhookOut,
    WebhookTest,
)
from crm_api.platform.webhooks.schemas import WebhookDeliveryPage as DeliveryPageShape
from crm_api.platform.webhooks.service import DeliveryService, WebhookService


@type_from(WebhookOut)
class Webhook:
    """Where events are sent, and which."""


@type_from(WebhookMade)
class NewWebhook:
    """A new endpoint with its secret."""


@type_from(WebhookDeliveryOut)
class WebhookDelivery:
    """One event for one endpoint."""


@type_from(WebhookDeliveryDetail)
class WebhookDeliveryLog:
    """One event for one endpoint, with every attempt."""


@type_from(DeliveryPageShape)
class WebhookDeliveryPage:
    """A page of deliveries, newest first."""


@type_from(WebhookHealth)
class WebhookHealthState:
    """How an endpoint fares."""


@strawberry.type
class EventType:
    """A kind of event."""

    type: str
    entity: str
    description: str
    schema: JSON


WEBHOOKS = Collection(WebhookService, Webhook, made=NewWebhook)


@strawberry.type
class WebhookLogQuery:
    """What was sent, and what could be."""

    @strawberry.field
    async def webhook_deliveries(
        self,
        info: GraphInfo,
        webhook_id: UUID,
        first: int = 50,
        after: str | None = None,
        status: str | None = None,
        type: str | None = None,
    ) -> WebhookDeliveryPage:
        """What was sent to a webhook, newest first."""
        service = DeliveryService(info.context.tx)
        limit = page_size(first)
        found = await service.page(webhook_id, cursor=after, limit=limit, status=status, type=type)
        return cast("Any", found)

    @strawberry.field
    async def webhook_delivery(self, info: GraphInfo, id: UUID) -> WebhookDeliveryLog | None:
        """A delivery with every attempt, or null."""
        try:
            return cast("Any", await DeliveryService(info.context.tx).get(id))
        except NotFound:
            return None

    @strawberry.field
    async def webhook_health(self, info: GraphInfo, id: UUID) -> WebhookHealthState:
        """How a webhook fares."""
        return cast("Any", await WebhookService(info.context.tx).health(id))

    @strawberry.field
    async def event_types(self, info: GraphInfo) -> list[EventType]:
        """Every kind of event, with the JSON Schema of its bodies."""
        types = WebhookService.types
        return [EventType(**types.described(t)) for t in types.of(info.context.tx.catalogue)]


@strawberry.type
class WebhookActions:
    """What is done with webhooks."""

    @mutation
    async def rotate_webhook_secret(
        self, info: GraphInfo, id: UUID, grace_period_seconds: int = 86_400
    ) -> str:
        """Give a webhook another secret, shown this once; both sign until the grace period ends."""
        data = shape_given(SecretRotation, {"grace_period_seconds": grace_period_seconds})
        grace = timedelta(seconds=data.grace_period_seconds)
        return (await WebhookService(info.context.tx).rotate_secret(id, grace))["secret"]

    @mutation
    async def test_webhook(
        self, info: GraphInfo, id: UUID, type: str = "contact.created"
    ) -> WebhookDelivery:
        """Send an example, whose body says so."""
        data = shape_given(WebhookTest, {"type": type})
        return cast("Any", await WebhookService(info.context.tx).test(id, data.type))

    @mutation
    async def replay_webhook(
        self,
        info: GraphInfo,
        id: UUID,
        since: datetime,
        until: datetime | None = None,
        types: list[str] | None = None,
        only: str = "all",
    ) -> UUID:
        """Send the events of a time once more; returns the job that does it."""
        given = {"since": since, "until": until, "types": types or [], "only": only}
        return await WebhookService(info.context.tx).replay(id, shape_given(Replay, given))

    @mutation
    async def redeliver_webhook(self, info: GraphInfo, id: UUID) -> WebhookDelivery:
        """Send a delivery again."""
        return cast("Any", await DeliveryService(info.context.tx).redeliver(id))


QUERIES = (WEBHOOKS.query(), WebhookLogQuery)
MUTATIONS = (WEBHOOKS.mutation(), WebhookActions)
