"""A record as it was at a moment of its life, at both faces."""

from datetime import datetime, timedelta

from support.clients import problem
from support.graph import as_graph, camel, selection


async def lived(client, kind):
    """A record's representations after each of its changes, the first one first."""
    await kind.define(client, a="integer")
    made = (await kind.several(client))[0]
    path = f"{kind.path}/{made['id']}"
    states = [made, await client.changed(path, kind.factory.change)]
    await client.delete(f"/v1/{path}")
    listed = await client.read(kind.path, deleted="only", **{"filter[id]": made["id"]})
    states += listed["data"]
    states.append((await client.post(f"/v1/{path}/restore")).json())
    if kind.factory.cleared:
        states.append(await client.changed(path, {kind.factory.cleared: None}))
    states.append(
        await client.changed(path, {"custom": {"a": 1}, "external_ids": {"x": made["id"]}})
    )
    return path, states


async def test_each_state_can_be_read_again(client, kind):
    path, states = await lived(client, kind)
    assert len({state["version"] for state in states}) >= 5
    shown = kind.listing.shown
    for state, later in zip(states, [*states[1:], None], strict=True):
        # Creation may answer more than reading does, such as a key's token.
        known = {name: state[name] for name in shown}
        assert await client.read(path, as_of=state["updated_at"]) == known
        if later is not None and later["version"] > state["version"]:
            just_before = datetime.fromisoformat(later["updated_at"]) - timedelta(microseconds=1)
            assert await client.read(path, as_of=just_before.isoformat()) == known
    latest = await client.read(path)
    assert await client.read(path, as_of="@now+1h") == latest


async def test_each_state_can_be_read_again_over_graphql(client, kind):
    path, states = await lived(client, kind)
    name = camel(kind.entity)
    document = (
        f"query($id: UUID!, $at: String) {{ {name}(id: $id, asOf: $at) "
        f"{{ {selection(kind.out)} }} }}"
    )
    id = path.rpartition("/")[2]
    for state in states:
        shown = await client.data(document, id=id, at=state["updated_at"])
        known = {field: state[field] for field in kind.listing.shown}
        assert shown[name] == as_graph(kind.out, known)
    assert await client.data(document, id=id, at="@now-1d") == {name: None}
    answer = await client.gql(document, id=id, at="soon")
    assert answer["errors"][0]["extensions"]["code"] == "invalid_value"


async def test_fields_tags_and_relations_of_a_past_state(client, kind, statements):
    path, states = await lived(client, kind)
    first = states[0]
    asked = {"as_of": first["updated_at"]}
    few = await client.read(path, fields="version,id", **asked)
    assert few == {"version": 1, "id": first["id"]}
    answer = await client.get(f"/v1/{path}", params=asked)
    assert answer.headers["etag"] == '"1"'
    again = await client.get(f"/v1/{path}", params=asked, headers={"If-None-Match": '"1"'})
    assert again.status_code == 304
    for relation in kind.listing.relations:
        async with statements() as seen:
            row = await client.read(path, include=relation.name, **asked)
        now = await client.read(path, include=relation.name)
        # Whether a record is shared by what it says is asked of the record as it is.
        assert len(seen) <= (2 if kind.listing.open_to is None else 3)
        if relation.many or first[relation.local.key] == now[relation.local.key]:
            assert row[relation.name] == now[relation.name]


NO_MOMENTS = ["soon", "", "2026-01-01T00:00:00", "@now-7w", "@now-999999d"]


async def test_what_is_no_moment(client, kind, subtests):
    made = await kind.make(client)
    for moment in NO_MOMENTS:
        with subtests.test(moment=moment):
            answer = await client.get(f"/v1/{kind.path}/{made['id']}", params={"as_of": moment})
            found = problem(answer, 422, "invalid_value")
            assert found["errors"][0]["parameter"] == "as_of"


async def test_before_its_creation_there_is_nothing(client, other, kind):
    made = await kind.make(client)
    path = f"/v1/{kind.path}/{made['id']}"
    problem(await client.get(path, params={"as_of": "@now-1d"}), 404, "not_found")
    problem(await other.get(path, params={"as_of": "@now+1d"}), 404, "not_found")
    nobody = f"/v1/{kind.path}/01990000-0000-7000-8000-00000000dead"
    problem(await client.get(nobody, params={"as_of": "@now+1d"}), 404, "not_found")


async def test_of_what_was_purged_there_is_no_past(client, kind):
    made = await kind.make(client)
    path = f"/v1/{kind.path}/{made['id']}"
    gone = await client.delete(path, params={"purge": "true"})
    assert gone.status_code == 204, gone.text
    for moment in (made["updated_at"], "@now+1d"):
        problem(await client.get(path, params={"as_of": moment}), 404, "not_found")
