"""Who sees which records: one rule, by whatever way they are asked for.

Each test has a record that a user sees and one that the user does not; the second is never there.
"""

from dataclasses import dataclass
from typing import Any

import pytest

from crm_api.kit.access import is_managed
from support.clients import Api, pointers, problem
from support.exports import exported
from support.factories import KINDS, Kind
from support.graph import body_as_graph, camel, pascal
from support.members import Member, custom_role, member, team
from support.sights import give
from support.waiting import patiently

OWNED = [
    k
    for k in KINDS
    if not is_managed(k.area) and k.listing.open_to is None and k.listing.about is None
]
OWN = {"read": "own", "create": "own", "update": "own", "delete": "own"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "owned" in metafunc.fixturenames:
        metafunc.parametrize("owned", OWNED, ids=str)


@dataclass
class Scene:
    """A user with one record in sight and one out of it."""

    kind: Kind
    client: Api
    one: Member
    seen: dict[str, Any]
    hidden: dict[str, Any]

    @property
    def path(self) -> str:
        return self.kind.path

    @property
    def api(self) -> Api:
        return self.one.api


@pytest.fixture
async def scene(client: Api, owned: Kind) -> Scene:
    role = await custom_role(
        client, levels={"*": OWN}, permissions=["export", "import", "merge", "purge"]
    )
    one, colleague = await member(client, role), await member(client, role)
    seen, hidden = await owned.make(client), await owned.make(client)
    await give(client, owned, seen, one.id)
    await give(client, owned, hidden, colleague.id)
    return Scene(owned, client, one, seen, hidden)


def ids_of(page: dict[str, Any]) -> list[str]:
    return [row["id"] for row in page["data"]]


async def test_lists_and_counts(scene):
    page = await scene.api.read(scene.path, count="exact")
    assert (ids_of(page), page["total"]) == ([scene.seen["id"]], 1)
    for sort in ("created_at", "-updated_at", "id"):
        assert ids_of(await scene.api.read(scene.path, sort=sort)) == [scene.seen["id"]]
    for deleted in ("include", "only"):
        page = await scene.api.read(scene.path, deleted=deleted, count="exact")
        assert scene.hidden["id"] not in ids_of(page)
    wanted = {"id": {"in": [scene.seen["id"], scene.hidden["id"]]}}
    for filter in (wanted, {"or": [wanted, {"not": {"id": {"eq": scene.seen["id"]}}}]}):
        body = {"filter": filter, "count": "exact"}
        answer = await scene.api.post(f"/v1/{scene.path}/query", json=body)
        assert (ids_of(answer.json()), answer.json()["total"]) == ([scene.seen["id"]], 1)


async def test_pages_of_a_few_and_of_many(scene, monkeypatch):
    from crm_api.kit.query import visibility

    more = [await scene.kind.make(scene.client) for _ in range(5)]
    for record in more:
        await give(scene.client, scene.kind, record, scene.one.id)
    expected = {scene.seen["id"], *(record["id"] for record in more)}
    for few in (visibility.FEW, 1):
        monkeypatch.setattr(visibility, "FEW", few)
        scene.api.app.state.services.authenticator.forget()
        found, cursor = [], None
        while True:
            params = {"limit": 4, "sort": "-created_at"} | ({"cursor": cursor} if cursor else {})
            page = await scene.api.read(scene.path, **params)
            found += ids_of(page)
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert (set(found), len(found)) == (expected, 6)


async def test_single_records_are_not_found(scene):
    id, path = scene.hidden["id"], f"/v1/{scene.path}"
    change = scene.kind.factory.change
    for method, where, body in (
        ("GET", f"{path}/{id}", None),
        ("GET", f"{path}/{id}?as_of=@now", None),
        ("GET", f"{path}/{id}/history", None),
        ("PATCH", f"{path}/{id}", change),
        ("DELETE", f"{path}/{id}", None),
        ("DELETE", f"{path}/{id}?purge=true", None),
        ("POST", f"{path}/{id}/restore", None),
    ):
        answer = await scene.api.request(method, where, json=body)
        problem(answer, 404, "not_found")
        mine = where.replace(id, scene.seen["id"])
        if method == "GET":
            assert (await scene.api.get(mine)).status_code == 200, mine
    assert (await scene.client.read(f"{scene.path}/{id}"))["deleted_at"] is None
    await scene.client.delete(f"{path}/{id}")
    problem(await scene.api.post(f"{path}/{id}/restore"), 404)


async def test_many_writes_find_nothing(scene):
    id, path = scene.hidden["id"], f"/v1/{scene.path}"
    items = {
        "update": {"id": id, "patch": scene.kind.factory.change},
        "delete": {"id": id},
        "restore": {"id": id},
    }
    for op, item in items.items():
        answer = await scene.api.post(
            f"{path}/bulk", params={"on_error": "skip"}, json={"op": op, "items": [item]}
        )
        (result,) = answer.json()["results"]
        assert result["problem"]["code"] == "not_found", result
        entity = scene.kind.entity
        data = {"patch": item["patch"]} if op == "update" else {}
        operation = {"op": op, "entity": entity, "id": id, **data}
        answer = await scene.api.post("/v1/batch", json={"operations": [operation]})
        assert "not_found" in answer.text, answer.text
    asked = {"action": "delete", "filter": {"id": {"in": [id, scene.seen["id"]]}}}
    answer = await scene.api.post(f"{path}/bulk/by-filter", json=asked)
    assert answer.json()["count"] == 1, answer.text
    assert [row["id"] for row in answer.json()["sample"]] == [scene.seen["id"]]


async def test_graphql_shows_the_same(scene):
    kind, id = scene.kind, scene.hidden["id"]
    single, plural = camel(kind.entity), camel(kind.name)
    data = await scene.api.data(
        f"query($id: UUID!, $node: ID!) {{ {plural} {{ totalCount nodes {{ id }} }} "
        f"{single}(id: $id) {{ id }} node(id: $node) {{ id }} "
        f"{single}Changes {{ nodes {{ id }} }} }}",
        id=id,
        node=id,
    )
    assert data[plural] == {"totalCount": 1, "nodes": [{"id": scene.seen["id"]}]}
    assert data[single] is None
    assert data["node"] is None
    assert data[f"{single}Changes"]["nodes"] == [{"id": scene.seen["id"]}]
    type = pascal(kind.entity)
    for document, more in (
        (
            (
                f"mutation($id: UUID!, $input: {type}UpdateInput!) "
                f"{{ update{type}(id: $id, input: $input) {{ id }} }}"
            ),
            {"input": body_as_graph(kind.factory.change)},
        ),
        (f"mutation($id: UUID!) {{ delete{type}(id: $id) }}", {}),
        (f"mutation($id: UUID!) {{ purge{type}(id: $id) }}", {}),
        (
            f'query($id: UUID!) {{ history(entity: "{kind.entity}", id: $id) {{ data {{ id }} }} }}',
            {},
        ),
    ):
        answer = await scene.api.gql(document, id=id, **more)
        assert answer["errors"][0]["extensions"]["code"] == "not_found", answer


async def test_external_ids_are_not_found(scene):
    if not scene.kind.service.upserts:
        return
    ids = {"external_ids": {"example": "one"}}
    await scene.client.changed(f"{scene.path}/{scene.hidden['id']}", ids)
    problem(await scene.api.get(f"/v1/{scene.path}/by-external/example/one"), 404)
    body = await scene.kind.factory.least(scene.client)
    relation = scene.kind.listing.within
    if relation is not None:
        local = scene.kind.listing.related[relation].local.key
        body[local] = scene.seen[local]
    body = {k: v for k, v in body.items() if not k.endswith("company_id")} | {
        k: scene.seen[k] for k in body if k.endswith("company_id")
    }
    answer = await scene.api.put(f"/v1/{scene.path}/by-external/example/one", json=body)
    assert answer.status_code in {409, 422}, answer.text
    assert scene.hidden["id"] not in answer.text


async def test_what_happens_is_told_to_those_who_see_it(scene):
    change = scene.kind.factory.change
    await scene.client.changed(f"{scene.path}/{scene.hidden['id']}", change)
    await scene.client.changed(f"{scene.path}/{scene.seen['id']}", change)
    await scene.api.told(scene.seen["id"], 2)
    feed = await scene.api.read("events", limit=200)
    about = {event["record_id"] for event in feed["data"]}
    assert scene.seen["id"] in about
    assert scene.hidden["id"] not in about


async def test_the_feed_goes_on_beyond_what_is_hidden(scene):
    for _ in range(3):
        await scene.client.changed(
            f"{scene.path}/{scene.hidden['id']}", {"external_ids": {"a": None}}
        )
        await give(scene.client, scene.kind, scene.hidden, None)
    await scene.api.told(scene.seen["id"], 1)
    found, after = [], None
    for _ in range(100):
        params = {"limit": 1} | ({"after": after} if after else {})
        page = await scene.api.read("events", **params)
        found += page["data"]
        if page["next_cursor"] == after:
            break
        after = page["next_cursor"]
    assert scene.seen["id"] in {event["record_id"] for event in found}


async def test_the_sync_feed_ends_where_sight_does(scene):
    if scene.kind.listing.within is not None:
        return
    path = f"/v1/{scene.path}/changes"
    page = (await scene.api.get(path)).json()
    assert ids_of(page) == [scene.seen["id"]]
    await give(scene.client, scene.kind, scene.seen, None)
    removed: list[str] = []
    async for _ in patiently():
        page = (await scene.api.get(path, params={"after": page["next_cursor"]})).json()
        assert scene.hidden["id"] not in ids_of(page)
        removed += [gone["id"] for gone in page["removed"]]
        if scene.seen["id"] in removed:
            break
    assert scene.seen["id"] in removed


async def test_search_finds_what_is_seen(scene):
    if scene.kind.listing.search is None:
        return
    name = "name" if "name" in scene.hidden else scene.kind.listing.search.names[0]
    words = scene.hidden[name]
    assert scene.seen[name] == words
    for params in ({"q": words}, {"q": scene.hidden["id"]}, {"q": words[:4]}):
        page = await scene.api.read(scene.path, **params, count="exact")
        assert scene.hidden["id"] not in ids_of(page)
        assert page["total"] == len(ids_of(page))
        found = await scene.api.read("search", **params)
        assert scene.hidden["id"] not in {hit["id"] for hit in found["data"]}
    assert ids_of(await scene.api.read(scene.path, q=words)) == [scene.seen["id"]]


async def test_what_is_made_is_ones_own(scene):
    kind = scene.kind
    if kind.listing.within is not None:
        return
    body = await kind.factory.least(scene.client)
    for relation in kind.listing.relations:
        # What it refers to is in sight.
        if body.get(relation.local.key) and not is_managed(relation.target().area):
            other = next(k for k in KINDS if k.entity == relation.target().entity)
            await give(scene.client, other, {"id": body[relation.local.key]}, scene.one.id)
    made = await scene.api.made(kind.path, body)
    assert made["owner_id"] == scene.one.id
    assert made["id"] in ids_of(await scene.api.read(kind.path))
    least = await kind.factory.least(scene.client)
    for owner in (scene.hidden["id"], scene.client.app and (await member(scene.client)).id):
        answer = await scene.api.post(f"/v1/{kind.path}", json={**least, "owner_id": owner})
        found = problem(answer, 403, "owner_out_of_reach")
        assert pointers(found) == ["/owner_id"]
        answer = await scene.api.patch(f"/v1/{kind.path}/{made['id']}", json={"owner_id": owner})
        problem(answer, 403, "owner_out_of_reach")
    answer = await scene.api.patch(f"/v1/{kind.path}/{made['id']}", json={"owner_id": None})
    problem(answer, 403, "owner_out_of_reach")


async def test_hidden_records_cannot_be_referred_to(client, owned):
    role = await custom_role(client, levels={"*": OWN})
    one = await member(client, role)
    for relation in owned.listing.relations:
        if relation.many or is_managed(relation.target().area):
            continue
        target = next(k for k in KINDS if k.entity == relation.target().entity)
        body = await owned.factory.least(client)
        hidden = await target.make(client)
        for inner in owned.listing.relations:
            if not inner.many and inner.local.key in body:
                above = next(k for k in KINDS if k.entity == inner.target().entity)
                await give(client, above, {"id": body[inner.local.key]}, one.id)
        answer = await one.api.post(
            f"/v1/{owned.path}", json={**body, relation.local.key: hidden["id"]}
        )
        found = problem(answer, 422)
        assert pointers(found) == [f"/{relation.local.key}"]


async def test_seen_is_not_the_same_as_changeable(client, owned):
    role = await custom_role(
        client, levels={"*": {**OWN, "read": "all"}}, permissions=["purge", "merge"]
    )
    one = await member(client, role)
    record = await owned.make(client)
    path = f"/v1/{owned.path}/{record['id']}"
    assert (await one.api.get(path)).status_code == 200
    for method, where, body, right in (
        ("PATCH", path, owned.factory.change, "update"),
        ("DELETE", path, None, "delete"),
        ("DELETE", f"{path}?purge=true", None, "delete"),
        ("POST", f"{path}/restore", None, "delete"),
    ):
        found = problem(await one.api.request(method, where, json=body), 403, "missing_right")
        assert found["right"] == f"{owned.area}:{right}"
    item = {"id": record["id"], "patch": owned.factory.change}
    answer = await one.api.post(
        f"/v1/{owned.path}/bulk",
        params={"on_error": "skip"},
        json={"op": "update", "items": [item]},
    )
    assert answer.json()["results"][0]["problem"]["code"] == "missing_right"
    await give(client, owned, record, one.id)
    assert (await one.api.patch(path, json=owned.factory.change)).status_code == 200
    assert (await one.api.delete(path)).status_code == 204


@pytest.mark.parametrize("level", ["team", "subtree"])
async def test_teams(client, owned, level):
    role = await custom_role(client, levels={"*": dict.fromkeys(OWN, level)})
    one, peer, below, stranger = [await member(client, role) for _ in range(4)]
    above = await team(client, one, peer)
    await team(client, below, parent=above)
    await team(client, stranger)
    records = {}
    for who in (one, peer, below, stranger):
        record = await owned.make(client)
        await give(client, owned, record, who.id)
        records[who.id] = record["id"]
    expected = {one.id, peer.id} | ({below.id} if level == "subtree" else set())
    assert set(ids_of(await one.api.read(owned.path))) == {records[id] for id in expected}
    assert ids_of(await below.api.read(owned.path)) == [records[below.id]]
    for who in (one, peer, below, stranger):
        answer = await one.api.patch(
            f"/v1/{owned.path}/{records[who.id]}", json=owned.factory.change
        )
        assert answer.status_code == (200 if who.id in expected else 404), answer.text


async def _related(client: Api, kind: Kind, one: Member) -> list[tuple[str, dict[str, Any]]]:
    """Records in sight, each with a related one that is not, by the names of the relations."""
    found: list[tuple[str, dict[str, Any]]] = []
    for relation in kind.listing.relations:
        # Settings are open to every reader.
        if relation.name == kind.listing.within or is_managed(relation.target().area):
            continue
        if relation.many:
            continue
        if not kind.says(relation.local.key):
            continue
        target = next(k for k in KINDS if k.entity == relation.target().entity)
        hidden = await target.make(client)
        given = await kind.factory.refer(client, relation.local.key, hidden)
        record = await kind.make(client, **given)
        await give(client, kind, record, one.id)
        found.append((relation.name, record))
    return found


async def test_related_records_out_of_sight_are_none(client, owned):
    one = await member(client, await custom_role(client, levels={"*": OWN}))
    for name, record in await _related(client, owned, one):
        path = f"/v1/{owned.path}"
        row = await one.api.read(f"{owned.path}/{record['id']}", include=name)
        assert row[name] is None
        page = await one.api.read(owned.path, include=name, sort=f"{name}.created_at")
        assert [row[name] for row in page["data"] if row["id"] == record["id"]] == [None]
        for filter, count in (
            ({name: {"created_at": {"gte": "2020-01-01T00:00:00Z"}}}, 0),
            ({name: {"id": {"is_null": False}}}, 0),
            ({"not": {name: {"id": {"is_null": False}}}}, 1),
        ):
            mine = {"and": [{"id": {"eq": record["id"]}}, filter]}
            answer = await one.api.post(f"{path}/query", json={"filter": mine})
            assert len(answer.json()["data"]) == count, (filter, answer.text)
        single = camel(owned.entity)
        document = f"query($id: UUID!) {{ {single}(id: $id) {{ {camel(name)} {{ id }} }} }}"
        data = await one.api.data(document, id=record["id"])
        assert data[single] == {camel(name): None}


async def test_quantifiers_count_what_is_seen(client, owned):
    one = await member(client, await custom_role(client, levels={"*": OWN}))
    for relation in owned.listing.relations:
        target = relation.target()
        if not relation.many or target.within is not None:
            continue
        kind = next(k for k in KINDS if k.entity == target.entity)
        if not kind.says(relation.remote.key):
            continue
        record = await owned.make(client)
        await give(client, owned, record, one.id)
        await kind.make(client, **await kind.factory.refer(client, relation.remote.key, record))
        name = relation.name
        for filter, count in (
            ({name: {"some": {"id": {"is_null": False}}}}, 0),
            ({name: {"none": {"id": {"is_null": False}}}}, 1),
            ({name: {"every": {"id": {"is_null": True}}}}, 1),
            ({name: {"count": {"gte": 1}}}, 0),
        ):
            mine = {"and": [{"id": {"eq": record["id"]}}, filter]}
            answer = await one.api.post(f"/v1/{owned.path}/query", json={"filter": mine})
            assert len(answer.json()["data"]) == count, (filter, answer.text)
        row = await one.api.read(f"{owned.path}/{record['id']}", include=name)
        assert row[name]["data"] == []


async def test_exports_hold_what_is_seen(scene, worker):
    answer = await exported(scene.api, scene.path, format="ndjson", fields=["id"])
    assert scene.seen["id"] in answer.text
    assert scene.hidden["id"] not in answer.text
    (mine,) = (await scene.api.read("exports"))["data"]
    stranger = await member(scene.client, await custom_role(scene.client, levels={"*": OWN}))
    assert (await stranger.api.read("exports"))["data"] == []
    problem(await stranger.api.get(f"/v1/exports/{mine['id']}"), 404)


async def test_what_is_matched_is_what_is_seen(scene, worker):
    asked = {"action": "delete", "filter": {"id": {"is_null": False}}, "expected_count": 1}
    answer = await scene.api.post(f"/v1/{scene.path}/bulk/by-filter", json=asked)
    job = await scene.client.ended(answer.json()["job_id"])
    assert job["result"]["counts"] == {"deleted": 1}
    assert (await scene.client.read(f"{scene.path}/{scene.hidden['id']}"))["deleted_at"] is None
