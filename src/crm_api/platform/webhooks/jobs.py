"""Sending again what happened in a time."""

from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.kit.crud.feed import Feed, Position
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import WrongState
from crm_api.kit.jobs import JobContext, runs
from crm_api.platform.webhooks.events import ReplayEvents
from crm_api.platform.webhooks.repository import Deliveries, moment_of
from crm_api.platform.webhooks.service import WebhookService, chosen

CHUNK = 200
FAILED = ("failed", "cancelled")
_FIRST = """
    SELECT tx FROM events WHERE organization_id = $1 AND occurred_at >= $2
    ORDER BY tx, seq LIMIT 1
"""


@runs(ReplayEvents)
async def replay(context: JobContext, message: ReplayEvents) -> dict[str, Any]:
    """Walk the feed through the time, in chunks that are each whole; another try goes on."""
    since, until = moment_of(message.since), moment_of(message.until)
    state = context.job.state
    sent = int(state.get("sent", 0))
    place = Position(*state["place"]) if "place" in state else await _start(context, since)
    while True:
        async with unit_of_work(context.tx()) as tx:
            number, place, over = await _chunk(tx, message, place, (since, until))
            sent += number
            kept = {"place": [place.tx, place.seq], "sent": sent}
            await context.job.advance(tx, sent, state=kept)
        if over:
            return {"sent": sent}


async def _start(context: JobContext, since: datetime) -> Position:
    tx = context.tx(read_only=True)
    await tx.begin()
    rows = await tx.fetch(_FIRST, tx.organization_id, since)
    # A transaction that took long may hold events that happened earlier than their neighbours.
    return Position(rows[0]["tx"] - 1, 0) if rows else Position()


async def _chunk(
    tx: Tx, message: ReplayEvents, place: Position, time: tuple[datetime, datetime]
) -> tuple[int, Position, bool]:
    service = WebhookService(tx)
    webhook = await service.records.get(UUID(message.webhook_id), lock=True)
    if webhook.status != "enabled":
        raise WrongState("The webhook is disabled.", code="webhook_disabled")
    topics = chosen(message.types, webhook.topics)
    reader = await service.reader(tx.database, webhook.actor)
    feed = Feed(reader, service.types.services)
    passing = feed.filter_of(webhook.filter, topics) if webhook.filter and topics else None
    stretch = await feed.stretch(place, CHUNK, types=topics, filter=passing) if topics else None
    if stretch is None:
        return 0, place, True
    since, until = time
    rows = [
        row
        for row in stretch.rows
        if since <= row["occurred_at"] < until and row["record_id"] != webhook.id
    ]
    deliveries = Deliveries(tx)
    ended = FAILED if message.only == "failed" else (*FAILED, "succeeded")
    number = await deliveries.again(webhook.id, [row["id"] for row in rows], ended)
    if message.only == "all":
        number += len(await deliveries.add([(webhook.id, row) for row in rows]))
    return number, stretch.end, stretch.whole
