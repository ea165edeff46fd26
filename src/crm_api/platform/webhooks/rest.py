"""Webhooks, their deliveries and the kinds of events over REST."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Query, Response

from crm_api.kit.rest import answers
from crm_api.kit.rest.params import Cursor, Limit
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.platform.webhooks.models import DeliveryStatus
from crm_api.platform.webhooks.schemas import (
    EventTypeList,
    Replay,
    ReplayStarted,
    SecretRotation,
    WebhookDeliveryDetail,
    WebhookDeliveryOut,
    WebhookDeliveryPage,
    WebhookHealth,
    WebhookMade,
    WebhookSecret,
    WebhookTest,
)
from crm_api.platform.webhooks.service import DeliveryService, WebhookService

webhooks = crud_router(WebhookService, made=WebhookMade)
deliveries = new_router("webhooks", "webhook-deliveries")
event_types = new_router("events", "event-types")
_PAGE: dict[int | str, dict[str, Any]] = {200: {"model": WebhookDeliveryPage}}
_ONE: dict[int | str, dict[str, Any]] = {200: {"model": WebhookDeliveryDetail}}
_AGAIN: dict[int | str, dict[str, Any]] = {202: {"model": WebhookDeliveryDetail}}
_TYPES: dict[int | str, dict[str, Any]] = {200: {"model": EventTypeList}}


@webhooks.post(
    "/{id}/rotate-secret",
    operation_id="rotateWebhookSecret",
    summary="Give a webhook another secret",
    responses={200: {"model": WebhookSecret}, **problems(400, 403, 404, 415, 422)},
)
async def rotate_secret(id: Id, tx: Writing, body: SecretRotation) -> Response:
    """The answer holds it this once; until the grace period ends, both secrets sign."""
    grace = timedelta(seconds=body.grace_period_seconds)
    made = await WebhookService(tx).rotate_secret(id, grace)
    return answers.plain(made, headers=answers.UNKEPT)


@webhooks.post(
    "/{id}/test",
    status_code=202,
    operation_id="testWebhook",
    summary="Send an example",
    responses={202: {"model": WebhookDeliveryOut}, **problems(400, 403, 404, 409, 415, 422)},
)
async def test_webhook(id: Id, tx: Writing, body: WebhookTest) -> Response:
    """Its body says `"test": true`; the delivery shows what came of it."""
    made = await WebhookService(tx).test(id, body.type)
    place = {"Location": f"/v1/webhook-deliveries/{made['id']}"}
    return answers.plain(made, status=202, headers=place)


@webhooks.post(
    "/{id}/replay",
    status_code=202,
    operation_id="replayWebhook",
    summary="Send the events of a time once more",
    responses={202: {"model": ReplayStarted}, **problems(400, 403, 404, 409, 415, 422)},
)
async def replay_webhook(id: Id, tx: Writing, body: Replay) -> Response:
    """Each has the `webhook-id` that it had; at most 30 days back."""
    job_id = await WebhookService(tx).replay(id, body)
    headers = {"Location": f"/v1/jobs/{job_id}"}
    return answers.plain({"job_id": job_id}, status=202, headers=headers)


@webhooks.get(
    "/{id}/health",
    operation_id="getWebhookHealth",
    summary="How a webhook fares",
    responses={200: {"model": WebhookHealth}, **problems(403, 404, 422)},
)
async def webhook_health(id: Id, tx: Reading) -> Response:
    """What waits, what was received, and how fast."""
    return answers.plain(await WebhookService(tx).health(id))


@webhooks.get(
    "/{id}/deliveries",
    operation_id="listWebhookDeliveries",
    summary="What was sent to a webhook",
    responses=_PAGE | problems(403, 404, 422),
)
async def list_deliveries(
    id: Id,
    tx: Reading,
    cursor: Cursor = None,
    limit: Limit = 50,
    status: Annotated[DeliveryStatus | None, Query(description="Only these.")] = None,
    type: Annotated[
        str | None, Query(max_length=120, description="Only events of this type.")
    ] = None,
) -> Response:
    """Newest first; kept for 30 days."""
    found = await DeliveryService(tx).page(id, cursor=cursor, limit=limit, status=status, type=type)
    return answers.plain(found)


@deliveries.get(
    "/{id}",
    operation_id="getWebhookDelivery",
    summary="What came of a delivery",
    responses=_ONE | problems(403, 404, 422),
)
async def read_delivery(id: Id, tx: Reading) -> Response:
    """With every attempt: its status, how long it took, and the first kilobyte of the answer."""
    return answers.plain(await DeliveryService(tx).get(id))


@deliveries.post(
    "/{id}/redeliver",
    status_code=202,
    operation_id="redeliverWebhook",
    summary="Send a delivery again",
    responses=_AGAIN | problems(403, 404, 409, 422),
)
async def redeliver(id: Id, tx: Writing) -> Response:
    """At once, whatever came of it; the schedule of its retries begins anew."""
    return answers.plain(await DeliveryService(tx).redeliver(id), status=202)


@event_types.get(
    "",
    operation_id="listEventTypes",
    summary="Every kind of event",
    responses=_TYPES | problems(403, 422),
)
async def list_event_types(tx: Reading) -> Response:
    """With the JSON Schema of the bodies that webhooks get; also those of custom objects."""
    types = WebhookService.types
    return answers.plain({"data": [types.described(t) for t in types.of(tx.catalogue)]})
