"""Bookings as they are held, confirmed, moved and given up, with what they take of resources."""

from datetime import UTC, datetime, timedelta

from support.clients import pointers, problem
from support.members import custom_role, member
from support.waiting import patiently

DAY = "2031-03-03"


async def room(api, **more):
    return await api.made("resources", {"name": "Meeting room", "kind": "room", **more})


def wanted(*resources, start="09:00", end="10:00", day=DAY, **more):
    return {
        "title": "Site visit",
        "starts_at": f"{day}T{start}:00Z",
        "ends_at": f"{day}T{end}:00Z",
        "resources": [
            one if "resource_id" in one else {"resource_id": one["id"]} for one in resources
        ],
        **more,
    }


async def act(api, booking, verb, status=200, **body):
    path = f"/v1/bookings/{booking['id']}/{verb}"
    answer = await api.post(path, **({"json": body} if body else {}))
    assert answer.status_code == status, answer.text
    return answer.json()


async def refused(api, body, status=409):
    return problem(await api.post("/v1/bookings", json=body), status)


async def booker(api, **more):
    own = dict.fromkeys(("read", "create", "update", "delete"), "own")
    levels = {"bookings": own}
    return await member(api, await custom_role(api, levels=levels, **more))


def soon(seconds):
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def test_what_is_taken_is_refused_with_what_takes_it(client):
    hall = await room(client)
    first = await client.made("bookings", wanted(hall))
    found = await refused(client, wanted(hall, start="09:59", end="11:00"))
    assert found["code"] == "resource_taken"
    (clash,) = found["conflicts"]
    assert (clash["resource_id"], clash["booking_id"]) == (hall["id"], first["id"])
    # Who sees only their own learns when it is taken, and not by what.
    (clash,) = (await refused((await booker(client)).api, wanted(hall)))["conflicts"]
    assert clash["booking_id"] is None
    # Ranges are half open: one begins where the other ends.
    await client.made("bookings", wanted(hall, start="10:00", end="11:00"))
    await client.made("bookings", wanted(hall, start="08:00", end="09:00"))


async def test_buffers_are_taken_besides(client):
    hall = await room(client)
    await client.made("bookings", wanted(hall, buffer_before=15, buffer_after=30))
    assert (await refused(client, wanted(hall, start="10:00", end="11:00")))["code"]
    assert (await refused(client, wanted(hall, start="08:00", end="08:50")))["code"]
    await client.made("bookings", wanted(hall, start="10:30", end="11:00"))
    assert await refused(client, wanted(hall, start="11:10", end="12:00", buffer_before=15))


async def test_units_are_counted_where_lanes_would_look_full(client):
    vans = await room(client, capacity=2)
    await client.made("bookings", wanted(vans, start="08:00", end="10:00"))
    await client.made("bookings", wanted(vans, start="11:00", end="13:00"))
    await client.made("bookings", wanted(vans, start="09:00", end="12:00"))
    two = {"resource_id": vans["id"], "quantity": 2}
    assert (await refused(client, wanted(two, start="12:30", end="14:00")))["code"]
    await client.made("bookings", wanted(two, start="13:00", end="14:00"))


async def test_several_resources_are_had_together_or_not_at_all(client):
    first, second = await room(client), await room(client)
    await client.made("bookings", wanted(second))
    await refused(client, wanted(first, second))
    await client.made("bookings", wanted(first))


async def test_bad_times_and_resources_are_pointed_at(client):
    hall, gone = await room(client), await room(client)
    shut = await room(client, status="inactive")
    assert (await client.delete(f"/v1/resources/{gone['id']}")).status_code == 204
    three = {"resource_id": hall["id"], "quantity": 3}
    past = wanted(hall, hold_expires_at="2020-01-01T00:00:00Z")
    for body, pointer in (
        (wanted(hall, end="09:00"), "/ends_at"),
        (wanted(hall, end="08:00"), "/ends_at"),
        (wanted(hall) | {"ends_at": "2033-03-03T00:00:00Z"}, "/ends_at"),
        (wanted(hall, hall), "/resources/1/resource_id"),
        (wanted(hall, gone), "/resources/1/resource_id"),
        (wanted(shut), "/resources/0/resource_id"),
        (wanted(three), "/resources/0/quantity"),
        (wanted(), "/resources"),
        (past, "/hold_expires_at"),
    ):
        assert pointers(await refused(client, body, 422)) == [pointer], body
    assert (await client.read("bookings"))["data"] == []
    await client.made("bookings", wanted(hall))


async def test_resources_of_others_are_none(client, other):
    theirs = await room(other)
    found = await refused(client, wanted(theirs), 422)
    assert pointers(found) == ["/resources/0/resource_id"]


async def test_an_expired_hold_takes_nothing_and_is_not_confirmed(client):
    hall = await room(client)
    held = await client.made("bookings", wanted(hall, hold_expires_at=soon(1)))
    assert held["status"] == "held"
    # Nobody sweeps here: the statement that books knows that the hold is over.
    async for _ in patiently():
        answer = await client.post("/v1/bookings", json=wanted(hall))
        if answer.status_code == 201:
            break
        assert problem(answer, 409)["code"] == "resource_taken"
    assert (await act(client, held, "confirm", 409))["code"] == "hold_expired"
    blockers = (await client.read(f"bookings/{held['id']}/transitions"))["allowed"]
    assert [one["code"] for one in blockers[0]["blockers"]] == ["hold_expired"]
    times = {"starts_at": f"{DAY}T15:00:00Z", "ends_at": f"{DAY}T16:00:00Z"}
    assert (await act(client, held, "reschedule", 409, **times))["code"] == "hold_expired"
    await act(client, held, "cancel")
    assert (await refused(client, wanted(hall)))["code"] == "resource_taken"


async def test_a_confirmed_hold_stays(client):
    hall = await room(client)
    held = await client.made("bookings", wanted(hall, hold_expires_at=soon(3600)))
    confirmed = await act(client, held, "confirm")
    assert (confirmed["status"], confirmed["hold_expires_at"]) == ("confirmed", None)
    assert (await refused(client, wanted(hall)))["code"] == "resource_taken"
    arrived = await act(client, held, "check-in")
    assert arrived["status"] == "checked_in"
    assert (await act(client, held, "cancel", 409))["code"] == "illegal_transition"
    assert (await act(client, held, "complete"))["status"] == "completed"


async def test_what_is_given_up_is_free_again(client):
    hall = await room(client)
    for verb, body in (("cancel", {"reason": "Ill"}), ("no-show", {})):
        booking = await client.made("bookings", wanted(hall))
        await act(client, booking, verb, **body)
    booking = await client.made("bookings", wanted(hall))
    path = f"/v1/bookings/{booking['id']}"
    assert (await client.delete(path)).status_code == 204
    again = await client.made("bookings", wanted(hall))
    assert problem(await client.post(f"{path}/restore"), 409)["code"] == "resource_taken"
    await act(client, again, "cancel")
    assert (await client.post(f"{path}/restore")).status_code == 200
    assert (await refused(client, wanted(hall)))["code"] == "resource_taken"


async def test_a_booking_moves_wholly_or_stays(client):
    first, second = await room(client), await room(client)
    moved = await client.made("bookings", wanted(first))
    other = await client.made("bookings", wanted(second, start="11:00", end="12:00"))
    times = {"starts_at": f"{DAY}T11:30:00Z", "ends_at": f"{DAY}T12:30:00Z"}
    both = [{"resource_id": first["id"]}, {"resource_id": second["id"]}]
    found = await act(client, moved, "reschedule", 409, **times, resources=both)
    assert found["conflicts"][0]["booking_id"] == other["id"]
    assert (await refused(client, wanted(first)))["code"] == "resource_taken"
    # It does not stand in its own way.
    times = {"starts_at": f"{DAY}T09:30:00Z", "ends_at": f"{DAY}T10:30:00Z"}
    shown = await act(client, moved, "reschedule", **times, resources=both)
    assert (shown["sequence"], len(shown["resources"])) == (1, 2)
    await client.made("bookings", wanted(first, start="09:00", end="09:30"))
    assert (await refused(client, wanted(second, start="10:00", end="11:00")))["code"]
    told = await client.told(moved["id"], 2)
    assert {one["type"] for one in told} == {"booking.created", "booking.rescheduled"}


async def test_a_capacity_is_not_lowered_under_what_is_booked(client):
    vans = await room(client, capacity=3)
    held = [await client.made("bookings", wanted(vans)) for _ in range(2)]
    path = f"/v1/resources/{vans['id']}"
    answer = await client.patch(path, json={"capacity": 1})
    found = problem(answer, 409)
    assert (found["code"], found["booked"]) == ("capacity_booked", 2)
    await act(client, held[0], "cancel")
    await client.changed(f"resources/{vans['id']}", {"capacity": 1})
    assert (await refused(client, wanted(vans)))["code"] == "resource_taken"
    await client.changed(f"resources/{vans['id']}", {"capacity": 2})
    await client.made("bookings", wanted(vans))


async def test_days_of_a_change_of_clocks_have_the_hours_that_they_have(client):
    hours = {"start": "09:00", "end": "17:00"}
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    body = {"name": "Shop", "time_zone": "Europe/Berlin", "week": {d: [hours] for d in days}}
    calendar = await client.made("working-calendars", body)
    hall = await room(client, calendar_id=calendar["id"])
    for day, opens, closes in (
        ("2026-03-28", "08:00", "16:00"),
        ("2026-03-29", "07:00", "15:00"),
        ("2026-10-24", "07:00", "15:00"),
        ("2026-10-25", "08:00", "16:00"),
    ):
        window = {"start": f"{day}T00:00:00Z", "end": f"{day}T23:00:00Z"}
        answer = await client.post(f"/v1/resources/{hall['id']}/availability", json=window)
        (free,) = answer.json()["free"]
        assert (free["start"], free["end"]) == (f"{day}T{opens}:00Z", f"{day}T{closes}:00Z")
        body = wanted(hall, day=day, start="06:30", end="07:30")
        assert (await refused(client, body))["code"] == "outside_working_time"
        await client.made("bookings", wanted(hall, day=day, start=opens, end=closes))
        ignoring = wanted(hall, day=day, start="05:00", end="06:00", ignores_calendars=True)
        await client.made("bookings", ignoring)


async def test_both_faces_tell_what_is_free(client):
    vans = await room(client, capacity=3)
    booking = await client.made("bookings", wanted({"resource_id": vans["id"], "quantity": 2}))
    window = {"start": f"{DAY}T08:00:00Z", "end": f"{DAY}T11:00:00Z"}
    answer = await client.post(f"/v1/resources/{vans['id']}/availability", json=window)
    told = answer.json()
    assert [one["quantity"] for one in told["free"]] == [3, 1, 3]
    assert [(one["quantity"], one["booking_id"]) for one in told["busy"]] == [(2, booking["id"])]
    document = """query ($id: UUID!, $start: DateTime!, $end: DateTime!) {
        resourceAvailability(id: $id, start: $start, end: $end)
        { capacity free { quantity } busy { bookingId } } }"""
    data = await client.data(document, id=vans["id"], **window)
    assert [one["quantity"] for one in data["resourceAvailability"]["free"]] == [3, 1, 3]
    document = """mutation ($id: UUID!, $input: BookingRescheduleInput!) {
        rescheduleBooking(id: $id, input: $input) { sequence status } }"""
    times = {"startsAt": f"{DAY}T12:00:00Z", "endsAt": f"{DAY}T13:00:00Z"}
    data = await client.data(document, id=booking["id"], input=times)
    assert data["rescheduleBooking"] == {"sequence": 1, "status": "confirmed"}
    document = 'mutation ($id: UUID!) { cancelBooking(id: $id, reason: "Ill") { cancelReason } }'
    data = await client.data(document, id=booking["id"])
    assert data["cancelBooking"] == {"cancelReason": "Ill"}


async def test_working_time_is_passed_over_by_permission_only(client):
    week = {"monday": [{"start": "11:00", "end": "12:00"}]}
    body = {"name": "Shop", "time_zone": "UTC", "week": week}
    calendar = await client.made("working-calendars", body)
    hall = await room(client, calendar_id=calendar["id"])
    outside = wanted(hall, ignores_calendars=True)
    one = await booker(client)
    assert problem(await one.api.post("/v1/bookings", json=outside), 403)
    inside = await one.api.made("bookings", wanted(hall, start="11:00", end="12:00"))
    times = {"starts_at": outside["starts_at"], "ends_at": outside["ends_at"]}
    found = await act(one.api, inside, "reschedule", 409, **times)
    assert (found["code"], found["resource_ids"]) == ("outside_working_time", [hall["id"]])
    await act(one.api, inside, "reschedule", 403, **times, ignores_calendars=True)
    other = await booker(client, permissions=["book_outside_hours"])
    await other.api.made("bookings", outside)


async def test_bookings_are_found_by_their_resources(client):
    hall, other = await room(client), await room(client)
    first = await client.made("bookings", wanted(hall, other))
    second = await client.made("bookings", wanted(other, start="11:00", end="12:00"))

    async def found(one, **more):
        asked = {"filter[resources][has]": one["id"], "sort": "starts_at", **more}
        return [each["id"] for each in (await client.read("bookings", **asked))["data"]]

    assert await found(hall) == [first["id"]]
    assert await found(other) == [first["id"], second["id"]]
    assert await found(other, **{"filter[starts_at][gte]": f"{DAY}T11:00:00Z"}) == [second["id"]]
    times = {"starts_at": second["starts_at"], "ends_at": second["ends_at"]}
    await act(client, second, "reschedule", **times, resources=[{"resource_id": hall["id"]}])
    assert await found(hall) == [first["id"], second["id"]]
    document = """query ($id: String!) {
        bookings(where: {resources: {has: $id}}) { nodes { id } } }"""
    nodes = (await client.data(document, id=other["id"]))["bookings"]["nodes"]
    assert [one["id"] for one in nodes] == [first["id"]]
    assert await found({"id": "hall"}) == []
    assert await found({"id": hall["id"].upper()}) == [first["id"], second["id"]]
