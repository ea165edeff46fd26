"""What time begins: once each, also after nobody was there, whichever worker does it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from support.rules import TAG
from support.waiting import patiently

pytestmark = pytest.mark.usefixtures("worker")
PAST = "UPDATE automation_states SET next_at = now() - $2::interval, since = now() - $3::interval WHERE automation_id = $1"


def every_day():
    """Half a day from now, so that no time of it comes while a test runs."""
    at = datetime.now(UTC) + timedelta(hours=12)
    return {"type": "schedule", "every": "day", "at": f"{at:%H:%M}"}


async def test_a_schedule_begins_one_run_each_time(client, rules, owner):
    id = await rules.active(
        {"action": "create", "entity": "company", "data": {"name": {"$ref": "today"}}},
        trigger=every_day(),
    )
    # As if nobody had been there for three days.
    await owner.execute(PAST, id, timedelta(days=3), timedelta(days=4))
    (run,) = await rules.ended(id)
    assert (run["entity"], run["record_id"]) == (None, None)
    (state,) = await owner.fetch(
        "SELECT next_at > now() AS ahead, next_at <= now() + interval '1 day' AS near "
        "FROM automation_states WHERE automation_id = $1",
        id,
    )
    assert (state["ahead"], state["near"]) == (True, True)
    await asyncio.sleep(1)
    assert len(await rules.runs(id)) == 1


async def test_a_schedule_walks_all_records_that_pass(client, rules, owner):
    items = [{"last_name": f"Person {n}", "lifecycle": "lead"} for n in range(230)]
    assert (await client.post("/v1/contacts/bulk", json={"items": items})).status_code == 200
    await client.made("contacts", {"last_name": "Other", "lifecycle": "customer"})
    id = await rules.active(
        {"action": "stop"},
        trigger={**every_day(), "entity": "contact"},
        condition={"lifecycle": "lead"},
    )
    await owner.execute(PAST, id, timedelta(seconds=1), timedelta(hours=1))
    count = "SELECT count(*), count(DISTINCT record_id) FROM automation_runs WHERE automation_id = $1 AND status = 'succeeded'"
    async for _ in patiently():
        (found,) = await owner.fetch(count, id)
        if found[0] >= 230:
            break
    assert tuple(found) == (230, 230)


async def test_a_date_begins_the_run_of_its_record(client, rules, owner):
    await client.made("custom-fields", {"target": "contact", "name": "renewal", "type": "date"})
    today = datetime.now(UTC).date()
    made = {
        days: await client.made(
            "contacts",
            {"last_name": "Person", "custom": {"renewal": str(today + timedelta(days=days))}},
        )
        for days in (27, 28, 29, 30, 31)
    }
    trigger = {
        "type": "date", "entity": "contact", "field": "custom.renewal", "offset": "-30d",
        "at": "00:00",
    }  # fmt: skip
    id = await rules.active(TAG, trigger=trigger)
    # Two days were missed: their dates come up beside that of today.
    await owner.execute(
        "UPDATE automation_states SET next_at = now(), "
        "since = date_trunc('day', now(), 'UTC') - interval '2 days 1 minute' "
        "WHERE automation_id = $1",
        id,
    )
    runs = await rules.ended(id, 3)
    assert {run["record_id"] for run in runs} == {made[days]["id"] for days in (28, 29, 30)}
    for days, one in made.items():
        tags = (await client.read(f"contacts/{one['id']}"))["tags"]
        assert tags == (["new"] if days in {28, 29, 30} else [])
