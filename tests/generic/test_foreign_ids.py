"""Ids of another organization, wherever a request can hold one: nothing is seen or changed."""

import json
import re

import asyncpg
import pytest

from support.clients import Api, problem
from support.factories import KINDS
from support.foreign import ABSENT, Slot, operations, state_of, told
from support.people import joined, logged_in

HARMLESS = {404, 409, 415, 422}


@pytest.fixture
async def person(app, client):
    """A member who has logged in: the routes of one's own account are open as well."""
    tokens = await logged_in(app, await joined(client))
    async with Api(app, tokens["access_token"]) as api:
        yield api


def is_id(schema):
    """Whether a parameter is an id, or several of them."""
    parts = (schema, *schema.get("anyOf", ()), schema.get("items", {}))
    return any(part.get("format") == "uuid" for part in parts)


def routes(openapi, kind=None):
    """Every operation with ids in its path or parameters: of a collection, or of none.

    Each with the names of both; streams go on for ever where they are found, so their parameters
    are left out.
    """
    for path, method, operation in operations(openapi, kind):
        told = [one for one in operation.get("parameters", []) if is_id(one.get("schema", {}))]
        inside = [one["name"] for one in told if one["in"] == "path"]
        beside = [one["name"] for one in told if one["in"] == "query"]
        if "event-stream" in json.dumps(operation["responses"]):
            beside = []
        if inside or beside:
            yield method, path, operation, inside, beside


def ways(inside, beside, kind):
    """Which ids are theirs: all in the path; all but the first; each of the parameters in turn."""
    if inside:
        yield set(inside)
    if kind is not None and len(inside) > 1:
        yield set(inside[1:])
    for name in beside if kind is not None or not inside else ():
        yield {name}


async def asked(api, route, chosen, ids, about):
    """What a route answers where the chosen ids are theirs, and where they are of nothing."""
    method, path, operation, inside, beside = route
    sent = operation.get("requestBody", {}).get("content", {})
    body = sent.get("application/json", {}).get("example")
    answers = []
    for is_theirs in (True, False):
        given = {name: (ids[name] if is_theirs else ABSENT) for name in chosen}
        url = path
        for name in inside:
            url = url.replace(f"{{{name}}}", given.get(name, about))
        url = re.sub(r"\{[a-z_]+\}", "contact", url.replace("{object}", "vehicle"))
        params = {name: given[name] for name in beside if name in given}
        answers.append(await api.request(method, url, json=body, params=params))
    return answers


async def attacked(person, route, ids, about, kind):
    """Have ids of a route be theirs, and the answer be as if they were of nothing."""
    tried = 0
    for chosen in ways(route[3], route[4], kind):
        answers = await asked(person, route, chosen, ids, about)
        said = [told(answer, set(ids.values())) for answer in answers]
        assert said[0] == said[1], (route[:2], chosen)
        # A list may be empty; what is named in the path is not there.
        is_named = not chosen.isdisjoint(route[3])
        assert not is_named or answers[0].status_code in HARMLESS, (route[:2], answers[0].text)
        tried += 1
    return tried


async def test_ids_in_paths_lead_nowhere(openapi, client, person, kind, theirs, owner, their_org):
    before = await state_of(owner, their_org)
    for route in routes(openapi, kind):
        names = [*route[3], *route[4]]
        ids = {name: theirs[Slot(name).kinds(kind)[0].name]["id"] for name in names}
        # One of their own stands before a second id alone.
        own = (await kind.make(client))["id"] if len(names) > 1 else ABSENT
        await attacked(person, route, ids, own, kind)
    assert await state_of(owner, their_org) == before


async def test_ids_in_other_paths_lead_nowhere(openapi, person, theirs, owner, their_org):
    before = await state_of(owner, their_org)
    tried = 0
    for route in routes(openapi):
        for number in range(3):
            names = (*route[3], *route[4])
            kinds = {name: Slot(name).kinds(None) for name in names}
            ids = {
                n: theirs[(k[number:] or [KINDS[number]])[0].name]["id"] for n, k in kinds.items()
            }
            tried += await attacked(person, route, ids, ABSENT, None)
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


async def test_a_change_by_filter_refers_to_nothing_of_theirs(client, theirs, worker):
    made = await client.made("contacts", {"last_name": "Example"})
    body = {
        "filter": {"id": {"eq": made["id"]}},
        "action": "update",
        "patch": {"company_id": theirs["companies"]["id"]},
        "expected_count": 1,
    }
    answer = await client.post("/v1/contacts/bulk/by-filter", json=body)
    assert answer.status_code == 202, answer.text
    done = await client.ended(answer.json()["job_id"])
    assert [error["problem"]["status"] for error in done["result"]["errors"]] == [422], done
    assert (await client.read(f"contacts/{made['id']}"))["company_id"] is None


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
