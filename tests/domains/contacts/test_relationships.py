"""What people are to each other, and who stands around somebody."""

import asyncio
from itertools import pairwise

import pytest

from support.clients import problem
from support.members import custom_role, member

PATH = "/v1/contact-relationships"


async def people(client, *names):
    return [(await client.made("contacts", {"last_name": name}))["id"] for name in names]


async def relate(client, one, other, kind, **more):
    body = {"contact_id": one, "related_contact_id": other, "kind": kind, **more}
    return await client.made("contact-relationships", body)


async def refused(client, status, one, other, kind):
    body = {"contact_id": one, "related_contact_id": other, "kind": kind}
    return problem(await client.post(PATH, json=body), status)


async def graph(api, id, **params):
    found = await api.read(f"contacts/{id}/relationship-graph", **params)
    names = {one["id"]: one["name"] for one in found["nodes"]}
    edges = {
        (names[e["contact_id"]], e["kind"], names[e["related_contact_id"]]) for e in found["edges"]
    }
    return {one["name"]: one["distance"] for one in found["nodes"]}, edges


async def test_the_circle_of_a_person(client):
    a, b, c, d = await people(client, "A", "B", "C", "D")
    await relate(client, a, b, "reports_to", strength=4)
    await relate(client, c, b, "advises")
    await relate(client, c, d, "spouse")
    past = await relate(client, a, d, "friend", ended_on="2020-01-31")
    assert await graph(client, a, depth=1) == ({"A": 0, "B": 1}, {("A", "reports_to", "B")})
    nodes, edges = await graph(client, a, depth=3)
    assert nodes == {"A": 0, "B": 1, "C": 2, "D": 3}
    assert edges == {("A", "reports_to", "B"), ("C", "advises", "B"), ("C", "spouse", "D")}
    nodes, edges = await graph(client, a, depth=1, current="false")
    assert nodes == {"A": 0, "B": 1, "D": 1}
    assert await graph(client, a, kind="advises") == ({"A": 0}, set())
    asked = """query ($id: UUID!) {
        contactRelationshipGraph(id: $id, depth: 1, current: false) { nodes { name distance } }
        contact(id: $id) { relationships { nodes { kind related { name } } } relatedBy { totalCount } }
    }"""
    found = (await client.gql(asked, id=a))["data"]
    assert {n["name"] for n in found["contactRelationshipGraph"]["nodes"]} == {"A", "B", "D"}
    shown = found["contact"]["relationships"]["nodes"]
    assert {(one["kind"], one["related"]["name"]) for one in shown} == {
        ("reports_to", "B"),
        ("friend", "D"),
    }
    assert past["ended_on"] == "2020-01-31"
    told = problem(await client.get(f"/v1/contacts/{a}/relationship-graph?depth=4"), 422)
    assert told["errors"][0]["parameter"] == "depth"


async def test_nobody_is_it_to_themselves_or_twice(client):
    a, b, c = await people(client, "A", "B", "C")
    told = await refused(client, 422, a, a, "friend")
    assert told["errors"][0]["code"] == "itself"
    await relate(client, a, b, "spouse")
    await refused(client, 409, b, a, "spouse")
    await refused(client, 409, a, b, "spouse")
    await relate(client, a, b, "reports_to")
    boss = await relate(client, b, c, "reports_to")
    assert (await refused(client, 409, c, a, "reports_to"))["code"] == "hierarchy_cycle"
    await client.changed(f"contact-relationships/{boss['id']}", {"ended_on": "2024-12-31"})
    await relate(client, c, a, "reports_to")
    again = await client.patch(f"{PATH}/{boss['id']}", json={"ended_on": None})
    assert problem(again, 409)["code"] == "hierarchy_cycle"


async def test_at_once_nobody_reports_in_a_circle(client):
    ids = await people(client, *"ABCDEF")
    bodies = [
        {"contact_id": one, "related_contact_id": other, "kind": "reports_to"}
        for one, other in zip(ids, [*ids[1:], ids[0]], strict=True)
    ]
    answers = await asyncio.gather(*(client.post(PATH, json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [409]


@pytest.mark.parametrize("undone", [False, True])
async def test_people_who_are_one_are_not_related_to_themselves(client, undone):
    a, b, c = await people(client, "A", "B", "C")
    between = await relate(client, a, b, "friend")
    mine = await relate(client, a, c, "advises")
    same = await relate(client, b, c, "advises")
    other = await relate(client, c, b, "referred")
    body = {"winner_id": a, "loser_ids": [b]}
    answer = await client.post("/v1/contacts/merge", json=body)
    assert answer.status_code == 201, answer.text
    left = {one["id"] for one in (await client.read("contact-relationships"))["data"]}
    assert left == {mine["id"], other["id"]}
    if undone:
        answer = await client.post(f"/v1/merges/{answer.json()['id']}/undo")
        assert answer.status_code == 200, answer.text
        found = {one["id"]: one for one in (await client.read("contact-relationships"))["data"]}
        assert found.keys() == {between["id"], mine["id"], same["id"], other["id"]}
        assert found[same["id"]]["contact_id"] == b
        assert found[other["id"]]["related_contact_id"] == b


async def test_a_circle_that_was_prepared_since_blocks_taking_people_apart(client):
    a, b, c, d = await people(client, "A", "B", "C", "D")
    mine = await relate(client, a, c, "reports_to")
    # The same of who becomes one with A, so it goes.
    await relate(client, b, c, "reports_to")
    below = await relate(client, d, b, "reports_to")
    merge = await client.post("/v1/contacts/merge", json={"winner_id": a, "loser_ids": [b]})
    assert merge.status_code == 201, merge.text
    assert (await client.delete(f"{PATH}/{mine['id']}")).status_code == 204
    closing = await relate(client, c, d, "reports_to")
    undo = f"/v1/merges/{merge.json()['id']}/undo"
    assert problem(await client.post(undo), 409)["code"] == "hierarchy_cycle"
    assert (await client.read(f"contact-relationships/{below['id']}"))["related_contact_id"] == a
    assert (await client.delete(f"{PATH}/{closing['id']}")).status_code == 204
    answer = await client.post(undo)
    assert answer.status_code == 200, answer.text
    left = (await client.read("contact-relationships"))["data"]
    assert {(one["contact_id"], one["related_contact_id"]) for one in left} == {(b, c), (d, b)}


async def test_through_whom_one_does_not_see_nobody_is_found(client):
    own = dict.fromkeys(("read", "create", "update", "delete"), "own")
    rep = await member(client, await custom_role(client, levels={"*": own}))
    mine = await rep.api.made("contacts", {"last_name": "Mine"})
    far = await rep.api.made("contacts", {"last_name": "Far"})
    (hidden,) = await people(client, "Hidden")
    await relate(client, mine["id"], hidden, "friend")
    await relate(client, hidden, far["id"], "friend")
    assert await graph(rep.api, mine["id"]) == ({"Mine": 0}, set())
    nodes, _ = await graph(client, mine["id"])
    assert nodes == {"Mine": 0, "Hidden": 1, "Far": 2}


async def test_what_is_hidden_of_relationships_is_not_in_the_circle(client):
    a, b, c = await people(client, "A", "B", "C")
    await relate(client, a, b, "spouse", strength=4)
    await relate(client, a, c, "friend", ended_on="2020-01-31")
    hidden = ["strength", "ended_on", "started_on"]
    levels = {"contacts": dict.fromkeys(("read", "create", "update", "delete"), "all")}
    masks = {"contact_relationship": {"hidden": hidden}}
    less = await member(client, await custom_role(client, levels=levels, masks=masks))
    found = await less.api.read(f"contacts/{a}/relationship-graph")
    assert len(found["edges"]) == 2
    for edge in found["edges"]:
        assert (edge["strength"], edge["is_current"]) == (None, None)
        assert "ended_on" not in edge
    (edge,) = (await client.read(f"contacts/{a}/relationship-graph"))["edges"]
    assert (edge["strength"], edge["is_current"]) == (4, True)
    assert edge.keys() == {
        "id",
        "contact_id",
        "related_contact_id",
        "kind",
        "strength",
        "is_current",
    }


@pytest.mark.parametrize("winner", [0, 3])
async def test_people_who_are_one_do_not_report_to_themselves(client, winner):
    ids = await people(client, *"ABCD")
    chain = [await relate(client, one, other, "reports_to") for one, other in pairwise(ids)]
    body = {"winner_id": ids[winner], "loser_ids": [ids[3 - winner]]}
    answer = await client.post("/v1/contacts/merge", json=body)
    assert answer.status_code == 201, answer.text
    left = {one["id"] for one in (await client.read("contact-relationships"))["data"]}
    assert left == {one["id"] for one in (chain[:2] if winner == 0 else chain[1:])}
    answer = await client.post(f"/v1/merges/{answer.json()['id']}/undo")
    assert answer.status_code == 200, answer.text
    found = {one["id"]: one for one in (await client.read("contact-relationships"))["data"]}
    for one in chain:
        back = found.pop(one["id"])
        assert [back["contact_id"], back["related_contact_id"]] == [
            one["contact_id"],
            one["related_contact_id"],
        ]
