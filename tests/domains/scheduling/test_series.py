"""Bookings that recur: all of them or none, and what is changed of one, of some, of all to come."""

import pytest

from support.clients import pointers, problem

MONDAY = "2031-03-03T09:00"


async def room(api, **more):
    return await api.made("resources", {"name": "Meeting room", "kind": "room", **more})


def weekly(*rooms, count=4, **more):
    return {
        "title": "Weekly meeting",
        "rule": f"FREQ=WEEKLY;COUNT={count}",
        "starts_local": MONDAY,
        "time_zone": "Europe/Berlin",
        "duration_minutes": 60,
        "resources": [{"resource_id": one["id"]} for one in rooms],
        **more,
    }


def at(hall, start, end, day="2031-03-10"):
    return {
        "title": "Site visit",
        "starts_at": f"{day}T{start}:00Z",
        "ends_at": f"{day}T{end}:00Z",
        "resources": [{"resource_id": hall["id"]}],
    }


async def booked(api, series):
    """What a series has booked, by its key."""
    found = await api.read("bookings", **{"filter[series_id]": series["id"], "limit": 200})
    return {one["occurrence"]: one for one in found["data"]}


async def act(api, series, verb, status=200, **body):
    answer = await api.post(f"/v1/booking-series/{series['id']}/{verb}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def refused(api, body, status=422):
    return problem(await api.post("/v1/booking-series", json=body), status)


async def test_each_occurrence_is_a_booking_at_the_same_hour(client):
    hall = await room(client)
    series = await client.made("booking-series", weekly(hall, exceptions=["2031-03-17T09:00"]))
    found = await booked(client, series)
    # Clocks change on the 30th of March: it is nine in Berlin all the same.
    assert {key: one["starts_at"] for key, one in found.items()} == {
        "2031-03-03T09:00": "2031-03-03T08:00:00Z",
        "2031-03-10T09:00": "2031-03-10T08:00:00Z",
        "2031-03-24T09:00": "2031-03-24T08:00:00Z",
    }
    one = found["2031-03-10T09:00"]
    assert (one["title"], one["status"], one["is_detached"]) == (
        "Weekly meeting",
        "confirmed",
        False,
    )
    answer = await client.post("/v1/bookings", json=at(hall, "08:30", "09:30"))
    assert problem(answer, 409)["conflicts"][0]["booking_id"] == one["id"]
    await client.made("bookings", at(hall, "08:00", "09:00", day="2031-03-17"))


@pytest.mark.parametrize(
    ("zone", "start", "moments"),
    [
        ("Europe/Berlin", "2031-03-29T02:30", ["29T01:30", "30T01:30", "31T00:30"]),
        ("America/New_York", "2031-03-08T02:30", ["08T07:30", "09T07:30", "10T06:30"]),
        ("America/Sao_Paulo", "2018-11-03T00:00", ["03T03:00", "04T03:00", "05T02:00"]),
        ("Australia/Lord_Howe", "2031-10-04T02:15", ["03T15:45", "04T15:45", "05T15:15"]),
    ],
)
async def test_a_time_that_clocks_skip_is_by_the_offset_before(client, zone, start, moments):
    hall = await room(client)
    body = weekly(hall, rule="FREQ=DAILY;COUNT=3", starts_local=start, time_zone=zone)
    series = await client.made("booking-series", body)
    times = sorted(one["starts_at"] for one in (await booked(client, series)).values())
    assert [one[8:16] for one in times] == moments
    # It keeps its key, and can be given up by it.
    key = sorted(await booked(client, series))[1]
    await act(client, series, "cancel", scope="this", occurrence=key)
    assert (await booked(client, series))[key]["status"] == "cancelled"


async def test_all_are_had_or_none_and_those_in_the_way_are_named(client):
    hall, other = await room(client), await room(client)
    taken = await client.made("bookings", at(hall, "08:30", "09:30"))
    found = await refused(client, weekly(hall, other), 409)
    assert (found["code"], found["clashes"]) == ("occurrences_taken", 1)
    (one,) = found["occurrences"]
    assert (one["occurrence"], one["code"]) == ("2031-03-10T09:00", "resource_taken")
    assert one["conflicts"][0]["booking_id"] == taken["id"]
    assert (await client.read("booking-series"))["data"] == []
    await client.made("bookings", at(other, "08:00", "09:00", day="2031-03-03"))
    body = weekly(hall, other, on_conflict="skip", count=3)
    series = await client.made("booking-series", body)
    assert series["skipped"] == [
        {"occurrence": "2031-03-03T09:00", "code": "resource_taken"},
        {"occurrence": "2031-03-10T09:00", "code": "resource_taken"},
    ]
    assert list(await booked(client, series)) == ["2031-03-17T09:00"]
    again = await refused(client, weekly(hall, on_conflict="skip", rule="FREQ=DAILY;COUNT=1",
                                         starts_local="2031-03-10T09:00"), 409)  # fmt: skip
    assert again["code"] == "nothing_free"


async def test_a_preview_books_nothing(client):
    hours = [{"start": "09:00", "end": "17:00"}]
    week = {"monday": hours, "tuesday": hours}
    calendar = await client.made(
        "working-calendars", {"name": "Shop", "time_zone": "Europe/Berlin", "week": week}
    )
    hall = await room(client, calendar_id=calendar["id"])
    taken = await client.made("bookings", at(hall, "09:00", "10:00", day="2031-03-04"))
    body = weekly(hall, rule="FREQ=DAILY;COUNT=3", duration_minutes=90)
    answer = await client.post("/v1/booking-series/preview", json=body)
    told = answer.json()
    codes = [one["code"] for one in told["occurrences"]]
    assert (codes, told["clashes"]) == ([None, "resource_taken", "outside_working_time"], 2)
    assert told["occurrences"][1]["conflicts"][0]["booking_id"] == taken["id"]
    document = """query ($input: RecurringBookingCreateInput!) {
        recurringBookingPreview(input: $input) { clashes occurrences { occurrence code } } }"""
    given = {
        "title": "Weekly meeting",
        "rule": body["rule"],
        "startsLocal": MONDAY,
        "timeZone": "Europe/Berlin",
        "durationMinutes": 90,
        "resources": [{"resourceId": hall["id"]}],
    }
    data = await client.data(document, input=given)
    found = data["recurringBookingPreview"]
    assert [one["code"] for one in found["occurrences"]] == codes
    assert (await client.read("booking-series"))["data"] == []
    assert [one["id"] for one in (await client.read("bookings"))["data"]] == [taken["id"]]


async def test_occurrences_that_overlap_each_other_are_counted(client):
    hall, vans = await room(client), await room(client, capacity=2)
    body = {"rule": "FREQ=DAILY;COUNT=3", "duration_minutes": 25 * 60}
    found = await refused(client, weekly(hall, **body), 409)
    assert [one["occurrence"][8:10] for one in found["occurrences"]] == ["04"]
    await client.made("booking-series", weekly(vans, **body))


@pytest.mark.parametrize(
    ("more", "pointer", "code"),
    [
        ({"rule": "FREQ=DAILY"}, "/rule", "rule_without_end"),
        ({"rule": "FREQ=DAILY;COUNT=10000000"}, "/rule", "invalid_rule"),
        ({"rule": "FREQ=SECONDLY;COUNT=5"}, "/rule", "invalid_rule"),
        ({"rule": "FREQ=DAILY;UNTIL=20330401T000000Z"}, "/rule", "too_many_occurrences"),
        ({"rule": "FREQ=YEARLY;COUNT=20"}, "/rule", "too_long"),
        ({"rule": "FREQ=YEARLY;UNTIL=99991231T000000Z"}, "/rule", "too_long"),
        ({"rule": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=2"}, "/rule", "no_occurrences"),
        ({"rule": "FREQ=DAILY;UNTIL=20300101T000000Z"}, "/rule", "no_occurrences"),
        ({"exceptions": ["2031-03-04T09:00"]}, "/exceptions/0", "not_an_occurrence"),
        ({"exceptions": [MONDAY], "rule": "FREQ=DAILY;COUNT=1"}, "/exceptions", "no_occurrences"),
        ({"starts_local": "2031-02-30T09:00"}, "/starts_local", "invalid"),
        ({"starts_local": "2031-03-03T09:00Z"}, "/starts_local", None),
        ({"duration_minutes": 0}, "/duration_minutes", None),
        (
            {"rule": "FREQ=DAILY;COUNT=730", "duration_minutes": 527_040},
            "/duration_minutes",
            "too_long",
        ),
        ({"time_zone": "Europe/Nowhere"}, "/time_zone", None),
        ({"resources": []}, "/resources", None),
    ],
)
async def test_bad_rules_are_pointed_at(client, more, pointer, code):
    hall = await room(client)
    found = await refused(client, weekly(hall, **more))
    assert pointers(found) == [pointer]
    assert code in {None, "invalid", found["errors"][0]["code"]}


async def test_one_occurrence_is_moved_apart_and_stays_apart(client):
    hall = await room(client)
    series = await client.made("booking-series", weekly(hall))
    key = "2031-03-10T09:00"
    await act(
        client, series, "reschedule", scope="this", occurrence=key, starts_local="2031-03-11T14:00"
    )
    moved = (await booked(client, series))[key]
    assert (moved["starts_at"], moved["is_detached"]) == ("2031-03-11T13:00:00Z", True)
    # The others move with the rule, and it does not; its key goes along.
    shown = await act(client, series, "reschedule", scope="all", starts_local="2031-03-03T10:00")
    assert (shown["id"], shown["starts_local"]) == (series["id"], "2031-03-03T10:00")
    found = await booked(client, series)
    assert [one["starts_at"] for _, one in sorted(found.items())] == [
        "2031-03-03T09:00:00Z",
        "2031-03-11T13:00:00Z",
        "2031-03-17T09:00:00Z",
        "2031-03-24T09:00:00Z",
    ]
    assert found["2031-03-10T10:00"]["id"] == moved["id"]
    await act(client, series, "cancel", scope="all")
    found = await booked(client, series)
    assert {one["status"] for one in found.values()} == {"cancelled", "confirmed"}
    assert found["2031-03-10T10:00"]["status"] == "confirmed"
    again = await act(client, series, "reschedule", 409, scope="all")
    assert again["code"] == "illegal_transition"


async def test_a_series_that_moves_by_a_week_does_not_stand_in_its_own_way(client):
    hall = await room(client)
    series = await client.made("booking-series", weekly(hall))
    await act(client, series, "reschedule", scope="all", starts_local="2031-03-10T09:00")
    assert sorted(await booked(client, series)) == [
        f"2031-{day}T09:00" for day in ("03-10", "03-17", "03-24", "03-31")
    ]
    # Nothing moves where one of them cannot.
    before = await booked(client, series)
    await client.made("bookings", at(hall, "12:00", "13:00", day="2031-03-24"))
    found = await act(
        client, series, "reschedule", 409, scope="all", starts_local="2031-03-10T13:30"
    )
    assert [one["occurrence"] for one in found["occurrences"]] == ["2031-03-24T13:30"]
    assert await booked(client, series) == before


async def test_those_from_one_on_become_a_series_of_their_own(client):
    hall, other = await room(client), await room(client)
    body = weekly(hall, count=5, exceptions=["2031-03-24T09:00"])
    series = await client.made("booking-series", body)
    later = await act(
        client,
        series,
        "reschedule",
        scope="following",
        occurrence="2031-03-17T09:00",
        starts_local="2031-03-17T11:00",
        duration_minutes=30,
        resources=[{"resource_id": other["id"]}],
    )
    assert (later["parent_id"], later["rule"]) == (series["id"], "FREQ=WEEKLY;COUNT=3")
    assert later["exceptions"] == ["2031-03-24T11:00"]
    old = await client.read(f"booking-series/{series['id']}")
    assert old["rule"] == "FREQ=WEEKLY;UNTIL=20310310T080000Z"
    assert sorted(await booked(client, old)) == ["2031-03-03T09:00", "2031-03-10T09:00"]
    found = await booked(client, later)
    assert {key: (one["starts_at"], one["ends_at"]) for key, one in found.items()} == {
        "2031-03-17T11:00": ("2031-03-17T10:00:00Z", "2031-03-17T10:30:00Z"),
        "2031-03-31T11:00": ("2031-03-31T09:00:00Z", "2031-03-31T09:30:00Z"),
    }
    assert {one["resources"][0]["resource_id"] for one in found.values()} == {other["id"]}
    await client.made("bookings", at(hall, "08:00", "09:00", day="2031-03-17"))
    # Both go on as series do.
    await act(client, old, "cancel", scope="following", occurrence="2031-03-10T09:00")
    document = """mutation ($id: UUID!, $input: SeriesCancelInput!) {
        cancelRecurringBooking(id: $id, input: $input) { status } }"""
    data = await client.data(document, id=later["id"], input={"scope": "all", "reason": "Moved"})
    assert data["cancelRecurringBooking"] == {"status": "cancelled"}
    found = await booked(client, later)
    assert {one["cancel_reason"] for one in found.values()} == {"Moved"}
    assert [one["status"] for _, one in sorted((await booked(client, old)).items())] == [
        "confirmed",
        "cancelled",
    ]


async def test_a_move_that_the_rule_does_not_say_is_refused(client):
    hall = await room(client)
    body = weekly(hall, rule="FREQ=WEEKLY;BYDAY=MO,WE;COUNT=4")
    series = await client.made("booking-series", body)
    found = await act(
        client, series, "reschedule", 422, scope="all", starts_local="2031-03-04T09:00"
    )
    assert found["errors"][0]["code"] == "rule_would_change"
    for body, pointer in (
        ({"scope": "this"}, "/occurrence"),
        ({"scope": "following", "occurrence": "2031-03-04T09:00"}, "/occurrence"),
        ({"scope": "all", "occurrence": MONDAY}, "/occurrence"),
    ):
        assert pointers(await act(client, series, "reschedule", 422, **body)) == [pointer]
        assert pointers(await act(client, series, "cancel", 422, **body)) == [pointer]


async def test_what_has_begun_stays(client):
    hall = await room(client)
    body = weekly(hall, rule="FREQ=YEARLY;COUNT=9", starts_local="2024-01-15T09:00")
    series = await client.made("booking-series", body)
    before = await booked(client, series)
    past = [one for one in before.values() if one["starts_at"] < series["created_at"]]
    assert 0 < len(past) < 9
    later = await act(client, series, "reschedule", scope="all", resources=[
        {"resource_id": (await room(client))["id"]}])  # fmt: skip
    assert later["parent_id"] == series["id"]
    assert sorted((await booked(client, series)).values(), key=lambda one: one["id"]) == sorted(
        past, key=lambda one: one["id"]
    )
    assert len(await booked(client, later)) == 9 - len(past)
    over = await act(client, series, "cancel", 409, scope="all")
    assert over["code"] == "series_over"


async def test_a_series_that_is_destroyed_takes_its_bookings_along(client):
    hall = await room(client)
    series = await client.made("booking-series", weekly(hall, count=2))
    apart = await client.made("bookings", at(hall, "10:00", "11:00"))
    answer = await client.delete(f"/v1/booking-series/{series['id']}?purge=true")
    assert answer.status_code == 204, answer.text
    found = (await client.read("bookings", deleted="include"))["data"]
    assert [one["id"] for one in found] == [apart["id"]]
    await client.made("bookings", at(hall, "08:00", "09:00"))
