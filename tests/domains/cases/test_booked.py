"""Bookings about cases: found from either side, by either face."""

from support.clients import pointers, problem
from support.members import custom_role, member

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def wanted(hall, case, start="09:00"):
    return {
        "title": "Repair",
        "starts_at": f"2031-03-03T{start}:00Z",
        "duration": 60,
        "resources": [{"resource_id": hall["id"]}],
        "case_id": case,
    }


async def things(api):
    hall = await api.made("resources", {"name": "Technician", "kind": "person"})
    return hall, await api.made("cases", {"subject": "It is broken"})


async def test_a_case_shows_its_bookings_and_is_found_by_them(client):
    hall, case = await things(client)
    other = await client.made("cases", {"subject": "It is slow"})
    made = await client.made("bookings", wanted(hall, case["id"]))
    await client.made("bookings", wanted(hall, other["id"], start="11:00"))
    assert made["case_id"] == case["id"]
    found = await client.read("bookings", **{"filter[case_id]": case["id"]})
    assert [one["id"] for one in found["data"]] == [made["id"]]
    shown = await client.read(f"cases/{case['id']}", include="bookings")
    assert [one["id"] for one in shown["bookings"]["data"]] == [made["id"]]
    asked = {"filter[bookings][some][starts_at][lt]": "2031-03-03T10:00:00Z"}
    found = await client.read("cases", **asked)
    assert [one["id"] for one in found["data"]] == [case["id"]]


async def test_the_same_over_graphql(client):
    hall, case = await things(client)
    document = """mutation ($input: BookingCreateInput!) {
        createBooking(input: $input) { id caseId } }"""
    given = {
        "title": "Repair",
        "startsAt": "2031-03-03T09:00:00Z",
        "duration": 60,
        "resources": [{"resourceId": hall["id"]}],
        "caseId": case["id"],
    }
    made = (await client.data(document, input=given))["createBooking"]
    assert made["caseId"] == case["id"]
    document = """query ($id: UUID!) { case(id: $id) {
        bookings { totalCount nodes { id title } } } }"""
    shown = (await client.data(document, id=case["id"]))["case"]["bookings"]
    assert shown["nodes"] == [{"id": made["id"], "title": "Repair"}]


async def test_a_booking_is_about_a_case_that_is_there_and_seen(client):
    hall, case = await things(client)
    answer = await client.post("/v1/bookings", json=wanted(hall, UNKNOWN))
    assert pointers(problem(answer, 422)) == ["/case_id"]
    made = await client.made("bookings", wanted(hall, None))
    patch = {"case_id": UNKNOWN}
    answer = await client.patch(f"/v1/bookings/{made['id']}", json=patch)
    assert pointers(problem(answer, 422)) == ["/case_id"]
    changed = await client.changed(f"bookings/{made['id']}", {"case_id": case["id"]})
    assert changed["case_id"] == case["id"]
    everything = dict.fromkeys(("read", "create", "update", "delete"), "all")
    own = dict.fromkeys(everything, "own")
    levels = {"bookings": everything, "cases": own}
    clerk = await member(client, await custom_role(client, levels=levels))
    answer = await clerk.api.post("/v1/bookings", json=wanted(hall, case["id"], start="11:00"))
    assert pointers(problem(answer, 422)) == ["/case_id"]
    # What it is about already stays when something else is changed.
    path = f"/v1/bookings/{made['id']}"
    answer = await clerk.api.patch(path, json={"title": "Visit", "case_id": case["id"]})
    assert answer.status_code == 200, answer.text


async def test_what_cases_are_merged_into_has_their_bookings(client):
    hall, case = await things(client)
    other = await client.made("cases", {"subject": "It is broken"})
    made = await client.made("bookings", wanted(hall, other["id"]))
    body = {"winner_id": case["id"], "loser_ids": [other["id"]]}
    answer = await client.post("/v1/cases/merge", json=body)
    assert answer.is_success, answer.text
    assert (await client.read(f"bookings/{made['id']}"))["case_id"] == case["id"]
