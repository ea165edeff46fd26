"""Whose views there are, who sees them, and which one comes first."""

import asyncio

import pytest

from support.clients import pointers, problem
from support.exports import exported

PRIVATE = {"name": "Mine", "target": "contact"}
SHARED = {**PRIVATE, "name": "Ours", "sharing": "organization"}
NOBODY = "01990000-0000-7000-8000-00000000dead"


async def test_a_private_view_is_its_owners_alone(client, keyed):
    view = await client.made("views", {**PRIVATE, "filter": {"lifecycle": "lead"}})
    assert view["owner_id"] == view["created_by"] is not None
    other = await keyed("*")
    path = f"/v1/views/{view['id']}"
    for answer in (
        await other.get(path),
        await other.get(path, params={"as_of": "@now+1h"}),
        await other.get(f"{path}/history"),
        await other.patch(path, json={"name": "Taken"}),
        await other.delete(path),
        await other.post(f"{path}/restore"),
    ):
        problem(answer, 404, "not_found")
    listed = await other.read("views", deleted="include", count="exact")
    assert (listed["data"], listed["total"]) == ([], 0)
    answer = await other.get("/v1/contacts", params={"view": view["id"]})
    assert problem(answer, 422, "unknown_view")["errors"][0]["parameter"] == "view"
    document = (
        "query($id: UUID!, $node: ID!) { view(id: $id) { id } node(id: $node) { id } "
        "views { nodes { id } totalCount } }"
    )
    shown = await other.data(document, id=view["id"], node=view["id"])
    assert shown == {"view": None, "node": None, "views": {"nodes": [], "totalCount": 0}}
    # Its owner sees it in all of these ways.
    assert (await client.read(f"views/{view['id']}")) == view
    assert (await client.read(f"views/{view['id']}/history"))["data"]
    assert (await client.read("views"))["data"] == [view]
    assert (await client.data(document, id=view["id"], node=view["id"]))["node"]
    await client.read("contacts", view=view["id"])


async def test_a_shared_view_is_everybodys(client, keyed):
    view = await client.made("views", SHARED)
    other = await keyed("views:read", "contacts:read")
    assert (await other.read("views"))["data"] == [view]
    await other.read("contacts", view=view["id"])
    problem(await other.patch(f"/v1/views/{view['id']}", json={"name": "Theirs"}), 403)
    writer = await keyed("views:write", "contacts:read")
    changed = await writer.changed(f"views/{view['id']}", {"is_pinned": True})
    assert changed["owner_id"] == view["owner_id"]
    await client.changed(f"views/{view['id']}", {"sharing": "private"})
    problem(await writer.get(f"/v1/views/{view['id']}"), 404)


async def test_a_view_means_whoever_looks(client, keyed):
    view = await client.made("views", {**SHARED, "filter": {"created_by": {"eq": "@me"}}})
    other = await keyed("contacts:write")
    mine = await client.made("contacts", {"last_name": "Mine"})
    theirs = await other.made("contacts", {"last_name": "Theirs"})
    for api, made in ((client, mine), (other, theirs)):
        found = (await api.read("contacts", view=view["id"]))["data"]
        assert [row["id"] for row in found] == [made["id"]]


@pytest.mark.parametrize("gone", ["deleted", "another collection", "another organization", "none"])
async def test_there_is_no_such_view(client, other, gone):
    api = other if gone == "another organization" else client
    target = "company" if gone == "another collection" else "contact"
    view = await api.made("views", {**SHARED, "target": target})
    if gone == "deleted":
        await client.delete(f"/v1/views/{view['id']}")
    id = NOBODY if gone == "none" else view["id"]
    found = problem(await client.get("/v1/contacts", params={"view": id}), 422, "unknown_view")
    assert found["errors"][0]["parameter"] == "view"
    problem(await client.post("/v1/contacts/query", json={"view": id}), 422, "unknown_view")
    shown = await client.gql("query($v: UUID) { contacts(view: $v) { nodes { id } } }", v=id)
    assert shown["errors"][0]["extensions"]["code"] == "unknown_view"
    problem(await client.get("/v1/contacts", params={"view": "mine"}), 422, "validation")


@pytest.mark.parametrize("body", [PRIVATE, SHARED], ids=["private", "shared"])
async def test_another_default_takes_its_place(client, body):
    first = await client.made("views", {**body, "is_default": True})
    second = await client.made("views", {**body, "is_default": True})
    elsewhere = await client.made("views", {**body, "target": "company", "is_default": True})

    async def defaults():
        found = await client.read("views", **{"filter[is_default]": "true"})
        return {row["id"] for row in found["data"]}

    assert await defaults() == {second["id"], elsewhere["id"]}
    await client.changed(f"views/{first['id']}", {"is_default": True})
    assert await defaults() == {first["id"], elsewhere["id"]}
    await client.delete(f"/v1/views/{first['id']}")
    await client.changed(f"views/{second['id']}", {"is_default": True})
    back = await client.post(f"/v1/views/{first['id']}/restore")
    assert back.json()["is_default"] is False
    assert await defaults() == {second["id"], elsewhere["id"]}


async def test_of_many_that_want_to_be_the_default_one_is(client):
    async def post(turn):
        body = {**SHARED, "name": f"View {turn}", "is_default": True}
        return (await client.post("/v1/views", json=body)).status_code

    outcomes = await asyncio.gather(*(post(turn) for turn in range(12)))
    assert set(outcomes) <= {201, 409, 503}
    assert 201 in outcomes
    found = await client.read("views", **{"filter[is_default]": "true"})
    assert len(found["data"]) == 1


async def test_a_private_view_stays_somebodys(client):
    view = await client.made("views", PRIVATE)
    kept = await client.changed(f"views/{view['id']}", {"owner_id": None})
    assert kept["owner_id"] == view["owner_id"]
    problem(await client.patch(f"/v1/views/{view['id']}", json={"filter": None}), 422)


async def test_a_private_view_is_in_no_file_of_others(client, keyed, worker):
    mine = await client.made("views", PRIVATE)
    ours = await client.made("views", SHARED)
    other = await keyed("*")
    for api, wanted in ((client, {mine["id"], ours["id"]}), (other, {ours["id"]})):
        answer = await exported(api, "views", fields=["id"])
        assert set(answer.text.split()[1:]) == wanted


async def test_what_is_hidden_is_told_where_it_stands(client, keyed):
    field = {"target": "contact", "name": "salary", "type": "integer", "visible_to": ["pay:read"]}
    await client.made("custom-fields", field)
    blind = await keyed("views:write", "contacts:read", "contacts:export")
    for body in (
        {"filter": {"custom": {"salary": {"gt": 1}}}},
        {"sort": ["-custom.salary"]},
    ):
        place = "/filter/custom/salary" if "filter" in body else "/sort"
        answer = await blind.post("/v1/views", json={**PRIVATE, **body})
        assert pointers(problem(answer, 403)) == [place]
        answer = await blind.post("/v1/contacts/export", json=body)
        assert pointers(problem(answer, 403)) == [place]
