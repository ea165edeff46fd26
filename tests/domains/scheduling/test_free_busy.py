"""When nothing of resources is free, without what takes them."""

from support.clients import pointers, problem
from support.ics import strict
from support.members import custom_role, member

PATH = "/v1/availability/free-busy"
DAY = "2031-03-03"


async def room(api, **more):
    return await api.made("resources", {"name": "Meeting room", "kind": "room", **more})


async def booked(api, one, start, end, **more):
    times = {"starts_at": f"{DAY}T{start}:00Z", "ends_at": f"{DAY}T{end}:00Z"}
    resources = [{"resource_id": one["id"]}]
    return await api.made(
        "bookings", {"title": "Site visit", **times, "resources": resources, **more}
    )


def asked(*resources, start=f"{DAY}T08:00:00Z", end=f"{DAY}T20:00:00Z"):
    return {"resource_ids": [one["id"] for one in resources], "start": start, "end": end}


def spans(found):
    return [[(one["start"][11:16], one["end"][11:16]) for one in r["busy"]] for r in found]


async def test_what_touches_is_merged_and_what_is_left_of_a_capacity_is_free(client):
    hall, vans, idle = await room(client), await room(client, capacity=2), await room(client)
    await booked(client, hall, "07:00", "09:00")
    await booked(client, hall, "09:00", "10:00", buffer_after=15)
    await booked(client, hall, "12:00", "13:00")
    await booked(client, vans, "09:00", "11:00")
    await booked(client, vans, "10:00", "12:00")
    gone = await booked(client, idle, "09:00", "10:00")
    await client.post(f"/v1/bookings/{gone['id']}/cancel")
    blind = await member(client, await custom_role(client))
    for api in (client, blind.api):
        answer = await api.post(PATH, json=asked(vans, hall, idle))
        assert answer.status_code == 200, answer.text
        found = answer.json()["resources"]
        assert [one["resource_id"] for one in found] == [vans["id"], hall["id"], idle["id"]]
        assert spans(found) == [[("10:00", "11:00")], [("08:00", "10:15"), ("12:00", "13:00")], []]
        assert all(one.keys() == {"resource_id", "busy"} for one in found)
    data = await client.data(
        "query ($ids: [UUID!]!, $start: DateTime!, $end: DateTime!) {"
        " freeBusy(resourceIds: $ids, start: $start, end: $end) {"
        " resources { busy { start end } } } }",
        ids=[vans["id"]],
        start=f"{DAY}T08:00:00Z",
        end=f"{DAY}T20:00:00Z",
    )
    assert spans(data["freeBusy"]["resources"]) == [[("10:00", "11:00")]]


async def test_it_is_told_as_a_document(client):
    hall, idle = await room(client), await room(client)
    await booked(client, hall, "09:00", "10:00")
    answer = await client.post(f"{PATH}/calendar", json=asked(hall, idle))
    assert answer.status_code == 200, answer.text
    first, second = strict(answer.content).walk("VFREEBUSY")
    assert str(first["ORGANIZER"]) == f"urn:uuid:{hall['id']}"
    assert "FREEBUSY;FBTYPE=BUSY:20310303T090000Z/20310303T100000Z" in answer.text
    assert "FREEBUSY" not in second


async def test_windows_and_resources_are_bounded(client):
    hall = await room(client)
    for body in (
        asked(hall, start=f"{DAY}T08:00:00Z", end=f"{DAY}T08:00:00Z"),
        asked(hall, end="2031-05-05T08:00:00Z"),
        asked(),
        asked(*[hall] * 51),
        {**asked(hall), "more": 1},
    ):
        problem(await client.post(PATH, json=body), 422)
    unknown = {"id": "018f0000-0000-7000-8000-000000000000"}
    found = problem(await client.post(PATH, json=asked(hall, unknown)), 422)
    assert pointers(found) == ["/resource_ids/1"]
    blind = await member(client, "admin", scopes=("bookings:read",))
    problem(await blind.api.post(PATH, json=asked(hall)), 403)
