"""Schedules of reports as tests follow them."""

from typing import Any

from support.clients import Api
from support.members import Member
from support.waiting import patiently

DUE = "UPDATE report_schedules SET next_at = now() - interval '3 days' WHERE id = $1"


async def settled(api: Api, schedule: dict[str, Any], count: int = 1) -> list[dict[str, Any]]:
    """The deliveries of a schedule, once there are so many and none is pending."""
    found: list[dict[str, Any]] = []
    async for _ in patiently():
        found = (await api.read(f"report-schedules/{schedule['id']}/deliveries"))["data"]
        if len(found) >= count and all(one["status"] != "pending" for one in found):
            break
    assert len(found) == count, found
    return found


async def notices(one: Member) -> list[str]:
    """What somebody was told."""
    return [n["text"] for n in (await one.api.read("notifications"))["data"] if n["text"]]


async def told(one: Member, count: int) -> list[str]:
    """What somebody was told, once it is so much."""
    found: list[str] = []
    async for _ in patiently():
        found = await notices(one)
        if len(found) >= count:
            break
    assert len(found) == count, found
    return found
