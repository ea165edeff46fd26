"""Slots by how little they break up a day."""

from datetime import UTC, datetime, timedelta
from random import Random

from crm_api.domains.scheduling.ranking import without
from support.clients import problem

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEK = {day: [{"start": "09:00", "end": "12:00"}] for day in DAYS}


def ahead(number):
    """A day so many after today."""
    return datetime.now(UTC).date() + timedelta(days=number)


def window(first, days):
    """From the midnight of a day on, so many days."""
    return {"start": f"{first}T00:00:00Z", "end": f"{first + timedelta(days=days)}T00:00:00Z"}


async def made(api, count, **more):
    body = {"name": "Meeting room", "kind": "room", **more}
    return [(await api.made("resources", body))["id"] for _ in range(count)]


async def calendar(api):
    body = {"name": "Shop", "time_zone": "UTC", "week": WEEK}
    return (await api.made("working-calendars", body))["id"]


async def take(api, id, start, end):
    body = {"title": "Taken", "starts_at": start, "ends_at": end}
    return await api.made("bookings", {**body, "resources": [{"resource_id": id}]})


async def slots(api, **body):
    answer = await api.post("/v1/availability/slots", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(found):
    return [
        (one["start"][11:16], one["free_stretches"], one["free_minutes"]) for one in found["slots"]
    ]


async def asked(api, **more):
    day = ahead(7)
    body = {**window(day, 1), "time_zone": "UTC", "duration": 30, "rank": "fragmentation"}
    return await slots(api, **body, **more)


async def test_gaps_are_filled_before_wide_ones_are_split(client):
    hours = await calendar(client)
    (hall,) = await made(client, 1, calendar_id=hours)
    await take(client, hall, f"{ahead(7)}T09:30:00Z", f"{ahead(7)}T10:00:00Z")
    needed = [{"resource_ids": [hall]}]
    assert told(await asked(client, requirements=needed)) == [
        ("09:00", 0, 0),
        ("10:00", 1, 90),
        ("11:30", 1, 90),
        ("10:30", 2, 90),
        ("11:00", 2, 90),
    ]
    body = {**window(ahead(7), 1), "time_zone": "UTC", "duration": 30, "requirements": needed}
    assert [one["free_stretches"] for one in (await slots(client, **body))["slots"]] == [None] * 5
    (best,) = (await asked(client, requirements=needed, limit=1))["slots"]
    assert best["start"][11:16] == "09:00"


async def test_all_resources_of_a_slot_count(client):
    hours = await calendar(client)
    first, second = await made(client, 2, calendar_id=hours)
    await take(client, first, f"{ahead(7)}T09:00:00Z", f"{ahead(7)}T11:00:00Z")
    await take(client, second, f"{ahead(7)}T10:00:00Z", f"{ahead(7)}T11:30:00Z")
    needed = [{"resource_ids": [first]}, {"resource_ids": [second]}]
    # Beside what the first has, but not while the second is taken.
    assert told(await asked(client, requirements=needed)) == [("11:30", 1, 30)]


async def test_buffers_and_what_is_busy_elsewhere_are_edges(client):
    hours = await calendar(client)
    (hall,) = await made(client, 1, calendar_id=hours)
    events = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Example//EN",
        "BEGIN:VEVENT",
        "UID:1@example.com",
        f"DTSTAMP:{ahead(0):%Y%m%d}T000000Z",
        f"DTSTART:{ahead(7):%Y%m%d}T103000Z",
        f"DTEND:{ahead(7):%Y%m%d}T110000Z",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    content = "\r\n".join([*events, ""]).encode()
    path = f"/v1/resources/{hall}/busy-calendar"
    answer = await client.put(path, content=content, headers={"Content-Type": "text/calendar"})
    assert answer.is_success, answer.text
    needed = [{"resource_ids": [hall]}]
    found = told(await asked(client, requirements=needed, buffer_after=30))
    # From 10:00 the buffer reaches into what is elsewhere, which matters to nobody.
    assert found == [
        ("11:00", 0, 0),
        ("09:00", 1, 30),
        ("09:30", 1, 30),
        ("11:30", 1, 30),
        ("10:00", 1, 60),
    ]


async def test_of_units_it_counts_when_too_many_are_taken(client):
    hours = await calendar(client)
    (vans,) = await made(client, 1, calendar_id=hours, capacity=2)
    await take(client, vans, f"{ahead(7)}T09:30:00Z", f"{ahead(7)}T10:00:00Z")
    needed = [{"resource_ids": [vans], "units": 2}]
    assert told(await asked(client, requirements=needed))[0] == ("09:00", 0, 0)
    needed = [{"resource_ids": [vans], "units": 1}]
    assert told(await asked(client, requirements=needed))[0] == ("09:00", 1, 150)


async def test_a_ranked_window_is_not_too_long(client):
    (hall,) = await made(client, 1)
    body = {**window(ahead(1), 32), "duration": 30, "requirements": [{"resource_ids": [hall]}]}
    found = problem(
        await client.post("/v1/availability/slots", json={**body, "rank": "fragmentation"}), 422
    )
    assert "31 days" in str(found)
    assert (await slots(client, **body))["slots"]


async def test_the_same_over_graphql(client):
    hours = await calendar(client)
    (hall,) = await made(client, 1, calendar_id=hours)
    document = """query ($input: SlotSearchInput!) { availabilitySlots(input: $input) {
        slots { start freeStretches freeMinutes } } }"""
    given = {
        "start": f"{ahead(7)}T00:00:00Z",
        "end": f"{ahead(7) + timedelta(days=1)}T00:00:00Z",
        "timeZone": "UTC",
        "duration": 30,
        "rank": "fragmentation",
        "requirements": [{"resourceIds": [hall]}],
        "limit": 1,
    }
    (best,) = (await client.data(document, input=given))["availabilitySlots"]["slots"]
    assert (best["freeStretches"], best["freeMinutes"]) == (1, 150)


def test_what_is_left_is_what_is_open_and_not_shut():
    random = Random(5)
    for _ in range(200):
        marks = sorted(random.sample(range(40), 6))
        spans = list(zip(marks[::2], marks[1::2], strict=True))
        shut = [(at, at + random.randrange(1, 8)) for at in random.sample(range(40), 4)]
        left = without(spans, shut)
        inside = {n for a, b in left for n in range(a, b)}
        wanted = {n for a, b in spans for n in range(a, b)} - {
            n for a, b in shut for n in range(a, b)
        }
        assert inside == wanted
        assert all(a < b for a, b in left)
