"""A request that is sent again is carried out once; an answer may be short. For every collection."""

import asyncio
from collections import Counter
from uuid import uuid4

import pytest

from support.clients import pointers, problem
from support.factories import KINDS
from support.graph import body_as_graph, pascal

VERBS = ("create", "update", "delete", "restore", "put", "upsert")
SHOWN = ("etag", "location", "content-type", "cache-control")


def key():
    return {"Idempotency-Key": str(uuid4())}


async def prepared(client, kind, verb):
    """The method, path, body and status of a change that can be made now."""
    body = await kind.factory.least(client)
    path = f"/v1/{kind.path}"
    if verb == "create":
        return "POST", path, body, 201
    if verb == "put":
        return "PUT", f"{path}/by-external/legacy/151", body, 201
    if verb == "upsert":
        given = {**body, "external_ids": {"legacy": "151"}}
        return "POST", f"{path}/upsert?match=external_id", given, 201
    made = await client.made(kind.path, body)
    if verb == "update":
        return "PATCH", f"{path}/{made['id']}", kind.factory.change, 200
    if verb == "delete":
        return "DELETE", f"{path}/{made['id']}", None, 204
    await client.delete(f"{path}/{made['id']}")
    return "POST", f"{path}/{made['id']}/restore", None, 200


@pytest.fixture(
    params=[
        (k, v) for k in KINDS for v in VERBS if k.service.upserts or v not in {"put", "upsert"}
    ],
    ids=lambda pair: f"{pair[0]}-{pair[1]}",
)
def change(request):
    return request.param


async def events_of(owner, org, kind):
    """How many there are of a collection, whatever else its records tell of others."""
    sql = "SELECT count(*) FROM events WHERE organization_id = $1 AND entity = $2"
    return await owner.fetchval(sql, org.id, kind.entity)


async def test_repeated_request_gets_the_first_answer(client, change, owner, org):
    kind, verb = change
    method, path, body, status = await prepared(client, kind, verb)
    again = key()
    first = await client.request(method, path, json=body, headers=again)
    assert first.status_code == status, first.text
    assert "idempotency-replayed" not in first.headers
    events = await events_of(owner, org, kind)
    second = await client.request(method, path, json=body, headers=again)
    assert second.headers["idempotency-replayed"] == "true"
    assert await events_of(owner, org, kind) == events
    if kind.hands_out_secrets and verb == "create":
        found = problem(second, 409, "answer_not_kept")
        assert found["location"] == first.headers["location"]
        return
    assert second.status_code == status
    assert second.content == first.content
    for name in SHOWN:
        assert second.headers.get(name) == first.headers.get(name), name


async def test_requests_that_meet_are_carried_out_once(client, change, owner, org):
    kind, verb = change
    method, path, body, status = await prepared(client, kind, verb)
    again, before = key(), await events_of(owner, org, kind)

    async def send():
        return await client.request(method, path, json=body, headers=again)

    answers = await asyncio.gather(*(send() for _ in range(20)))
    replayed = Counter(answer.headers.get("idempotency-replayed") for answer in answers)
    assert replayed == {None: 1, "true": 19}
    once = await events_of(owner, org, kind) - before
    if kind.hands_out_secrets and verb == "create":
        assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 19}
    else:
        assert {answer.status_code for answer in answers} == {status}
        assert len({answer.content for answer in answers}) == 1
    assert once == 1


async def test_first_answer_stays_whatever_the_record_becomes(client, kind):
    body = await kind.factory.least(client)
    made, again = await client.made(kind.path, body), key()
    path = f"/v1/{kind.path}/{made['id']}"
    first = await client.patch(path, json=kind.factory.change, headers=again)
    await client.patch(path, json={"custom": {"later": True}})
    await client.delete(path)
    second = await client.patch(path, json=kind.factory.change, headers=again)
    assert (second.status_code, second.content) == (200, first.content)


async def test_another_request_with_the_key_is_refused(client, kind, keyed):
    body, again = await kind.factory.least(client), key()
    made = await client.made(kind.path, body)
    path = f"/v1/{kind.path}/{made['id']}"
    assert (await client.patch(path, json=kind.factory.change, headers=again)).status_code == 200
    stranger = await keyed("*")
    for answer in (
        await client.patch(path, json={"owner_id": None}, headers=again),
        await client.patch(f"{path}?dry_run=false", json=kind.factory.change, headers=again),
        await client.delete(path, headers=again),
        await client.post(f"/v1/{kind.path}", json=body, headers=again),
        await client.post(f"{path}/restore", headers=again),
        await stranger.patch(path, json=kind.factory.change, headers=again),
    ):
        found = problem(answer, 422, "idempotency_key_reused")
        assert pointers(found) == ["Idempotency-Key"]
    assert (await client.read(f"{kind.path}/{made['id']}"))["version"] == 2


async def test_keys_of_other_organizations_are_other_keys(client, other, kind):
    again = key()
    for api in (client, other):
        answer = await api.post(
            f"/v1/{kind.path}", json=await kind.factory.least(api), headers=again
        )
        assert answer.status_code == 201
        assert "idempotency-replayed" not in answer.headers


async def test_what_failed_is_tried_anew(client, kind):
    least, again = await kind.factory.least(client), key()
    path = f"/v1/{kind.path}"
    taken = {"external_ids": {"legacy": "7"}}
    holder = await client.made(kind.path, {**least, **taken})
    least = await kind.factory.least(client)
    problem(await client.post(path, json={**least, **kind.factory.wrong}, headers=again), 422)
    for _ in range(2):
        refused = await client.post(path, json={**least, **taken}, headers=again)
        problem(refused, 409, "duplicate_external_id")
    await client.delete(f"{path}/{holder['id']}")
    made = await client.post(path, json={**least, **taken}, headers=again)
    assert made.status_code == 201
    assert "idempotency-replayed" not in made.headers


async def test_dry_run_neither_keeps_nor_gets_an_answer(client, kind):
    body, again = await kind.factory.least(client), key()
    path = f"/v1/{kind.path}"
    for turn in range(2):
        other = await kind.factory.least(client)
        dry = await client.post(path, json=other, headers=again, params={"dry_run": "true"})
        assert dry.status_code == 201, turn
        assert "idempotency-replayed" not in dry.headers
        real = await client.post(path, json=body, headers=again)
        assert ("idempotency-replayed" in real.headers) is (turn == 1)


async def test_graphql_mutation_is_carried_out_once(client, kind, owner, org):
    create = (
        f"mutation($input: {kind.type}CreateInput!) {{ create{kind.type}(input: $input) {{ id }} }}"
    )
    given = body_as_graph(await kind.factory.least(client))
    body, again = {"query": create, "variables": {"input": given}}, key()
    first = await client.post("/graphql", json=body, headers=again)
    assert "errors" not in first.json(), first.text
    events = await events_of(owner, org, kind)
    second = await client.post("/graphql", json=body, headers=again)
    assert second.headers["idempotency-replayed"] == "true"
    assert await events_of(owner, org, kind) == events
    if kind.hands_out_secrets:
        problem(second, 409, "answer_not_kept")
    else:
        assert second.content == first.content
    other = {**body, "variables": {"input": {**given, "ownerId": None}}}
    problem(await client.post("/graphql", json=other, headers=again), 422, "idempotency_key_reused")


async def test_graphql_refusal_that_is_told_as_data_is_not_kept(client, kind):
    document = (
        f"mutation($inputs: [{kind.type}CreateInput!]!) "
        f"{{ create{pascal(kind.name)}(inputs: $inputs) {{ stored }} }}"
    )
    taken = await kind.make(client, external_ids={"legacy": "1"})
    given = body_as_graph({**await kind.factory.least(client), "external_ids": {"legacy": "1"}})
    body, again = {"query": document, "variables": {"inputs": [given]}}, key()
    stored = f"create{pascal(kind.name)}"
    refused = await client.post("/graphql", json=body, headers=again)
    assert refused.json()["data"] == {stored: {"stored": False}}, refused.text
    await client.changed(f"{kind.path}/{taken['id']}", {"external_ids": {"legacy": None}})
    second = await client.post("/graphql", json=body, headers=again)
    assert second.json()["data"] == {stored: {"stored": True}}
    assert "idempotency-replayed" not in second.headers


# An answer as short as is wanted


async def test_minimal_answer_has_no_body(client, change):
    kind, verb = change
    method, path, body, status = await prepared(client, kind, verb)
    short = {"Prefer": "respond-async, return = minimal; x=1"}
    answer = await client.request(method, path, json=body, headers=short)
    if verb == "delete":
        assert answer.status_code == 204
        return
    if kind.hands_out_secrets and verb == "create":
        # Its token is never shown again.
        assert {"token", "client_secret", "secret"} & answer.json().keys()
        assert "preference-applied" not in answer.headers
        return
    assert answer.status_code == (201 if status == 201 else 204)
    assert answer.content == b""
    assert answer.headers["preference-applied"] == "return=minimal"
    place = answer.headers.get("location", path.removesuffix("/restore"))
    shown = await client.get(place)
    assert answer.headers["etag"] == shown.headers["etag"]
    assert ("location" in answer.headers) is (status == 201 or verb in {"put", "upsert"})


async def test_other_preferences_change_nothing(client, kind):
    for prefer in ("return=representation", "", "minimal", "return=minimal2", ",;="):
        body, headers = await kind.factory.least(client), {"Prefer": prefer}
        answer = await client.post(f"/v1/{kind.path}", json=body, headers=headers)
        assert answer.json()["version"] == 1, prefer


async def test_short_answer_is_repeated_short(client, kind):
    made = await kind.make(client)
    path, again = f"/v1/{kind.path}/{made['id']}", key()
    first = await client.patch(
        path, json=kind.factory.change, headers={**again, "Prefer": "return=minimal"}
    )
    second = await client.patch(path, json=kind.factory.change, headers=again)
    assert (first.status_code, second.status_code, second.content) == (204, 204, b"")
    assert second.headers["etag"] == '"2"'
    assert second.headers["preference-applied"] == "return=minimal"
