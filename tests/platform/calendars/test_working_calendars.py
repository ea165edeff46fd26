"""Working calendars: counting at both faces, holidays, exceptions, the one default."""

import asyncio
from contextlib import suppress

import pytest
from babel import Locale
from holidays import list_supported_countries

from crm_api.kit.values.codes import country
from crm_api.kit.values.errors import BadValue
from support.clients import problem
from support.factories import FACTORIES


async def office(client, **more):
    body = {**await FACTORIES["working_calendars"].least(client), **more}
    return await client.made("working-calendars", body)


async def ask(client, calendar, path, **body):
    answer = await client.post(f"/v1/working-calendars/{calendar['id']}/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_working_time_in_a_window(client):
    calendar = await office(client)
    window = {"start": "2026-11-20T16:00:00Z", "end": "2026-11-23T09:00:00Z"}
    found = await ask(client, calendar, "working-time", **window)
    assert found["minutes"] == 60 + 60
    assert found["spans"] == [
        {"start": "2026-11-20T16:00:00Z", "end": "2026-11-20T17:00:00Z"},
        {"start": "2026-11-23T08:00:00Z", "end": "2026-11-23T09:00:00Z"},
    ]
    graph = await client.data(
        "query ($id: UUID!, $start: DateTime!, $end: DateTime!) { workingTime(calendarId: $id,"
        " start: $start, end: $end) { minutes spans { start end } } }",
        id=calendar["id"],
        **window,
    )
    assert graph["workingTime"] == found


async def test_adding_working_time_goes_around_exceptions(client):
    calendar = await office(client)
    closed = {"calendar_id": calendar["id"], "day": "2026-11-23", "name": "Outing"}
    await client.made("calendar-exceptions", closed)
    given = {"start": "2026-11-20T16:30:00Z", "minutes": 90}
    found = await ask(client, calendar, "add-working-time", **given)
    assert found == {"at": "2026-11-24T09:00:00Z"}
    graph = await client.data(
        "query ($id: UUID!, $start: DateTime!, $minutes: Int!) "
        "{ addWorkingTime(calendarId: $id, start: $start, minutes: $minutes) }",
        id=calendar["id"],
        **given,
    )
    assert graph["addWorkingTime"] == found["at"]


async def test_an_exception_may_open_a_day(client):
    calendar = await office(client)
    saturday = {"calendar_id": calendar["id"], "day": "2026-11-21", "name": "Fair"}
    hours = [{"start": "14:00", "end": "15:00"}, {"start": "10:00", "end": "11:00"}]
    made = await client.made("calendar-exceptions", {**saturday, "hours": hours})
    assert [one["start"] for one in made["hours"]] == ["10:00", "14:00"]
    window = {"start": "2026-11-21T00:00:00Z", "end": "2026-11-22T00:00:00Z"}
    assert (await ask(client, calendar, "working-time", **window))["minutes"] == 120
    assert (await client.post("/v1/calendar-exceptions", json=saturday)).status_code == 409


async def test_shifts_over_midnight_and_the_change_of_the_clocks(client):
    night = {"saturday": [{"start": "22:00", "end": "06:00"}]}
    calendar = await office(client, week=night)
    window = {"start": "2026-03-28T12:00:00Z", "end": "2026-03-29T12:00:00Z"}
    assert (await ask(client, calendar, "working-time", **window))["minutes"] == 7 * 60


async def test_public_holidays_are_stored_once(client):
    calendar = await office(client)
    eve = {"calendar_id": calendar["id"], "day": "2026-12-25", "name": "Ours"}
    await client.made("calendar-exceptions", eve)
    bavaria = {"country": "DE", "subdivision": "BY", "first_year": 2026, "last_year": 2026}
    first = await ask(client, calendar, "holidays", **bavaria)
    assert first["kept"] == 1
    assert first["added"] >= 11
    again = await ask(client, calendar, "holidays", **bavaria)
    assert again == {"added": 0, "kept": first["added"] + 1}
    listed = await client.read(
        "calendar-exceptions", **{"filter[day]": "2026-12-25", "fields": "name,origin"}
    )
    assert listed["data"] == [{"name": "Ours", "origin": "manual"}]
    window = {"start": "2026-12-24T00:00:00Z", "end": "2026-12-27T00:00:00Z"}
    assert (await ask(client, calendar, "working-time", **window))["minutes"] == 9 * 60


async def test_holidays_over_graphql(client):
    calendar = await office(client)
    data = await client.data(
        'mutation ($id: UUID!) { addHolidays(calendarId: $id, input: {country: "Russia",'
        " firstYear: 2026, lastYear: 2026}) { added kept } }",
        id=calendar["id"],
    )
    assert data["addHolidays"]["added"] > 10


@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        ("holidays", {"country": "DE", "first_year": 2027, "last_year": 2026}, [""]),
        (
            "holidays",
            {"country": "DE", "subdivision": "ZZ", "first_year": 2026, "last_year": 2026},
            ["/subdivision"],
        ),
        ("working-time", {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}, [""]),
        ("working-time", {"start": "2026-01-01T00:00:00Z", "end": "2028-01-01T00:00:00Z"}, [""]),
        ("working-time", {"start": "2026-01-01T00:00:00", "end": "x"}, ["/start", "/end"]),
        ("add-working-time", {"start": "2026-01-01T00:00:00Z", "minutes": -1}, ["/minutes"]),
    ],
)
async def test_bad_questions(client, path, body, pointers):
    calendar = await office(client)
    answer = await client.post(f"/v1/working-calendars/{calendar['id']}/{path}", json=body)
    found = problem(answer, 422)
    assert [error.get("pointer", "") for error in found["errors"]] == pointers


def test_every_country_has_a_list():
    known = list_supported_countries()
    for code in Locale("en").territories:
        with suppress(BadValue):
            assert country(code) in known


@pytest.mark.parametrize(
    ("hours", "pointer"),
    [
        ({"start": "09:00", "end": "09:00"}, "/week/monday/0"),
        ({"start": "24:00", "end": "09:00"}, "/week/monday/0"),
        ({"start": "9:00", "end": "10:00"}, "/week/monday/0/start"),
        ({"start": "09:00", "end": "24:01"}, "/week/monday/0/end"),
    ],
)
async def test_bad_hours(client, hours, pointer):
    body = {"name": "Office", "time_zone": "UTC", "week": {"monday": [hours]}}
    found = problem(await client.post("/v1/working-calendars", json=body), 422)
    assert [error["pointer"] for error in found["errors"]] == [pointer]


async def test_never_enough_time(client):
    calendar = await office(client, week={})
    path = f"/v1/working-calendars/{calendar['id']}/add-working-time"
    answer = await client.post(path, json={"start": "2026-01-01T00:00:00Z", "minutes": 1})
    problem(answer, 409, "no_working_time")


async def test_a_new_default_takes_the_place_of_the_old(client):
    first = await office(client, is_default=True)
    second = await office(client, is_default=True)
    assert (await client.read(f"working-calendars/{first['id']}"))["is_default"] is False
    await client.changed(f"working-calendars/{first['id']}", {"is_default": True})
    assert (await client.read(f"working-calendars/{second['id']}"))["is_default"] is False


async def test_there_is_one_default_whoever_is_first(client):
    body = {**await FACTORIES["working_calendars"].least(client), "is_default": True}
    answers = await asyncio.gather(
        *(client.post("/v1/working-calendars", json=body) for _ in range(8))
    )
    assert {answer.status_code for answer in answers} <= {201, 409}
    listed = await client.read("working-calendars", **{"filter[is_default]": "true"})
    assert len(listed["data"]) == 1
