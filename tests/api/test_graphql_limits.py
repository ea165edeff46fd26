"""GraphQL documents that are too deep, too wide, wrong or unwelcome."""

import json

import pytest

CREATE = 'mutation { createContact(input: {lastName: "Person"}) { id } }'


def codes(answer):
    return [error.get("extensions", {}).get("code") for error in answer["errors"]]


async def send(client, content, **headers):
    headers = {"content-type": "application/json", **headers}
    return await client.post("/graphql", content=content, headers=headers)


async def test_deep_documents_are_refused(client):
    def nest(depth):
        return "{ companies { nodes " + "{ parent " * depth + "{ id }" + "}" * depth + "}}"

    assert "errors" not in await client.gql(nest(5))
    refused = await client.gql(nest(30))
    assert refused["errors"]
    assert refused.get("data") is None


async def test_many_aliases_are_refused(client):
    few = " ".join(f"a{n}: organization {{ id }}" for n in range(10))
    assert "errors" not in await client.gql(f"{{ {few} }}")
    many = " ".join(f"a{n}: organization {{ id }}" for n in range(40))
    assert (await client.gql(f"{{ {many} }}"))["errors"]


async def test_many_tokens_are_refused(client):
    many = "{ organization { " + "id " * 5000 + "} }"
    assert (await client.gql(many))["errors"]


@pytest.mark.parametrize(
    "document",
    [
        "",
        "{",
        "nonsense",
        "{ nothing }",
        "{ contacts }",
        "{ contacts { nodes { nothing } } }",
        "{ organization { ...Missing } }",
        "fragment F on Contact { id }",
        "{ contact(id: 7) { id } }",
        '{ contact(id: "no-id") { id } }',
        '{ contacts(where: {nothing: {eq: "x"}}) { nodes { id } } }',
        '{ contacts(where: {version: {eq: "x"}}) { nodes { id } } }',
        "{ contacts(where: {version: {eq: 99999999999}}) { nodes { id } } }",
        '{ contacts(after: "x") { nodes { id } } }',
        '{ contacts(orderBy: ["x"]) { nodes { id } } }',
        '{ contacts(search: "") { nodes { id } } }',
        'mutation { createContact(input: {lastName: "a\\u0000b"}) { id } }',
        'mutation { createContact(input: {lastName: "\\ud800"}) { id } }',
        "mutation { createContact(input: {}) { id } }",
        "mutation { createContact { id } }",
        "subscription { nothing }",
        "{ a: __typename b: __typename " + "# " + "x" * 50_000 + "\n nothing }",
    ],
    ids=lambda document: document[:48],
)
async def test_wrong_documents_are_errors_and_not_failures(client, document):
    answer = await client.post("/graphql", json={"query": document})
    assert answer.status_code in {200, 400, 422}, (answer.status_code, answer.text[:300])
    if answer.status_code == 200:
        found = answer.json()
        assert found["errors"]
        assert "internal" not in codes(found), found


async def test_first_is_bounded(client):
    for first in (0, -5, 201, 2**31 - 1):
        document = f"{{ contacts(first: {first}) {{ nodes {{ id }} }} }}"
        answer = (await client.post("/graphql", json={"query": document})).json()
        assert "internal" not in codes(answer) if "errors" in answer else answer["data"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 1000,
        b"null",
        b"1",
        b"{}",
        b'{"query": 1}',
        b'{"query": null}',
        b'{"query": "{__typename}", "variables": []}',
        b'{"query": "{__typename}", "variables": "x"}',
        b'{"query": "{__typename}", "operationName": 7}',
        b'{"query": "\xff"}',
        b'[{"query": "{__typename}"}]',
        b'{"query": "{__typename}", "extensions": 7}',
        b'{"query": "{__typename}", "variables": {"a": NaN}}',
    ],
    ids=lambda body: repr(body[:40]),
)
async def test_bodies_that_are_no_request(client, body):
    answer = await send(client, body)
    assert answer.status_code < 500, answer.text[:300]


async def test_nothing_is_written_by_get(client, owner, org):
    answer = await client.get("/graphql", params={"query": CREATE})
    assert 400 <= answer.status_code < 500
    query = "SELECT count(*) FROM contacts WHERE organization_id = $1"
    assert await owner.fetchval(query, org.id) == 0


async def test_second_mutation_fails_and_the_first_stays(client):
    document = (
        'mutation { good: createContact(input: {lastName: "Stays"}) { id } '
        'bad: createCompany(input: {name: "Goes", parentId: "01990000-0000-7000-8000-00000000dead"}) '
        "{ id } }"
    )
    answer = await client.gql(document)
    assert answer["errors"][0]["path"] == ["bad"]
    names = [row["name"] for row in (await client.read("contacts"))["data"]]
    assert names == ["Stays"]
    assert (await client.read("companies"))["data"] == []


async def test_first_mutation_fails_and_the_second_stays(client):
    answer = await client.gql(
        "mutation($id: UUID!) { a: deleteContact(id: $id) "
        'b: createContact(input: {lastName: "Stays"}) { id } }',
        id="01990000-0000-7000-8000-00000000dead",
    )
    assert answer["errors"]
    # A mutation that may not be null takes the whole answer along, but not what was done.
    assert [row["name"] for row in (await client.read("contacts"))["data"]] in (["Stays"], [])


async def test_introspection_is_complete(client):
    document = "{ __schema { types { name kind fields { name args { name } } } } }"
    answer = await client.data(document)
    assert len(json.dumps(answer)) > 10_000


async def test_graphiql_is_served_to_browsers(anonymous):
    answer = await anonymous.get("/graphql", headers={"accept": "text/html"})
    assert answer.status_code == 200
    assert "text/html" in answer.headers["content-type"]
