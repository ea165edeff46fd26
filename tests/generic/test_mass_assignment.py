"""Columns that are not the client's to set: refused by every way of writing, never ignored."""

import pytest

from support.clients import problem
from support.factories import KINDS
from support.graph import body_as_graph, camel, pascal

ELSEWHERE = "01990000-0000-7000-8000-00000000beef"
PRIVILEGED = {
    "organization_id": ELSEWHERE,
    "id": ELSEWHERE,
    "created_at": "2020-01-01T00:00:00Z",
    "updated_at": "2020-01-01T00:00:00Z",
    "created_by": ELSEWHERE,
    "updated_by": ELSEWHERE,
    "deleted_at": None,
    "deleted_by": None,
    "version": 99,
    "role": "admin",
    "role_ids": [ELSEWHERE],
    "permissions": ["manage_users"],
    "scopes": ["*"],
    "account_id": ELSEWHERE,
    "epoch": 0,
    "secret_hash": "x",
    "is_admin": True,
}


def forbidden(kind, shape):
    """What neither the shape of creation nor that of changing has, with every hidden column."""
    columns = {column.key: ELSEWHERE for column in kind.listing.model.__table__.columns}
    return {n: v for n, v in {**columns, **PRIVILEGED}.items() if n not in shape.model_fields}


def pointers(value):
    """Every pointer of a problem and of those within it."""
    if isinstance(value, list):
        for item in value:
            yield from pointers(item)
    elif isinstance(value, dict):
        if isinstance(value.get("pointer"), str):
            yield value["pointer"]
        for item in value.values():
            yield from pointers(item)


def told(answer, pointer):
    """The request was refused because of this member, wherever it lies in the body."""
    found = list(pointers(problem(answer, 422)))
    assert any(where.endswith(pointer) for where in found), found


def unknown(answer, name):
    """The document was refused because there is no such field of an input."""
    assert camel(name) in answer["errors"][0]["message"], (name, answer)
    assert not answer.get("data") or not any(answer["data"].values())


async def test_no_new_record_takes_them(client, kind, owner, org):
    body = await kind.factory.least(client)
    table = kind.listing.model.__tablename__
    count = f"SELECT count(*) FROM {table} WHERE organization_id = $1"
    before = await owner.fetchval(count, org.id)
    for name, value in forbidden(kind, kind.service.create_shape).items():
        wrong = {**body, name: value}
        told(await client.post(f"/v1/{kind.path}", json=wrong), f"/{name}")
        told(
            await client.post(f"/v1/{kind.path}/bulk", json={"items": [wrong]}),
            f"/{name}",
        )
        operation = {"op": "create", "entity": kind.entity, "data": wrong}
        told(await client.post("/v1/batch", json={"operations": [operation]}), f"/{name}")
        if kind.service.upserts:
            path = f"/v1/{kind.path}/by-external/legacy/151"
            told(await client.put(path, json=wrong), f"/{name}")
    assert await owner.fetchval(count, org.id) == before


async def test_no_change_takes_them(client, kind, owner):
    made = await kind.make(client)
    state = f"SELECT to_jsonb(t) FROM {kind.listing.model.__tablename__} t WHERE id = $1"
    before = await owner.fetchval(state, made["id"])
    for name, value in forbidden(kind, kind.service.update_shape).items():
        wrong = {**kind.factory.change, name: value}
        told(await client.patch(f"/v1/{kind.path}/{made['id']}", json=wrong), f"/{name}")
        operation = {"op": "update", "entity": kind.entity, "id": made["id"], "patch": wrong}
        told(await client.post("/v1/batch", json={"operations": [operation]}), f"/{name}")
    assert await owner.fetchval(state, made["id"]) == before


async def test_no_change_of_many_takes_them(client, kind, owner):
    made = await kind.make(client)
    state = f"SELECT to_jsonb(t) FROM {kind.listing.model.__tablename__} t WHERE id = $1"
    before = await owner.fetchval(state, made["id"])
    chosen = {"filter": {"id": {"eq": made["id"]}}, "action": "update", "expected_count": 1}
    path = f"/v1/{kind.path}/bulk"
    for name, value in forbidden(kind, kind.service.update_shape).items():
        wrong = {**kind.factory.change, name: value}
        body = {"op": "update", "items": [{"id": made["id"], "patch": wrong}]}
        told(await client.post(path, json=body), f"/{name}")
        told(await client.post(f"{path}/by-filter", json={**chosen, "patch": wrong}), f"/{name}")
    assert await owner.fetchval(state, made["id"]) == before


async def test_nothing_that_is_matched_takes_them(client, kind, owner, org):
    if not kind.service.upserts:
        return
    body = {**await kind.factory.least(client), "external_ids": {"legacy": "151"}}
    count = f"SELECT count(*) FROM {kind.listing.model.__tablename__} WHERE organization_id = $1"
    before = await owner.fetchval(count, org.id)
    by = {"match": "external_id"}
    document = (
        f"mutation($input: {kind.type}UpsertInput!) "
        f'{{ upsert{kind.type}(match: "external_id", input: $input) {{ __typename }} }}'
    )
    for name, value in forbidden(kind, kind.service.upsert_shape()).items():
        wrong = {**body, name: value}
        told(await client.post(f"/v1/{kind.path}/upsert", params=by, json=wrong), f"/{name}")
        many = {"op": "upsert", "items": [wrong]}
        told(await client.post(f"/v1/{kind.path}/bulk", params=by, json=many), f"/{name}")
        unknown(await client.gql(document, input=body_as_graph(wrong)), name)
    assert await owner.fetchval(count, org.id) == before


@pytest.mark.parametrize("verb", ["create", "update"])
async def test_no_mutation_of_many_takes_them(client, kind, verb):
    made, creates = await kind.make(client), verb == "create"
    body = await kind.factory.least(client) if creates else kind.factory.change
    shape = kind.service.create_shape if creates else kind.service.update_shape
    item = f"{kind.type}{'Create' if creates else 'UpdateItem'}Input"
    document = (
        f"mutation($inputs: [{item}!]!) "
        f"{{ {verb}{pascal(kind.name)}(inputs: $inputs) {{ __typename }} }}"
    )
    matching = (
        f"mutation($where: {kind.type}Where!, $patch: {kind.type}UpdateInput!) "
        f'{{ write{pascal(kind.name)}ByFilter(where: $where, action: "update", patch: $patch, '
        "expectedCount: 1) { __typename } }"
    )
    for name, value in forbidden(kind, shape).items():
        wrong = body_as_graph({**body, name: value})
        inputs = [wrong if creates else {"id": made["id"], "patch": wrong}]
        unknown(await client.gql(document, inputs=inputs), name)
        if not creates:
            where = {"id": {"eq": made["id"]}}
            unknown(await client.gql(matching, where=where, patch=wrong), name)


@pytest.mark.parametrize("verb", ["create", "update"])
async def test_no_mutation_takes_them(client, kind, verb):
    made = await kind.make(client)
    body = kind.factory.change if verb == "update" else await kind.factory.least(client)
    shape = kind.service.update_shape if verb == "update" else kind.service.create_shape
    more, given = ("$id: UUID!, ", "id: $id, ") if verb == "update" else ("", "")
    kind_of = f"{kind.type}{verb.capitalize()}Input"
    document = (
        f"mutation({more}$input: {kind_of}!) "
        f"{{ {verb}{kind.type}({given}input: $input) {{ __typename }} }}"
    )
    for name, value in forbidden(kind, shape).items():
        variables = {"input": {**body_as_graph(body), camel(name): value}}
        unknown(
            await client.gql(document, **({"id": made["id"]} if more else {}), **variables), name
        )


def test_every_kind_has_hidden_columns():
    for kind in KINDS:
        assert {"organization_id", "version", "created_by"} <= forbidden(
            kind, kind.service.create_shape
        ).keys()
