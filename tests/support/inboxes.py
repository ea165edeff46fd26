"""Inboxes, once something has arrived there."""

import asyncio
from typing import Any

from support.clients import Api
from support.members import Member


async def inbox(api: Api, count: int, **params: Any) -> list[Any]:
    """What a user is told, once it is so much; takes a worker."""
    found: list[Any] = []
    for _ in range(1800):
        found = (await api.read("notifications", limit=200, **params))["data"]
        if len(found) >= count:
            break
        await asyncio.sleep(0.05)
    assert len(found) == count, found
    return found


async def told(client: Api, one: Member) -> list[Any]:
    """What somebody was told of all that has happened till now; takes a worker."""
    # The feed of an organization is read in its order, so what comes last is told last.
    last = await client.made("contacts", {"last_name": "Last", "owner_id": one.id})
    for _ in range(1800):
        found = (await one.api.read("notifications", limit=200))["data"]
        if any(row["record_id"] == last["id"] for row in found):
            return [row for row in found if row["record_id"] != last["id"]]
        await asyncio.sleep(0.05)
    raise AssertionError("nothing is told")
