"""Journeys, as tests have them run."""

from typing import Any

from support.clients import Api
from support.sequences import did
from support.waiting import patiently

END = {"id": "end", "type": "exit"}


def node(id: str, type: str, **more: Any) -> dict[str, Any]:
    """A node."""
    return {"id": id, "type": type, **more}


def tagging(id: str, to: str, description: str) -> dict[str, Any]:
    """A node that writes a task."""
    step = {"action": "create_task", "subject": description}
    return node(id, "action", step=step, next=to)


async def running(api: Api, *nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A journey that runs."""
    made = await api.made("journeys", {"name": "Welcome", "nodes": list(nodes), **more})
    return await did(api, "journeys", made, "publish")


async def entered(api: Api, journey: dict[str, Any], contact: dict[str, Any]) -> dict[str, Any]:
    """Somebody who goes through a journey."""
    body = {"journey_id": journey["id"], "contact_id": contact["id"]}
    return await api.made("journey-runs", body)


async def comes_to(api: Api, run: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    """A run, once it says all this; takes a worker."""
    found: dict[str, Any] = {}
    async for _ in patiently():
        found = await api.read(f"journey-runs/{run['id']}")
        if all(found[name] == value for name, value in wanted.items()):
            return found
        if found["ended_at"] is not None and wanted.get("status") != found["status"]:
            break
    raise AssertionError(found)


async def went(api: Api, run: dict[str, Any]) -> list[tuple[str, str | None]]:
    """What somebody went through, and which way they took out of it."""
    log = (await api.read(f"journey-runs/{run['id']}/steps"))["data"]
    return [(one["node"], one["arm"]) for one in log]
