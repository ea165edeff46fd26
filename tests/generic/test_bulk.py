"""Many writes of a collection at once: outcomes per item, all or some, in few statements."""

import asyncio
from collections import Counter

import pytest

from support.clients import pointers, problem
from support.factories import Kind
from support.graph import body_as_graph, pascal

MISSING = "0190a000-0000-7000-8000-000000000000"


async def bulk(client, kind: Kind, op, items, status=200, **params):
    body = {"op": op, "items": items}
    answer = await client.post(f"/v1/{kind.path}/bulk", json=body, params=params)
    assert answer.status_code == status, answer.text[:2000]
    return answer.json()


async def made(client, kind: Kind, count):
    done = await bulk(client, kind, "create", await kind.bodies(client, count))
    return [result["record"] for result in done["results"]]


def results_of(done):
    return [result["result"] for result in done["results"]]


async def count(client, kind, **params):
    return (await client.read(kind.path, count="exact", limit=1, **params))["total"]


async def test_items_are_created_as_if_alone(client, kind):
    bodies = await kind.bodies(client, 3)
    before = await count(client, kind)
    done = await bulk(client, kind, "create", bodies)
    assert (done["succeeded"], done["failed"]) == (3, 0)
    assert [r["index"] for r in done["results"]] == [0, 1, 2]
    assert {r["status"] for r in done["results"]} == {201}
    for result in done["results"]:
        shown = {n: v for n, v in result["record"].items() if n in kind.listing.shown}
        assert shown == await client.read(f"{kind.path}/{result['id']}")
        assert result["problem"] is None
    assert await count(client, kind) == before + 3


async def test_create_is_the_operation_where_none_is_named(client, kind):
    least = await kind.factory.least(client)
    answer = await client.post(f"/v1/{kind.path}/bulk", json={"items": [least]})
    assert results_of(answer.json()) == ["created"]


async def test_items_are_changed_binned_and_restored(client, kind):
    rows = await made(client, kind, 3)
    change = kind.factory.change
    items = [{"id": row["id"], "patch": change, "expected_version": 1} for row in rows]
    done = await bulk(client, kind, "update", items)
    assert results_of(done) == ["updated"] * 3
    for row, result in zip(rows, done["results"], strict=True):
        now = await client.read(f"{kind.path}/{row['id']}")
        assert result["record"] == now
        assert now["version"] == 2
    again = [{"id": row["id"], "patch": change} for row in rows]
    assert results_of(await bulk(client, kind, "update", again)) == ["unchanged"] * 3
    done = await bulk(client, kind, "delete", [{"id": row["id"]} for row in rows])
    assert results_of(done) == ["deleted"] * 3
    assert {r["status"] for r in done["results"]} == {204}
    for row in rows:
        problem(await client.get(f"/v1/{kind.path}/{row['id']}"), 404)
    done = await bulk(client, kind, "restore", [{"id": row["id"]} for row in rows])
    assert results_of(done) == ["restored"] * 3
    done = await bulk(client, kind, "restore", [{"id": row["id"]} for row in rows])
    assert results_of(done) == ["unchanged"] * 3
    for row in rows:
        assert (await client.read(f"{kind.path}/{row['id']}"))["version"] == 4


async def test_each_item_has_its_event(client, kind, org, owner):
    rows = await made(client, kind, 2)
    await bulk(
        client, kind, "update", [{"id": r["id"], "patch": kind.factory.change} for r in rows]
    )
    await bulk(client, kind, "delete", [{"id": row["id"]} for row in rows])
    for row in rows:
        told = await owner.fetch(
            "SELECT type FROM events WHERE organization_id = $1 AND record_id = $2 ORDER BY seq",
            org.id,
            row["id"],
        )
        verbs = ("created", "updated", "deleted")
        assert [event["type"] for event in told] == [f"{kind.entity}.{verb}" for verb in verbs]


async def test_abort_names_every_mistake_and_stores_nothing(client, kind):
    holder, *bodies = await kind.bodies(client, 7)
    await client.made(kind.path, {**holder, "external_ids": {"legacy": "taken"}})
    before = await count(client, kind)
    items = [
        bodies[0],
        {**bodies[1], **kind.factory.wrong},
        {**bodies[2], "external_ids": {"legacy": "taken"}},
        {**bodies[3], "nonsense": 1},
        "no object",
        {**bodies[4], "external_ids": {"legacy": "free"}},
        {**bodies[5], "external_ids": {"legacy": "free"}},
    ]
    answer = await client.post(f"/v1/{kind.path}/bulk", json={"items": items})
    found = problem(answer, 422, "bulk_failed")
    assert [r["index"] for r in found["results"]] == [1, 2, 3, 4, 6]
    assert [r["status"] for r in found["results"]] == [422, 409, 422, 422, 409]
    places = pointers(found)
    assert {place.split("/")[2] for place in places} == {"1", "2", "3", "4", "6"}
    assert f"/items/1/{next(iter(kind.factory.wrong))}" in "".join(places)
    assert "/items/3/nonsense" in places
    assert any(place.startswith("/items/2/external_ids") for place in places)
    assert await count(client, kind) == before


async def test_skip_stores_whatever_can_be(client, kind):
    bodies = await kind.bodies(client, 8)
    items = [{**body, "external_ids": {"legacy": str(n % 4)}} for n, body in enumerate(bodies)]
    items[1] = {**bodies[1], "nonsense": 1}
    done = await bulk(client, kind, "create", items, on_error="skip")
    wanted = ["created", "failed", "created", "created", "failed", "created", "failed", "failed"]
    assert results_of(done) == wanted
    assert (done["succeeded"], done["failed"]) == (4, 4)
    for result in done["results"]:
        if result["result"] == "failed":
            assert (result["id"], result["record"]) == (None, None)
            assert result["problem"]["status"] == result["status"]
            pointer = result["problem"]["errors"][0]["pointer"]
            assert pointer.startswith(f"/items/{result['index']}/")
        else:
            assert (await client.read(f"{kind.path}/{result['id']}"))["version"] == 1


@pytest.mark.parametrize("op", ["update", "delete", "restore"])
async def test_other_organizations_records_are_not_there(client, other, kind, op):
    foreign = await kind.make(other)
    (own,) = await made(client, kind, 1)
    more = {"patch": kind.factory.change} if op == "update" else {}
    items = [{"id": id, **more} for id in (foreign["id"], own["id"], MISSING)]
    done = await bulk(client, kind, op, items, on_error="skip")
    assert [r["status"] for r in done["results"]][::2] == [404, 404]
    assert done["results"][1]["result"] != "failed"
    assert done["results"][0]["problem"]["code"] == "not_found"
    assert (await other.read(f"{kind.path}/{foreign['id']}"))["version"] == 1
    found = await bulk(client, kind, op, items, status=422)
    assert found["results"][0]["index"] == 0


async def test_versions_are_kept(client, kind):
    await kind.define(client, turn="integer")
    rows = await made(client, kind, 3)
    await client.changed(f"{kind.path}/{rows[1]['id']}", kind.factory.change)
    patch = {"custom": {"turn": 1}}
    items = [{"id": row["id"], "patch": patch, "expected_version": 1} for row in rows]
    done = await bulk(client, kind, "update", items, on_error="skip")
    assert [r["status"] for r in done["results"]] == [200, 412, 200]
    assert done["results"][1]["problem"]["code"] == "stale"
    assert done["results"][1]["problem"]["current"]["version"] == 2
    items = [{"id": row["id"], "expected_version": 2} for row in rows]
    assert results_of(await bulk(client, kind, "delete", items)) == ["deleted"] * 3


async def test_the_same_record_twice_is_changed_in_order(client, kind):
    await kind.define(client, turn="integer")
    (row,) = await made(client, kind, 1)
    items = [{"id": row["id"], "patch": {"custom": {"turn": turn}}} for turn in (1, 2, 1)]
    done = await bulk(client, kind, "update", items)
    assert [r["record"]["version"] for r in done["results"]] == [2, 3, 4]
    now = await client.read(f"{kind.path}/{row['id']}")
    assert (now["version"], now["custom"]) == (4, {"turn": 1})


async def test_keys_follow_a_record_that_is_changed_twice(client, kind):
    (row,) = await made(client, kind, 1)
    turns = ("first", "second", "first")
    items = [{"id": row["id"], "patch": {"external_ids": {"legacy": turn}}} for turn in turns]
    await bulk(client, kind, "update", items)
    bodies = zip(await kind.bodies(client, 2), ("second", "first"), strict=True)
    done = await bulk(
        client,
        kind,
        "create",
        [{**body, "external_ids": {"legacy": turn}} for body, turn in bodies],
        on_error="skip",
    )
    assert results_of(done) == ["created", "failed"]


async def test_dry_run_answers_and_stores_nothing(client, kind):
    least = await kind.factory.least(client)
    before = await count(client, kind)
    done = await bulk(client, kind, "create", [least, {}], dry_run="true", on_error="skip")
    assert results_of(done)[0] == "created"
    assert await count(client, kind) == before
    found = await bulk(
        client, kind, "create", [least, {**least, "nonsense": 1}], status=422, dry_run="true"
    )
    assert pointers(found) == ["/items/1/nonsense"]


async def test_bad_requests(client, kind):
    path = f"/v1/{kind.path}/bulk"
    found = problem(await client.post(path, json={"items": [{}] * 1001}), 422, "validation")
    assert pointers(found) == ["/items"]
    assert found["errors"][0]["code"] == "too_many"
    for body, pointer in (
        ({"items": []}, "/items"),
        ({}, "/items"),
        ({"op": "burn", "items": [{}]}, "/op"),
        ({"items": {}}, "/items"),
        ({"items": [{}], "more": 1}, "/more"),
    ):
        assert pointers(problem(await client.post(path, json=body), 422)) == [pointer], body
    answer = await client.post(path, json={"items": [{}]}, params={"on_error": "hope"})
    assert pointers(problem(answer, 422)) == ["on_error"]
    for op, item, pointer in (
        ("update", {"patch": {}}, "/items/0/id"),
        ("update", {"id": MISSING}, "/items/0/patch"),
        ("update", {"id": "x", "patch": {}}, "/items/0/id"),
        ("update", {"id": MISSING, "patch": kind.factory.wrong}, "/items/0/patch/"),
        ("delete", {"id": MISSING, "patch": {}}, "/items/0/patch"),
        ("delete", {"id": MISSING, "expected_version": "new"}, "/items/0/expected_version"),
        ("restore", {}, "/items/0/id"),
    ):
        found = await bulk(client, kind, op, [item], status=422)
        assert pointers(found)[0].startswith(pointer), found


async def test_mistakes_that_only_storing_shows_point_into_the_patch(client, kind):
    await kind.make(client, external_ids={"legacy": "taken"})
    rows = await made(client, kind, 3)
    items = [{"id": r["id"], "patch": {"external_ids": {"legacy": r["id"]}}} for r in rows]
    items[1]["patch"] = {"external_ids": {"legacy": "taken"}}
    done = await bulk(client, kind, "update", items, on_error="skip")
    assert results_of(done) == ["updated", "failed", "updated"]
    (pointer,) = pointers(done["results"][1]["problem"])
    assert pointer.startswith("/items/1/patch/external_ids")


async def test_writing_in_bulk_needs_its_scope(client, kind, read_only):
    least = await kind.factory.least(client)
    answer = await read_only.post(f"/v1/{kind.path}/bulk", json={"items": [least]})
    assert problem(answer, 403, "insufficient_scope")["scope"] == f"{kind.area}:write"


async def test_statements_do_not_grow_with_the_items(client, kind, statements):
    used = []
    for size in (10, 40):
        bodies = await kind.bodies(client, size)
        async with statements() as create:
            done = await bulk(client, kind, "create", bodies)
        ids = [result["id"] for result in done["results"]]
        async with statements() as update:
            patch = {**kind.factory.change, "external_ids": {"legacy": None}}
            await bulk(client, kind, "update", [{"id": id, "patch": patch} for id in ids])
        async with statements() as delete:
            await bulk(client, kind, "delete", [{"id": id} for id in ids])
        async with statements() as restore:
            await bulk(client, kind, "restore", [{"id": id} for id in ids])
        used.append([len(create), len(update), len(delete), len(restore)])
    if kind.singly:
        # Each takes its own, and no more for being one of many.
        assert all(many <= 4 * few for few, many in zip(*used, strict=True)), used
        return
    assert used[0] == used[1]
    assert used[1][0] == 1 + kind.asks
    assert max(used[1]) <= 6, (update, delete, restore)


async def test_parallel_bulks_over_the_same_records_wait_for_each_other(client, kind):
    await kind.define(client, **{f"k{number}": "integer" for number in range(6)})
    count = 20 if kind.singly else 60
    ids = [row["id"] for row in await made(client, kind, count)]

    async def turn(number):
        order = ids if number % 2 else ids[::-1]
        items = [{"id": id, "patch": {"custom": {f"k{number}": number}}} for id in order]
        # A mistake in the middle has the halves tried one by one.
        items[count // 2] = {**items[count // 2], "expected_version": 77}
        answer = await client.post(
            f"/v1/{kind.path}/bulk",
            json={"op": "update", "items": items},
            params={"on_error": "skip"},
        )
        return answer.status_code, Counter(results_of(answer.json()))

    done = await asyncio.gather(*(turn(number) for number in range(6)))
    assert done == [(200, {"updated": count - 1, "failed": 1})] * 6
    versions = Counter()
    for id in ids:
        versions[(await client.read(f"{kind.path}/{id}"))["version"]] += 1
    assert versions == {7: count - 2, 4: 2}


def upserts(kind):
    return kind.service.upserts


async def test_upserts_create_change_and_leave(client, kind, statements):
    if not upserts(kind):
        body = {"op": "upsert", "items": [{}]}
        answer = await client.post(f"/v1/{kind.path}/bulk", json=body)
        assert pointers(problem(answer, 422)) == ["/op"]
        return
    bodies = await kind.bodies(client, 4)
    items = [{**body, "external_ids": {"legacy": str(n)}} for n, body in enumerate(bodies)]
    done = await bulk(client, kind, "upsert", items[:3], match="external_id")
    assert results_of(done) == ["created"] * 3
    items[1] = {**items[1], **kind.factory.change}
    # The last one stands there twice: what the first of them makes the second one finds.
    done = await bulk(client, kind, "upsert", [*items, items[3]], match="external_id")
    assert results_of(done) == ["unchanged", "updated", "unchanged", "created", "unchanged"]
    assert done["results"][3]["id"] == done["results"][4]["id"]
    assert [r["status"] for r in done["results"]] == [200, 200, 200, 201, 200]
    bodies, used = await kind.bodies(client, 40), []
    for size in (10, 40):
        many = [{**body, "external_ids": {"many": str(n)}} for n, body in enumerate(bodies[:size])]
        many = [{**item, **(kind.factory.change if n % 2 else {})} for n, item in enumerate(many)]
        async with statements() as seen:
            await bulk(client, kind, "upsert", many, match="external_id")
        used.append(len(seen))
    assert kind.singly or max(used) <= 12, seen


async def test_upserts_say_by_what(client, kind):
    if not upserts(kind):
        return
    least = await kind.factory.least(client)
    for params, code in (({}, "required"), ({"match": "shoe_size"}, "unknown_match")):
        found = await bulk(client, kind, "upsert", [least], status=422, **params)
        assert (found["code"], pointers(found)) == (code, ["match"])
    found = await bulk(client, kind, "create", [least], status=422, match="external_id")
    assert pointers(found) == ["match"]
    found = await bulk(client, kind, "upsert", [least], status=422, match="external_id")
    assert pointers(found) == ["/items/0/external_ids"]


async def test_parallel_upserts_make_each_record_once(client, kind):
    if not upserts(kind):
        return
    count = 10 if kind.singly else 30
    bodies = await kind.bodies(client, count)
    items = [{**body, "external_ids": {"legacy": str(n)}} for n, body in enumerate(bodies)]

    async def turn(number):
        order = items if number % 2 else items[::-1]
        return results_of(await bulk(client, kind, "upsert", order, match="external_id"))

    done = await asyncio.gather(*(turn(number) for number in range(6)))
    assert Counter(result for results in done for result in results) == {
        "created": count,
        "unchanged": 5 * count,
    }


OUTCOMES = "stored succeeded failed results { index status result id record { id version } problem { code status errors { pointer code } } }"


async def graph(client, kind, op, inputs, *, item, **more):
    name = pascal(kind.name)
    arguments = ", ".join(["inputs: $inputs", *(f"{key}: {value}" for key, value in more.items())])
    document = f"mutation($inputs: [{item}!]!) {{ done: {op}{name}({arguments}) {{ {OUTCOMES} }} }}"
    return (await client.data(document, inputs=inputs))["done"]


async def test_graphql_tells_the_same_as_data(client, kind):
    *bodies, least = map(body_as_graph, await kind.bodies(client, 4))
    create, update = f"{kind.type}CreateInput", f"{kind.type}UpdateItemInput"
    done = await graph(client, kind, "create", bodies, item=create)
    assert (done["stored"], done["succeeded"], done["failed"]) == (True, 3, 0)
    ids = [result["id"] for result in done["results"]]
    assert [r["record"] for r in done["results"]] == [{"id": id, "version": 1} for id in ids]
    patch = body_as_graph(kind.factory.change)
    inputs = [{"id": id, "patch": patch} for id in [*ids, MISSING]]
    done = await graph(client, kind, "update", inputs, item=update)
    assert (done["stored"], done["succeeded"], done["failed"]) == (False, 0, 1)
    assert done["results"][3]["problem"]["code"] == "not_found"
    assert results_of(done) == ["aborted"] * 3 + ["failed"]
    assert (await client.read(f"{kind.path}/{ids[0]}"))["version"] == 1
    done = await graph(client, kind, "update", inputs, item=update, onError="SKIP")
    assert (done["stored"], done["succeeded"], done["failed"]) == (True, 3, 1)
    which = [{"id": id} for id in ids]
    done = await graph(client, kind, "delete", which, item="DeleteItemInput", dryRun="true")
    assert done["succeeded"] == 3
    assert (await client.read(f"{kind.path}/{ids[0]}"))["version"] == 2
    done = await graph(client, kind, "delete", which, item="DeleteItemInput")
    done = await graph(client, kind, "restore", which, item="RestoreItemInput")
    assert [r["record"]["version"] for r in done["results"]] == [4] * 3
    if upserts(kind):
        inputs = [{**least, "externalIds": {"legacy": "1"}}] * 2
        item, match = f"{kind.type}UpsertInput", '"external_id"'
        done = await graph(client, kind, "upsert", inputs, item=item, match=match)
        assert results_of(done) == ["created", "unchanged"]


async def test_graphql_is_bounded_and_needs_the_scope_too(client, kind, read_only):
    name, item = pascal(kind.name), "DeleteItemInput"
    document = f"mutation($inputs: [{item}!]!) {{ delete{name}(inputs: $inputs) {{ stored }} }}"
    for count in (0, 1001):
        answer = await client.gql(document, inputs=[{"id": MISSING}] * count)
        found = answer["errors"][0]["extensions"]["problem"]
        assert (found["status"], pointers(found)) == (422, ["/items"]), count
    answer = await read_only.gql(document, inputs=[{"id": MISSING}])
    assert answer["errors"][0]["extensions"]["code"] == "insufficient_scope"


async def test_relation_fields_are_looked_up_together(client, kind, statements):
    if kind.singly:
        return
    await kind.define(client, {"name": "buddy", "type": "relation", "relates_to": "contact"})
    contacts = [await client.made("contacts", {"last_name": "Target"}) for _ in range(2)]
    used = []
    for size in (4, 12):
        values = [{"custom": {"buddy": contacts[n % 2]["id"].upper()}} for n in range(size)]
        bodies = [b | v for b, v in zip(await kind.bodies(client, size), values, strict=True)]
        async with statements() as create:
            done = await bulk(client, kind, "create", bodies)
        assert done["results"][0]["record"]["custom"] == {"buddy": contacts[0]["id"]}
        async with statements() as update:
            items = [
                {"id": result["id"], "patch": {"custom": {"buddy": contacts[1]["id"]}}}
                for result in done["results"]
            ]
            await bulk(client, kind, "update", items)
        used.append([len(create), len(update)])
    assert used[0] == used[1], repr(create) + repr(update)


async def test_relation_fields_that_lead_nowhere_are_the_items_own_mistake(client, kind):
    await kind.define(client, {"name": "buddy", "type": "relation", "relates_to": "contact"})
    contact = await client.made("contacts", {"last_name": "Target"})
    wanted = [contact["id"], MISSING, "nonsense", None]
    bodies = await kind.bodies(client, len(wanted))
    items = [b | {"custom": {"buddy": w}} for b, w in zip(bodies, wanted, strict=True)]
    done = await bulk(client, kind, "create", items, on_error="skip")
    assert [result["status"] for result in done["results"]] == [201, 422, 422, 201]
    codes = [done["results"][n]["problem"]["errors"][0]["code"] for n in (1, 2)]
    assert codes == ["unknown_reference", "invalid_uuid"]


async def test_upserts_see_what_those_before_them_have_changed(client):
    first, second = ({"value": f"{word}@example.com"} for word in ("one", "two"))
    whole = await client.made("contacts", {"last_name": "Person", "emails": [first, second]})
    answer = await client.post(
        "/v1/contacts/bulk",
        params={"match": "email"},
        json={
            "op": "upsert",
            "items": [
                {"last_name": "First", "emails": [first]},
                {"last_name": "Second", "emails": [second]},
            ],
        },
    )
    results = answer.json()["results"]
    # By the first one the record has lost the address by which the second one looks.
    assert [result["result"] for result in results] == ["updated", "created"]
    assert results[0]["id"] == whole["id"] != results[1]["id"]
