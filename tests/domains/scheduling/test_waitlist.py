"""Those who wait for a time: who is offered what becomes free, in which order, and only once."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from crm_api.domains.scheduling.fitting import Wanted, earliest_fit
from crm_api.domains.scheduling.jobs import expire_holds, lapse_waiting
from crm_api.domains.scheduling.promoting import Promoter
from crm_api.domains.scheduling.sweeping import Taken
from crm_api.kit.db.tx import unit_of_work
from support.clients import pointers, problem
from support.waiting import patiently

DAY = "2031-03-03"


@pytest.fixture
def promote(tx_of, org):
    """`await promote()`: take up what is new, as a worker does; several may be at it."""

    async def once():
        async with unit_of_work(tx_of(org)) as tx:
            return await Promoter(tx).take_up()

    return once


async def room(api, **more):
    return await api.made("resources", {"name": "Meeting room", "kind": "room", **more})


async def book(api, hall, start="09:00", end="17:00", **more):
    body = {
        "title": "Site visit",
        "starts_at": f"{DAY}T{start}:00Z",
        "ends_at": f"{DAY}T{end}:00Z",
        "resources": [{"resource_id": hall["id"]}],
    }
    return await api.made("bookings", {**body, **more})


def wanting(*rooms, title="Waiting", **more):
    return {
        "title": title,
        "window_starts_at": f"{DAY}T09:00:00Z",
        "window_ends_at": f"{DAY}T17:00:00Z",
        "duration_minutes": 60,
        "resources": [{"resource_id": one["id"]} for one in rooms],
        **more,
    }


async def wait(api, *rooms, **more):
    return await api.made("waitlist-entries", wanting(*rooms, **more))


async def act(api, path, status=200, **body):
    answer = await api.post(f"/v1/{path}", **({"json": body} if body else {}))
    assert answer.status_code == status, answer.text
    return answer.json()


async def becomes(api, entry, status, promote):
    """An entry once it has come to a status; transactions of others may hold the feed up."""
    async for _ in patiently():
        await promote()
        found = await api.read(f"waitlist-entries/{entry['id']}")
        if found["status"] == status:
            return found
    raise AssertionError(found)


async def statuses(api):
    found = await api.read("waitlist-entries", limit=200)
    return {one["title"]: one["status"] for one in found["data"]}


async def test_what_becomes_free_is_held_for_whose_turn_it_is(client, promote):
    hall = await room(client)
    booking = await book(client, hall)
    late = await wait(client, hall, title="late")
    first = await wait(client, hall, title="first", priority=5, duration_minutes=480)
    await promote()
    assert set((await statuses(client)).values()) == {"waiting"}
    await act(client, f"bookings/{booking['id']}/cancel")
    offered = await becomes(client, first, "offered", promote)
    held = await client.read(f"bookings/{offered['booking_id']}")
    assert (held["status"], held["title"], held["starts_at"]) == (
        "held", "first", f"{DAY}T09:00:00Z",
    )  # fmt: skip
    assert (await statuses(client))["late"] == "waiting"
    told = await client.told(first["id"], 2)
    assert {one["type"] for one in told} == {"waitlist_entry.created", "waitlist_entry.offered"}
    # Let go, it is the next one's; taken, it is booked.
    await act(client, f"waitlist-entries/{first['id']}/cancel")
    offered = await becomes(client, late, "offered", promote)
    allowed = await client.read(f"waitlist-entries/{late['id']}/transitions")
    assert [one["verb"] for one in allowed["allowed"]] == ["accept", "cancel"]
    taken = await act(client, f"waitlist-entries/{late['id']}/accept")
    assert taken["status"] == "booked"
    assert (await client.read(f"bookings/{offered['booking_id']}"))["status"] == "confirmed"
    # Who waits again is offered what is left, which is less than is wanted.
    document = "mutation ($id: UUID!) { reopenWaitlistEntry(id: $id) { status } }"
    data = await client.data(document, id=first["id"])
    assert data["reopenWaitlistEntry"] == {"status": "waiting"}


async def test_a_new_entry_is_offered_what_is_free_already(client, promote):
    hall, other = await room(client), await room(client)
    await book(client, hall, "09:00", "11:30")
    one = await becomes(client, await wait(client, hall, other), "offered", promote)
    held = await client.read(f"bookings/{one['booking_id']}")
    assert (held["starts_at"], len(held["resources"])) == (f"{DAY}T11:30:00Z", 2)
    any_of = await becomes(client, await wait(client, hall, other, match="any"), "offered", promote)
    held = await client.read(f"bookings/{any_of['booking_id']}")
    assert (held["starts_at"], held["resources"]) == (
        f"{DAY}T09:00:00Z",
        [{"resource_id": other["id"], "quantity": 1}],
    )


async def test_a_hold_that_is_confirmed_by_itself_is_heeded(client, promote):
    hall = await room(client)
    entry = await becomes(client, await wait(client, hall), "offered", promote)
    await act(client, f"bookings/{entry['booking_id']}/confirm")
    await becomes(client, entry, "booked", promote)


async def test_an_offer_that_expires_goes_to_the_next(client, database, owner, promote):
    hall = await room(client)
    first = await wait(client, hall, title="first", duration_minutes=480)
    second = await wait(client, hall, title="second", duration_minutes=480)
    offered = await becomes(client, first, "offered", promote)
    over = datetime.now(UTC) - timedelta(seconds=1)
    for table, column in (("bookings", "id"), ("booking_allocations", "booking_id")):
        await owner.execute(
            f"UPDATE {table} SET hold_expires_at = $2 WHERE {column} = $1",
            UUID(offered["booking_id"]),
            over,
        )
    await expire_holds(database, None)
    await becomes(client, second, "offered", promote)
    assert (await statuses(client))["first"] == "expired"
    assert (await act(client, f"waitlist-entries/{first['id']}/accept", 409))["code"]


@pytest.mark.parametrize("way", ["no_show", "reschedule", "capacity", "bin"])
async def test_whatever_frees_time_is_heeded(client, promote, way):
    hall = await room(client)
    booking = await book(client, hall)
    entry = await wait(client, hall)
    await promote()
    path = f"bookings/{booking['id']}"
    match way:
        case "no_show":
            await act(client, f"{path}/no-show")
        case "reschedule":
            times = {"starts_at": f"{DAY}T12:00:00Z", "ends_at": f"{DAY}T18:00:00Z"}
            await act(client, f"{path}/reschedule", **times)
        case "capacity":
            await client.changed(f"resources/{hall['id']}", {"capacity": 2})
        case _:
            assert (await client.delete(f"/v1/{path}")).status_code == 204
    await becomes(client, entry, "offered", promote)


async def test_three_that_are_freed_at_once_are_offered_to_the_first_three_of_five(
    client, owner, promote
):
    halls = [await room(client) for _ in range(3)]
    bookings = [await book(client, hall) for hall in halls]
    for number in range(5):
        await wait(
            client, *halls, title=str(number), match="any", priority=number, duration_minutes=480
        )
    await promote()
    await asyncio.gather(*[act(client, f"bookings/{one['id']}/cancel") for one in bookings])
    async for _ in patiently():
        await asyncio.gather(*[promote() for _ in range(4)])
        if list((await statuses(client)).values()).count("offered") == 3:
            break
    await asyncio.gather(*[promote() for _ in range(4)])
    assert await statuses(client) == {
        "4": "offered", "3": "offered", "2": "offered", "1": "waiting", "0": "waiting",
    }  # fmt: skip
    found = (await client.read("waitlist-entries", **{"filter[status]": "offered"}))["data"]
    held = [await client.read(f"bookings/{one['booking_id']}") for one in found]
    assert {one["resources"][0]["resource_id"] for one in held} == {one["id"] for one in halls}


async def test_whoever_is_killed_while_offering_has_offered_nothing(
    client, owner, tx_of, org, promote
):
    hall = await room(client)
    entry = await wait(client, hall)
    begun = asyncio.get_running_loop().create_future()

    async def dying():
        async with unit_of_work(tx_of(org)) as tx:
            async for _ in patiently():
                await Promoter(tx).take_up()
                if (await status_of(tx, entry)) == "offered":
                    break
            (row,) = await tx.fetch("SELECT pg_backend_pid() AS pid")
            begun.set_result(row["pid"])
            await tx.fetch("SELECT pg_sleep(60)")

    task = asyncio.create_task(dying())
    pid = await begun
    # Another worker passes the place by, which is held.
    assert await promote() is False
    await owner.fetch("SELECT pg_terminate_backend($1)", pid)
    assert await asyncio.gather(task, return_exceptions=True) != [None]
    assert (await client.read("bookings"))["data"] == []
    await becomes(client, entry, "offered", promote)
    assert len((await client.read("bookings"))["data"]) == 1


async def status_of(tx, entry):
    sql = "SELECT status FROM waitlist_entries WHERE organization_id = $1 AND id = $2"
    return (await tx.fetch(sql, tx.organization_id, UUID(entry["id"])))[0]["status"]


async def test_who_waits_past_the_window_waits_no_more(client, database):
    hall = await room(client)
    past = {"window_starts_at": "2020-03-03T09:00:00Z", "window_ends_at": "2020-03-03T17:00:00Z"}
    entry = await wait(client, hall, **past)
    await lapse_waiting(database, None)
    assert (await client.read(f"waitlist-entries/{entry['id']}"))["status"] == "expired"


async def test_bad_wishes_are_pointed_at(client, other):
    hall, theirs = await room(client), await room(other)
    for body, pointer in (
        (wanting(hall, window_ends_at=f"{DAY}T09:00:00Z"), "/window_ends_at"),
        (wanting(hall, window_ends_at="2032-03-03T09:00:00Z"), "/window_ends_at"),
        (wanting(hall, duration_minutes=481), "/duration_minutes"),
        (wanting(hall, hall), "/resources/1/resource_id"),
        (wanting(theirs), "/resources/0/resource_id"),
        (wanting(hall, priority=-1), "/priority"),
        (wanting(), "/resources"),
    ):
        answer = await client.post("/v1/waitlist-entries", json=body)
        assert pointers(problem(answer, 422)) == [pointer]


async def test_what_is_wanted_changes_only_while_it_is_waited_for(client, promote):
    hall = await room(client)
    entry = await becomes(client, await wait(client, hall), "offered", promote)
    path = f"/v1/waitlist-entries/{entry['id']}"
    answer = await client.patch(path, json={"duration_minutes": 30})
    assert problem(answer, 409)["code"] == "illegal_transition"
    await client.changed(f"waitlist-entries/{entry['id']}", {"priority": 3})


def at(hour, minute=0):
    return datetime(2031, 3, 3, hour, minute, tzinfo=UTC)


def test_the_first_time_that_fits():
    taken = [Taken(at(9), at(10), 1), Taken(at(10, 30), at(12), 1)]
    hour = timedelta(hours=1)
    room = Wanted(0, taken, None)
    assert earliest_fit([room], at(9), at(13), hour) == at(12)
    assert earliest_fit([room], at(9), at(13), hour / 2) == at(10)
    assert earliest_fit([room], at(9), at(12, 30), hour) is None
    assert earliest_fit([Wanted(1, taken, None)], at(9), at(13), hour) == at(9)
    assert earliest_fit([Wanted(-1, (), None)], at(9), at(13), hour) is None
    shop = Wanted(0, (), [(at(8), at(9, 30)), (at(12, 15), at(14))])
    assert earliest_fit([room, shop], at(9), at(14), hour) == at(12, 15)
