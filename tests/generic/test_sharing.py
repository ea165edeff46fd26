"""Records that are shared with users, teams and roles, and why somebody has them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm_api.kit.access import is_managed
from support.clients import Api, pointers, problem
from support.factories import KINDS, Kind
from support.graph import camel
from support.members import Member, custom_role, member, team
from support.waiting import patiently

SHARED = [
    kind
    for kind in KINDS
    if not is_managed(kind.area)
    and kind.listing.open_to is None
    and kind.listing.within is None
    and kind.entity in {"contact", "company"}
]
OWN = {"read": "own", "create": "own", "update": "own", "delete": "own"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "shared" in metafunc.fixturenames:
        metafunc.parametrize("shared", SHARED, ids=str)


async def share(api: Api, kind: Kind, record: dict[str, Any], **body: Any) -> dict[str, Any]:
    """A new share of a record."""
    body = {"target": kind.entity, "record_id": record["id"], **body}
    return await api.made("shares", body)


async def sees(one: Member, kind: Kind) -> list[str]:
    """The ids that somebody sees."""
    return [row["id"] for row in (await one.api.read(kind.path, limit=200))["data"]]


@pytest.mark.parametrize("by", ["user", "team", "role"])
async def test_a_shared_record_is_seen_and_changed(client, shared, by):
    role = await custom_role(client, levels={"*": OWN})
    one, stranger = await member(client, role), await member(client, "sales_rep")
    principal = {"user": one.id, "role": role}.get(by) or await team(client, one)
    record = await shared.make(client)
    path = f"/v1/{shared.path}/{record['id']}"
    problem(await one.api.get(path), 404)
    made = await share(client, shared, record, **{f"{by}_id": principal})
    assert await sees(one, shared) == [record["id"]]
    assert await sees(stranger, shared) == []
    found = problem(await one.api.patch(path, json=shared.factory.change), 403, "missing_right")
    assert found["right"] == f"{shared.area}:update"
    await client.changed(f"shares/{made['id']}", {"access": "write"})
    assert (await one.api.patch(path, json=shared.factory.change)).status_code == 200
    await client.delete(f"/v1/shares/{made['id']}")
    problem(await one.api.get(path), 404)
    await client.post(f"/v1/shares/{made['id']}/restore")
    assert await sees(one, shared) == [record["id"]]
    await client.delete(f"/v1/shares/{made['id']}", params={"purge": "true"})
    assert await sees(one, shared) == []


async def test_a_share_ends(client, shared):
    one = await member(client, await custom_role(client, levels={"*": OWN}))
    record = await shared.make(client)
    soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    await share(client, shared, record, user_id=one.id, expires_at=soon)
    assert await sees(one, shared) == [record["id"]]
    await asyncio.sleep(3.2)
    assert await sees(one, shared) == []


async def test_only_who_may_change_a_record_shares_it(client, shared):
    role = await custom_role(client, levels={"*": {**OWN, "read": "all"}})
    one, colleague = await member(client, role), await member(client, "sales_rep")
    record = await shared.make(client)
    body = {"target": shared.entity, "record_id": record["id"], "user_id": one.id}
    given = {**body, "access": "write"}
    problem(await one.api.post("/v1/shares", json=given), 403, "missing_right")
    found = problem(await colleague.api.post("/v1/shares", json=given), 422)
    assert pointers(found) == ["/record_id"]
    mine = await shared.make(client, owner_id=one.id)
    made = await share(one.api, shared, mine, user_id=colleague.id)
    assert await sees(colleague, shared) == [mine["id"]]
    problem(await colleague.api.patch(f"/v1/shares/{made['id']}", json={"access": "write"}), 404)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"target": "nonsense"}, "/target"),
        ({"target": "user"}, "/target"),
        ({"record_id": "01990000-0000-7000-8000-000000000001"}, "/record_id"),
        ({"user_id": None}, "/user_id"),
        ({"team_id": "01990000-0000-7000-8000-000000000001"}, "/user_id"),
        ({"user_id": "01990000-0000-7000-8000-000000000001"}, "/user_id"),
        ({"access": "all"}, "/access"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
    ],
)
async def test_bad_shares(client, change, pointer):
    contact = await client.made("contacts", {"last_name": "Person"})
    user = (await member(client)).id
    body = {"target": "contact", "record_id": contact["id"], "user_id": user, **change}
    found = problem(await client.post("/v1/shares", json=body), 422)
    assert pointers(found)[0] == pointer


async def test_records_of_another_organization_are_not_shared(client, other, shared):
    foreign = await shared.make(other)
    mine = await shared.make(client)
    one, stranger = await member(client), await member(other)
    for body in (
        {"record_id": foreign["id"], "user_id": one.id},
        {"record_id": mine["id"], "user_id": stranger.id},
    ):
        answer = await client.post("/v1/shares", json={"target": shared.entity, **body})
        problem(answer, 422)


async def test_followers_learn_of_shares(client, shared):
    one = await member(client, await custom_role(client, levels={"*": OWN}))
    path = f"{shared.path}/changes"
    page = await one.api.read(path)
    while page["more"]:
        page = await one.api.read(path, after=page["next_cursor"])

    async def next_with(name: str) -> dict[str, Any]:
        nonlocal page
        async for _ in patiently():
            page = await one.api.read(path, after=page["next_cursor"])
            if page[name]:
                break
        return page

    record = await shared.make(client)
    made = await share(client, shared, record, user_id=one.id)
    assert [row["id"] for row in (await next_with("data"))["data"]] == [record["id"]]
    history = await one.api.read(f"{shared.path}/{record['id']}/history")
    assert history["data"][0]["type"] == f"{shared.entity}.shared"
    await client.delete(f"/v1/shares/{made['id']}")
    removed = (await next_with("removed"))["removed"]
    assert record["id"] in {gone["id"] for gone in removed}


async def test_access_is_explained(client, shared):
    role = await custom_role(client, name="Example role", levels={"*": {**OWN, "read": "team"}})
    one, peer = await member(client, role), await member(client, role)
    team_id = await team(client, one, peer)
    record = await shared.make(client, owner_id=peer.id)
    path = f"{shared.path}/{record['id']}/access"
    found = await client.read(path, user=one.id)
    assert found["owner_is"] == "team"
    assert found["read"] == {"allowed": True, "level": "team", "because": "team"}
    assert found["update"] == {"allowed": False, "level": "own", "because": None}
    assert [(r["name"], r["read"], r["update"]) for r in found["roles"]] == [
        ("Example role", "team", "own")
    ]
    made = await share(client, shared, record, team_id=team_id, access="write")
    found = await client.read(path, user=one.id)
    assert found["update"] == {"allowed": True, "level": "own", "because": "share"}
    assert [(s["share_id"], s["by"], s["access"]) for s in found["shares"]] == [
        (made["id"], "team", "write")
    ]
    assert (await one.api.read(path))["user_id"] == one.id
    found = problem(await one.api.get(f"/v1/{path}", params={"user": peer.id}), 403)
    assert found["right"] == "manage_roles"
    problem(await client.get(f"/v1/{path}"), 422, "required")
    problem(await client.get(f"/v1/{path}", params={"user": record["id"]}), 404)
    document = (
        "query($id: UUID!, $user: UUID) "
        f'{{ access(entity: "{camel(shared.entity)}", id: $id, user: $user) '
        "{ ownerIs update { allowed because } roles { name } } }"
    )
    data = await client.data(document, id=record["id"], user=one.id)
    assert data["access"] == {
        "ownerIs": "team",
        "update": {"allowed": True, "because": "share"},
        "roles": [{"name": "Example role"}],
    }
    stranger = await member(client, "sales_rep")
    problem(await stranger.api.get(f"/v1/{path}"), 404)


async def test_collaborators_work_on_a_record_along_with_its_owner(client, shared):
    role = await custom_role(client, levels={"*": OWN})
    one, other, stranger = [await member(client, role) for _ in range(3)]
    record = await shared.make(client, owner_id=one.id)
    path = f"/v1/{shared.path}/{record['id']}/collaborators"
    assert (await one.api.get(path)).json() == {"data": []}
    problem(await other.api.put(f"{path}/{other.id}", json={}), 404)
    answer = await one.api.put(f"{path}/{other.id}", json={})
    assert (answer.status_code, answer.json()["access"]) == (200, "write"), answer.text
    change = shared.factory.change
    where = f"/v1/{shared.path}/{record['id']}"
    assert (await other.api.patch(where, json=change)).status_code == 200
    again = await one.api.put(f"{path}/{other.id}", json={"access": "read"})
    assert again.json()["share_id"] == answer.json()["share_id"]
    problem(await other.api.patch(where, json=change), 403, "missing_right")
    problem(await other.api.put(f"{path}/{stranger.id}", json={}), 403, "missing_right")
    problem(await other.api.delete(f"{path}/{one.id}"), 403, "missing_right")
    problem(await stranger.api.delete(f"{path}/{stranger.id}"), 404)
    problem(await one.api.delete(f"{path}/{stranger.id}"), 404)
    problem(await one.api.put(f"{path}/{record['id']}", json={}), 422)
    (listed,) = (await other.api.get(path)).json()["data"]
    assert (listed["user_id"], listed["access"]) == (other.id, "read")
    # Whoever works on it may go.
    assert (await other.api.delete(f"{path}/{other.id}")).status_code == 204
    problem(await other.api.get(where), 404)
    document = (
        "mutation($id: UUID!, $user: UUID!) { putCollaborator("
        f'entity: "{shared.entity}", id: $id, userId: $user) {{ userId access }} }}'
    )
    data = await one.api.data(document, id=record["id"], user=stranger.id)
    assert data["putCollaborator"] == {"userId": stranger.id, "access": "write"}
    data = await stranger.api.data(
        f'query($id: UUID!) {{ collaborators(entity: "{shared.entity}", id: $id) {{ userId }} }}',
        id=record["id"],
    )
    assert data["collaborators"] == [{"userId": stranger.id}]
    gone = document.replace("putCollaborator", "deleteCollaborator").replace(
        " { userId access }", ""
    )
    await one.api.data(gone, id=record["id"], user=stranger.id)
    assert await sees(stranger, shared) == []


async def test_many_who_add_the_same_collaborator_add_one(client, shared):
    one = await member(client, "sales_rep")
    record = await shared.make(client)
    path = f"/v1/{shared.path}/{record['id']}/collaborators"
    answers = await asyncio.gather(
        *(client.put(f"{path}/{one.id}", json={"access": "read"}) for _ in range(8))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len((await client.get(path)).json()["data"]) == 1


async def test_parts_are_not_shared_by_themselves(client):
    part = next(k for k in KINDS if k.listing.within is not None)
    made = await part.make(client)
    user = (await member(client)).id
    body = {"target": part.entity, "record_id": made["id"], "user_id": user}
    assert pointers(problem(await client.post("/v1/shares", json=body), 422)) == ["/target"]


async def test_a_share_is_seen_with_its_record(client, shared):
    levels = {"*": OWN, "shares": dict.fromkeys(OWN, "all")}
    one = await member(client, await custom_role(client, levels=levels))
    seen, hidden = await shared.make(client, owner_id=one.id), await shared.make(client)
    user = (await member(client)).id
    made = await share(client, shared, seen, user_id=user)
    other = await share(client, shared, hidden, user_id=user)
    page = await one.api.read("shares", count="exact")
    assert ([row["id"] for row in page["data"]], page["total"]) == ([made["id"]], 1)
    problem(await one.api.get(f"/v1/shares/{other['id']}"), 404)


async def test_shares_of_merged_records_move_to_the_one_that_is_left(client, shared):
    one, other = [await member(client, await custom_role(client, levels={"*": OWN})) for _ in "ab"]
    winner, loser = await shared.make(client), await shared.make(client)
    await share(client, shared, winner, user_id=one.id)
    moved = await share(client, shared, loser, user_id=other.id, access="write")
    body = {"winner_id": winner["id"], "loser_ids": [loser["id"]]}
    merge = await client.post(f"/v1/{shared.path}/merge", json=body)
    assert merge.status_code == 201, merge.text
    assert await sees(one, shared) == await sees(other, shared) == [winner["id"]]
    path = f"/v1/{shared.path}/{winner['id']}"
    assert (await other.api.patch(path, json=shared.factory.change)).status_code == 200
    assert (await client.read(f"shares/{moved['id']}"))["record_id"] == winner["id"]
    undone = await client.post(f"/v1/merges/{merge.json()['id']}/undo")
    assert undone.status_code == 200, undone.text
    assert await sees(one, shared) == [winner["id"]]
    assert await sees(other, shared) == [loser["id"]]


async def test_a_collaborator_of_merged_records_goes_for_good(client, shared):
    one = await member(client, await custom_role(client, levels={"*": OWN}))
    winner, loser = await shared.make(client), await shared.make(client)
    for record in (winner, loser):
        await share(client, shared, record, user_id=one.id, access="write")
    body = {"winner_id": winner["id"], "loser_ids": [loser["id"]]}
    merge = await client.post(f"/v1/{shared.path}/merge", json=body)
    assert merge.status_code == 201, merge.text
    path = f"/v1/{shared.path}/{winner['id']}"
    assert len((await client.get(f"{path}/collaborators")).json()["data"]) == 1
    answer = await client.put(f"{path}/collaborators/{one.id}", json={"access": "read"})
    assert answer.status_code == 200, answer.text
    problem(await one.api.patch(path, json=shared.factory.change), 403, "missing_right")
    assert len((await client.get(f"{path}/collaborators")).json()["data"]) == 1
    await share(client, shared, winner, user_id=one.id)
    answer = await client.delete(f"{path}/collaborators/{one.id}")
    assert answer.status_code == 204, answer.text
    problem(await one.api.get(path), 404)


async def test_a_collaborator_of_merged_records_is_told_once_by_what_allows_most(client, shared):
    first, one, other = [(await member(client)).id for _ in range(3)]
    winner, loser = await shared.make(client), await shared.make(client)
    until = "2099-01-01T00:00:00Z"
    await share(client, shared, winner, user_id=one, access="read")
    await share(client, shared, winner, user_id=first, access="read")
    wide = await share(client, shared, loser, user_id=one, access="write", expires_at=until)
    await share(client, shared, loser, user_id=other, access="read", expires_at=until)
    long = await share(client, shared, winner, user_id=other, access="read")
    body = {"winner_id": winner["id"], "loser_ids": [loser["id"]]}
    merge = await client.post(f"/v1/{shared.path}/merge", json=body)
    assert merge.status_code == 201, merge.text
    path = f"/v1/{shared.path}/{winner['id']}/collaborators"
    found = (await client.get(path)).json()["data"]
    assert [row["user_id"] for row in found] == [one, first, other]
    assert (found[0]["share_id"], found[0]["access"]) == (wide["id"], "write")
    assert (found[2]["share_id"], found[2]["expires_at"]) == (long["id"], None)
