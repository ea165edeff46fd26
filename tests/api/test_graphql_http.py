"""GraphQL over HTTP: media types, status codes, GET, persisted documents, cost, introspection."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from graphql import build_schema

from crm_api.api.graphql import MAX_TOKENS
from crm_api.api.graphql_requests import JSON, RESPONSE, Asked, Unacceptable, form_of
from crm_api.api.persisted import BadManifest, Persisted
from crm_api.kit.graphql.documents import Documents, Operation, Refused
from support.clients import problem

TYPENAME = "{ __typename }"
DEAR = "{ contacts(first: 200) { nodes { employments(first: 200) { nodes { id } } } } }"
COST = "query($n: Int!, $all: Boolean = true) { contacts(first: $n) { nodes { id ...More } } }"
MORE = " fragment More on Contact { company @include(if: $all) { id } emails { value } }"
ALLOWED = "query Allowed { contacts { nodes { id } } }"
ALLOWED_HASH = sha256(ALLOWED.encode()).hexdigest()


async def post(client, body, accept=None):
    headers = {} if accept is None else {"accept": accept}
    return await client.post("/graphql", json=body, headers=headers)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (f"{JSON};charset=utf-8", JSON),
        (RESPONSE, RESPONSE),
        (f"{RESPONSE}; charset=utf-8, {JSON}; charset=utf-8", RESPONSE),
        (f"{JSON}, {RESPONSE}", RESPONSE),
        (f"{RESPONSE};q=0.5, {JSON};q=0.9", JSON),
        (f"{RESPONSE}, */*;q=0.1", RESPONSE),
        ("text/html, */*;q=0.8", JSON),
        (f"{RESPONSE};q=nonsense, {JSON}", JSON),
    ],
)
def test_forms(accept, form):
    assert form_of(accept) == form


@pytest.mark.parametrize("accept", ["text/html", "image/*", f"{JSON};q=0", "nonsense"])
def test_no_form(accept):
    with pytest.raises(Unacceptable):
        form_of(accept)


async def test_what_nobody_makes_is_refused(client):
    answer = await post(client, {"query": TYPENAME}, "image/png")
    assert answer.status_code == 406
    assert answer.json()["errors"][0]["extensions"]["code"] == "not_acceptable"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "{"}, "graphql_syntax"),
        ({"query": "{ nothing }"}, "graphql_validation"),
        ({"query": "query($id: UUID!) { contact(id: $id) { id } }"}, "graphql_validation"),
        ({"query": DEAR}, "query_too_costly"),
    ],
)
async def test_status_says_whether_a_document_was_carried_out(client, body, code):
    for accept, status in ((JSON, 200), (RESPONSE, 400)):
        answer = await post(client, body, accept)
        assert answer.status_code == status
        assert answer.headers["content-type"] == accept
        assert "data" not in answer.json()
        assert {e["extensions"]["code"] for e in answer.json()["errors"]} == {code}


@pytest.mark.parametrize("accept", [JSON, RESPONSE])
async def test_errors_of_fields_come_with_the_data(client, accept):
    document = '{ organization { id } contact(id: "01990000-0000-7000-8000-0000000000ff") { id } }'
    answer = await post(client, {"query": document}, accept)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == accept
    assert answer.json()["data"]["contact"] is None
    wrong = await post(client, {"query": '{ contacts(after: "x") { nodes { id } } }'}, accept)
    assert wrong.status_code == 200
    assert wrong.json()["data"] is None
    assert wrong.json()["errors"][0]["path"] == ["contacts"]


@pytest.mark.parametrize("accept", [JSON, RESPONSE])
async def test_no_request_is_400_in_every_form(client, accept):
    for content in (b"{", b"[]", b"{}", b'{"query": 7}', b'{"query": "{a}", "documentId": 7}'):
        headers = {"accept": accept, "content-type": JSON}
        answer = await client.post("/graphql", content=content, headers=headers)
        assert answer.status_code == 400
        assert answer.headers["content-type"] == accept
        assert answer.json()["errors"][0]["extensions"]["problem"]["status"] == 400


async def test_queries_by_get(client):
    made = await client.made("contacts", {"last_name": "Person"})
    params = {
        "query": "query One($id: UUID!) { contact(id: $id) { name } } query Two { __typename }",
        "operationName": "One",
        "variables": json.dumps({"id": made["id"]}),
        "extensions": "{}",
    }
    for accept in (JSON, RESPONSE):
        answer = await client.get("/graphql", params=params, headers={"accept": accept})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == accept
        assert answer.json()["data"] == {"contact": {"name": "Person"}}
    wrong = params | {"variables": "{"}
    assert (await client.get("/graphql", params=wrong)).status_code == 400
    unknown = params | {"nothing": "1"}
    problem(await client.get("/graphql", params=unknown), 400)
    assert (await client.get("/graphql")).status_code == 405


async def test_queries_by_get_need_a_credential(anonymous):
    answer = await anonymous.get("/graphql", params={"query": TYPENAME})
    problem(answer, 401)


async def test_what_a_constraint_refuses_at_the_commit_is_an_error_of_its_field(client):
    one = 'made: createUser(input: {name: "A", email: "taken@example.com"}) { id }'
    await client.data(f"mutation {{ {one} }}")
    for document, others in ((one, {}), (f"other: __typename {one}", {"other": "Mutation"})):
        for accept in (JSON, RESPONSE):
            answer = await post(client, {"query": f"mutation {{ {document} }}"}, accept)
            assert (answer.status_code, answer.headers["content-type"]) == (200, accept)
            found = answer.json()
            (error,) = found["errors"]
            assert (found["data"], error["path"]) == ({**others, "made": None}, ["made"])
            assert error["extensions"]["code"] == "duplicate"
            assert error["extensions"]["problem"]["errors"][0]["pointer"] == "/email"


@pytest.mark.parametrize(
    "own_database", [{"database_timeout_s": 1.0}], indirect=True, ids=["hasty"]
)
async def test_what_cannot_be_stored_now_is_503_as_over_rest(own_database):
    client = await own_database.client(await own_database.org())
    document = {"query": 'mutation { createCompany(input: {name: "A"}) { id } }'}
    async with own_database.owner.acquire() as holding, holding.transaction():
        await holding.execute("LOCK TABLE companies IN ACCESS EXCLUSIVE MODE")
        rest = await client.post("/v1/companies", json={"name": "A"})
        found = problem(rest, 503)
        for accept in (JSON, RESPONSE):
            answer = await post(client, document, accept)
            assert (answer.status_code, answer.headers["content-type"]) == (503, accept)
            (error,) = answer.json()["errors"]
            assert error["extensions"]["code"] == found["code"]
            assert "data" not in answer.json()
            assert answer.headers.get("retry-after") == rest.headers.get("retry-after")
    assert (await post(client, document, JSON)).status_code == 200


# Cost


@pytest.mark.parametrize(
    ("document", "variables", "cost"),
    [
        (TYPENAME, {}, 0),
        ("{ organization { id name } }", {}, 1),
        ("{ contacts { nodes { id name } } }", {}, 1 + 50),
        ("{ contacts(first: 10) { nodes { id emails { value } company { id } } } }", {}, 31),
        ("{ contacts(first: 10) { edges { node { id } } pageInfo { endCursor } } }", {}, 22),
        ("{ contacts(first: 1) { totalCount } }", {}, 11),
        ("{ contacts(first: 999) { nodes { id } } }", {}, 201),
        (COST + MORE, {"n": 10}, 1 + 10 * 3),
        (COST + MORE, {"n": 20, "all": False}, 1 + 20 * 2),
        (
            "{ contacts(first: 2) { nodes { employments(first: 3) { nodes { id } } } } }",
            {},
            1 + 2 * (1 + 1 + 3),
        ),
        ("{ contacts { ... on ContactConnection @skip(if: true) { nodes { id } } __typename } }", {}, 1),
    ],
)  # fmt: skip
async def test_cost_follows_its_formula(client, document, variables, cost):
    answer = await client.gql(document, **variables)
    assert "errors" not in answer
    assert answer["extensions"] == {"cost": {"requested": cost, "limit": 20_000}}


async def test_records_by_their_ids_cost_as_many(client):
    made = await client.made("contacts", {"last_name": "Person"})
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Contact { company { id } } } }"
    answer = await client.gql(document, ids=[made["id"]] * 7)
    assert answer["extensions"]["cost"]["requested"] == 7 * (1 + 1)
    literal = ", ".join([f'"{made["id"]}"'] * 3)
    answer = await client.gql(f"{{ nodes(ids: [{literal}]) {{ id }} }}")
    assert answer["extensions"]["cost"]["requested"] == 3


async def test_changes_cost_more(client):
    answer = await client.gql('mutation { createContact(input: {lastName: "Person"}) { id } }')
    assert answer["extensions"]["cost"]["requested"] == 11


CREATE_MANY = """
mutation($inputs: [ContactCreateInput!]!, $n: Int = 3) {
  createContacts(inputs: $inputs) { results { id record { employments(first: $n) { nodes { id } } } } }
}
"""


@pytest.mark.parametrize(("count", "n"), [(1, 3), (2, 3), (7, 50)])
async def test_changes_of_many_cost_by_their_items(client, count, n):
    inputs = [{"lastName": f"Person {number}"} for number in range(count)]
    answer = await client.gql(CREATE_MANY, inputs=inputs, n=n)
    assert "errors" not in answer
    assert answer["extensions"]["cost"]["requested"] == 10 + 1 + count * (1 + 1 + 1 + n)


async def test_written_out_items_cost_as_those_in_variables(client):
    items = '{ lastName: "A" }, { lastName: "B" }'
    answer = await client.gql(
        f"mutation {{ createContacts(inputs: [{items}]) {{ results {{ id }} }} }}"
    )
    assert answer["extensions"]["cost"]["requested"] == 10 + 1 + 2


async def test_dear_changes_of_many_store_nothing(client):
    inputs = [{"lastName": "Person"}] * 500
    answer = await client.gql(CREATE_MANY, inputs=inputs, n=200)
    assert answer["errors"][0]["extensions"]["code"] == "query_too_costly"
    assert (await client.read("contacts", count="exact"))["total"] == 0


async def test_dear_queries_read_nothing(client, statements):
    async with statements() as seen:
        answer = (await post(client, {"query": DEAR})).json()
    assert len(seen) == 0
    assert answer["extensions"]["cost"]["requested"] > 20_000
    assert answer["errors"][0]["extensions"]["problem"]["status"] == 422


@pytest.mark.parametrize("own_database", [{"graphql_max_cost": 20}], indirect=True)
async def test_limit_of_cost_is_a_setting(own_database):
    client = await own_database.client(await own_database.org())
    assert "errors" not in await client.gql("{ contacts(first: 19) { nodes { id } } }")
    refused = await client.gql("{ contacts(first: 20) { nodes { id } } }")
    assert refused["extensions"]["cost"] == {"requested": 21, "limit": 20}
    assert refused["errors"][0]["extensions"]["code"] == "query_too_costly"


# Introspection and persisted documents


@pytest.mark.parametrize("own_database", [{"graphql_introspection": False}], indirect=True)
async def test_introspection_can_be_switched_off(own_database):
    client = await own_database.client(await own_database.org())
    for document in ("{ __schema { types { name } } }", '{ __type(name: "Contact") { name } }'):
        assert (await client.gql(document))["errors"][0]["extensions"]["code"] == (
            "graphql_validation"
        )
    assert await client.data(TYPENAME) == {"__typename": "Query"}


MANIFEST = Path(__file__).parents[1] / "data" / "persisted.json"
PERSISTED = [{"graphql_persisted": MANIFEST, "graphql_persisted_only": o} for o in (False, True)]


@pytest.mark.parametrize("own_database", PERSISTED, indirect=True, ids=["also", "only"])
async def test_persisted_documents(own_database, request):
    only = "only" in request.node.callspec.id
    client = await own_database.client(await own_database.org())
    by_extension = {"persistedQuery": {"version": 1, "sha256Hash": ALLOWED_HASH}}
    for body in (
        {"documentId": f"sha256:{ALLOWED_HASH}"},
        {"extensions": by_extension},
        {"query": ALLOWED},
        {"query": ALLOWED, "extensions": by_extension},
    ):
        answer = await post(client, body)
        assert answer.json()["data"] == {"contacts": {"nodes": []}}, body
    params = {"extensions": json.dumps(by_extension)}
    assert (await client.get("/graphql", params=params)).json()["data"]
    other = await post(client, {"query": TYPENAME})
    assert other.status_code == (403 if only else 200)
    if only:
        code = other.json()["errors"][0]["extensions"]["code"]
        assert code == "persisted_queries_only"


async def test_unknown_documents_are_told_from_others(client):
    for body in (
        {"documentId": "sha256:" + "0" * 64},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}},
    ):
        answer = await post(client, body)
        assert answer.status_code == 400
        code = answer.json()["errors"][0]["extensions"]["code"]
        assert code == "persisted_query_not_found"
    body["query"] = TYPENAME
    assert (await post(client, body)).status_code == 400
    body["extensions"] = {"persistedQuery": {"version": 1}}
    assert (await post(client, body)).status_code == 400


@pytest.mark.parametrize(
    "text",
    ["", "[]", "7", '{"a": 1}', json.dumps({"0" * 64: ALLOWED}), '{"operations": [1]}'],
)
def test_bad_manifests_stop_the_service(tmp_path, text):
    path = tmp_path / "persisted.json"
    path.write_text(text)
    with pytest.raises(BadManifest):
        Persisted.read(path)


def test_manifests_of_apollo(tmp_path):
    path = tmp_path / "persisted.json"
    entry = {"id": ALLOWED_HASH, "name": "Allowed", "type": "query", "body": ALLOWED}
    path.write_text(
        json.dumps({"format": "apollo-persisted-query-manifest", "operations": [entry]})
    )
    assert Persisted.read(path).text(Asked(document_id=ALLOWED_HASH)) == ALLOWED


# Caches


def test_documents_are_remembered_but_not_without_end():
    validated = []
    core = build_schema("type Query { a(first: Int = 1): Int b: Int }")
    documents = Documents(core, lambda node: validated.append(node) or [], max_tokens=MAX_TOKENS)
    first = documents.get("{ a }")
    assert documents.get("{ a }") is first
    assert len(validated) == 1
    for number in range(documents.MOST + 50):
        documents.get(f"{{ a{number}: a }}")
    assert len(documents) == documents.MOST
    assert documents.get("{ a }") is not first
    size = len(documents)
    documents.get("{ a } #" + "x" * documents.LONGEST)
    assert len(documents) == size


def test_variants_are_remembered_but_not_without_end():
    core = build_schema("type Query { a(first: Int = 1): A } type A { b: [A!] c: Int }")
    documents = Documents(core, lambda _: [], max_tokens=MAX_TOKENS)
    operation = documents.get("query($n: Int) { a(first: $n) { b { c } } }").operation(None)
    for number in range(1, 100):
        assert operation.cost(operation.variables({"n": number})) == 1 + number
    assert len(operation._costs) == Operation.MOST


def test_wrong_documents_are_remembered_as_wrong():
    core = build_schema("type Query { a: Int }")
    errors = [object()]
    documents = Documents(core, lambda _: errors, max_tokens=MAX_TOKENS)
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            documents.get("{ nothing }")
        assert refused.value.errors is errors
