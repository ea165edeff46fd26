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


async def failures(client, document, **variables):
    """The errors of a document that is not carried out."""
    answer = await send(client, json.dumps({"query": document, "variables": variables}))
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, answer.json()["errors"]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{", "graphql_syntax"),
        ("{ nothing }", "graphql_validation"),
        ("fragment F on Contact { id }", "graphql_validation"),
        ("{ organization { ...Missing } }", "graphql_validation"),
        (
            "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
            "graphql_validation",
        ),
        ("{ contact(id: 7) { id } }", "graphql_validation"),
        ('{ contact(id: "no-id") { id } }', "graphql_validation"),
        ('{ contact(id: {a: "b"}) { id } }', "graphql_validation"),
        ("{ contacts(first: " + "9" * 5000 + ") { nodes { id } } }", "graphql_validation"),
        ("{ a " * 300 + "}" * 300, "graphql_syntax"),
        ("{ a " * 30 + "{ a }" + "}" * 30, "graphql_validation"),
        ("subscription { nothing }", "graphql_validation"),
    ],
    ids=lambda value: value[:48],
)
async def test_wrong_documents_say_which_kind_of_mistake(client, document, code):
    _, errors = await failures(client, document)
    assert {error["extensions"]["code"] for error in errors} == {code}
    assert all(error["message"] for error in errors)


@pytest.mark.parametrize("id", [7, 1.5, True, "no-id", "", [], {}, None, "\ud800"], ids=repr)
async def test_wrong_ids_in_variables_are_validation_errors(client, id):
    status, errors = await failures(client, "query($id: UUID!) { contact(id: $id) { id } }", id=id)
    assert status == 200
    assert [error["extensions"]["code"] for error in errors] == ["graphql_validation"]
    assert "$id" in errors[0]["message"]


@pytest.mark.parametrize("day", [7, "no day", "2024-13-01", {}])
async def test_wrong_days_are_validation_errors(client, day):
    document = (
        "mutation($day: Date) "
        '{ createContact(input: {lastName: "Person", birthDate: $day}) { id } }'
    )
    _, errors = await failures(client, document, day=day)
    assert [error["extensions"]["code"] for error in errors] == ["graphql_validation"]


@pytest.mark.parametrize("given", [{"\ud800": 1}, {"lastName": "a", "custom": {"\ud800": 1}}])
async def test_lone_surrogates_are_told_back(client, given):
    document = "mutation($input: ContactCreateInput!) { createContact(input: $input) { id } }"
    status, errors = await failures(client, document, input=given)
    assert status == 200
    assert errors[0]["extensions"]["code"] != "internal"


async def test_fragments_that_double_are_counted_in_no_time(client):
    def doubling(body):
        return " ".join(
            f"fragment F{n} on Company {{ {body.replace('NEXT', f'F{n + 1}')} }}" for n in range(40)
        )

    start, end = "{ companies { nodes { ...F0 } } } ", " fragment F40 on Company { id }"
    answer = await client.gql(start + doubling("...NEXT ...NEXT") + end)
    assert "errors" not in answer, answer
    wide = "p: id parent { ...NEXT } parent { ...NEXT }"
    _, errors = await failures(client, start + doubling(wide) + end)
    found = " ".join(error["message"] for error in errors)
    assert "deeper" in found
    assert "aliases" in found


async def test_depth_is_counted_through_fragments(client):
    chain = " ".join(f"fragment F{n} on Company {{ parent {{ ...F{n + 1} }} }}" for n in range(12))
    document = "{ companies { nodes { ...F0 } } } fragment F12 on Company { id } " + chain
    _, errors = await failures(client, document)
    assert "deeper" in errors[0]["message"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"null", 400, "malformed"),
        (b'"{ __typename }"', 400, "malformed"),
        (b"[" * 1000, 400, "malformed"),
        (b'{"query": "\xff"}', 400, "malformed"),
        (b'{"query": "{__typename}", "variables": {"a": NaN}}', 400, "malformed"),
        (b'{"query": "{__typename}", "query": "{__typename}"}', 400, "malformed"),
        (b'{"query": "{__typename}", "operationName": 7}', 400, "malformed"),
        (b'{"query": "{__typename}", "operationName": "Missing"}', 400, "graphql_validation"),
        (b'{"query": "{__typename}", "operationName": "\\ud800"}', 400, "graphql_validation"),
        (b"{}", 400, "malformed"),
    ],
    ids=lambda value: repr(value)[:48],
)
async def test_refused_bodies_are_graphql_errors_with_a_problem(client, body, status, code):
    answer = await send(client, body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == error["extensions"]["problem"]["code"] == code
    assert error["extensions"]["problem"]["status"] == status


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x", ""]
)
async def test_other_content_types_are_refused(client, kind):
    answer = await send(client, b'{"query": "{__typename}"}', **{"content-type": kind})
    assert answer.status_code == 415
    assert answer.headers["accept-post"] == "application/json"
    assert answer.json()["errors"][0]["extensions"]["code"] == "unsupported_media_type"


async def test_content_types_may_have_parameters(client):
    kind = "Application/JSON; charset=utf-8"
    answer = await send(client, b'{"query": "{__typename}"}', **{"content-type": kind})
    assert answer.json()["data"] == {"__typename": "Query"}


async def test_changes_may_be_from_and_to_null(client):
    await client.made("custom-fields", {"target": "contact", "name": "tier", "type": "integer"})
    made = await client.made("contacts", {"last_name": "Person"})
    path = f"contacts/{made['id']}"
    await client.changed(path, {"title": "Buyer", "custom": {"tier": 1}})
    await client.changed(path, {"title": None})
    document = (
        'query($id: UUID!) { history(entity: "contact", id: $id) '
        "{ data { changes { field before after } } } }"
    )
    shown = (await client.data(document, id=made["id"]))["history"]["data"]
    rest = (await client.read(f"{path}/history"))["data"]
    assert shown == [{"changes": entry["changes"]} for entry in rest]
    assert {"field": "title", "before": "Buyer", "after": None} in shown[0]["changes"]


async def test_a_page_needs_no_credential_but_a_query_does(anonymous):
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    assert (await anonymous.get("/graphql", headers=browser)).status_code == 200
    answer = await anonymous.post("/graphql", json={"query": "{__typename}"}, headers=browser)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


async def test_changes_are_not_sent_by_get(client):
    answer = await client.get("/graphql", params={"query": CREATE})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json()["errors"][0]["extensions"]["code"] == "method_not_allowed"
    assert (await client.read("contacts"))["data"] == []


@pytest.mark.parametrize("own_database", [{"docs": False}], indirect=True)
async def test_page_is_not_served_without_docs(own_database):
    client = await own_database.client()
    answer = await client.get("/graphql", headers={"accept": "text/html"})
    assert answer.status_code == 405


async def test_totals_are_found_in_fragments(client):
    await client.made("contacts", {"last_name": "Person"})
    inline = "{ contacts { ... on ContactConnection { totalCount } } }"
    spread = "{ contacts { ...Total } } fragment Total on ContactConnection { totalCount }"
    for document in (inline, spread):
        assert await client.data(document) == {"contacts": {"totalCount": 1}}
