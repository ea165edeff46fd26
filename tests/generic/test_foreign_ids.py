"""Ids of another organization, wherever a request can hold one: nothing is seen or changed."""

import json
import re

import asyncpg
import pytest
from graphql import (
    GraphQLNonNull,
    build_schema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from crm_api.cli.schema import graphql
from support.clients import Api, problem
from support.factories import KINDS
from support.people import joined, logged_in

HARMLESS = {404, 409, 415, 422}
METHODS = ("get", "post", "put", "patch", "delete")
TABLES = """
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        AND NOT c.relispartition AND a.attname = 'organization_id'
        AND c.relname NOT IN ('audit_anchors', 'audit_chains', 'event_seals') ORDER BY 1
"""
# What a worker seals meanwhile are events, which are compared themselves.
NOTHING = (None, [], {}, False, 0)


async def state_of(owner, org):
    """Everything that an organization has, as one text per table."""
    found = {}
    for row in await owner.fetch(TABLES):
        table = row["relname"]
        found[table] = await owner.fetchval(
            f"SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) "
            f'FROM "{table}" t WHERE organization_id = $1',
            org.id,
        )
    return found


@pytest.fixture(scope="module")
async def their_org(world):
    """Another organization, which no test here may change."""
    return await world.org()


@pytest.fixture(scope="module")
async def theirs(world, their_org):
    """A record of every collection, all of another organization."""
    other = await world.client(their_org)
    return {kind.name: await kind.make(other) for kind in KINDS}


@pytest.fixture
async def person(app, client):
    """A member who has logged in: the routes of one's own account are open as well."""
    tokens = await logged_in(app, await joined(client))
    async with Api(app, tokens["access_token"]) as api:
        yield api


def examples(app):
    """Every operation with an id in its path, and the example of its body."""
    for path, item in app.openapi()["paths"].items():
        for method in METHODS:
            if "{id}" in path and method in item:
                sent = item[method].get("requestBody", {}).get("content", {})
                yield method, path, sent.get("application/json", {}).get("example")


async def test_ids_in_paths_lead_nowhere(app, person, theirs, owner, their_org):
    before = await state_of(owner, their_org)
    ids = {kind.path: theirs[kind.name]["id"] for kind in KINDS}
    others = list(ids.values())
    tried = 0
    for method, path, body in examples(app):
        own = ids.get(path.split("/")[2])
        for foreign in [own] if own else others[:3]:
            url = re.sub(r"\{id\}", foreign, path).replace("{object}", "vehicle")
            url = re.sub(r"\{[a-z_]+\}", "contact", url)
            answer = await person.request(method, url, json=body)
            assert answer.status_code in HARMLESS, (method, path, answer.text)
            assert foreign not in json.dumps(answer.json().get("current", ""))
            tried += 1
    assert tried > 100
    assert await state_of(owner, their_org) == before


async def test_ids_in_bodies_are_refused(client, kind, theirs, owner, their_org):
    before = await state_of(owner, their_org)
    body, made = await kind.factory.least(client), await kind.make(client)
    for relation in kind.listing.relations:
        if relation.many:
            continue
        local = relation.local.key
        target = next(k for k in KINDS if k.entity == relation.target().entity)
        wrong = {local: theirs[target.name]["id"]}
        for answer in (
            await client.post(f"/v1/{kind.path}", json={**body, **wrong}),
            await client.post(f"/v1/{kind.path}/bulk", json={"items": [{**body, **wrong}]}),
            await client.post(
                "/v1/batch",
                json={
                    "operations": [
                        {"op": "create", "entity": kind.entity, "data": {**body, **wrong}}
                    ]
                },
            ),
        ):
            assert answer.status_code in {404, 422}, answer.text
        if local in kind.service.update_shape.model_fields:
            answer = await client.patch(f"/v1/{kind.path}/{made['id']}", json=wrong)
            problem(answer, 422)
    assert await state_of(owner, their_org) == before


async def test_ids_in_filters_and_includes_find_nothing(client, kind, theirs):
    await kind.make(client)
    foreign = theirs[kind.name]["id"]
    found = await client.read(kind.path, **{"filter[id]": foreign, "deleted": "include"})
    assert found["data"] == []
    query = {"filter": {"or": [{"id": {"eq": foreign}}, {"id": {"in": [foreign]}}]}}
    answer = await client.post(f"/v1/{kind.path}/query", json=query)
    assert answer.json()["data"] == []
    for relation in kind.listing.relations:
        target = next(k for k in KINDS if k.entity == relation.target().entity)
        some = "[some]" if relation.many else ""
        where = {f"filter[{relation.name}]{some}[id]": theirs[target.name]["id"]}
        assert (await client.read(kind.path, **where, include=relation.name))["data"] == []


async def test_cursors_of_others_show_nothing(client, other, kind):
    await kind.several(other)
    await kind.make(client)
    page = await other.read(kind.path, limit=1)
    assert page["next_cursor"]
    answer = await client.get(
        f"/v1/{kind.path}", params={"limit": 1, "cursor": page["next_cursor"]}
    )
    own = await other.read(kind.path, limit=200, deleted="include")
    shown = {row["id"] for row in answer.json().get("data", [])}
    assert answer.status_code in {200, 422}
    assert not shown & {row["id"] for row in own["data"]}


async def test_ids_in_batches_change_nothing(client, kind, theirs, owner, their_org):
    before = await state_of(owner, their_org)
    foreign = theirs[kind.name]["id"]
    operations = [
        {"op": "update", "entity": kind.entity, "id": foreign},
        {"op": "delete", "entity": kind.entity, "id": foreign},
    ]
    operations[0]["patch"] = kind.factory.change
    for operation in operations:
        answer = await client.post("/v1/batch", json={"operations": [operation]})
        assert answer.status_code in {404, 422}, answer.text
    refer = {**operations[1], "id": {"$ref": f"{foreign}.id"}}
    answer = await client.post("/v1/batch", json={"operations": [refer]})
    assert answer.status_code == 422, answer.text
    update = {"op": "update", "items": [{"id": foreign, "patch": kind.factory.change}]}
    answer = await client.post(f"/v1/{kind.path}/bulk", json=update)
    assert answer.status_code in {404, 422}, answer.text
    assert await state_of(owner, their_org) == before


def graph_calls(schema):
    """Fields of the roots that take ids and nothing else that they need."""
    for operation, root in (("query", schema.query_type), ("mutation", schema.mutation_type)):
        for name, field in root.fields.items():
            needed = [n for n, a in field.args.items() if is_required_argument(a)]
            kinds = {get_named_type(field.args[n].type).name for n in needed}
            if needed and kinds == {"UUID"}:
                one_level = "" if is_leaf_type(get_named_type(field.type)) else " { __typename }"
                arguments = ", ".join(f"{n}: $id" for n in needed)
                listed = any(
                    isinstance(field.args[n].type, GraphQLNonNull)
                    and "[" in str(field.args[n].type)
                    for n in needed
                )
                if not listed:
                    yield name, f"{operation}($id: UUID!) {{ {name}({arguments}){one_level} }}"


def ids_for(name, number, theirs):
    """Ids of what a field is about by its name, and of some others, which change with its number."""
    own = [k.name for k in KINDS if k.entity.replace("_", "") in name.lower()]
    others = [KINDS[(number * 3 + n) % len(KINDS)].name for n in range(2 if own else 6)]
    return {theirs[kind]["id"] for kind in [*own, *others]}


async def test_ids_in_graphql_arguments_lead_nowhere(person, theirs, owner, their_org):
    before = await state_of(owner, their_org)
    calls = list(graph_calls(build_schema(graphql())))
    assert len(calls) > 40
    for number, (name, document) in enumerate(calls):
        for foreign in ids_for(name, number, theirs):
            answer = await person.gql(document, id=foreign)
            if "errors" in answer:
                assert answer["errors"][0]["extensions"]["problem"]["status"] in HARMLESS, answer
            else:
                found = answer["data"][name]
                assert found in NOTHING or "Connection" in str(found), (document, answer)
    assert await state_of(owner, their_org) == before


async def test_the_database_refuses_references_across_organizations(client, kind, theirs, owner):
    """Whoever writes past the service, even past row-level security, gets no such row."""
    made = await kind.make(client)
    table = kind.listing.model.__table__
    for constraint in table.foreign_key_constraints:
        columns = [element.parent.name for element in constraint.elements]
        assert columns[0] == "organization_id", constraint.name
        known = (k.name for k in KINDS if k.listing.model.__table__ is constraint.referred_table)
        target = next(known, None)
        # What is no record of its own is known by those that lead to it.
        foreign = theirs[target]["id"] if target else theirs[kind.name][columns[-1]]
        if foreign is None:
            # What actions alone fill in, such as the version that an order was made of.
            continue
        statement = f"UPDATE {table.name} SET {columns[-1]} = $1 WHERE id = $2"
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await owner.execute(statement, foreign, made["id"])
