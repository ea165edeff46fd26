"""Create, read, list, change, bin and restore over REST, for every collection."""

from uuid import UUID

import pytest

from support import json_schema
from support.clients import pointers, problem
from support.members import new_user

COMMON = {
    "custom": {"tier": "gold", "score": 7, "ratio": "0.5", "flag": True},
    "external_ids": {"legacy": "151"},
}


async def test_create_answers_with_the_whole_record(client, kind, org):
    answer = await client.post(f"/v1/{kind.path}", json=await kind.factory.least(client))
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert set(kind.listing.shown) <= made.keys()
    assert UUID(made["id"]).version == 7
    assert made["version"] == 1
    assert made["created_at"] == made["updated_at"]
    assert made["created_at"].endswith("Z")
    assert made["deleted_at"] is None
    assert answer.headers["location"] == f"/v1/{kind.path}/{made['id']}"
    assert answer.headers["etag"] == '"1"'
    read = await client.get(answer.headers["location"])
    assert read.json() == {name: made[name] for name in kind.listing.shown}
    assert read.headers["etag"] == '"1"'


async def test_created_by_is_the_key_that_made_it(client, kind):
    key = await client.made("api-keys", {"name": "Maker", "scopes": ["*"]})
    client.headers["Authorization"] = f"Bearer {key['token']}"
    assert (await kind.make(client))["created_by"] == key["id"]


async def test_common_fields_are_stored(client, kind):
    await kind.define(client, tier="text", score="integer", ratio="decimal", flag="bool")
    common = {**COMMON, "owner_id": await new_user(client)}
    made = await kind.make(client, **common)
    shown = await client.read(f"{kind.path}/{made['id']}")
    assert {name: shown[name] for name in common} == common


async def test_answers_are_what_the_documentation_says(client, kind, app):
    document = app.openapi()
    path = document["paths"][f"/v1/{kind.path}"]
    made = path["post"]["responses"]["201"]["content"]["application/json"]["schema"]
    listed = path["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    for body in await kind.factory.varied(client):
        row = await client.made(kind.path, body)
        assert json_schema.errors(row, made, document) == []
        shown = await client.read(f"{kind.path}/{row['id']}")
        kind.out.model_validate(shown)
        assert shown.keys() == kind.out.model_fields.keys()
        assert shown == {name: row[name] for name in shown}
    page = await client.read(kind.path, count="exact")
    assert json_schema.errors(page, listed, document) == []
    for row in page["data"]:
        kind.out.model_validate(row, strict=False)


async def test_list_query_and_read_show_the_same(client, kind):
    made = await kind.several(client)
    ids = [row["id"] for row in made]
    listed = {row["id"]: row for row in (await client.read(kind.path, limit=200))["data"]}
    queried = await client.post(f"/v1/{kind.path}/query", json={"limit": 200})
    assert {row["id"]: row for row in queried.json()["data"]} == listed
    for id in ids:
        assert await client.read(f"{kind.path}/{id}") == listed[id]


async def test_newest_come_first(client, kind):
    made = [row["id"] for row in await kind.several(client)]
    listed = [row["id"] for row in (await client.read(kind.path, limit=200))["data"]]
    assert [id for id in listed if id in made] == made[::-1]


async def test_patch_changes_what_is_given_and_nothing_else(client, kind):
    made = await kind.make(client)
    before = await client.read(f"{kind.path}/{made['id']}")
    after = await client.changed(f"{kind.path}/{made['id']}", kind.factory.change)
    assert after == {
        **before,
        **kind.factory.change,
        "version": 2,
        "updated_at": after["updated_at"],
    }
    assert after["updated_at"] > before["updated_at"]
    assert await client.read(f"{kind.path}/{made['id']}") == after


async def test_patch_without_a_difference_changes_nothing(client, kind):
    made = await kind.make(client)
    path = f"{kind.path}/{made['id']}"
    after = await client.changed(path, kind.factory.change)
    assert await client.changed(path, kind.factory.change) == after
    assert await client.changed(path, {}) == after


async def test_null_clears_and_absence_leaves(client, kind):
    owner_id = await new_user(client)
    made = await kind.make(client, owner_id=owner_id)
    path = f"{kind.path}/{made['id']}"
    assert (await client.changed(path, kind.factory.change))["owner_id"] == owner_id
    assert (await client.changed(path, {"owner_id": None}))["owner_id"] is None


async def test_nulls_clear_optional_field(client, kind):
    name = kind.factory.cleared
    if name is None:
        return
    made = await kind.make(client)
    path = f"{kind.path}/{made['id']}"
    if name in kind.factory.change:
        await client.changed(path, kind.factory.change)
    assert (await client.changed(path, {name: None}))[name] is None


async def test_custom_and_external_ids_merge_by_key(client, kind):
    await kind.define(client, a="integer", b="integer", c="integer")
    made = await kind.make(client)
    path = f"{kind.path}/{made['id']}"
    await client.changed(path, {"custom": {"a": 1, "b": 2}, "external_ids": {"one": "1"}})
    after = await client.changed(
        path, {"custom": {"a": None, "c": 3}, "external_ids": {"two": "2"}}
    )
    assert after["custom"] == {"b": 2, "c": 3}
    assert after["external_ids"] == {"one": "1", "two": "2"}
    after = await client.changed(path, {"custom": None, "external_ids": {"one": None}})
    assert after["custom"] == {}
    assert after["external_ids"] == {"two": "2"}


async def test_required_field_cannot_be_cleared(client, kind):
    made = await kind.make(client)
    answer = await client.patch(f"/v1/{kind.path}/{made['id']}", json={kind.factory.required: None})
    problem(answer, 422, "validation")


async def test_unknown_field_is_an_error_with_its_place(client, kind):
    body = await kind.factory.least(client)
    made = await client.made(kind.path, body)
    for answer in (
        await client.post(f"/v1/{kind.path}", json={**body, "no_such": 1}),
        await client.patch(f"/v1/{kind.path}/{made['id']}", json={"no_such": 1}),
    ):
        found = problem(answer, 422, "validation")
        assert pointers(found) == ["/no_such"]
        assert found["errors"][0]["code"] == "unknown_field"


async def test_wrong_type_is_an_error_with_its_place(client, kind):
    body = {**await kind.factory.least(client), **kind.factory.wrong}
    found = problem(await client.post(f"/v1/{kind.path}", json=body), 422, "validation")
    (name,) = kind.factory.wrong
    assert pointers(found)[0].startswith(f"/{name}")


async def test_if_match_refuses_a_stale_change(client, kind):
    made = await kind.make(client)
    path = f"/v1/{kind.path}/{made['id']}"
    first = await client.patch(path, json=kind.factory.change, headers={"If-Match": '"1"'})
    assert first.status_code == 200
    assert first.headers["etag"] == '"2"'
    for refused in (
        await client.patch(path, json={"owner_id": None}, headers={"If-Match": '"1"'}),
        await client.delete(path, headers={"If-Match": '"1"'}),
    ):
        found = problem(refused, 412, "stale")
        assert found["current"] == first.json()
        assert refused.headers["etag"] == '"2"'
    assert (await client.delete(path, headers={"If-Match": '"2"'})).status_code == 204


async def test_stale_change_is_told_which_fields_are_in_conflict(client, kind):
    made = await kind.make(client)
    path = f"/v1/{kind.path}/{made['id']}"
    (name,) = kind.factory.change
    await client.patch(path, json=kind.factory.change)
    await kind.define(client, tier="text", a="integer")
    owned = {"owner_id": await new_user(client), "custom": {"tier": "gold"}}
    await client.patch(path, json=owned)
    # There and back again is no change.
    await client.patch(path, json={"external_ids": {"legacy": "7"}})
    await client.patch(path, json={"external_ids": {"legacy": None}})
    old, mid = {"If-Match": '"1"'}, {"If-Match": '"2"'}
    mine = {**kind.factory.change, "custom": {"a": 1}, "external_ids": {"legacy": "8"}}
    owned = {"owner_id", *kind.factory.with_owner}
    for answer, conflicts, places in (
        (await client.patch(path, json=mine, headers=old), {name, "custom"}, {name, "custom"}),
        (await client.patch(path, json=mine, headers=mid), {"custom"}, {"custom"}),
        (await client.patch(path, json=kind.factory.change, headers=mid), set(), set()),
        (await client.delete(path, headers=old), {name, *owned, "custom"}, set()),
        (await client.delete(path, headers=mid), {*owned, "custom"}, set()),
        (await client.delete(path, headers={"If-Match": '"99"'}), set(), set()),
    ):
        found = problem(answer, 412, "stale")
        assert set(found["conflicts"]) == conflicts
        assert set(pointers(found)) == {f"/{place}" for place in places}
        assert found["current"]["version"] == 5


NO_TAGS = ["1", '"x"', 'W/"1"', '""', '"1", "2"', '"-1"', '"' + "9" * 40 + '"']


async def test_if_match_that_is_no_tag_is_an_error(client, kind, subtests):
    made = await kind.make(client)
    path = f"/v1/{kind.path}/{made['id']}"
    for tag in NO_TAGS:
        with subtests.test(tag=tag):
            answer = await client.patch(path, json=kind.factory.change, headers={"If-Match": tag})
            assert pointers(problem(answer, 422, "validation")) == ["If-Match"]


async def test_if_none_match_spares_the_body(client, kind):
    made = await kind.make(client)
    path = f"/v1/{kind.path}/{made['id']}"
    for tag in ('"1"', 'W/"1"', "*", '"7", "1"'):
        answer = await client.get(path, headers={"If-None-Match": tag})
        assert (answer.status_code, answer.content) == (304, b""), tag
        assert answer.headers["etag"] == '"1"'
    await client.patch(path, json=kind.factory.change)
    assert (await client.get(path, headers={"If-None-Match": '"1"'})).status_code == 200


async def test_tag_differs_with_what_is_shown(client, kind):
    made = await kind.make(client)
    path = f"/v1/{kind.path}/{made['id']}"
    part = await client.get(path, params={"fields": "id"})
    assert part.headers["etag"] != '"1"'
    again = {"If-None-Match": part.headers["etag"]}
    assert (await client.get(path, params={"fields": "id"}, headers=again)).status_code == 304
    assert (await client.get(path, headers=again)).status_code == 200


async def test_bin_and_restore(client, kind):
    made = await kind.make(client)
    path = f"/v1/{kind.path}/{made['id']}"
    gone = await client.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    for answer in (
        await client.get(path),
        await client.patch(path, json=kind.factory.change),
        await client.delete(path),
    ):
        problem(answer, 404, "not_found")
    for params, shown in (({}, False), ({"deleted": "only"}, True), ({"deleted": "include"}, True)):
        page = await client.read(kind.path, limit=200, **params)
        assert (made["id"] in {row["id"] for row in page["data"]}) is shown
        assert params != {"deleted": "only"} or len(page["data"]) == 1
    back = await client.post(f"{path}/restore")
    assert back.status_code == 200, back.text
    assert back.json()["version"] == 3
    assert back.json()["deleted_at"] is None
    assert await client.read(f"{kind.path}/{made['id']}") == back.json()
    assert (await client.post(f"{path}/restore")).json() == back.json()


async def test_unknown_ids_are_404(client, kind):
    path = f"/v1/{kind.path}/01990000-0000-7000-8000-0000000000ff"
    for answer in (
        await client.get(path),
        await client.patch(path, json=kind.factory.change),
        await client.delete(path),
        await client.post(f"{path}/restore"),
        await client.get(f"{path}/history"),
    ):
        problem(answer, 404, "not_found")


async def test_path_that_is_no_id_is_an_error(client, kind):
    problem(await client.get(f"/v1/{kind.path}/not-an-id"), 422, "validation")
    problem(await client.patch(f"/v1/{kind.path}/1", json={}), 422, "validation")


@pytest.mark.parametrize("verb", ["create", "update", "delete", "restore"])
async def test_dry_run_answers_as_if_done_and_stores_nothing(client, kind, owner, org, verb):
    body = await kind.factory.least(client)
    made = await client.made(kind.path, body)
    path = f"/v1/{kind.path}/{made['id']}"
    if verb == "restore":
        await client.delete(path)
    another = await kind.factory.least(client)
    count = "SELECT count(*) FROM events WHERE organization_id = $1"
    events = await owner.fetchval(count, org.id)
    before = await client.read(kind.path, deleted="include", limit=200)
    dry = {"dry_run": "true"}
    answer = {
        "create": lambda: client.post(f"/v1/{kind.path}", json=another, params=dry),
        "update": lambda: client.patch(path, json=kind.factory.change, params=dry),
        "delete": lambda: client.delete(path, params=dry),
        "restore": lambda: client.post(f"{path}/restore", params=dry),
    }[verb]
    found = await answer()
    wanted = {"create": 201, "update": 200, "delete": 204, "restore": 200}
    assert found.status_code == wanted[verb], found.text
    if verb == "update":
        assert found.json()["version"] == 2
    assert await client.read(kind.path, deleted="include", limit=200) == before
    assert await owner.fetchval(count, org.id) == events


async def test_external_id_belongs_to_one_record(client, kind):
    taken = {"external_ids": {"legacy": "7"}}
    first = await kind.make(client, **taken)
    body = await kind.factory.least(client)
    answer = await client.post(f"/v1/{kind.path}", json={**body, **taken})
    found = problem(answer, 409, "duplicate_external_id")
    assert pointers(found) == ["/external_ids/legacy"]
    assert found["record_id"] == first["id"]
    second = await client.made(kind.path, body)
    answer = await client.patch(f"/v1/{kind.path}/{second['id']}", json=taken)
    problem(answer, 409, "duplicate_external_id")
    assert (await client.delete(f"/v1/{kind.path}/{first['id']}")).status_code == 204
    await client.changed(f"{kind.path}/{second['id']}", taken)
    answer = await client.post(f"/v1/{kind.path}/{first['id']}/restore")
    problem(answer, 409, "duplicate_external_id")


async def test_statement_budgets(client, kind, statements):
    made = await kind.make(client)
    path = f"/v1/{kind.path}/{made['id']}"
    body = await kind.factory.least(client)
    for budget, ask in (
        (1, lambda: client.get(f"/v1/{kind.path}")),
        (1, lambda: client.post(f"/v1/{kind.path}/query", json={"sort": ["created_at"]})),
        (1, lambda: client.get(path)),
        (1 + kind.factory.further, lambda: client.post(f"/v1/{kind.path}", json=body)),
        (6 + kind.factory.further, lambda: client.patch(path, json=kind.factory.change)),
        (8 + kind.factory.further, lambda: client.delete(path)),
    ):
        async with statements() as seen:
            assert (await ask()).is_success
        assert len(seen) <= budget, seen.work
