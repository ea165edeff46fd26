"""How long people wait in a journey: by their clock, by working time, until a time, for an event."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from crm_api.domains.journeys.stepped import step_once
from crm_api.kit.db.tx import unit_of_work
from support.clients import pointers, problem
from support.journeys import END, entered, node, running, went
from support.sequences import did

BERLIN = ZoneInfo("Europe/Berlin")
LATE = "UPDATE journey_runs SET next_at = now(), wakes_at = now() WHERE id = $1"
FOR_IT = {"event": "paid", "timeout": "3d", "next": "end", "on_timeout": "lost"}
LOST = node("lost", "exit", reason="Lost")


@pytest.fixture
def step(tx_of, org):
    """`await step(run)`: take the next node, as a worker does."""

    async def once(run):
        async with unit_of_work(tx_of(org)) as tx:
            return await step_once(tx, UUID(run["id"]))

    return once


async def person(client, **more):
    return await client.made("contacts", {"last_name": "Person", **more})


async def waits(client, step, contact=None, *more, **said):
    """A run that stands at its wait, and between which instants it came there."""
    journey = await running(client, node("wait", "wait", **{"next": "end", **said}), END, *more)
    run = await entered(client, journey, contact or await person(client))
    before = datetime.now(UTC)
    assert await step(run)
    found = await client.read(f"journey-runs/{run['id']}")
    return found, before, datetime.now(UTC)


async def tracked(client, contact, name="paid"):
    events = [{"name": name, "contact_id": contact["id"]}]
    answer = await client.post("/v1/events/track", json={"events": events})
    assert answer.status_code == 200, answer.text


def woken(run):
    return datetime.fromisoformat(run["wakes_at"])


async def test_hours_are_exact_and_days_keep_the_hour_of_their_clock(client, step):
    run, before, after = await waits(client, step, duration="90m")
    assert before <= woken(run) - timedelta(minutes=90) <= after
    # Somewhere within half a year the clocks are changed.
    contact = await person(client, time_zone="Europe/Berlin")
    run, before, after = await waits(client, step, contact, duration="182d")

    def by_clock(moment):
        return moment.astimezone(BERLIN).replace(tzinfo=None)

    assert by_clock(before) <= by_clock(woken(run)) - timedelta(days=182) <= by_clock(after)


def worked(since, minutes, zone):
    """When so much working time is over, by going through it minute by minute."""
    at = since
    while minutes > 0:
        local = at.astimezone(zone)
        if local.weekday() < 5 and time(9) <= local.time() < time(17):
            minutes -= 1
        at += timedelta(minutes=1)
    return at


async def test_working_time_is_that_of_the_calendar_by_their_clock(client, step):
    contact = await person(client, time_zone="Asia/Tokyo")
    run, before, after = await waits(client, step, contact, duration="20h", is_working=True)
    first, last = (worked(at, 20 * 60, ZoneInfo("Asia/Tokyo")) for at in (before, after))
    minute = timedelta(minutes=1)
    assert first - minute <= woken(run) <= last + minute
    assert woken(run) - before > timedelta(hours=20)


async def test_until_a_time_that_is_over_nobody_waits(client, step):
    ahead = (datetime.now(UTC) + timedelta(days=9)).replace(microsecond=0)
    run, *_ = await waits(client, step, until=ahead.isoformat())
    assert (run["waiting_for"], woken(run)) == ("time", ahead)
    assert not await step(run)
    run, *_ = await waits(client, step, until="2020-01-01T00:00:00Z")
    assert (run["waiting_for"], run["node"]) == (None, "end")
    assert await step(run)
    assert await went(client, run) == [("wait", "next"), ("end", None)]


async def test_until_a_time_of_the_contact(client, step):
    await client.made("custom-fields", {"target": "contact", "name": "renewal", "type": "date"})
    ahead = (datetime.now(UTC) + timedelta(days=30)).date()
    until = {"$ref": "record.custom.renewal"}
    own = {"custom": {"renewal": ahead.isoformat()}, "time_zone": "Asia/Tokyo"}
    contact = await person(client, **own)
    run, *_ = await waits(client, step, contact, until=until)
    assert woken(run) == datetime.combine(ahead, time(), ZoneInfo("Asia/Tokyo"))
    # Of whom none is known cannot wait for it.
    run, *_ = await waits(client, step, until=until)
    assert (run["status"], run["leave_reason"]) == ("failed", "error")


async def test_only_what_they_do_while_they_wait_ends_it(client, step, owner):
    contact, other = await person(client), await person(client)
    await tracked(client, contact)
    run, before, after = await waits(client, step, contact, LOST, **FOR_IT)
    assert (run["waiting_for"], before <= woken(run) - timedelta(days=3) <= after) == (
        "event",
        True,
    )
    await tracked(client, contact, "visited")
    await tracked(client, other)
    looked = "UPDATE journey_runs SET next_at = now() WHERE id = $1"
    await owner.execute(looked, UUID(run["id"]))
    # Whoever is looked at too early waits on, as long as before.
    assert await step(run)
    still = await client.read(f"journey-runs/{run['id']}")
    assert (still["node"], still["wakes_at"]) == ("wait", run["wakes_at"])
    await tracked(client, contact)
    await owner.execute(looked, UUID(run["id"]))
    assert await step(run)
    assert (await went(client, run))[0] == ("wait", "next")


async def test_what_was_done_in_time_counts_however_late_it_is_seen(client, step, owner):
    contact = await person(client)
    run, *_ = await waits(client, step, contact, LOST, **FOR_IT)
    await tracked(client, contact)
    await owner.execute(LATE, UUID(run["id"]))
    done = await asyncio.gather(*(step(run) for _ in range(4)))
    while await step(run):
        done.append(True)
    assert sum(done) == 2
    assert await went(client, run) == [("wait", "next"), ("end", None)]


async def test_whoever_has_not_done_it_goes_the_other_way_once(client, step, owner):
    run, *_ = await waits(client, step, None, LOST, **FOR_IT)
    await owner.execute(LATE, UUID(run["id"]))
    done = await asyncio.gather(*(step(run) for _ in range(4)))
    while await step(run):
        done.append(True)
    assert sum(done) == 2
    assert await went(client, run) == [("wait", "on_timeout"), ("lost", None)]


async def test_a_wait_that_ends_while_the_journey_is_paused_lasts_till_it_goes_on(
    client, step, owner
):
    run, *_ = await waits(client, step, duration="1d")
    journey = {"id": run["journey_id"]}
    await did(client, "journeys", journey, "pause")
    await owner.execute(LATE, UUID(run["id"]))
    await step(run)
    assert (await client.read(f"journey-runs/{run['id']}"))["node"] == "wait"
    await did(client, "journeys", journey, "resume")
    assert await step(run)
    assert await step(run)
    assert await went(client, run) == [("wait", "next"), ("end", None)]


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"duration": "1d", "until": "2030-01-01"}, "/nodes/0"),
        ({"event": "paid", "timeout": "1d"}, "/nodes/0/on_timeout"),
        ({"until": "2030-01-01", "is_working": True}, "/nodes/0/is_working"),
        ({"duration": "-1d"}, "/nodes/0/duration"),
        ({"duration": "soon"}, "/nodes/0/duration"),
        ({"duration": "9999w"}, "/nodes/0/duration"),
        ({"until": "some day"}, "/nodes/0/until"),
        ({"until": {"$ref": "record.custom.unknown"}}, "/nodes/0/until"),
    ],
)
async def test_waits_for_nothing_are_not_published(client, said, pointer):
    wait = node("wait", "wait", next="end", **said)
    answer = await client.post("/v1/journeys", json={"name": "Wrong", "nodes": [wait, END]})
    if answer.status_code == 201:
        answer = await client.post(f"/v1/journeys/{answer.json()['id']}/publish")
    assert pointer in pointers(problem(answer, 422))
