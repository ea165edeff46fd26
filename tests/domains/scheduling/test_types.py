"""Bookings through a type: what it takes is chosen, by turns, all of it or nothing."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from support.clients import pointers, problem

AT = "2031-03-03T09:00:00Z"
AHEAD = 3000


async def resources(api, count, **more):
    body = {"name": "Meeting room", "kind": "room", **more}
    return sorted([(await api.made("resources", body))["id"] for _ in range(count)])


async def pool(api, ids, **weights):
    members = [{"resource_id": id, "weight": weights.get(id, 1)} for id in ids]
    return await api.made("resource-pools", {"name": "Rooms", "members": members})


async def kind_of(api, *requirements, **more):
    body = {"name": "Consultation", "key": f"type-{uuid4()}", "requirements": list(requirements)}
    # Far enough that the days of the tests stay within.
    return await api.made("booking-types", {**body, "horizon_days": 1100, **more})


def day(number=1):
    """A day that is so many ahead, at midnight."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=number)


def at(hour=9, minute=0, number=7):
    return (day(number) + timedelta(hours=hour, minutes=minute)).isoformat()


async def book(api, kind, starts_at=None, **more):
    body = {"booking_type_id": kind["id"], "starts_at": starts_at or at(), **more}
    return await api.post("/v1/bookings", json=body)


async def booked(api, kind, starts_at=None, **more):
    answer = await book(api, kind, starts_at, **more)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def refused(api, kind, status, starts_at=None, **more):
    return problem(await book(api, kind, starts_at, **more), status)


def ids_of(booking):
    return [one["resource_id"] for one in booking["resources"]]


async def test_a_type_says_what_a_booking_leaves_open(client):
    (hall,) = await resources(client, 1)
    kind = await kind_of(
        client,
        {"resource_ids": [hall]},
        durations=[45, 90],
        buffer_before=5,
        buffer_after=10,
        hold_minutes=15,
    )
    found = await booked(client, kind, at(9))
    assert (found["title"], found["status"]) == ("Consultation", "held")
    assert (found["buffer_before"], found["buffer_after"]) == (5, 10)
    assert found["ends_at"] == at(9, 45).replace("+00:00", "Z")
    assert found["booking_type_id"] == kind["id"]
    assert ids_of(found) == [hall]
    longer = await booked(client, kind, at(10), duration=90, title="Visit", buffer_after=0)
    assert (longer["title"], longer["buffer_after"]) == ("Visit", 0)
    assert longer["ends_at"] == at(11, 30).replace("+00:00", "Z")
    for more, pointer in (
        ({"duration": 30}, "/duration"),
        ({"ends_at": at(13, 30)}, "/ends_at"),
        ({"ends_at": at(13, 45), "duration": 90}, "/duration"),
    ):
        assert pointers(await refused(client, kind, 422, at(13), **more)) == [pointer], more
    listed = await client.read(f"bookings?filter[booking_type_id]={kind['id']}")
    assert len(listed["data"]) == 2
    assert (
        len((await client.read(f"bookings?filter[booking_type][key]={kind['key']}"))["data"]) == 2
    )


async def test_a_booking_without_a_type_says_it_all(client):
    (hall,) = await resources(client, 1)
    found = problem(await client.post("/v1/bookings", json={"starts_at": at()}), 422)
    assert pointers(found) == ["/title", "/ends_at", "/resources"]
    body = {"title": "Visit", "starts_at": at(), "resources": [{"resource_id": hall}]}
    made = await client.made("bookings", {**body, "duration": 20})
    assert made["ends_at"] == at(9, 20).replace("+00:00", "Z")
    assert (made["buffer_before"], made["buffer_after"]) == (0, 0)


async def test_a_resource_is_named_once_with_a_type_and_without(client):
    (hall,) = await resources(client, 1)
    kind = await kind_of(client, {"resource_ids": [hall]})
    again = [{"resource_id": hall, "quantity": 5}, {"resource_id": hall}]
    for more in ({"booking_type_id": kind["id"]}, {"title": "Visit", "duration": 30}):
        body = {"starts_at": at(), "resources": again, **more}
        found = problem(await client.post("/v1/bookings", json=body), 422)
        assert found["errors"][0]["code"] == "named_twice"
        assert pointers(found) == ["/resources/1/resource_id"]


async def test_turns_are_taken_by_weight_and_given_back(client):
    ids = await resources(client, 3)
    rooms = await pool(client, ids, **{ids[2]: 2})
    kind = await kind_of(client, {"pool_id": rooms["id"]})
    made = [await booked(client, kind, at(hour)) for hour in range(8, 16)]
    order = [ids.index(ids_of(one)[0]) for one in made]
    assert order == [2, 0, 1, 2, 2, 0, 1, 2]
    # Whose booking is cancelled is next.
    await client.post(f"/v1/bookings/{made[5]['id']}/cancel")
    assert ids_of(await booked(client, kind, at(17))) == [ids[0]]


async def test_the_least_loaded_of_the_day_has_it(client):
    ids = await resources(client, 2)
    kind = await kind_of(
        client, {"resource_ids": ids}, assignment="least_loaded", durations=[60, 240]
    )
    assert ids_of(await booked(client, kind, at(8), duration=240)) == [ids[0]]
    assert ids_of(await booked(client, kind, at(13))) == [ids[1]]
    assert ids_of(await booked(client, kind, at(15))) == [ids[1]]
    assert ids_of(await booked(client, kind, at(15), duration=60)) == [ids[0]]


async def test_all_of_a_collective_come_or_none(client):
    ids = await resources(client, 3)
    kind = await kind_of(client, {"resource_ids": ids}, assignment="collective")
    found = await booked(client, kind, at(9))
    assert sorted(ids_of(found)) == ids
    body = {"title": "Visit", "starts_at": at(11), "ends_at": at(12)}
    await client.made("bookings", {**body, "resources": [{"resource_id": ids[1]}]})
    told = await refused(client, kind, 409, at(11, 30))
    assert told["code"] == "no_resources_free"
    assert told["requirements"] == [{"requirement": 0, "needed": 3, "candidates": 3, "free": 2}]


async def test_who_is_specific_is_named(client):
    ids = await resources(client, 2)
    (other,) = await resources(client, 1)
    kind = await kind_of(client, {"resource_ids": ids}, assignment="specific")
    assert pointers(await refused(client, kind, 422)) == ["/resources"]
    found = await booked(client, kind, resources=[{"resource_id": ids[1]}])
    assert ids_of(found) == [ids[1]]
    assert (await refused(client, kind, 409, resources=[{"resource_id": ids[1]}]))["code"]
    strange = [{"resource_id": ids[0]}, {"resource_id": other}]
    found = await refused(client, kind, 422, resources=strange)
    assert pointers(found) == ["/resources/1/resource_id"]
    three = [{"resource_id": ids[0], "quantity": 3}]
    assert pointers(await refused(client, kind, 422, resources=three)) == ["/resources/0/quantity"]


async def test_requirements_that_share_candidates_are_fulfilled_together(client):
    first, second = await resources(client, 2)
    (able,) = await resources(client, 1, kind="person", skills=[{"skill": "Welding", "level": 4}])
    await resources(client, 1, kind="person", skills=[{"skill": "welding", "level": 2}])
    kind = await kind_of(
        client,
        {"resource_ids": [first, second]},
        {"resource_ids": [first]},
        {"kind": "person", "skills": [{"skill": "WELDING", "level": 3}]},
    )
    found = await booked(client, kind)
    assert ids_of(found) == [second, first, able]
    # Nothing is had by half.
    assert (await refused(client, kind, 409))["code"] == "no_resources_free"
    listed = await client.read("bookings")
    assert len(listed["data"]) == 1


async def test_units_and_quantities_are_what_is_taken(client):
    ids = await resources(client, 3, capacity=4)
    kind = await kind_of(client, {"resource_ids": ids, "quantity": 2, "units": 3})
    found = await booked(client, kind)
    assert [one["quantity"] for one in found["resources"]] == [3, 3]
    told = await refused(client, kind, 409)
    assert told["requirements"] == [{"requirement": 0, "needed": 2, "candidates": 3, "free": 1}]


async def test_the_owner_of_the_contact_is_first(client):
    users = [
        await client.made("users", {"name": "Sample Rep", "email": f"{uuid4()}@example.com"})
        for _ in range(2)
    ]
    people = [
        (await client.made("resources", {"name": "Rep", "kind": "person", "user_id": one["id"]}))[
            "id"
        ]
        for one in users
    ]
    kind = await kind_of(client, {"kind": "person"})
    contact = await client.made("contacts", {"last_name": "Person", "owner_id": users[1]["id"]})
    company = await client.made("companies", {"name": "Example", "owner_id": users[0]["id"]})
    for hour in (8, 9):
        found = await booked(client, kind, at(hour), contact_id=contact["id"])
        assert ids_of(found) == [people[1]]
    found = await booked(client, kind, at(10), company_id=company["id"])
    assert ids_of(found) == [people[0]]
    # Who is taken is not waited for.
    found = await booked(client, kind, at(9), contact_id=contact["id"])
    assert ids_of(found) == [people[0]]


async def test_notice_and_horizon_and_hours_are_kept(client):
    (hall,) = await resources(client, 1)
    week = {"monday": [{"start": "11:00", "end": "12:00"}]}
    body = {"name": "Shop", "time_zone": "UTC", "week": week}
    calendar = await client.made("working-calendars", body)
    kind = await kind_of(client, {"resource_ids": [hall]}, minimum_notice=4 * 1440, horizon_days=30)
    for number, code in ((3, "too_soon"), (-3, "too_soon"), (32, "too_far_ahead")):
        found = await refused(client, kind, 422, at(number=number))
        assert (pointers(found), found["errors"][0]["code"]) == (["/starts_at"], code)
    await client.changed(f"booking-types/{kind['id']}", {"calendar_id": calendar["id"]})
    monday = next(n for n in range(7, 14) if day(n).weekday() == 0)
    found = await refused(client, kind, 409, at(10, 45, monday))
    assert found["code"] == "outside_working_time"
    await booked(client, kind, at(11, 30, monday))
    await client.changed(f"booking-types/{kind['id']}", {"status": "inactive"})
    found = await refused(client, kind, 422, at(11, 0, monday))
    assert pointers(found) == ["/booking_type_id"]


async def test_a_day_has_so_many_by_the_clock_of_the_type(client):
    ids = await resources(client, 5)
    kind = await kind_of(
        client, {"resource_ids": ids}, most_per_day=2, time_zone="Pacific/Auckland"
    )
    # In Auckland it is another day at noon in Greenwich, winter and summer.
    first = await booked(client, kind, at(13))
    await booked(client, kind, at(14))
    assert (await refused(client, kind, 409, at(15)))["code"] == "day_full"
    moved = await booked(client, kind, at(10))
    times = {"starts_at": at(15), "ends_at": at(15, 30)}
    path = f"/v1/bookings/{moved['id']}/reschedule"
    assert problem(await client.post(path, json=times), 409)["code"] == "day_full"
    # Within its own day it does not stand in its own way.
    own = f"/v1/bookings/{first['id']}"
    assert (await client.post(f"{own}/reschedule", json=times)).status_code == 200
    assert (await client.delete(own)).status_code == 204
    assert (await client.post(path, json=times)).status_code == 200
    assert problem(await client.post(f"{own}/restore"), 409)["code"] == "day_full"


async def test_bad_types_and_pools_are_pointed_at(client, other):
    (hall,) = await resources(client, 1)
    (theirs,) = await resources(other, 1)
    least = {"name": "Visit", "key": "visit"}
    here = {"resource_ids": [hall]}
    for more, pointer in (
        ({"requirements": []}, "/requirements"),
        ({"requirements": [{}]}, "/requirements/0"),
        ({"requirements": [{"kind": "room", **here}]}, "/requirements/0"),
        ({"requirements": [{"resource_ids": [theirs]}]}, "/requirements/0/resource_ids/0"),
        ({"requirements": [{"resource_ids": [hall, hall]}]}, "/requirements/0/resource_ids/1"),
        ({"requirements": [here, {"pool_id": hall}]}, "/requirements/1/pool_id"),
        ({"requirements": [here], "price": "9.90"}, "/currency"),
        ({"requirements": [here], "key": "Not a key"}, "/key"),
        ({"requirements": [here], "durations": []}, "/durations"),
        ({"requirements": [here], "durations": [0]}, "/durations/0"),
    ):
        answer = await client.post("/v1/booking-types", json={**least, **more})
        assert pointers(problem(answer, 422)) == [pointer], more
    await client.made("booking-types", {**least, "requirements": [here]})
    answer = await client.post("/v1/booking-types", json={**least, "requirements": [here]})
    assert problem(answer, 409)["code"] == "duplicate"
    for members, pointer in (
        ([{"resource_id": theirs}], "/members/0/resource_id"),
        ([{"resource_id": hall}, {"resource_id": hall}], "/members/1/resource_id"),
        ([{"resource_id": hall, "weight": 0}], "/members/0/weight"),
    ):
        answer = await client.post("/v1/resource-pools", json={"name": "Rooms", "members": members})
        assert pointers(problem(answer, 422)) == [pointer], members
    rooms = await pool(client, [hall])
    # A member that is in the bin by now stays until the list is changed.
    assert (await client.delete(f"/v1/resources/{hall}")).status_code == 204
    await client.changed(f"resource-pools/{rooms['id']}", {"members": rooms["members"]})
    kind = await kind_of(client, {"pool_id": rooms["id"]})
    assert (await refused(client, kind, 409))["requirements"][0]["candidates"] == 0


async def test_so_many_at_once_are_refused(client):
    for _ in range(2):
        items = [{"name": "Desk", "kind": "equipment"}] * 26
        body = {"op": "create", "items": items}
        assert (await client.post("/v1/resources/bulk", json=body)).status_code == 200
    kind = await kind_of(client, {"kind": "equipment"}, assignment="collective")
    assert (await refused(client, kind, 409))["code"] == "too_many_resources"
