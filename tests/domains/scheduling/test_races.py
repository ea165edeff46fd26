"""Many who book at once: what is counted is exact, and nobody waits in a ring."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from uuid import UUID, uuid4

from crm_api.domains.scheduling.jobs import expire_holds
from crm_api.domains.scheduling.schemas import BookingCreate
from crm_api.domains.scheduling.service import BookingService
from crm_api.domains.scheduling.sweeping import Taken, peak
from crm_api.kit.db.tx import unit_of_work
from support.clients import tx_of
from support.waiting import patiently

START = datetime(2031, 3, 3, tzinfo=UTC)
AHEAD = (datetime.now(UTC) + timedelta(days=20)).replace(hour=9, minute=0, second=0, microsecond=0)
TAKEN = "SELECT * FROM booking_allocations WHERE organization_id = $1 AND is_active"


async def made(api, count, **more):
    body = {"name": "Meeting room", "kind": "room", **more}
    return [(await api.made("resources", body))["id"] for _ in range(count)]


def body(ids, start=0, minutes=60, **more):
    starts_at = START + timedelta(minutes=start)
    return {
        "title": "Site visit",
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(minutes=minutes)).isoformat(),
        "resources": [{"resource_id": id} for id in ids],
        **more,
    }


async def at_once(calls, *, most=16):
    """What they answer, so many at a time that none has to wait long for a connection."""
    places = asyncio.Semaphore(most)

    async def placed(call):
        async with places:
            return await call()

    return await asyncio.gather(*[placed(call) for call in calls])


async def book(api, bodies):
    calls = [partial(api.post, "/v1/bookings", json=one) for one in bodies]
    answers = await at_once(calls)
    codes = Counter((one.status_code, one.json().get("code")) for one in answers)
    assert set(codes) <= {(201, None), (409, "resource_taken")}, codes
    return codes[201, None]


async def need_fitting(owner, org, capacities):
    """No instant of any resource holds more than there is, whatever the application says."""
    rows = await owner.fetch(TAKEN, org.id)
    for id, capacity in capacities.items():
        taken = [
            Taken(row["starts_at"], row["ends_at"], row["quantity"])
            for row in rows
            if str(row["resource_id"]) == id
        ]
        assert peak(taken, START - timedelta(days=1), START + timedelta(days=30)) <= capacity
    return rows


async def test_of_many_who_book_one_room_at_once_one_has_it(client, owner, org):
    (hall,) = await made(client, 1)
    assert await book(client, [body([hall])] * 40) == 1
    assert len(await need_fitting(owner, org, {hall: 1})) == 1


async def test_a_capacity_of_three_is_given_three_times_to_a_hundred(client, owner, org):
    (vans,) = await made(client, 1, capacity=3)
    assert await book(client, [body([vans])] * 100) == 3
    assert len(await need_fitting(owner, org, {vans: 3})) == 3


async def test_sets_in_opposite_order_neither_cross_nor_are_had_by_half(client, owner, org):
    ids = await made(client, 4)
    random = Random(20)
    bodies = [body(random.sample(ids, 3), start=random.randrange(0, 12) * 30) for _ in range(120)]
    number = await book(client, bodies)
    rows = await need_fitting(owner, org, dict.fromkeys(ids, 1))
    assert number > 0
    per_booking = Counter(row["booking_id"] for row in rows)
    assert len(per_booking) == number
    assert set(per_booking.values()) == {3}


async def through(api, *requirements, **more):
    """What books through a type with these requirements, at a minute after the start."""
    body = {"name": "Visit", "key": f"type-{uuid4()}", "requirements": list(requirements), **more}
    kind = await api.made("booking-types", {**body, "horizon_days": 1100})

    def booked(start=0):
        starts_at = AHEAD + timedelta(minutes=start)
        return {"booking_type_id": kind["id"], "starts_at": starts_at.isoformat()}

    return booked


async def patient(api, body):
    """What comes of a booking once the machine has time for it."""
    async for _ in patiently():
        answer = await api.post("/v1/bookings", json=body)
        if answer.status_code != 503:
            break
    return answer


async def book_through(api, bodies, refusal="no_resources_free"):
    answers = await at_once([partial(patient, api, one) for one in bodies])
    codes = Counter((one.status_code, one.json().get("code")) for one in answers)
    assert set(codes) <= {(201, None), (409, refusal)}, codes
    return [one.json() for one in answers if one.status_code == 201]


async def test_a_pool_of_three_is_given_three_times_to_a_hundred(client, owner, org):
    ids = await made(client, 3)
    members = [{"resource_id": id} for id in ids]
    pool = await client.made("resource-pools", {"name": "Rooms", "members": members})
    booked = await through(client, {"pool_id": pool["id"]})
    won = await book_through(client, [booked()] * 100)
    assert sorted(one["resources"][0]["resource_id"] for one in won) == sorted(ids)
    rows = await owner.fetch(TAKEN, org.id)
    assert sorted(str(row["resource_id"]) for row in rows) == sorted(ids)


async def test_pairs_in_opposite_order_neither_cross_nor_are_had_by_half(client, owner, org):
    rooms, people = await made(client, 3), await made(client, 3, kind="person")
    one = await through(client, {"resource_ids": rooms}, {"resource_ids": people})
    other = await through(client, {"resource_ids": people}, {"resource_ids": rooms})
    three = await through(client, {"resource_ids": [*people[:2], *rooms[:1]], "quantity": 2})
    random = Random(5)
    kinds = (one, other, three)
    bodies = [random.choice(kinds)(random.randrange(0, 4) * 15) for _ in range(120)]
    won = await book_through(client, bodies)
    assert won
    rows = await owner.fetch(TAKEN, org.id)
    # Two resources each, of which PostgreSQL lets none overlap.
    assert set(Counter(row["booking_id"] for row in rows).values()) == {2}
    assert {str(row["booking_id"]) for row in rows} == {one["id"] for one in won}
    assert all(row["is_exclusive"] for row in rows)


async def test_of_many_at_once_a_day_has_no_more_than_it_may(client):
    ids = await made(client, 1, capacity=100)
    booked = await through(client, {"resource_ids": ids}, most_per_day=4)
    won = await book_through(client, [booked(n) for n in range(40)], "day_full")
    assert len(won) == 4


async def test_turns_are_counted_right_by_many_at_once(client):
    ids = await made(client, 4, capacity=100)
    booked = await through(client, {"resource_ids": ids})
    won = await book_through(client, [booked()] * 40)
    assert len(won) == 40
    assert set(Counter(one["resources"][0]["resource_id"] for one in won).values()) == {10}


async def test_bookings_that_move_and_end_at_once_keep_to_the_capacity(client, owner, org):
    ids = await made(client, 3, capacity=2)
    random = Random(7)
    made_ones = []
    for place in range(6):
        answer = await client.post("/v1/bookings", json=body(ids[:2], start=place * 60))
        made_ones.append(answer.json()["id"])

    async def once():
        id, start = random.choice(made_ones), random.randrange(0, 8) * 30
        moved = body(random.sample(ids, 2), start=start)
        del moved["title"]
        match random.randrange(4):
            case 0:
                return await client.post(f"/v1/bookings/{id}/cancel")
            case 1:
                return await client.post("/v1/bookings", json=body(ids[::-1], start=start))
            case _:
                return await client.post(f"/v1/bookings/{id}/reschedule", json=moved)

    answers = await at_once([once] * 150)
    codes = {(one.status_code, one.json().get("code")) for one in answers}
    known = {(409, "resource_taken"), (409, "illegal_transition")}
    assert codes <= {(200, None), (201, None), *known}, codes
    await need_fitting(owner, org, dict.fromkeys(ids, 2))


async def test_those_restored_together_lock_their_resources_in_one_order(client, owner):
    first, last = sorted(await made(client, 2))
    ids = [
        (await client.made("bookings", body([id], start=60 * n)))["id"]
        for n, id in enumerate((last, first))
    ]
    for id in ids:
        await client.delete(f"/v1/bookings/{id}")
    locked = "SELECT id FROM resources WHERE id = $1 FOR NO KEY UPDATE"
    items = {"op": "restore", "items": [{"id": id} for id in ids]}
    async with owner.acquire() as other, other.transaction():
        await other.fetch(locked, UUID(first))
        restoring = asyncio.create_task(client.post("/v1/bookings/bulk", json=items))
        async for _ in patiently():
            if await other.fetch("SELECT FROM pg_locks WHERE NOT granted"):
                break
        # Whoever waits for the first has not got the last.
        assert await owner.fetch(f"{locked} SKIP LOCKED", UUID(last))
    answer = await restoring
    assert answer.status_code == 200, answer.text


async def test_who_dies_while_booking_has_nothing_and_holds_up_nobody(client, database, owner, org):
    ids = await made(client, 2)
    begun = asyncio.get_running_loop().create_future()

    async def dying():
        async with unit_of_work(tx_of(database, org)) as tx:
            await BookingService(tx).create(BookingCreate.model_validate(body(ids)))
            await tx.flush()
            (row,) = await tx.fetch("SELECT pg_backend_pid() AS pid")
            begun.set_result(row["pid"])
            await tx.fetch("SELECT pg_sleep(60)")

    task = asyncio.create_task(dying())
    pid = await begun
    waiting = asyncio.create_task(book(client, [body(ids[::-1])] * 5))
    await owner.fetch("SELECT pg_terminate_backend($1)", pid)
    assert await asyncio.gather(task, return_exceptions=True) != [None]
    assert await waiting == 1
    assert len(await need_fitting(owner, org, dict.fromkeys(ids, 1))) == 2


async def test_a_hold_that_is_confirmed_at_its_end_is_had_by_one(client, database, owner, org):
    (hall,) = await made(client, 1)
    for place in range(3):
        ends = datetime.now(UTC) + timedelta(milliseconds=300)
        held = body([hall], start=place * 60, hold_expires_at=ends.isoformat())
        id = (await client.made("bookings", held))["id"]
        confirmed, won = False, False
        async for _ in patiently():
            answers = await asyncio.gather(
                client.post(f"/v1/bookings/{id}/confirm") if not confirmed else asyncio.sleep(0),
                client.post("/v1/bookings", json=body([hall], start=place * 60)),
            )
            confirmed = confirmed or (answers[0] is not None and answers[0].status_code == 200)
            won = answers[1].status_code == 201
            if confirmed or won:
                break
        assert confirmed != won
    await need_fitting(owner, org, {hall: 1})


async def test_expired_holds_are_told_of_once(client, database):
    (hall,) = await made(client, 1)
    ends = datetime.now(UTC) + timedelta(milliseconds=100)
    held = await client.made("bookings", body([hall], hold_expires_at=ends.isoformat()))
    async for _ in patiently():
        await asyncio.gather(expire_holds(database, None), expire_holds(database, None))
        if (await client.read(f"bookings/{held['id']}"))["status"] == "expired":
            break
    told = await client.told(held["id"], 2)
    assert [one["type"] for one in told].count("booking.expired") == 1


async def test_series_and_bookings_in_opposite_order_are_had_wholly_or_not(client, owner, org):
    ids = await made(client, 3)
    random = Random(11)

    def daily(start):
        at = START + timedelta(minutes=start)
        return {
            "title": "Daily meeting",
            "rule": "FREQ=DAILY;COUNT=5",
            "starts_local": f"{at:%Y-%m-%dT%H:%M}",
            "time_zone": "UTC",
            "duration_minutes": 60,
            "resources": [{"resource_id": id} for id in random.sample(ids, 2)],
        }

    calls = [
        partial(client.post, "/v1/booking-series", json=daily(random.randrange(0, 6) * 30))
        for _ in range(40)
    ] + [
        partial(client.post, "/v1/bookings", json=body(random.sample(ids, 2), start=place * 720))
        for place in range(10)
    ]
    random.shuffle(calls)
    answers = await at_once(calls)
    known = {(201, None), (409, "occurrences_taken"), (409, "resource_taken")}
    assert {(one.status_code, one.json().get("code")) for one in answers} <= known
    rows = await need_fitting(owner, org, dict.fromkeys(ids, 1))
    assert set(Counter(row["booking_id"] for row in rows).values()) == {2}
    per_series = await owner.fetch(
        "SELECT count(*) AS n FROM bookings WHERE organization_id = $1 AND series_id IS NOT NULL "
        "GROUP BY series_id",
        org.id,
    )
    assert per_series
    assert {row["n"] for row in per_series} == {5}
    # They move and end at once as well.
    found = (await client.read("booking-series", limit=200))["data"]

    async def once():
        one, start = random.choice(found)["id"], random.randrange(0, 8) * 30
        at = START + timedelta(minutes=start)
        change = {"scope": "all", "starts_local": f"{at:%Y-%m-%dT%H:%M}"}
        verb = random.choice(["reschedule", "reschedule", "cancel"])
        change = change if verb == "reschedule" else {"scope": "all"}
        return await client.post(f"/v1/booking-series/{one}/{verb}", json=change)

    answers = await at_once([once] * 60)
    known = {(200, None), (409, "occurrences_taken"), (409, "illegal_transition")}
    assert {(one.status_code, one.json().get("code")) for one in answers} <= known
    await need_fitting(owner, org, dict.fromkeys(ids, 1))
