"""Segments over time, and the segments of a record."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from support.clients import problem
from support.members import custom_role, member
from support.segments import people

STAY = """
    INSERT INTO segment_members (organization_id, segment_id, record_id, entered_at, left_at,
        entered_by, left_by) VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
ZONE = "America/New_York"
SIZE = {"begins", "size", "entered", "left", "drift_entered", "drift_left"}
LENGTHS = {"day": 1, "week": 7, "month": 31}


async def static(client, **more):
    return await client.made("segments", {"name": "S", "kind": "static", **more})


def begin_of(moment, by):
    day = moment.astimezone(ZoneInfo(ZONE)).date()
    if by == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if by == "month" else day


@pytest.mark.parametrize("by", LENGTHS)
async def test_sizes_are_what_stays_come_to(world, owner, by):
    org = await world.org(time_zone=ZONE)
    client = await world.client(org)
    made = await static(client)
    dice, now = random.Random(7), datetime.now(UTC)
    span, stays = LENGTHS[by] * 12, []
    for _ in range(200):
        entered = now - timedelta(days=dice.uniform(0, span))
        left = entered + timedelta(days=dice.uniform(0, span)) if dice.random() < 0.6 else None
        if left is not None and left > now:
            left = None
        ways = [dice.choice(["filter", "hand", "reconciled"]) for _ in range(2)]
        stay = (entered, left, ways[0], ways[1] if left else None)
        stays.append(stay)
        await owner.execute(STAY, org.id, UUID(made["id"]), uuid4(), *stay)
    before = datetime.now(UTC)
    answer = await client.read(f"segments/{made['id']}/sizes", by=by, last=6)
    assert answer["data"][0].keys() == SIZE
    begins = [one["begins"] for one in answer["data"]]
    assert len(begins) == 6
    assert begins[-1] in {begin_of(at, by).isoformat() for at in (before, datetime.now(UTC))}
    for one, after in zip(answer["data"], [*begins[1:], None], strict=True):

        def within(at, one=one, after=after):
            day = begin_of(at, by).isoformat()
            return one["begins"] <= day and (after is None or day < after)

        came = [stay for stay in stays if within(stay[0])]
        went = [stay for stay in stays if stay[1] and within(stay[1])]
        there = [
            stay
            for stay in stays
            if begin_of(stay[0], by).isoformat() <= one["begins"]
            and not (stay[1] and begin_of(stay[1], by).isoformat() <= one["begins"])
        ]
        assert (one["size"], one["entered"], one["left"]) == (len(there), len(came), len(went))
        drift = [
            sum(stay[way] == "reconciled" for stay in of) for of, way in ((came, 2), (went, 3))
        ]
        assert [one["drift_entered"], one["drift_left"]] == drift
    asked = """query($id: UUID!, $by: String!) {
        segmentSizes(id: $id, by: $by, last: 6) { data { begins size } } }"""
    told = await client.data(asked, id=made["id"], by=by)
    assert told["segmentSizes"]["data"] == [
        {"begins": one["begins"], "size": one["size"]} for one in answer["data"]
    ]


async def test_sizes_that_nobody_can_be_asked_for(client):
    made = await static(client)
    answer = await client.get(f"/v1/segments/{made['id']}/sizes", params={"by": "hour"})
    problem(answer, 422)
    answer = await client.get(f"/v1/segments/{made['id']}/sizes", params={"last": 401})
    problem(answer, 422)
    problem(await client.get(f"/v1/segments/{uuid4()}/sizes"), 404)
    empty = await client.read(f"segments/{made['id']}/sizes", by="month", last=2)
    assert [one["size"] for one in empty["data"]] == [0, 0]


async def test_the_segments_of_a_contact(client, worker):
    a, b = await people(client, "A", "B")
    first, second, third = [await static(client, name=name) for name in ("One", "Two", "Three")]
    for segment in (first, second, third):
        await client.post(f"/v1/segments/{segment['id']}/members", json={"add": [a, b]})
    await client.post(f"/v1/segments/{second['id']}/members", json={"remove": [a]})
    await client.delete(f"/v1/segments/{third['id']}")
    found = await client.read(f"contacts/{a}/segments")
    assert [(one["name"], one["kind"], one["entered_by"]) for one in found["data"]] == [
        ("One", "static", "hand")
    ]
    ever = (await client.read(f"contacts/{a}/segments", ended="true"))["data"]
    assert [(one["segment_id"], one["left_by"]) for one in ever] == [
        (second["id"], "hand"),
        (first["id"], None),
    ]
    page = await client.read(f"contacts/{a}/segments", ended="true", limit=1)
    then = await client.read(f"contacts/{a}/segments", ended="true", cursor=page["next_cursor"])
    assert page["data"] + then["data"] == ever
    asked = """query($id: UUID!) { segmentsOf(target: "contact", id: $id, ended: true) {
        data { segmentId name leftBy } } }"""
    told = (await client.data(asked, id=a))["segmentsOf"]["data"]
    assert [one["segmentId"] for one in told] == [second["id"], first["id"]]
    problem(await client.get(f"/v1/contacts/{uuid4()}/segments"), 404)
    problem(await client.get(f"/v1/companies/{a}/segments"), 404)


async def test_pages_of_whoever_sees_a_part_leave_nothing_out(client):
    role = await custom_role(client, levels={"*": {"read": "own"}})
    reader = await member(client, role)
    segment = await static(client, owner_id=reader.id)
    seen, ids = [], []
    for n in range(9):
        mine = {"owner_id": reader.id} if n not in {2, 3, 8} else {}
        body = {"last_name": f"Person {n}", **mine}
        ids.append((await client.made("contacts", body))["id"])
        seen += ids[-1:] if mine else []
    for id in ids:
        await client.post(f"/v1/segments/{segment['id']}/members", json={"add": [id]})
    for limit in (1, 2, 3, 6, 7):
        found, asked = [], {}
        while True:
            path = f"segments/{segment['id']}/stays"
            page = await reader.api.read(path, limit=limit, **asked)
            found += [one["record_id"] for one in page["data"]]
            if page["next_cursor"] is None:
                break
            asked = {"cursor": page["next_cursor"]}
        assert found == seen[::-1], limit
