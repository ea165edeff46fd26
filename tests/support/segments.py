"""Tracked events and segments, made and looked at."""

from datetime import UTC, datetime, timedelta
from typing import Any

from support.clients import Api

NOW = datetime.now(UTC)
Body = dict[str, Any]


def ago(days: float) -> str:
    """A moment so many days back."""
    return (NOW - timedelta(days=days)).isoformat()


async def track(api: Api, *events: Body) -> Body:
    """What became of some events, none of which may be refused."""
    answer = await api.post("/v1/events/track", json={"events": list(events)})
    assert answer.status_code == 200, answer.text
    assert answer.json()["refused"] == 0, answer.text
    return answer.json()


async def people(api: Api, *names: str, **more: Any) -> list[str]:
    """The ids of new contacts."""
    return [(await api.made("contacts", {"last_name": name, **more}))["id"] for name in names]


async def members(api: Api, id: str, **asked: Any) -> list[str]:
    """The last names of those who belong to a segment, in order."""
    found = await api.read(f"segments/{id}/members", limit=200, sort="last_name", **asked)
    return [one["last_name"] for one in found["data"]]


async def matching(api: Api, filter: Body) -> list[str]:
    """The last names of the contacts that pass a filter, in order."""
    body = {"filter": filter, "limit": 200, "sort": ["last_name"]}
    answer = await api.post("/v1/contacts/query", json=body)
    assert answer.status_code == 200, answer.text
    return [one["last_name"] for one in answer.json()["data"]]
