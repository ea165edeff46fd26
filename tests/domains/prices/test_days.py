"""Price lists move on by themselves on their first day and after their last."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from crm_api.domains.prices.jobs import follow_days

# Nowhere is it the same day in both: 26 hours lie between them.
EAST, WEST = "Pacific/Kiritimati", "Etc/GMT+12"


async def price_list(client, **more):
    return await client.made("price-lists", {"name": "L", "currency": "EUR", **more})


def today(zone="UTC"):
    return datetime.now(UTC).astimezone(ZoneInfo(zone)).date()


async def state(owner, made, status, first=None, last=None):
    """As a list stands once days have gone by."""
    await owner.execute(
        "UPDATE price_lists SET status = $2, valid_from = $3, valid_to = $4 WHERE id = $1",
        UUID(made["id"]),
        status,
        first,
        last,
    )


async def status(client, made):
    return (await client.read(f"price-lists/{made['id']}"))["status"]


@pytest.mark.parametrize("zone", [EAST, WEST])
async def test_days_move_lists_on_in_the_time_zone_of_the_organization(
    client, org, database, owner, zone
):
    await owner.execute("UPDATE organizations SET time_zone = $2 WHERE id = $1", org.id, zone)
    now, day = today(zone), timedelta(days=1)
    cases = [
        ("scheduled", now, None, "active"),
        ("scheduled", now - day, now, "active"),
        ("scheduled", now + day, None, "scheduled"),
        ("scheduled", now - 3 * day, now - day, "expired"),
        ("active", None, now, "active"),
        ("active", None, now - day, "expired"),
        ("draft", now - day, now - day, "draft"),
        ("expired", None, now, "expired"),
    ]
    lists = [await price_list(client) for _ in cases]
    for made, (before, first, last, _) in zip(lists, cases, strict=True):
        await state(owner, made, before, first, last)
    await follow_days(database, None)
    assert [await status(client, made) for made in lists] == [case[-1] for case in cases]


async def test_each_day_is_told_once_however_many_workers_there_are(client, database, owner):
    begun, over = await price_list(client), await price_list(client)
    await state(owner, begun, "scheduled", today())
    await state(owner, over, "active", None, date(2026, 1, 1))
    await asyncio.gather(*(follow_days(database, None) for _ in range(5)))
    await follow_days(database, None)
    for made, verb, after in ((begun, "activated", "active"), (over, "expired", "expired")):
        events = await client.told(made["id"], 2)
        assert [event["type"] for event in events] == [
            "price_list.created",
            f"price_list.{verb}",
        ]
        assert events[-1]["data"]["status"] == after
        assert (await client.read(f"price-lists/{made['id']}"))["version"] == 2


@pytest.mark.parametrize("state_of_module", ["disable", "read-only"])
async def test_nothing_moves_where_prices_are_switched_off(
    client, database, owner, state_of_module
):
    made = await price_list(client)
    await state(owner, made, "scheduled", today())
    answer = await client.post(f"/v1/modules/prices/{state_of_module}", params={"cascade": True})
    assert answer.status_code == 200, answer.text
    await follow_days(database, None)
    await client.post("/v1/modules/prices/enable")
    assert await status(client, made) == "scheduled"
    await follow_days(database, None)
    assert await status(client, made) == "active"


async def test_what_is_in_the_bin_stays_there(client, database, owner):
    made = await client.made("price-lists", {"name": f"L {uuid4()}", "currency": "EUR"})
    await state(owner, made, "active", None, date(2026, 1, 1))
    await client.delete(f"/v1/price-lists/{made['id']}")
    await follow_days(database, None)
    await client.post(f"/v1/price-lists/{made['id']}/restore")
    assert await status(client, made) == "active"
