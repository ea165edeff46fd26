"""References between the operations of a batch, and requests that are wrong."""

import asyncio

import pytest

from support.clients import pointers, problem


def company(named=None, **data):
    named = {} if named is None else {"name": named}
    data = {"name": "Example", **data}
    return {"op": "create", "entity": "company", "data": data, **named}


def contact(named=None, **data):
    named = {} if named is None else {"name": named}
    return {"op": "create", "entity": "contact", "data": {"last_name": "Person", **data}, **named}


async def run(client, *operations, atomic=False):
    body = {"operations": list(operations), "atomic": atomic}
    answer = await client.post("/v1/batch", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


async def test_references_reach_into_records(client):
    results = await run(
        client,
        company("parent", name="Example Holding", country="DE"),
        company("works", parent_id={"$ref": "parent.id"}, country={"$ref": "parent.country"}),
        contact(company_id={"$ref": "works.id"}, nonsense=1),
        contact(email={"$ref": "other.emails.0.value"}),
        contact("other", emails=[{"value": "b@example.com"}]),
        contact(email={"$ref": "other.emails.0.value"}),
        atomic=False,
    )
    assert [r["status"] for r in results] == [201, 201, 422, 422, 201, 201]
    assert pointers(results[2]["problem"]) == ["/operations/2/data/nonsense"]
    assert results[1]["record"]["parent_id"] == results[0]["id"]
    assert results[1]["record"]["country"] == "DE"
    assert results[5]["record"]["email"] == "b@example.com"
    await client.made("custom-fields", {"target": "contact", "name": "of", "type": "text"})
    results = await run(
        client,
        company("works"),
        contact("person", company_id={"$ref": "works.id"}, custom={"of": {"$ref": "works.name"}}),
        {
            "op": "update",
            "entity": "company",
            "id": {"$ref": "person.company_id"},
            "patch": {"legal_name": {"$ref": "person.name"}},
        },
        atomic=True,
    )
    assert results[1]["record"]["company_id"] == results[0]["id"]
    assert results[1]["record"]["custom"] == {"of": "Example"}
    assert results[2]["record"]["legal_name"] == "Person"


@pytest.mark.parametrize("atomic", [True, False])
async def test_wrong_references_are_told_where_they_stand(client, atomic):
    operations = [
        contact("first", company_id={"$ref": "nobody.id"}),
        contact("second", company_id={"$ref": "third.id"}),
        contact("third", custom={"a": {"$ref": "second.name"}}),
        contact("self", custom={"a": {"$ref": "self.id"}}),
        contact("ahead", custom={"a": {"$ref": "last.name"}}),
        contact("odd", custom={"a": {"$ref": "first"}}),
        contact("number", custom={"a": {"$ref": 7}}),
        contact("more", custom={"a": {"$ref": "first.id", "b": 1}}),
        contact("failed", custom={"a": {"$ref": "first.name"}}),
        contact("last"),
        contact("last"),
        contact("missing", custom={"a": {"$ref": "last.nonsense"}}),
        contact("deep", custom={"a": {"$ref": "last.emails.0.value"}}),
        contact("long", custom={"a": {"$ref": "last.emails." + "1" * 5_000}}),
    ]
    wanted = {
        0: ("unknown_ref", "/operations/0/data/company_id"),
        1: ("ref_cycle", "/operations/1/data/company_id"),
        2: ("ref_failed", "/operations/2/data/custom/a"),
        3: ("ref_cycle", "/operations/3/data/custom/a"),
        4: ("forward_ref", "/operations/4/data/custom/a"),
        5: ("invalid_ref", "/operations/5/data/custom/a"),
        6: ("invalid_ref", "/operations/6/data/custom/a"),
        7: ("invalid_ref", "/operations/7/data/custom/a"),
        8: ("ref_failed", "/operations/8/data/custom/a"),
        10: ("repeated_name", "/operations/10/name"),
        11: ("unknown_ref_field", "/operations/11/data/custom/a"),
        12: ("unknown_ref_field", "/operations/12/data/custom/a"),
        13: ("unknown_ref_field", "/operations/13/data/custom/a"),
    }
    body = {"operations": operations, "atomic": atomic}
    answer = await client.post("/v1/batch", json=body)
    found = answer.json()["results"]
    assert answer.status_code == (422 if atomic else 200)
    told = {
        r["index"]: (r["problem"]["errors"][0]["code"], pointers(r["problem"])[0])
        for r in found
        if r["problem"]
    }
    assert told == wanted
    stored = (await client.read("contacts"))["data"]
    assert len(stored) == (0 if atomic else 1)


async def test_a_reference_to_what_the_database_refused_is_refused(client):
    ids = {"external_ids": {"legacy": "1"}}
    await client.made("companies", {"name": "Example", **ids})
    results = await run(
        client,
        company("taken", **ids),
        contact("works", company_id={"$ref": "taken.id"}),
        contact("free"),
    )
    assert [r["status"] for r in results] == [409, 422, 201]
    assert results[1]["problem"]["errors"][0]["code"] == "ref_failed"


async def test_bad_requests(client):
    for body, pointer in (
        ({}, "/operations"),
        ({"operations": []}, "/operations"),
        ({"operations": [contact()] * 101}, "/operations"),
        ({"operations": [contact()], "atomic": "perhaps"}, "/atomic"),
        ({"operations": [{"op": "burn", "entity": "contact"}]}, "/operations/0/op"),
        ({"operations": [{"op": "create"}]}, "/operations/0/entity"),
        ({"operations": [{**contact(), "name": "a.b"}]}, "/operations/0/name"),
        ({"operations": [{**contact(), "url": "/"}]}, "/operations/0/url"),
        ({"operations": [7]}, "/operations/0"),
    ):
        found = problem(await client.post("/v1/batch", json=body), 422, "validation")
        assert pointers(found)[0] == pointer, body
    for operation, pointer in (
        ({"op": "create", "entity": "galaxy", "data": {}}, "/operations/0/entity"),
        ({"op": "create", "entity": "contact"}, "/operations/0/data"),
        ({**contact(), "patch": {}}, "/operations/0/patch"),
        ({"op": "update", "entity": "contact", "patch": {}}, "/operations/0/id"),
        ({"op": "delete", "entity": "contact"}, "/operations/0/id"),
        ({"op": "delete", "entity": "contact", "id": "x"}, "/operations/0/id"),
        ({"op": "delete", "entity": "contact", "id": 7}, "/operations/0/id"),
        ({"op": "delete", "entity": "contact", "id": {"a": 1}}, "/operations/0/id"),
        ({**contact(), "op": "upsert"}, "/operations/0/match"),
        ({**contact(), "op": "upsert", "match": "shoe_size"}, "/operations/0/match"),
        ({**contact(), "match": "email"}, "/operations/0/match"),
        ({**contact(), "op": "upsert", "match": "email"}, "/operations/0/data/emails"),
        ({**contact(), "op": "delete"}, "/operations/0/id"),
        (contact(email="wrong"), "/operations/0/data/email"),
    ):
        found = problem(await client.post("/v1/batch", json={"operations": [operation]}), 422)
        assert found["code"] == "batch_failed"
        assert pointer in pointers(found), found


async def test_parallel_batches_over_the_same_records_wait_for_each_other(client):
    ids = [(await client.made("contacts", {"last_name": "P"}))["id"] for _ in range(10)]
    firm = (await client.made("companies", {"name": "Example"}))["id"]
    for target in ("contact", "company"):
        for number in range(8):
            field = {"target": target, "name": f"k{number}", "type": "integer"}
            await client.made("custom-fields", field)

    async def turn(number):
        operations = [
            {
                "op": "update",
                "entity": "contact",
                "id": id,
                "patch": {"custom": {f"k{number}": number}},
            }
            for id in ids
        ]
        operations.append(
            {
                "op": "update",
                "entity": "company",
                "id": firm,
                "patch": {"custom": {f"k{number}": number}},
            }
        )
        if number % 2:
            operations.reverse()
        return {r["result"] for r in await run(client, *operations, atomic=bool(number % 3))}

    assert await asyncio.gather(*(turn(number) for number in range(8))) == [{"updated"}] * 8
    assert (await client.read(f"companies/{firm}"))["version"] == 9


async def test_upserts_in_a_batch(client):
    one = {
        "op": "upsert",
        "entity": "contact",
        "match": "email",
        "name": "it",
        "data": {"last_name": "Person", "email": "a@example.com"},
    }
    again = {**one, "name": "same", "data": {**one["data"], "title": {"$ref": "it.last_name"}}}
    results = await run(client, one, again, atomic=True)
    assert [r["result"] for r in results] == ["created", "updated"]
    assert results[0]["id"] == results[1]["id"]
    assert results[1]["record"]["title"] == "Person"


async def test_graphql_tells_the_same_as_data(client):
    document = """mutation($operations: [OperationInput!]!, $atomic: Boolean!) {
        batch(operations: $operations, atomic: $atomic) { stored succeeded failed
            results { index name status result id record problem { code errors { pointer } } } } }"""
    operations = [
        company("acme"),
        contact("person", company_id={"$ref": "acme.id"}),
        contact(email="wrong"),
    ]
    done = (await client.data(document, operations=operations, atomic=True))["batch"]
    assert (done["stored"], done["succeeded"], done["failed"]) == (False, 0, 1)
    assert [r["result"] for r in done["results"]] == ["aborted", "aborted", "failed"]
    assert pointers(done["results"][2]["problem"]) == ["/operations/2/data/email"]
    assert (await client.read("companies"))["data"] == []
    done = (await client.data(document, operations=operations, atomic=False))["batch"]
    assert (done["stored"], done["succeeded"], done["failed"]) == (True, 2, 1)
    firm, person, _ = done["results"]
    assert (firm["name"], person["name"]) == ("acme", "person")
    assert person["record"] == await client.read(f"contacts/{person['id']}")
    assert person["record"]["company_id"] == firm["id"]


async def test_what_a_collection_does_not_have_is_refused_in_a_batch_too(client):
    data = {"name": "Example", "scopes": ["contacts:read"]}
    operation = {"op": "upsert", "entity": "api_key", "match": "external_id", "data": data}
    found = problem(await client.post("/v1/batch", json={"operations": [operation]}), 422)
    assert pointers(found) == ["/operations/0/op"]


async def test_records_that_others_look_at_are_read_again_after_a_part_is_undone(client):
    works, moves = [await client.made("companies", {"name": name}) for name in ("One", "Two")]
    person = await client.made("contacts", {"last_name": "A", "external_ids": {"legacy": "1"}})
    body = {"contact_id": person["id"], "company_id": works["id"]}
    employment = await client.made("employments", body)
    results = await run(
        client,
        {"op": "update", "entity": "employment", "id": employment["id"], "patch": {"role": "user"}},
        {
            "op": "create",
            "entity": "employment",
            "data": {**body, "company_id": moves["id"], "is_primary": True},
        },
        contact(external_ids={"legacy": "1"}),
    )
    assert [r["status"] for r in results] == [200, 201, 409]
    read = await client.read(f"contacts/{person['id']}")
    assert (read["company_id"], read["version"]) == (moves["id"], 2)
