"""What resources are busy with elsewhere, as calendar files tell."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from json import dumps
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.scheduling.busy_reading import busy_in, merged
from crm_api.kit.errors import Invalid, TooLarge
from support.clients import problem
from support.waiting import patiently

BERLIN = ZoneInfo("Europe/Berlin")
START, END = datetime(2031, 1, 1, tzinfo=UTC), datetime(2032, 1, 1, tzinfo=UTC)
NOON = (datetime.now(UTC) + timedelta(days=10)).replace(hour=12, minute=0, second=0, microsecond=0)


def file(*events):
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//example//EN"]
    for event in events:
        uid = [] if "UID:" in event else [f"UID:{abs(hash(event))}@example.com"]
        lines += ["BEGIN:VEVENT", *uid, *event.split("|"), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def spans(*events):
    read = busy_in(file(*events), BERLIN, START, END)
    return [f"{start:%m%dT%H%M}-{end:%m%dT%H%M}" for start, end in read.spans]


DAILY = "UID:1|DTSTART;TZID=Europe/Berlin:20310328T090000|DTEND;TZID=Europe/Berlin:20310328T100000"


def test_times_are_those_of_their_zones():
    assert spans("DTSTART:20310303T090000Z|DURATION:PT1H30M") == ["0303T0900-0303T1030"]
    # Floating times and days are where the resource is; that day has 23 hours.
    assert spans("DTSTART:20310303T090000|DURATION:PT1H") == ["0303T0800-0303T0900"]
    assert spans("DTSTART;VALUE=DATE:20310330") == ["0329T2300-0330T2200"]
    assert spans("DTSTART:20310303T090000Z") == []
    assert spans("DTSTART:20301231T230000Z|DURATION:PT2H") == ["0101T0000-0101T0100"]


def test_what_repeats_does_so_by_the_clocks_of_its_zone():
    assert spans(f"{DAILY}|RRULE:FREQ=DAILY;COUNT=4|EXDATE;TZID=Europe/Berlin:20310329T090000") == [
        "0328T0800-0328T0900",
        "0330T0700-0330T0800",
        "0331T0700-0331T0800",
    ]
    # One instance is moved, another one cancelled.
    assert spans(
        f"{DAILY}|RRULE:FREQ=DAILY;UNTIL=20310331T070000Z",
        "UID:1|RECURRENCE-ID;TZID=Europe/Berlin:20310329T090000|DTSTART:20310329T150000Z|DURATION:PT1H",
        "UID:1|RECURRENCE-ID:20310330T070000Z|DTSTART:20310330T070000Z|STATUS:CANCELLED",
    ) == ["0328T0800-0328T0900", "0329T1500-0329T1600", "0331T0700-0331T0800"]
    # RFC 5545, 3.8.5.3: every other week by Tuesday and Sunday, with weeks from Monday on.
    rule = "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO"
    read = busy_in(
        file(f"DTSTART;TZID=America/New_York:19970805T090000|DURATION:PT1H|RRULE:{rule}"),
        BERLIN,
        datetime(1997, 1, 1, tzinfo=UTC),
        datetime(1998, 1, 1, tzinfo=UTC),
    )
    days = [(start.month, start.day, start.hour) for start, _ in read.spans]
    assert days == [(8, 5, 13), (8, 10, 13), (8, 19, 13), (8, 24, 13)]
    # The distant past is passed over, and days are counted on through it.
    rule = "DTSTART:19700101T000000Z|DURATION:PT1H|RRULE:FREQ=DAILY;INTERVAL=100"
    first = datetime(1970, 1, 1, tzinfo=UTC)
    read = busy_in(file(rule), BERLIN, START, END)
    assert len(read.spans) == 4
    assert all((start - first).days % 100 == 0 for start, _ in read.spans)


def test_what_is_free_is_left_out():
    assert spans("DTSTART:20310303T090000Z|DURATION:PT1H|TRANSP:TRANSPARENT") == []
    assert spans("DTSTART:20310303T090000Z|DURATION:PT1H|STATUS:CANCELLED") == []
    told = (
        b"BEGIN:VCALENDAR\r\nBEGIN:VFREEBUSY\r\n"
        b"FREEBUSY;FBTYPE=BUSY:20310303T090000Z/PT1H,20310303T100000Z/20310303T110000Z\r\n"
        b"FREEBUSY;FBTYPE=FREE:20310304T090000Z/PT1H\r\nEND:VFREEBUSY\r\nEND:VCALENDAR\r\n"
    )
    read = busy_in(told, BERLIN, START, END)
    hours = (datetime(2031, 3, 3, 9, tzinfo=UTC), datetime(2031, 3, 3, 11, tzinfo=UTC))
    assert read.spans == [hours]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"\xff\xfe\x00",
        b"BEGIN:VCALENDAR\r\n",
        b"BEGIN:VEVENT\r\nEND:VEVENT\r\n",
        file("DTSTART:soon"),
        file("DTEND:20310303T090000Z"),
        file("DTSTART:20310303T090000Z|DTSTART:20310304T090000Z"),
        file("DTSTART:20310303T090000Z|DTEND;VALUE=DATE:20310304"),
        file("DTSTART:20310303T090000Z|RRULE:FREQ=DAILY;BYDAY=XX"),
        file("DTSTART:20310303T090000Z|DURATION:PT1H|RRULE:FREQ=DAILY;INTERVAL=0"),
        file("DTSTART:20310303T090000Z|DURATION:PT1S|RRULE:FREQ=SECONDLY;BYMONTHDAY=30"),
        file("DTSTART:20310303T090000Z|DURATION:PT1S|RRULE:FREQ=DAILY;BYHOUR=1,2,3"),
        file("DTSTART:20310303T090000Z|DURATION:P99999999999D"),
        file(*[f"UID:{n}|DTSTART:20310303T090000Z" for n in range(5_001)]),
        # Each looks at each day of 60 years, and never comes.
        file(*[
            f"UID:{n}|DTSTART:19710101T090000Z|RRULE:FREQ=DAILY;COUNT=9;BYMONTH=2;BYMONTHDAY=30"
            for n in range(60)
        ]),
    ],
)  # fmt: skip
def test_broken_files_are_refused(content):
    with pytest.raises(Invalid) as error:
        busy_in(content, BERLIN, START, END)
    assert error.value.faults


def test_large_files_are_refused():
    with pytest.raises(TooLarge):
        busy_in(b" " * 2_000_001, BERLIN, START, END)


moments = st.integers(0, 100).map(lambda hours: START + timedelta(hours=hours))


@given(st.lists(st.tuples(moments, moments).filter(lambda one: one[0] < one[1])))
def test_merged_spans_cover_the_same_time(found):
    result = list(merged(found))
    assert all(a[1] < b[0] for a, b in pairwise(result))
    for hour in range(100):
        at = START + timedelta(hours=hour)
        assert any(a <= at < b for a, b in found) == any(a <= at < b for a, b in result)


async def room(api, **more):
    return await api.made("resources", {"name": "Meeting room", "kind": "room", **more})


def at(hours):
    return f"{NOON + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


def wanted(one, start, end, **more):
    times = {"starts_at": at(start), "ends_at": at(end)}
    return {"title": "Site visit", **times, "resources": [{"resource_id": one["id"]}], **more}


def busy(start, end, *more):
    times = (NOON + timedelta(hours=start), NOON + timedelta(hours=end))
    return "|".join([
        f"DTSTART:{times[0]:%Y%m%dT%H%M%SZ}", f"DTEND:{times[1]:%Y%m%dT%H%M%SZ}", *more
    ])  # fmt: skip


async def put(api, one, content, kind="text/calendar; charset=utf-8"):
    path = f"/v1/resources/{one['id']}/busy-calendar"
    return await api.put(path, content=content, headers={"Content-Type": kind})


async def test_busy_elsewhere_is_booked_by_whoever_may_alone(client):
    hall = await room(client)
    answer = await put(client, hall, file(busy(0, 1), busy(24, 26, "RRULE:FREQ=DAILY;COUNT=2")))
    assert answer.status_code == 200, answer.text
    assert (answer.json()["events"], answer.json()["spans"]) == (2, 3)
    found = problem(await client.post("/v1/bookings", json=wanted(hall, 0.5, 2)), 409)
    assert found["code"] == "busy_elsewhere"
    assert found["conflicts"] == [{"resource_id": hall["id"], "start": at(0), "end": at(1)}]
    await client.made("bookings", wanted(hall, 1, 2))
    await client.made("bookings", wanted(hall, 0, 1, ignores_calendars=True))
    # The next file takes the place of the one before.
    answer = await put(client, hall, file(busy(4, 5)))
    assert answer.json()["spans"] == 1
    await client.made("bookings", wanted(hall, 24, 25))
    window = {"start": at(0), "end": at(6)}
    answer = await client.post(f"/v1/resources/{hall['id']}/availability", json=window)
    free = [(one["start"], one["end"]) for one in answer.json()["free"]]
    assert free == [(at(2), at(4)), (at(5), at(6))]
    assert {"start": at(4), "end": at(5), "quantity": 1, "booking_id": None} in answer.json()[
        "busy"
    ]
    body = {"resource_ids": [hall["id"]], **window}
    answer = await client.post("/v1/availability/free-busy", json=body)
    (told,) = answer.json()["resources"]
    assert told["busy"] == [{"start": at(0), "end": at(2)}, {"start": at(4), "end": at(5)}]
    path = f"/v1/resources/{hall['id']}/busy-calendar"
    assert (await client.read(path[4:]))["spans"] == 1
    assert (await client.delete(path)).status_code == 204
    assert problem(await client.get(path), 404)["code"] == "no_busy_calendar"
    await client.made("bookings", wanted(hall, 4, 5))


async def test_broken_files_change_nothing(client):
    hall = await room(client)
    await put(client, hall, file(busy(0, 1)))
    found = problem(await put(client, hall, b"hello"), 422)
    assert found["errors"][0]["code"] == "unreadable_calendar"
    problem(await put(client, hall, file(busy(0, 1)), "text/plain"), 415)
    path = f"/v1/resources/{hall['id']}/busy-calendar"
    assert (await client.read(path[4:]))["spans"] == 1
    missing = {"id": "018f0000-0000-7000-8000-000000000000"}
    problem(await put(client, missing, file(busy(0, 1))), 404)
    document = (
        "mutation ($id: UUID!, $content: String!) {"
        " setBusyCalendar(resourceId: $id, content: $content) { events spans } }"
    )
    # Half of a character, which JSON can hold and UTF-8 cannot.
    whole = {"query": document, "variables": {"id": hall["id"], "content": "\ud800"}}
    json = {"Content-Type": "application/json"}
    answer = await client.post("/graphql", content=dumps(whole).encode(), headers=json)
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "validation", error
    content = file(busy(0, 1), busy(2, 3)).decode()
    data = await client.data(document, id=hall["id"], content=content)
    assert data["setBusyCalendar"] == {"events": 2, "spans": 2}


@pytest.mark.usefixtures("worker")
async def test_what_is_booked_already_conflicts(client):
    hall = await room(client)
    booking = await client.made("bookings", wanted(hall, 0, 1))
    await put(client, hall, file(busy(0.5, 2)))
    for causes in (["busy_elsewhere"], []):
        async for _ in patiently():
            found = await client.read(f"bookings/{booking['id']}")
            if [one["cause"] for one in found["conflicts"]] == causes:
                break
        assert [one["cause"] for one in found["conflicts"]] == causes
        await client.delete(f"/v1/resources/{hall['id']}/busy-calendar")
