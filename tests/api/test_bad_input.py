"""Requests that are wrong in every way: always an answer, never a 5xx."""

import json

import pytest

from support.clients import pointers, problem

JSON = {"content-type": "application/json"}
PATHS = ["/v1/contacts", "/v1/contacts/query", "/v1/companies", "/v1/api-keys"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"nonsense",
        b'{"last_name": NaN}',
        b'{"last_name": Infinity}',
        b'{"custom": {"a": -Infinity}}',
        b'{"last_name": "a", "last_name": "b"}',
        b'{"custom": {"a": 1, "a": 1}}',
        b'\xff\xfe{"last_name": "a"}',
        b'{"last_name": "\xc3\x28"}',
        b'{"last_name": "a"} trailing',
        b"[" * 1000 + b"]" * 1000,
        b'{"custom":' * 1000 + b"1" + b"}" * 1000,
        b'{"last_name": "a\x00b"}',
        b"\xef\xbb\xbf{}x",
        b"1" * 5000,
        b'{"employees": ' + b"1" * 5000 + b"}",
    ],
    ids=lambda body: repr(body[:24]),
)
async def test_bodies_that_are_no_json(client, path, body):
    answer = await client.post(path, content=body, headers=JSON)
    assert answer.status_code in {400, 422}, answer.text
    problem(answer, answer.status_code)


@pytest.mark.parametrize("body", ["[]", "null", "1", '"text"', "true", "[{}]"])
@pytest.mark.parametrize("path", PATHS)
async def test_json_that_is_no_object(client, path, body):
    problem(await client.post(path, content=body, headers=JSON), 422, "validation")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("last_name", "a\x00b"),
        ("last_name", "\ud800"),
        ("last_name", "a\x07b"),
        ("last_name", "x" * 201),
        ("last_name", "   "),
        ("last_name", ""),
        ("last_name", 7),
        ("last_name", ["a"]),
        ("last_name", {"a": 1}),
        ("last_name", True),
        ("description", "x" * 20_001),
        ("description", "\udfff"),
        ("tags", ["a"] * 101),
        ("tags", ["\x00"]),
        ("tags", "a"),
        ("tags", [None]),
        ("tags", [""]),
        ("custom", {"a": "\x00"}),
        ("custom", {"a": "\ud83d"}),
        ("custom", {"a": ["\x00"]}),
        ("custom", {"Not a key": 1}),
        ("custom", {"a": {"b": 1}}),
        ("custom", {"a": 10**30}),
        ("custom", {"a": "x" * 5001}),
        ("custom", {f"k{n}": n for n in range(201)}),
        ("custom", []),
        ("external_ids", {"a": "\x00"}),
        ("external_ids", {"a\x00": "x"}),
        ("external_ids", {"a": 1}),
        ("birth_date", "9999-12-31"),
        ("birth_date", "0001-01-01"),
        ("birth_date", "2000-02-30"),
        ("birth_date", "soon"),
        ("birth_date", 10**18),
        ("birth_date", "0"),
        ("birth_date", "-86400"),
        ("company_id", "no-id"),
        ("company_id", 7),
        ("company_id", "00000000-0000-0000-0000-000000000000"),
        ("owner_id", "x"),
        ("lifecycle", "no such"),
        ("lifecycle", None),
        ("country", "Atlantis"),
        ("country", "\x00\x00"),
        ("language", "klingonish-language-tag"),
        ("language", "\ud800\ud800"),
        ("time_zone", "../../etc/passwd"),
        ("time_zone", "Europe/Atlantis"),
        ("time_zone", "\x00\x00"),
        ("email", "not an address"),
        ("email", "a@b\x00.com"),
        ("email", "\ud800@example.com"),
        ("emails", [{"value": "a@example.com", "nope": 1}]),
        ("emails", [{"value": "nope"}]),
        ("emails", [{}]),
        ("emails", [{"value": "a@example.com"}] * 21),
        ("emails", {"value": "a@example.com"}),
        ("phone", "not a number"),
        ("phone", "\x00\x00\x00"),
        ("phones", [{"value": "1"}]),
        ("phones", [{"value": "+" + "9" * 300}]),
        ("addresses", [{"country": "Atlantis"}]),
        ("addresses", [{"city": "\x00"}]),
        ("addresses", [{"postal_code": "\x00"}]),
        ("addresses", [{"kind": "\ud800"}]),
        ("addresses", [{"postal_code": "\ud800"}]),
    ],
)
async def test_values_that_cannot_be_stored(client, field, value):
    body = json.dumps({"last_name": "Person", field: value}).encode()
    answer = await client.post("/v1/contacts", content=body, headers=JSON)
    found = problem(answer, 422)
    assert pointers(found)[0].startswith(f"/{field}"), found
    made = await client.made("contacts", {"last_name": "Person"})
    body = json.dumps({field: value}).encode()
    headers = {"content-type": "application/merge-patch+json"}
    answer = await client.patch(f"/v1/contacts/{made['id']}", content=body, headers=headers)
    assert pointers(problem(answer, 422))[0].startswith(f"/{field}")
    assert (await client.read(f"contacts/{made['id']}"))["version"] == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("employees", -1),
        ("employees", 3_000_000_000),
        ("employees", 1.5),
        ("employees", "7.5"),
        ("employees", "7"),
        ("employees", False),
        ("employees", 10**40),
        ("annual_revenue", 1.5),
        ("annual_revenue", 1),
        ("founded_on", 0),
        ("annual_revenue", "1.23456"),
        ("annual_revenue", "1e400"),
        ("annual_revenue", "NaN"),
        ("annual_revenue", "Infinity"),
        ("annual_revenue", "-1"),
        ("annual_revenue", "9" * 15),
        ("annual_revenue", "9" * 5000),
        ("annual_revenue", "\ud800"),
        ("currency", "XYZ"),
        ("currency", "\x00\x00\x00"),
        ("founded_on", "9999-01-01"),
        ("founded_on", "1899-12-31"),
        ("domains", ["not a domain"]),
        ("domains", ["\ud800.com"]),
        ("domains", ["a" * 300 + ".com"]),
        ("website", "javascript:alert(1)"),
        ("website", "http://[::1"),
        ("website", "\ud800\ud800\ud800"),
        ("tax_id", ""),
        ("tax_id", "\x00"),
        ("tax_id", "\ud800"),
        ("industry", "a b"),
    ],
)
async def test_company_values_that_cannot_be_stored(client, field, value):
    body = {"name": "Example", "currency": "EUR", field: value}
    answer = await client.post("/v1/companies", content=json.dumps(body).encode(), headers=JSON)
    assert pointers(problem(answer, 422))[0].startswith(f"/{field}")


async def test_too_large_bodies_are_refused(client):
    body = json.dumps({"last_name": "x" * 10_000_000}).encode()
    problem(await client.post("/v1/contacts", content=body, headers=JSON), 413, "too_large")

    async def pieces():
        for _ in range(200):
            yield b" " * 65_536

    answer = await client.post("/v1/contacts", content=pieces(), headers=JSON)
    problem(answer, 413, "too_large")
    answer = await client.post("/graphql", content=body, headers=JSON)
    problem(answer, 413, "too_large")


@pytest.mark.parametrize("length", ["-1", "many", "1e9", str(10**30), "+5"])
async def test_content_lengths_that_lie(client, length):
    headers = JSON | {"content-length": length}
    answer = await client.post("/v1/contacts", content=b"{}", headers=headers)
    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "nonsense", ""]
)
async def test_other_content_types_are_415(client, kind):
    answer = await client.post(
        "/v1/contacts", content=b'{"last_name": "Person"}', headers={"content-type": kind}
    )
    problem(answer, 415, "unsupported_media_type")


async def test_missing_body_is_an_error(client):
    assert (await client.post("/v1/contacts")).status_code in {400, 415, 422}
    answer = await client.post("/v1/contacts", headers=JSON)
    assert answer.status_code in {400, 422}


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/vnd.api+json"])
async def test_json_by_any_name_is_read(client, kind):
    answer = await client.post(
        "/v1/contacts", content='{"last_name": "Müller"}'.encode(), headers={"content-type": kind}
    )
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/contacts", {"GET", "POST"}),
        ("DELETE", "/v1/contacts", {"GET", "POST"}),
        ("PATCH", "/v1/contacts", {"GET", "POST"}),
        ("PUT", "/v1/contacts/{id}", {"GET", "PATCH", "DELETE"}),
        ("POST", "/v1/contacts/{id}", {"GET", "PATCH", "DELETE"}),
        ("GET", "/v1/contacts/{id}/restore", {"POST"}),
        ("DELETE", "/v1/events", {"GET"}),
        ("POST", "/healthz", {"GET"}),
        ("TRACE", "/v1/contacts", {"GET", "POST"}),
    ],
)
async def test_wrong_methods_are_405_with_the_right_ones(client, method, path, allowed):
    path = path.replace("{id}", "01990000-0000-7000-8000-0000000000ff")
    answer = await client.request(method, path)
    problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) - {"HEAD", "OPTIONS"} == allowed


async def test_head_and_options_answer(client):
    for path in ("/v1/contacts", "/healthz", "/graphql", "/v1/nothing"):
        for method in ("HEAD", "OPTIONS"):
            assert (await client.request(method, path)).status_code < 500


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v2/contacts",
        "/v1/contact",
        "/v1/contacts/",
        "/v1/contacts/01990000-0000-7000-8000-0000000000ff/nothing",
        "/v1/%00",
        "/v1/%ff%fe",
        "/v1/" + "a" * 20_000,
        "/v1/contacts/../../etc/passwd",
    ],
)
async def test_unknown_paths_are_404(client, path):
    answer = await client.get(path)
    assert answer.status_code in {404, 307, 422, 401}, answer.status_code
    if answer.status_code == 404:
        problem(answer, 404, "no_route")


@pytest.mark.parametrize(
    "query",
    [
        "filter[last_name]=" + "x" * 30_000,
        "filter[" + "a" * 10_000 + "]=1",
        "&".join(f"filter[last_name][eq]={n}" for n in range(1500)),
        "filter" + "[company]" * 300 + "=1",
        "filter[company][company][company]=1",
        "sort=" + ",".join(["name"] * 300),
        "sort=" + "-" * 100,
        "fields=" + ",".join(["id"] * 5000),
        "fields=..,.,id.",
        "include=" + "company," * 200,
        "q=" + "x" * 5000,
        "q=" + "%F0%9F%98%80" * 40,
        "q=%00",
        "q='%20|%20!()%26:*%20<->",
        "q=\\",
        "q=",
        "limit=1&limit=2",
        "limit=%00",
        "filter[last_name]=%00",
        "filter[last_name]=%ED%A0%80",
        "filter[created_at][gt]=9999-12-31T23:59:59Z",
        "filter[created_at][gt]=0001-01-01T00:00:00Z",
        "filter[created_at][gt]=@now-999999d",
        "filter[created_at][gt]=@now%2B999999d",
        "filter[created_at][gt]=@now-7x",
        "filter[birth_date]=9999-12-31",
        "filter[birth_date]=0001-01-01",
        "filter[version]=" + "9" * 5000,
        "filter[version]=3000000000",
        "filter[version]=-3000000000",
        "filter[version][in]=1,2,99999999999",
        "filter[version][between]=1",
        "filter[version][between]=1,99999999999",
        "filter[version]=%D9%A1",
        "filter[version]=1_000",
        "filter[version]=%201",
        "filter[id]=x",
        "filter[id][in]=",
        "filter[owner_id]=@me",
        "filter[emails]=nonsense",
        "filter[emails]=%00",
        "filter[emails][has]=",
        "filter[phones]=abc",
        "filter[tags]=%00",
        "filter[tags][has]=a",
        "filter[lifecycle]=nonsense",
        "filter[lifecycle][gt]=nonsense",
        "filter[employments]=1",
        "filter[employments][some]=1",
        "filter[employments][some][title]=x",
        "filter[employments][count]=1",
        "filter[employments][count][gte]=99999999999",
        "filter[employments][count][gte]=9223372036854775808",
        "filter[employments][count][between]=1,2",
        "filter[and]=x",
        "filter[or][0][last_name]=x",
        "filter[not][last_name]=x",
        "filter[custom][tier]=gold",
        "filter[company][annual_revenue][gt]=1e30",
        "filter[company][annual_revenue][gt]=0.00001",
        "filter[company][annual_revenue][gt]=sNaN",
        "filter[company][employees]=3000000000",
        "filter[last_name][contains]=%25_\\",
        "filter[last_name][is_null]=perhaps",
        "cursor=" + "A" * 5000,
        "cursor=AAAA",
        "cursor=%F0%9F%98%80",
        "cursor=====",
        "dry_run=true",
        "count=exact&deleted=only&q=x&sort=-name&fields=id&include=company&limit=1",
    ],
    ids=lambda query: query[:48],
)
async def test_lists_survive_any_question(client, query):
    answer = await client.get(f"/v1/contacts?{query}")
    assert answer.status_code in {200, 422}, (answer.status_code, answer.text[:300])
    if answer.status_code == 422:
        problem(answer, 422)


async def test_request_ids_are_echoed_when_they_are_clean(client):
    answer = await client.get("/healthz", headers={"X-Request-ID": "abc-123"})
    assert answer.headers["x-request-id"] == "abc-123"
    for bad in ("a b", "x" * 65, "ümlaut", "a\tb"):
        answer = await client.get("/healthz", headers={"X-Request-ID": bad.encode()})
        assert answer.headers["x-request-id"] != bad
        assert answer.headers["x-request-id"].isalnum()
