"""What is reserved for deals and projects: decided with them, and by nobody else."""

import asyncio
from collections import Counter

import pytest

from support.clients import pointers, problem
from support.quoting import product
from support.selling import act, deal, pipeline, reason

DAY = "2031-03-03"


async def room(api):
    return (await api.made("resources", {"name": "Meeting room", "kind": "room"}))["id"]


def wanted(hall, **more):
    return {
        "title": "Installation",
        "starts_at": f"{DAY}T09:00:00Z",
        "duration": 60,
        "resources": [{"resource_id": hall}],
        **more,
    }


async def reserved(api, hall, kind, id, **more):
    body = wanted(hall, reserved_for=kind, **{f"{kind}_id": id}, **more)
    return await api.made("bookings", body)


async def status(api, booking):
    found = await api.read(f"bookings/{booking['id']}")
    return found["status"], found["cancel_reason"]


async def go(api, project, verb):
    answer = await api.post(f"/v1/projects/{project}/{verb}", json={})
    assert answer.status_code == 200, answer.text


async def test_a_deal_holds_without_an_end_until_it_is_won(client):
    where, hall = await pipeline(client), await room(client)
    made = await deal(client, where)
    booking = await reserved(client, hall, "deal", made["id"])
    assert (booking["status"], booking["hold_expires_at"]) == ("held", None)
    problem(await client.post("/v1/bookings", json=wanted(hall)), 409, "resource_taken")
    await act(client, made["id"], "move", stage_id=where["Offer"])
    assert await status(client, booking) == ("held", None)
    await act(client, made["id"], "win")
    assert await status(client, booking) == ("confirmed", None)
    told = [one["type"] for one in await client.told(booking["id"], 2)]
    assert told == ["booking.created", "booking.confirmed"]


async def test_what_a_lost_deal_held_is_free_again(client):
    where, hall = await pipeline(client), await room(client)
    made = await deal(client, where)
    held = await reserved(client, hall, "deal", made["id"])
    sure = await reserved(client, hall, "deal", made["id"], starts_at=f"{DAY}T11:00:00Z")
    await client.post(f"/v1/bookings/{sure['id']}/confirm")
    other = await client.made(
        "bookings", wanted(hall, deal_id=made["id"], starts_at=f"{DAY}T13:00:00Z")
    )
    await act(client, made["id"], "lose", loss_reason_id=await reason(client))
    assert await status(client, held) == ("cancelled", "deal_lost")
    assert await status(client, sure) == ("cancelled", "deal_lost")
    # It is of the deal, but was not said to share its fate.
    assert await status(client, other) == ("confirmed", None)
    await client.made("bookings", wanted(hall))


async def test_a_deal_in_the_bin_holds_nothing(client):
    where, hall = await pipeline(client), await room(client)
    made = await deal(client, where)
    booking = await reserved(client, hall, "deal", made["id"])
    assert (await client.delete(f"/v1/deals/{made['id']}")).is_success
    assert await status(client, booking) == ("cancelled", "deal_deleted")


async def test_a_hold_with_an_end_ends_before_its_deal(client):
    where, hall = await pipeline(client), await room(client)
    made = await deal(client, where)
    booking = await reserved(
        client, hall, "deal", made["id"], hold_expires_at="2031-03-01T00:00:00Z"
    )
    assert booking["status"] == "held"
    await act(client, made["id"], "win")
    found = await client.read(f"bookings/{booking['id']}")
    assert (found["status"], found["hold_expires_at"]) == ("confirmed", None)


async def test_projects_hold_until_they_start(client):
    hall = await room(client)
    project = (await client.made("projects", {"name": "New office"}))["id"]
    booking = await reserved(client, hall, "project", project)
    assert booking["status"] == "held"
    await go(client, project, "start")
    assert await status(client, booking) == ("confirmed", None)
    later = await reserved(client, hall, "project", project, starts_at=f"{DAY}T11:00:00Z")
    assert later["status"] == "confirmed"
    past = await reserved(client, hall, "project", project, starts_at="2021-03-03T11:00:00Z")
    await go(client, project, "hold")
    assert await status(client, booking) == ("confirmed", None)
    await go(client, project, "cancel")
    assert await status(client, booking) == ("cancelled", "project_cancelled")
    assert await status(client, later) == ("cancelled", "project_cancelled")
    assert await status(client, past) == ("confirmed", None)


async def test_what_is_finished_keeps_its_bookings(client):
    hall = await room(client)
    project = (await client.made("projects", {"name": "New office"}))["id"]
    await go(client, project, "start")
    booking = await reserved(client, hall, "project", project)
    await go(client, project, "complete")
    await go(client, project, "accept")
    assert await status(client, booking) == ("confirmed", None)


async def test_the_project_of_a_deal_takes_over_what_that_reserved(client):
    chair, hall = await product(client), await room(client)
    body = {"name": "Installation", "product_ids": [chair["id"]], "tasks": []}
    await client.made("project-templates", body)
    company = await client.made("companies", {"name": "Example Industries"})
    made = await client.made("deals", {"name": "Chairs", "company_id": company["id"]})
    booking = await reserved(client, hall, "deal", made["id"])
    lines = [{"product_id": chair["id"], "quantity": "3"}]
    about = {"company_id": company["id"], "deal_id": made["id"], "currency": "EUR"}
    quote = await client.made("quotes", {**about, "lines": lines})
    await client.post(f"/v1/quotes/{quote['id']}/send")
    await client.post(f"/v1/quotes/{quote['id']}/accept", json={"by": "An example"})
    won = await act(client, made["id"], "win")
    found = await client.read(f"bookings/{booking['id']}")
    assert found["status"] == "confirmed"
    assert (found["reserved_for"], found["project_id"]) == ("project", won["project_id"])
    # What the project is about to use is not the deal's any more.
    await act(client, made["id"], "reopen")
    await act(client, made["id"], "lose", loss_reason_id=await reason(client))
    assert await status(client, booking) == ("confirmed", None)
    await go(client, won["project_id"], "cancel")
    assert await status(client, booking) == ("cancelled", "project_cancelled")


async def test_what_cannot_be_reserved_is_told(client):
    where, hall = await pipeline(client), await room(client)
    made = await deal(client, where)
    for body, at in (
        ({"reserved_for": "deal"}, "/deal_id"),
        ({"reserved_for": "project", "deal_id": made["id"]}, "/project_id"),
        ({"reserved_for": "deal", "deal_id": hall}, "/deal_id"),
        ({"reserved_for": "company"}, "/reserved_for"),
    ):
        answer = await client.post("/v1/bookings", json=wanted(hall, **body))
        assert pointers(problem(answer, 422)) == [at]
    booking = await reserved(client, hall, "deal", made["id"])
    patch = {"deal_id": (await deal(client, where))["id"]}
    answer = await client.patch(f"/v1/bookings/{booking['id']}", json=patch)
    assert pointers(problem(answer, 422)) == ["/deal_id"]
    await act(client, made["id"], "lose", loss_reason_id=await reason(client))
    body = wanted(hall, reserved_for="deal", deal_id=made["id"])
    found = problem(await client.post("/v1/bookings", json=body), 422)
    assert [one["code"] for one in found["errors"]] == ["deal_over"]


async def test_out_of_the_bin_it_stands_as_its_deal_does(client):
    where, hall = await pipeline(client), await room(client)
    won, lost = await deal(client, where), await deal(client, where)
    first = await reserved(client, hall, "deal", won["id"])
    second = await reserved(client, hall, "deal", lost["id"], starts_at=f"{DAY}T11:00:00Z")
    for one in (first, second):
        assert (await client.delete(f"/v1/bookings/{one['id']}")).is_success
    await act(client, won["id"], "win")
    await act(client, lost["id"], "lose", loss_reason_id=await reason(client))
    back = await client.post(f"/v1/bookings/{first['id']}/restore")
    assert back.json()["status"] == "confirmed"
    answer = await client.post(f"/v1/bookings/{second['id']}/restore")
    problem(answer, 409, "reservation_over")


@pytest.mark.parametrize("verb", ["win", "lose"])
async def test_of_what_is_reserved_while_a_deal_is_decided_nothing_stays_held(client, verb):
    where, hall = await pipeline(client), await room(client)
    made = await deal(client, where)
    body = {"loss_reason_id": await reason(client)} if verb == "lose" else {}
    times = [f"{DAY}T{hour:02}:00:00Z" for hour in range(20)]

    async def reserve(at):
        more = {"reserved_for": "deal", "deal_id": made["id"], "starts_at": at}
        return await client.post("/v1/bookings", json=wanted(hall, **more))

    async def decide():
        return await client.post(f"/v1/deals/{made['id']}/{verb}", json=body)

    calls = [*map(reserve, times[:8]), decide(), *map(reserve, times[8:])]
    answers = await asyncio.gather(*calls)
    codes = Counter(one.status_code for one in answers)
    assert set(codes) <= {200, 201, 422}, [one.text for one in answers]
    assert codes[200] == 1
    found = (await client.read("bookings", limit=100))["data"]
    assert len(found) == codes[201]
    after = {"win": "confirmed", "lose": "cancelled"}[verb]
    assert {one["status"] for one in found} <= {after}


async def test_it_is_reserved_over_graphql_as_well(client):
    where, hall = await pipeline(client), await room(client)
    made = await deal(client, where)
    document = """mutation ($input: BookingCreateInput!) { createBooking(input: $input) {
        id status reservedFor deal { name } } }"""
    found = await client.data(
        document,
        input={
            "title": "Installation",
            "startsAt": f"{DAY}T09:00:00Z",
            "duration": 60,
            "resources": [{"resourceId": hall}],
            "reservedFor": "deal",
            "dealId": made["id"],
        },
    )
    booking = found["createBooking"]
    assert (booking["status"], booking["reservedFor"]) == ("held", "deal")
    assert booking["deal"]["name"] == made["name"]
    await act(client, made["id"], "win")
    assert await status(client, booking) == ("confirmed", None)
