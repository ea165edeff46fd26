"""Sending what was collected."""

from collections.abc import Mapping, Sequence
from typing import Any

from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.errors import WrongState
from crm_api.kit.jobs import JobContext, runs
from crm_api.kit.templates import language_of
from crm_api.kit.texters import NoTexter, ShortMessage
from crm_api.platform.notifications.events import SendDigest
from crm_api.platform.notifications.models import DigestStatus
from crm_api.platform.notifications.reading import Audience, Reading, visible
from crm_api.platform.notifications.rendering import letter_of, line_of
from crm_api.platform.notifications.repository import Preferences, Telling
from crm_api.platform.notifications.unsubscribing import token_of

_ADDRESSES = {"sms": "phone", "messenger": "messenger"}


@runs(SendDigest, always=True)
async def send_digest(context: JobContext, message: SendDigest) -> dict[str, Any]:
    """Send what there still is to tell; tried again it may arrive twice, by the same id."""
    async with unit_of_work(context.tx(read_only=True)) as tx:
        digest = await Telling(tx).digest(message.digest_id)
        if digest is None or digest["status"] != "pending":
            return {"status": None if digest is None else digest["status"]}
        rows = await Telling(tx).some(digest["user_id"], list(digest["items"]))
        readers = await Preferences(tx).readers([digest["user_id"]])
    status: DigestStatus = "nothing_left"
    items = await _items(context, digest, rows, readers)
    if items:
        status = await _sent(context, message, digest, readers[digest["user_id"]], items)
    async with unit_of_work(context.tx()) as tx:
        await context.job.hold(tx)
        await Telling(tx).end_digest(message.digest_id, status)
    return {"status": status, "notifications": len(items)}


async def _items(
    context: JobContext,
    digest: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    readers: Mapping[Any, Any],
) -> list[dict[str, Any]]:
    """What the user may still see and has not read meanwhile, in their language."""
    user = digest["user_id"]
    reader = await Audience.reader(context.database, context.actor.organization_id, user)
    if reader is None or user not in readers:
        return []
    seen = await visible(reader, rows)
    left = [row for row in rows if row["id"] in seen and not (row["in_app"] and row["is_read"])]
    reading = Reading(reader, language_of(readers[user]["language"]))
    shown = await reading.of(left, digest["items"])
    pages = context.pages_url and context.pages_url.rstrip("/")
    return [
        {**one, "link": f"{pages}/notifications#{row['id']}" if pages else None}
        for one, row in zip(shown, left, strict=True)
    ]


async def _sent(
    context: JobContext,
    message: SendDigest,
    digest: Mapping[str, Any],
    reader: Mapping[str, Any],
    items: Sequence[Mapping[str, Any]],
) -> DigestStatus:
    id, channel = str(message.digest_id), digest["channel"]
    try:
        if channel == "email":
            key, own = context.database.signing_key, context.actor.organization_id
            link = f"{context.public_url}/public/unsubscribe/{token_of(key, own, reader['id'])}"
            went = await context.mailer.send(letter_of(id, reader, items, unsubscribe=link))
        else:
            to = reader["said"]["addresses"].get(_ADDRESSES[channel])
            if to is None:
                return "no_address"
            way = context.texters.get(channel, NoTexter())
            went = await way.send(ShortMessage(id, to, line_of(items)))
    except WrongState:
        return "refused"
    return "sent" if went else "no_way"
