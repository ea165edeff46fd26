"""Slots: what is offered can be booked, what is not cannot, and days without any say why."""

from datetime import date, datetime, timedelta
from random import Random
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from support.clients import pointers, problem
from support.members import custom_role, member

ZONE = "Europe/Berlin"


async def made(api, count, **more):
    body = {"name": "Meeting room", "kind": "room", **more}
    return sorted([(await api.made("resources", body))["id"] for _ in range(count)])


async def kind_of(api, *requirements, **more):
    body = {"name": "Visit", "key": f"type-{uuid4()}", "requirements": list(requirements)}
    return await api.made("booking-types", {**body, "horizon_days": 1100, **more})


async def calendar(api, week, zone="UTC"):
    days = {day: [{"start": first, "end": last}] for day, (first, last) in week.items()}
    body = {"name": "Shop", "time_zone": zone, "week": days}
    return (await api.made("working-calendars", body))["id"]


async def take(api, id, start, end, **more):
    body = {"title": "Taken", "starts_at": start, "ends_at": end, "ignores_calendars": True}
    return await api.made("bookings", {**body, "resources": [{"resource_id": id, **more}]})


async def slots(api, **body):
    answer = await api.post("/v1/availability/slots", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ahead(number):
    """A day so many after today."""
    return datetime.now(ZoneInfo("UTC")).date() + timedelta(days=number)


def window(first, days):
    """From the midnight of a day on, so many days, in UTC."""
    return {"start": f"{first}T00:00:00Z", "end": f"{first + timedelta(days=days)}T00:00:00Z"}


def starts_of(found):
    return [one["start"] for one in found["slots"]]


def instant(at):
    return at.astimezone(ZoneInfo("UTC")).isoformat().replace("+00:00", "Z")


async def scenario(api, random):
    """Rooms and people with hours, some of them taken, and a type that takes some of both."""
    week = dict.fromkeys(("monday", "wednesday", "thursday", "sunday"), ("07:30", "15:10"))
    hours = await calendar(api, week, ZONE)
    every_day = dict.fromkeys(
        ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        ("06:00", "12:45"),
    )
    mornings = await calendar(api, every_day)
    rooms = await made(api, 2, calendar_id=mornings)
    vans = await made(api, 2, kind="vehicle", capacity=3)
    people = await made(api, 3, kind="person", calendar_id=hours)
    # A Wednesday, for not every day has hours.
    first = ahead(10)
    first += timedelta(days=(2 - first.weekday()) % 7)
    midnight = datetime(first.year, first.month, first.day, tzinfo=ZoneInfo("UTC"))
    for _ in range(25):
        id = random.choice([*rooms, *vans, *people])
        start = midnight + timedelta(minutes=random.randrange(-60, 2 * 1440, 5))
        body = {
            "title": "Taken",
            "starts_at": start.isoformat(),
            "ends_at": (start + timedelta(minutes=random.randrange(5, 200, 5))).isoformat(),
            "ignores_calendars": True,
            "resources": [
                {"resource_id": id, "quantity": random.choice([1, 2]) if id in vans else 1}
            ],
        }
        assert (await api.post("/v1/bookings", json=body)).status_code in {201, 409}
    kind = await kind_of(
        api,
        {"resource_ids": [*rooms, people[0]]},
        {"kind": "person", "quantity": random.choice([1, 2])},
        {"kind": "vehicle", "units": 2},
        durations=[random.choice([20, 45, 60])],
        buffer_before=random.choice([0, 10]),
        buffer_after=random.choice([0, 25]),
        slot_step=30,
        time_zone=ZONE,
        assignment=random.choice(["round_robin", "least_loaded"]),
    )
    return kind, midnight


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_what_is_offered_books_and_what_is_not_is_refused(client, seed):
    kind, midnight = await scenario(client, Random(seed))
    end = midnight + timedelta(days=1, hours=12)
    found = await slots(
        client, booking_type_id=kind["id"], start=midnight.isoformat(), end=end.isoformat()
    )
    offered = {one["start"]: one for one in found["slots"]}
    assert offered
    at = midnight
    while at < end:
        body = {"booking_type_id": kind["id"], "starts_at": instant(at)}
        answer = await client.post("/v1/bookings?dry_run=true", json=body)
        assert (answer.status_code == 201) == (instant(at) in offered), answer.text
        if answer.status_code == 201:
            booked = answer.json()
            slot = offered[instant(at)]
            assert booked["ends_at"] == slot["end"]
            assert [one["resource_id"] for one in booked["resources"]] == [
                one["resource_id"] for one in slot["resources"]
            ]
        else:
            assert answer.json()["code"] == "no_resources_free"
        at += timedelta(minutes=30)


async def test_days_without_slots_say_why(client):
    first = ahead(5)
    while first.weekday() != 0:
        first += timedelta(days=1)
    monday, tuesday, wednesday, thursday, friday, saturday = (
        first + timedelta(days=n) for n in range(6)
    )
    shop = await calendar(
        client,
        dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), ("09:00", "12:00")),
    )
    hall, spare = await made(client, 2, calendar_id=shop)
    (van,) = await made(client, 1, kind="vehicle")
    body = {"calendar_id": shop, "day": str(tuesday), "name": "Inventory"}
    await client.made("calendar-exceptions", body)
    for id in (hall, spare):
        await take(client, id, f"{wednesday}T08:00:00Z", f"{wednesday}T13:00:00Z")
    await take(client, van, f"{thursday}T00:00:00Z", f"{friday}T00:00:00Z")
    notice = (monday - ahead(0)).days * 1440 + 1440
    kind = await kind_of(
        client,
        {"resource_ids": [hall, spare]},
        {"kind": "vehicle"},
        most_per_day=1,
        time_zone="UTC",
        durations=[60],
        minimum_notice=0,
    )
    asked = {"booking_type_id": kind["id"], **window(monday, 6)}
    found = await slots(client, **asked)
    told = {one["day"]: (one["reason"], one["requirement"]) for one in found["empty_days"]}
    assert told == {
        str(tuesday): ("closed", 0),
        str(wednesday): ("booked", 0),
        str(thursday): ("booked", 1),
        str(saturday): ("closed", 0),
    }
    starts = [f"{monday}T{at}:00Z" for at in ("09:00", "09:30", "10:00", "10:30", "11:00")]
    assert starts_of(found)[:5] == starts
    answer = await client.post(
        "/v1/bookings", json={"booking_type_id": kind["id"], "starts_at": starts[0]}
    )
    assert answer.status_code == 201
    found = await slots(client, **asked)
    assert (found["empty_days"][0]["day"], found["empty_days"][0]["reason"]) == (
        str(monday),
        "day_full",
    )
    path = f"booking-types/{kind['id']}"
    await client.changed(path, {"minimum_notice": notice, "most_per_day": None})
    found = await slots(client, **asked)
    assert found["empty_days"][0]["reason"] == "too_soon"
    days = (thursday - ahead(0)).days
    await client.changed(path, {"minimum_notice": 0, "horizon_days": days})
    found = await slots(client, **asked)
    reasons = {one["day"]: one["reason"] for one in found["empty_days"]}
    assert reasons[str(friday)] == reasons[str(saturday)] == "too_far_ahead"
    await client.changed(path, {"horizon_days": 1100, "calendar_id": await calendar(client, {})})
    found = await slots(client, **asked)
    assert {(one["reason"], one["requirement"]) for one in found["empty_days"]} == {
        ("closed", None)
    }
    await client.changed(path, {"calendar_id": None, "requirements": [{"kind": "licence"}]})
    found = await slots(client, **asked)
    assert {(one["reason"], one["requirement"]) for one in found["empty_days"]} == {
        ("no_candidates", 0)
    }


async def test_requirements_of_the_request_need_no_type(client):
    ids = await made(client, 3)
    first = ahead(3)
    await take(client, ids[0], f"{first}T08:00:00Z", f"{first}T08:30:00Z")
    asked = {
        "start": f"{first}T08:00:00Z",
        "end": f"{first}T09:00:00Z",
        "duration": 15,
        "slot_step": 15,
        "time_zone": "UTC",
        "buffer_before": 5,
    }
    found = await slots(client, requirements=[{"resource_ids": ids[:1]}], **asked)
    assert starts_of(found) == [f"{first}T08:45:00Z"]
    found = await slots(client, requirements=[{"kind": "room"}], resource_ids=[ids[2]], **asked)
    assert [one["resources"][0]["resource_id"] for one in found["slots"]] == [ids[2]] * 4
    found = await slots(client, requirements=[{"kind": "room"}], assignment="collective", **asked)
    assert [len(one["resources"]) for one in found["slots"]] == [3]


async def test_what_is_beyond_the_limit_is_asked_for_next(client):
    await made(client, 1)
    asked = {"requirements": [{"kind": "room"}], "duration": 60, "slot_step": 60}
    whole = await slots(client, **asked, **window(ahead(2), 2))
    assert (len(whole["slots"]), whole["next_start"]) == (48, None)
    found: list[str] = []
    start = whole["slots"][0]["start"]
    while start is not None:
        end = window(ahead(2), 2)["end"]
        page = await slots(client, **asked, start=start, end=end, limit=13)
        found += starts_of(page)
        start = page["next_start"]
    assert found == starts_of(whole)


async def test_the_clock_of_the_type_counts_where_clocks_change(client):
    await made(client, 1)
    asked = {"requirements": [{"kind": "room"}], "duration": 30, "slot_step": 30}
    year = datetime.now(ZoneInfo("UTC")).year + 1
    # The last Sundays of March and October.
    for month, hours in ((3, 23), (10, 25)):
        last = date(year, month, 31)
        day = last - timedelta(days=(last.weekday() + 1) % 7)
        begins = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(ZONE))
        ends = begins + timedelta(days=1)
        found = await slots(
            client, **asked, time_zone=ZONE, start=instant(begins), end=instant(ends)
        )
        assert len(found["slots"]) == 2 * hours
        local = [datetime.fromisoformat(at).astimezone(ZoneInfo(ZONE)) for at in starts_of(found)]
        twice = [at.strftime("%H:%M") for at in local if at.hour == 2]
        assert twice == {23: [], 25: ["02:00", "02:30"] * 2}[hours]


async def test_the_owner_of_a_contact_and_users_are_heeded(client):
    users = [
        await client.made("users", {"name": "Sample Rep", "email": f"{uuid4()}@example.com"})
        for _ in range(3)
    ]
    people = [(await made(client, 1, kind="person", user_id=one["id"]))[0] for one in users]
    contact = await client.made("contacts", {"last_name": "Person", "owner_id": users[2]["id"]})
    first = ahead(3)
    await take(client, people[2], f"{first}T09:00:00Z", f"{first}T10:00:00Z")
    asked = {
        "requirements": [{"kind": "person"}],
        "duration": 60,
        "slot_step": 60,
        "start": f"{first}T08:00:00Z",
        "end": f"{first}T10:00:00Z",
    }
    found = await slots(client, **asked, contact_id=contact["id"])
    chosen = [one["resources"][0]["resource_id"] for one in found["slots"]]
    assert chosen == [people[2], min(people[:2])]
    found = await slots(client, **asked, user_ids=[users[1]["id"]])
    assert {one["resources"][0]["resource_id"] for one in found["slots"]} == {people[1]}
    document = """query ($input: SlotSearchInput!) { availabilitySlots(input: $input)
        { timeZone nextStart slots { start resources { resourceId quantity requirement } } } }"""
    input = {
        "requirements": [{"kind": "PERSON"}],
        "duration": 60,
        "slotStep": 60,
        "start": asked["start"],
        "end": asked["end"],
        "userIds": [users[1]["id"]],
    }
    if (await client.gql(document, input=input)).get("errors"):
        input["requirements"] = [{"kind": "person"}]
    data = await client.data(document, input=input)
    assert len(data["availabilitySlots"]["slots"]) == 2


async def test_too_few_for_all_requirements_together_are_found_soon(client):
    ids = await made(client, 29)
    asked = {"duration": 30, "slot_step": 5, **window(ahead(2), 62)}
    # One is missing in all, then of those that two requirements share: tried out anew for each of
    # 17,856 starts, the first alone took more than eight minutes.
    for needs in (
        [{"resource_ids": ids, "quantity": 3}] * 10,
        [{"resource_ids": ids, "quantity": 2}] * 8 + [{"resource_ids": ids[:3], "quantity": 2}] * 2,
    ):
        found = await slots(client, **asked, requirements=needs)
        assert found["slots"] == []
        assert {(one["reason"], one["requirement"]) for one in found["empty_days"]} == {
            ("booked", None)
        }


async def test_a_type_offers_the_same_to_who_does_not_see_all_of_it(client):
    (hall,) = await made(client, 1)
    more = {"durations": [45], "minimum_notice": 60, "most_per_day": 3}
    kind = await kind_of(client, {"resource_ids": [hall]}, **more)
    reach = {"*": dict.fromkeys(("read", "create", "update", "delete"), "all")}
    hidden = ["durations", "requirements", "most_per_day"]
    masks = {"booking_type": {"hidden": hidden, "read_only": []}}
    reader = await member(client, await custom_role(client, levels=reach, masks=masks))
    asked = {"booking_type_id": kind["id"], **window(ahead(2), 1)}
    assert await slots(reader.api, **asked) == await slots(client, **asked)


async def test_bad_questions_are_pointed_at(client, other):
    (hall,) = await made(client, 1)
    (theirs,) = await made(other, 1)
    kind = await kind_of(client, {"resource_ids": [hall]}, assignment="specific")
    times = window(ahead(2), 2)
    typed = {"booking_type_id": kind["id"], "resource_ids": [hall], **times}
    free = {"requirements": [{"resource_ids": [hall]}], "duration": 30, **times}
    assert (await slots(client, **typed))["slots"]
    for body, pointer in (
        ({**typed, "resource_ids": []}, "/resource_ids"),
        ({**typed, "resource_ids": [theirs]}, "/resource_ids/0"),
        ({**typed, "user_ids": [hall]}, "/user_ids/0"),
        ({**typed, "duration": 31}, "/duration"),
        ({**typed, "booking_type_id": hall}, "/booking_type_id"),
        ({**typed, "contact_id": hall}, "/contact_id"),
        ({**free, "requirements": [{"resource_ids": [theirs]}]}, "/requirements/0/resource_ids/0"),
        ({**free, "limit": 2001}, "/limit"),
        ({**free, "slot_step": 1}, "/slot_step"),
        ({**free, "time_zone": "Mars"}, "/time_zone"),
    ):
        answer = await client.post("/v1/availability/slots", json=body)
        assert pointers(problem(answer, 422)) == [pointer], body
    for more in (
        {"end": times["start"]},
        window(ahead(2), 63),
        {"duration": None},
        {"booking_type_id": kind["id"]},
    ):
        answer = await client.post("/v1/availability/slots", json={**free, **more})
        assert problem(answer, 422)
