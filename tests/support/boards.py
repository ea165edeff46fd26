"""Dashboards as tests make and read them."""

import json
from typing import Any

from support.clients import Api
from support.waiting import patiently


async def dashboard(api: Api, tiles: list[dict[str, Any]], **more: Any) -> str:
    """The id of a new one that everybody sees."""
    body = {"name": "Sales", "tiles": tiles, "sharing": "organization"}
    return (await api.made("dashboards", {**body, **more}))["id"]


async def shown(api: Api, id: str, **given: Any) -> dict[str, Any]:
    """By the keys of its tiles what they show."""
    asked = {"parameters": json.dumps(given)} if given else {}
    found = await api.read(f"dashboards/{id}/data", **asked)
    return {one["key"]: one for one in found["tiles"]}


async def calm(api: Api, id: str, mark: str) -> str:
    """The cursor from which on no tile is stale."""
    async for _ in patiently():
        found = await api.read(f"dashboards/{id}/stale", after=mark)
        mark = found["cursor"]
        if not found["tiles"]:
            break
    return mark
