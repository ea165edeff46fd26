"""How much of resources is booked, by period."""

from itertools import pairwise

from support.clients import problem
from support.members import custom_role, member

PATH = "/v1/resources/utilisation"
NINE_TO_FIVE = [{"start": "09:00", "end": "17:00"}]
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")


async def calendar(api, hours=NINE_TO_FIVE, days=DAYS, zone="Europe/Berlin"):
    body = {"name": "Office", "time_zone": zone, "week": dict.fromkeys(days, hours)}
    return (await api.made("working-calendars", body))["id"]


async def room(api, **more):
    return await api.made("resources", {"name": "Meeting room", "kind": "room", **more})


async def booked(api, one, start, end, **more):
    resources = [{"resource_id": one["id"], "quantity": more.pop("quantity", 1)}]
    times = {"starts_at": start, "ends_at": end}
    return await api.made(
        "bookings", {"title": "Site visit", **times, "resources": resources, **more}
    )


async def asked(api, status=200, **params):
    answer = await api.get(PATH, params=params)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_what_is_booked_counts_inside_and_outside_working_time(client):
    hall = await room(client, calendar_id=await calendar(client), cost_per_hour="60.00")
    # 08:00 to 10:00 in UTC is 09:00 to 11:00 there.
    await booked(client, hall, "2031-03-03T08:00:00Z", "2031-03-03T10:00:00Z", buffer_after=30)
    await booked(
        client, hall, "2031-03-04T15:00:00Z", "2031-03-04T17:30:00Z", ignores_calendars=True
    )
    held = {"hold_expires_at": "2031-03-01T00:00:00Z"}
    await booked(client, hall, "2031-03-05T08:00:00Z", "2031-03-05T09:00:00Z", **held)
    missed = await booked(client, hall, "2031-03-06T08:00:00Z", "2031-03-06T09:00:00Z")
    await client.post(f"/v1/bookings/{missed['id']}/no-show")
    found = await asked(client, **{"from": "2031-03-03", "to": "2031-03-09"})
    (one,) = found["data"]
    (week,) = one["periods"]
    assert week == {
        "first_day": "2031-03-03",
        "last_day": "2031-03-09",
        "capacity_minutes": 5 * 8 * 60,
        "booked_minutes": 120 + 60,
        "outside_minutes": 90,
        "buffer_minutes": 30,
        "held_minutes": 60,
        "share": "0.075",
        "bookings": 2,
        "no_shows": 1,
        "cost": "270.00",
    }
    assert one["total"] == {name: week[name] for name in one["total"]}
    assert (found["currency"], found["next_cursor"]) == ("EUR", None)


async def test_periods_add_up_and_are_cut(client):
    vans = await room(client, capacity=3)
    await booked(client, vans, "2031-03-30T12:00:00Z", "2031-04-02T12:00:00Z", quantity=2)
    for by, number in (("day", 17), ("week", 3), ("month", 2)):
        found = await asked(client, **{"from": "2031-03-20", "to": "2031-04-05", "by": by})
        (one,) = found["data"]
        days = [(p["first_day"], p["last_day"]) for p in one["periods"]]
        assert len(days) == number, by
        assert (days[0][0], days[-1][1]) == ("2031-03-20", "2031-04-05")
        assert all(a[1] < b[0] for a, b in pairwise(days))
        for name in ("booked_minutes", "capacity_minutes", "bookings"):
            assert sum(p[name] for p in one["periods"]) == one["total"][name], (by, name)
        assert one["total"]["booked_minutes"] == 2 * 3 * 24 * 60
        assert (one["total"]["bookings"], one["total"]["cost"]) == (1, None)


async def test_days_of_changed_clocks_have_the_hours_they_have(client):
    await client.patch("/v1/organization", json={"time_zone": "Europe/Berlin"})
    # Whose key is used for the first time after that.
    client = (await member(client, "admin")).api
    always = [{"start": "00:00", "end": "24:00"}]
    by_clock = await calendar(client, always, (*DAYS, "saturday", "sunday"))
    plain, timed = await room(client), await room(client, calendar_id=by_clock)
    for day, hours in (("2031-03-30", 23), ("2031-10-26", 25), ("2031-05-01", 24)):
        found = await asked(client, **{"from": day, "to": day, "by": "day"})
        assert found["time_zone"] == "Europe/Berlin"
        minutes = {one["resource_id"]: one["total"]["capacity_minutes"] for one in found["data"]}
        assert minutes == {plain["id"]: hours * 60, timed["id"]: hours * 60}, day
    # From midnight to midnight by the clock.
    await booked(client, timed, "2031-10-25T22:00:00Z", "2031-10-26T23:00:00Z")
    found = await asked(client, **{"from": "2031-10-26", "to": "2031-10-26", "by": "day"})
    shares = {one["resource_id"]: one["total"]["share"] for one in found["data"]}
    assert shares == {plain["id"]: "0", timed["id"]: "1"}


async def test_resources_are_filtered_and_paged(client):
    halls = [await room(client, name=f"Hall {number}") for number in range(3)]
    await client.made("resources", {"name": "Van", "kind": "vehicle"})
    params = {
        "from": "2031-03-03",
        "to": "2031-03-03",
        "filter[kind]": "room",
        "sort": "name",
        "limit": 2,
    }
    first = await asked(client, **params)
    second = await asked(client, **params, cursor=first["next_cursor"])
    ids = [one["resource_id"] for page in (first, second) for one in page["data"]]
    assert ids == [hall["id"] for hall in halls]
    found = await client.data(
        """{ resourceUtilisation(firstDay: "2031-03-03", lastDay: "2031-03-03", by: "day",
            where: {kind: {eq: "vehicle"}}) {
            timeZone data { name total { capacityMinutes share } periods { firstDay } } } }"""
    )
    (one,) = found["resourceUtilisation"]["data"]
    assert one == {
        "name": "Van",
        "total": {"capacityMinutes": 24 * 60, "share": "0"},
        "periods": [{"firstDay": "2031-03-03"}],
    }


async def test_days_out_of_order_and_too_many_are_refused(client):
    for params, code in (
        ({"from": "2031-03-04", "to": "2031-03-03"}, "before_from"),
        ({"from": "2031-01-01", "to": "2031-03-04", "by": "day"}, "too_long"),
        ({"from": "2031-01-01", "to": "2033-03-04", "by": "month"}, "too_long"),
    ):
        found = problem(await client.get(PATH, params=params), 422)
        assert found["errors"][0]["code"] == code, params
    answer = await client.get(PATH, params={"from": "2031-03-04"})
    assert answer.status_code == 422
    days = {"from": "2031-03-03", "to": "2031-03-03"}
    for more in ({"by": "year"}, {"filter[nothing]": "1"}, {"other": "1"}):
        assert (await client.get(PATH, params={**days, **more})).status_code == 422, more


async def test_it_takes_the_right_to_read_resources(client):
    days = {"from": "2031-03-03", "to": "2031-03-03"}
    someone = await member(client, "admin", scopes=("bookings:read",))
    await asked(someone.api, 403, **days)
    await asked((await member(client, await custom_role(client))).api, **days)
