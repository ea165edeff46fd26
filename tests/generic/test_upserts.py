"""Create or change by a key, for every collection, at both faces."""

import asyncio
from collections import Counter

import pytest

from support.clients import pointers, problem
from support.factories import KINDS
from support.graph import as_graph, body_as_graph, camel, pascal, selection
from support.members import new_user

UPSERTED = [kind for kind in KINDS if kind.service.upserts]
MATCHED = [(kind, match) for kind in UPSERTED for match in kind.listing.lookups]
SAMPLES = {
    "email": ({"email": "Some.One@Example.com"}, {"emails": [{"value": "some.one@example.com"}]}),
    "phone": ({"phone": "030 901820"}, {"phones": [{"value": "+49 30 901820"}]}),
    "domain": ({"domains": ["example.com"]}, {"domains": ["Example.com"]}),
    "name": ({"name": "Éxample Works"}, {"name": "example works"}),
    "sku": ({"sku": "PRN 200"}, {"sku": "prn200"}),
    "barcode": ({"barcode": "4006381333931"}, {"barcode": "04006381333931"}),
    "key": ({"key": "kg"}, {"key": "kg"}),
}
"""Two ways to write one value of each kind of key."""


@pytest.fixture(params=UPSERTED, ids=str)
def kind(request):
    return request.param


@pytest.fixture(params=MATCHED, ids=lambda pair: f"{pair[0]}-{pair[1]}")
def matched(request):
    return request.param


async def patiently(send):
    """The answer of a server that may be too busy at first."""
    for _ in range(30):
        answer = await send()
        if answer.status_code != 503:
            return answer
        await asyncio.sleep(int(answer.headers["retry-after"]))
    raise AssertionError("busy for too long")


def samples(kind, match):
    """Two ways to write one value of a key, as far as the collection has them."""
    first, second = SAMPLES[match]
    return (
        first,
        second if second.keys() <= kind.service.create_shape.model_fields.keys() else first,
    )


def by_external(kind, id="151", source="legacy"):
    return f"/v1/{kind.path}/by-external/{source}/{id}"


def test_no_field_is_named_like_the_result():
    for kind in UPSERTED:
        assert "result" not in kind.listing.shown


def test_every_kind_of_key_is_tried():
    assert {match for _, match in MATCHED} == SAMPLES.keys()


async def test_external_id_creates_then_changes_then_leaves(client, kind):
    body = await kind.factory.least(client)
    path = by_external(kind)
    problem(await client.get(path), 404, "not_found")
    made = await client.put(path, json=body)
    assert made.status_code == 201, made.text
    assert made.json()["result"] == "created"
    assert made.json()["external_ids"] == {"legacy": "151"}
    assert made.headers["location"] == f"/v1/{kind.path}/{made.json()['id']}"
    assert made.headers["etag"] == '"1"'
    changed = await client.put(path, json={**body, **kind.factory.change})
    assert (changed.status_code, changed.json()["result"]) == (200, "updated")
    assert changed.headers["etag"] == '"2"'
    assert changed.json()["id"] == made.json()["id"]
    again = await client.put(path, json={**body, **kind.factory.change})
    assert (again.status_code, again.json()["result"]) == (200, "unchanged")
    shown = await client.get(path)
    assert shown.json() | {"result": "unchanged"} == again.json()
    assert (await client.get(path, headers={"If-None-Match": '"2"'})).status_code == 304
    assert (await client.get(path, params={"fields": "id"})).json() == {"id": shown.json()["id"]}


async def test_body_is_a_merge_patch_of_what_is_there(client, kind):
    await kind.define(client, a="integer", b="integer", c="integer")
    path = by_external(kind)
    least = await kind.factory.least(client)
    given = {
        **least,
        "owner_id": await new_user(client),
        "custom": {"a": 1, "b": None},
        "external_ids": None,
    }
    made = await client.put(path, json=given)
    assert made.status_code == 201, made.text
    assert made.json()["custom"] == {"a": 1}
    patch = {"owner_id": None, "custom": {"c": 2}, "external_ids": {"other": "7"}}
    changed = (await client.put(path, json=patch)).json()
    assert changed["owner_id"] is None
    assert changed["custom"] == {"a": 1, "c": 2}
    assert changed["external_ids"] == {"legacy": "151", "other": "7"}
    assert (await client.put(by_external(kind, "7", "other"), json={})).json()["id"] == (
        made.json()["id"]
    )


async def test_external_id_may_be_any_text(client, kind):
    for id, shown in (
        ("a/b/c", "a/b/c"),
        ("Ä%20b:c", "Ä b:c"),
        ("%3Fx=1", "?x=1"),
        ("a%0Ab", "a\nb"),
    ):
        made = await client.put(by_external(kind, id), json=await kind.factory.least(client))
        assert made.status_code == 201, made.text
        assert made.json()["external_ids"] == {"legacy": shown}
        assert (await client.get(by_external(kind, id))).json()["id"] == made.json()["id"]


async def test_bad_paths_and_bodies_are_told(client, kind):
    body = await kind.factory.least(client)
    before = (await client.read(kind.path))["data"]
    for path, given, place in (
        (by_external(kind, source="Not%20a%20source"), body, "source"),
        (by_external(kind, "x" * 201), body, "external_id"),
        (by_external(kind, ""), body, "external_id"),
        (by_external(kind, "%0A"), body, "external_id"),
        (by_external(kind), {**body, "no_such": 1}, "/no_such"),
        (by_external(kind), {**body, "external_ids": {"legacy": "8"}}, "/external_ids/legacy"),
        (by_external(kind), {**body, "external_ids": {"legacy": None}}, "/external_ids/legacy"),
        (f"/v1/{kind.path}/upsert?match=external_id", body, "/external_ids"),
    ):
        method = "PUT" if "by-external" in path else "POST"
        found = problem(await client.request(method, path, json=given), 422, "validation")
        assert pointers(found) == [place], path
    found = problem(
        await client.post(f"/v1/{kind.path}/upsert?match=shoe_size", json=body),
        422,
        "unknown_match",
    )
    assert pointers(found) == ["match"]
    missing = await client.post(f"/v1/{kind.path}/upsert", json=body)
    assert pointers(problem(missing, 422)) == ["match"]
    assert (await client.read(kind.path))["data"] == before


async def test_new_record_needs_what_a_creation_needs(client, kind):
    least = await kind.factory.least(client)
    required = [n for n, f in kind.service.create_shape.model_fields.items() if f.is_required()]
    for name in required:
        part = {key: value for key, value in least.items() if key != name}
        found = problem(await client.put(by_external(kind), json=part), 422, "validation")
        assert f"/{name}" in pointers(found)


async def test_what_cannot_be_changed_must_be_as_it_is(client, kind):
    body = await kind.factory.least(client)
    other = await kind.factory.least(client)
    fixed = body.keys() - kind.service.update_shape.model_fields.keys()
    await client.put(by_external(kind), json=body)
    for name in {name for name in fixed if other[name] != body[name]}:
        found = problem(await client.put(by_external(kind), json={name: other[name]}), 422)
        assert pointers(found) == [f"/{name}"]
        assert found["errors"][0]["code"] == "immutable"


async def test_preconditions(client, kind):
    body = await kind.factory.least(client)
    path = by_external(kind)
    for headers in ({"If-Match": '"1"'}, {"If-Match": "*"}):
        problem(await client.put(path, json=body, headers=headers), 412, "missing")
    new = {"If-None-Match": "*"}
    assert (await client.put(path, json=body, headers=new)).status_code == 201
    found = problem(await client.put(path, json=body, headers=new), 412, "stale")
    assert found["current"]["version"] == 1
    changed = await client.put(path, json=kind.factory.change, headers={"If-Match": '"1"'})
    assert changed.status_code == 200
    problem(await client.put(path, json=body, headers={"If-Match": '"1"'}), 412, "stale")
    assert (await client.put(path, json={}, headers={"If-Match": "*"})).status_code == 200
    for headers in ({"If-None-Match": '"1"'}, {**new, "If-Match": "*"}):
        found = problem(await client.put(path, json=body, headers=headers), 422)
        assert pointers(found) == ["If-None-Match"]


async def test_record_in_the_bin_is_not_found(client, kind):
    body = await kind.factory.least(client)
    first = (await client.put(by_external(kind), json=body)).json()
    await client.delete(f"/v1/{kind.path}/{first['id']}")
    problem(await client.get(by_external(kind)), 404)
    # Some keep a name even in the bin.
    second = await client.put(by_external(kind), json=await kind.factory.least(client))
    assert second.status_code == 201
    assert second.json()["id"] != first["id"]


async def test_key_creates_then_changes(client, matched):
    kind, match = matched
    first, second = samples(kind, match)
    body = await kind.factory.least(client)
    path = f"/v1/{kind.path}/upsert?match={match}"
    made = await client.post(path, json={**body, **first})
    assert (made.status_code, made.json()["result"]) == (201, "created"), made.text
    change = await client.post(path, json={**second, **kind.factory.change})
    assert (change.status_code, change.json()["result"]) == (200, "updated"), change.text
    assert change.json()["id"] == made.json()["id"]
    again = await client.post(path, json={**second, **kind.factory.change})
    assert again.json()["result"] == "unchanged"


async def test_preconditions_of_a_key(client, matched):
    kind, match = matched
    first, _ = samples(kind, match)
    body = {**await kind.factory.least(client), **first}
    path = f"/v1/{kind.path}/upsert?match={match}"
    problem(await client.post(path, json=body, headers={"If-Match": '"1"'}), 412, "missing")
    new = {"If-None-Match": "*"}
    assert (await client.post(path, json=body, headers=new)).status_code == 201
    problem(await client.post(path, json=body, headers=new), 412, "stale")
    problem(await client.post(path, json=body, headers={"If-Match": '"9"'}), 412, "stale")


async def test_several_matches_are_named(client, matched):
    kind, match = matched
    first, second = samples(kind, match)
    body = await kind.factory.least(client)
    ids = {(await client.made(kind.path, {**body, **first}))["id"]}
    again = await client.post(f"/v1/{kind.path}", json={**body, **second})
    if again.status_code == 409:
        problem(again, 409, "duplicate")
        return
    ids.add(again.json()["id"])
    path = f"/v1/{kind.path}/upsert?match={match}"
    found = problem(await client.post(path, json=first), 409, "several_matches")
    assert {row["id"] for row in found["candidates"]} == set(found["candidate_ids"]) == ids
    for row in found["candidates"]:
        kind.out.model_validate(row)


async def test_match_needs_a_value(client, matched):
    kind, match = matched
    field = kind.listing.lookups[match]
    path = f"/v1/{kind.path}/upsert?match={match}"
    answer = await client.post(path, json={"owner_id": None})
    assert pointers(problem(answer, 422, "validation")) == [f"/{field}"]


async def test_match_with_a_bad_value_is_told(client):
    answer = await client.post("/v1/contacts/upsert?match=email", json={"email": "nonsense"})
    assert pointers(problem(answer, 422)) == ["/email"]
    body = {"emails": [{"value": "a@example.com"}, {"value": "nonsense"}]}
    answer = await client.post("/v1/contacts/upsert?match=email", json=body)
    assert pointers(problem(answer, 422)) == ["/emails/1/value"]


async def test_upserts_that_meet_make_one_record(client, matched):
    kind, match = matched
    first, second = samples(kind, match)
    await kind.define(client, **{f"k{turn}": "integer" for turn in range(20)})
    body = await kind.factory.least(client)

    async def post(turn):
        given = {**body, **(first, second)[turn % 2], "custom": {f"k{turn}": turn}}
        path = f"/v1/{kind.path}/upsert?match={match}"
        return await patiently(lambda: client.post(path, json=given))

    answers = await asyncio.gather(*(post(turn) for turn in range(20)))
    assert Counter(a.status_code for a in answers) == {201: 1, 200: 19}, answers[0].text
    (row,) = (await client.read(kind.path))["data"]
    assert row["custom"] == {f"k{turn}": turn for turn in range(20)}


async def test_external_upserts_that_meet_make_one_record(client, kind):
    await kind.define(client, **{f"k{turn}": "integer" for turn in range(20)})
    body = await kind.factory.least(client)

    async def put(turn):
        given = {**body, "custom": {f"k{turn}": turn}}
        return await patiently(lambda: client.put(by_external(kind), json=given))

    answers = await asyncio.gather(*(put(turn) for turn in range(20)))
    assert Counter(a.status_code for a in answers) == {201: 1, 200: 19}
    assert len({answer.json()["id"] for answer in answers}) == 1
    row = await client.read(f"{kind.path}/{answers[0].json()['id']}")
    assert row["version"] == 20
    assert len(row["custom"]) == 20


async def test_creations_and_upserts_that_meet_make_one_record(client, kind):
    body = await kind.factory.least(client)
    before = {row["id"] for row in (await client.read(kind.path))["data"]}

    async def write(turn):
        if turn % 2:
            return await patiently(lambda: client.put(by_external(kind), json=body))
        given = {**body, "external_ids": {"legacy": "151"}}
        return await patiently(lambda: client.post(f"/v1/{kind.path}", json=given))

    answers = await asyncio.gather(*(write(turn) for turn in range(20)))
    outcomes = Counter(answer.status_code for answer in answers)
    assert outcomes[201] == 1
    assert {answer.status_code for answer in answers[1::2]} <= {200, 201}
    (row,) = (r for r in (await client.read(kind.path))["data"] if r["id"] not in before)
    for refused in answers[::2]:
        if refused.status_code == 409:
            found = problem(refused, 409)
            # Some collections have other values that belong to one record.
            assert found["code"] in {"duplicate_external_id", "duplicate", "overlap"}
            if found["code"] == "duplicate_external_id":
                assert found["record_id"] == row["id"]


async def test_holder_of_an_external_id_is_named(client, kind):
    taken = {"external_ids": {"other": "1", "legacy": "7"}}
    first = await kind.make(client, external_ids={"legacy": "7"})
    body = await kind.factory.least(client)
    second = await client.made(kind.path, body)
    path = f"/v1/{kind.path}/{second['id']}"
    create = (
        f"mutation($input: {kind.type}CreateInput!) {{ create{kind.type}(input: $input) {{ id }} }}"
    )
    body = await kind.factory.least(client)
    given = {**body_as_graph(body), "externalIds": taken["external_ids"]}
    graph = await client.post("/graphql", json={"query": create, "variables": {"input": given}})
    for found in (
        problem(await client.post(f"/v1/{kind.path}", json={**body, **taken}), 409),
        problem(await client.patch(path, json=taken), 409),
        graph.json()["errors"][0]["extensions"]["problem"],
    ):
        assert found["code"] == "duplicate_external_id"
        assert found["record_id"] == first["id"]
        assert pointers(found) == ["/external_ids/legacy"]


async def test_other_organizations_are_other_worlds(client, other, kind):
    mine = await client.put(by_external(kind), json=await kind.factory.least(client))
    problem(await other.get(by_external(kind)), 404)
    theirs = await other.put(by_external(kind), json=await kind.factory.least(other))
    assert theirs.status_code == 201
    assert theirs.json()["id"] != mine.json()["id"]


async def test_scopes(client, kind, read_only, keyed):
    body = await kind.factory.least(client)
    await client.put(by_external(kind), json=body)
    assert (await read_only.get(by_external(kind))).status_code == 200
    for answer in (
        await read_only.put(by_external(kind), json=body),
        await read_only.post(f"/v1/{kind.path}/upsert?match=external_id", json=body),
    ):
        assert problem(answer, 403, "insufficient_scope")["scope"] == f"{kind.area}:write"
    stranger = await keyed("nothing:read")
    problem(await stranger.get(by_external(kind)), 403, "insufficient_scope")


async def test_dry_run_stores_nothing(client, kind, owner, org):
    body = await kind.factory.least(client)
    count = "SELECT count(*) FROM events WHERE organization_id = $1"
    events = await owner.fetchval(count, org.id)
    answer = await client.put(by_external(kind), json=body, params={"dry_run": "true"})
    assert (answer.status_code, answer.json()["result"]) == (201, "created")
    problem(await client.get(by_external(kind)), 404)
    await client.put(by_external(kind), json=body)
    events = await owner.fetchval(count, org.id)
    change = {**body, **kind.factory.change}
    answer = await client.put(by_external(kind), json=change, params={"dry_run": "true"})
    assert (answer.status_code, answer.json()["result"]) == (200, "updated")
    assert (await client.get(by_external(kind))).json()["version"] == 1
    assert await owner.fetchval(count, org.id) == events


async def test_graphql_says_the_same(client, kind):
    single, one = kind.type, camel(kind.entity)
    body = body_as_graph(await kind.factory.least(client))
    shown = f"{{ result {one} {{ {selection(kind.out)} }} }}"
    external = (
        f"mutation($id: String!, $input: {single}UpsertInput!, $v: Int, $dry: Boolean! = false) "
        f'{{ upsert{single}ByExternalId(source: "legacy", externalId: $id, input: $input, '
        f"expectedVersion: $v, dryRun: $dry) {shown} }}"
    )
    field = f"upsert{single}ByExternalId"
    dry = (await client.data(external, id="151", input=body, dry=True))[field]
    assert dry["result"] == "created"
    made = (await client.data(external, id="151", input=body))[field]
    assert made["result"] == "created"
    assert made[one] == as_graph(kind.out, await client.read(f"{kind.path}/{made[one]['id']}"))
    assert made[one]["id"] != dry[one]["id"]
    change = body_as_graph(kind.factory.change)
    changed = (await client.data(external, id="151", input=change, v=1))[field]
    assert (changed["result"], changed[one]["version"]) == ("updated", 2)
    stale = (await client.gql(external, id="151", input=change, v=1))["errors"][0]["extensions"]
    assert stale["code"] == "stale"
    bad = (await client.gql(external, id="x" * 300, input=change))["errors"][0]["extensions"]
    assert pointers(bad["problem"]) == ["/external_id"]
    read = (
        f'query($id: String!) {{ {one}ByExternalId(source: "legacy", externalId: $id) {{ id }} }}'
    )
    assert await client.data(read, id="151") == {f"{one}ByExternalId": {"id": made[one]["id"]}}
    assert await client.data(read, id="none") == {f"{one}ByExternalId": None}
    match = (
        f"mutation($match: String!, $input: {single}UpsertInput!) "
        f"{{ upsert{single}(match: $match, input: $input) {shown} }}"
    )
    given = {**body, "externalIds": {"legacy": "151"}}
    found = (await client.data(match, match="external_id", input=given))[f"upsert{single}"]
    assert found[one]["id"] == made[one]["id"]
    wrong = (await client.gql(match, match="shoe", input=given))["errors"][0]["extensions"]
    assert wrong["code"] == "unknown_match"
    assert pascal(kind.entity) == single
