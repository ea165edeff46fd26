"""Calendars of others that are replaced while bookings are made: known to be busy is not booked."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from time import monotonic
from uuid import UUID

from crm_api.domains.scheduling.busy_calendars import BusyCalendars
from crm_api.domains.scheduling.schemas import BookingCreate
from crm_api.domains.scheduling.service import BookingService
from crm_api.kit.db.tx import unit_of_work
from support.clients import problem, tx_of
from support.waiting import patiently

NOON = (datetime.now(UTC) + timedelta(days=30)).replace(hour=12, minute=0, second=0, microsecond=0)
HOURS = 8
_WAITING = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def room(api):
    return (await api.made("resources", {"name": "Meeting room", "kind": "room"}))["id"]


def wanted(hall, hour):
    starts_at = (NOON + timedelta(hours=hour)).isoformat()
    body = {"title": "Site visit", "starts_at": starts_at, "duration": 60}
    return {**body, "resources": [{"resource_id": hall}]}


def file(*hours):
    """A calendar file in which these hours are busy."""
    events = [
        line
        for hour in hours
        for line in (
            "BEGIN:VEVENT",
            f"UID:{hour}@example.com",
            f"DTSTAMP:{NOON:%Y%m%dT%H%M%SZ}",
            f"DTSTART:{NOON + timedelta(hours=hour):%Y%m%dT%H%M%SZ}",
            f"DTEND:{NOON + timedelta(hours=hour + 1):%Y%m%dT%H%M%SZ}",
            "END:VEVENT",
        )
    ]
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Example//EN"]
    return "\r\n".join([*head, *events, "END:VCALENDAR", ""]).encode()


async def replace(api, hall, *hours):
    headers = {"Content-Type": "text/calendar"}
    path = f"/v1/resources/{hall}/busy-calendar"
    answer = await api.put(path, content=file(*hours), headers=headers)
    assert answer.status_code == 200, answer.text


async def waits(owner, task):
    """Return once somebody waits for a lock, which is the task, for it has not ended."""
    async for _ in patiently():
        if await owner.fetch(_WAITING):
            break
    assert not task.done()


async def test_who_books_waits_for_a_calendar_that_is_being_replaced(client, database, owner, org):
    hall = await room(client)
    begun, enough = asyncio.Event(), asyncio.Event()

    async def replacing():
        async with unit_of_work(tx_of(database, org)) as tx:
            await BusyCalendars(tx).replace(UUID(hall), file(0))
            await tx.flush()
            begun.set()
            await enough.wait()

    task = asyncio.create_task(replacing())
    await begun.wait()
    booking = asyncio.create_task(client.post("/v1/bookings", json=wanted(hall, 0)))
    await waits(owner, booking)
    enough.set()
    await task
    problem(await booking, 409, "busy_elsewhere")
    await client.made("bookings", wanted(hall, 1))


async def test_what_is_booked_before_a_calendar_is_replaced_stays(client, database, owner, org):
    hall = await room(client)
    begun, enough = asyncio.Event(), asyncio.Event()

    async def booking():
        async with unit_of_work(tx_of(database, org)) as tx:
            await BookingService(tx).create(BookingCreate.model_validate(wanted(hall, 0)))
            await tx.flush()
            begun.set()
            await enough.wait()

    task = asyncio.create_task(booking())
    await begun.wait()
    replacing = asyncio.create_task(replace(client, hall, 0, 1))
    await waits(owner, replacing)
    enough.set()
    await asyncio.gather(task, replacing)
    assert len((await client.read("bookings"))["data"]) == 1
    problem(await client.post("/v1/bookings", json=wanted(hall, 1)), 409, "busy_elsewhere")


async def test_nothing_is_booked_that_was_known_to_be_busy(client):
    """Every file leaves one hour free alone: what is booked was free at some moment of its call."""
    hall = await room(client)
    random, known, booked = Random(11), list[tuple[int, float]](), list[tuple[int, float, float]]()
    hours = [random.randrange(HOURS) for _ in range(30)]
    done = asyncio.Event()
    codes = Counter[tuple[int, str | None]]()
    await replace(client, hall, *range(HOURS))

    async def replacing():
        for hour in hours:
            sent = monotonic()
            await replace(client, hall, *(one for one in range(HOURS) if one != hour))
            known.append((hour, sent))
        await replace(client, hall, *range(HOURS))
        known.append((HOURS, monotonic()))
        done.set()

    async def asking(seed):
        own = Random(seed)
        while not done.is_set():
            hour, sent = own.randrange(HOURS), monotonic()
            answer = await client.post("/v1/bookings", json=wanted(hall, hour))
            codes[answer.status_code, answer.json().get("code")] += 1
            if answer.status_code == 201:
                booked.append((hour, sent, monotonic()))
                # So that the hour can be had again.
                await client.post(f"/v1/bookings/{answer.json()['id']}/cancel")

    await asyncio.gather(replacing(), *map(asking, range(6)))
    refusals = {(409, "busy_elsewhere"), (409, "resource_taken")}
    assert set(codes) <= {(201, None), *refusals}, codes
    assert booked
    for hour, sent, answered in booked:
        # From when a file was sent until the next but one began, which the next had ended before.
        current = [
            (begun, known[place + 2][1] if place + 2 < len(known) else float("inf"))
            for place, (one, begun) in enumerate(known[:-1])
            if one == hour
        ]
        assert any(sent < until and answered > begun for begun, until in current), (hour, sent)
    problem(await client.post("/v1/bookings", json=wanted(hall, 0)), 409, "busy_elsewhere")
