"""Every write is one event, and the history tells it."""

from support.factories import Kind

COUNT = "SELECT * FROM events WHERE organization_id = $1 AND record_id = $2 ORDER BY seq"


async def events_of(org, owner, id):
    return [dict(row) for row in await owner.fetch(COUNT, org.id, id)]


async def story_of(client, kind: Kind, made):
    """One write of each kind; the representations after them."""
    path = f"{kind.path}/{made['id']}"
    changed = await client.changed(path, kind.factory.change)
    assert (await client.delete(f"/v1/{path}")).status_code == 204
    back = (await client.post(f"/v1/{path}/restore")).json()
    return changed, back


async def test_each_write_is_one_event(client, kind, org, owner):
    made = await kind.make(client)
    _, back = await story_of(client, kind, made)
    await client.changed(f"{kind.path}/{made['id']}", kind.factory.change)
    rows = await events_of(org, owner, made["id"])
    assert [(row["type"], row["version"]) for row in rows] == [
        (f"{kind.entity}.created", 1),
        (f"{kind.entity}.updated", 2),
        (f"{kind.entity}.deleted", 3),
        (f"{kind.entity}.restored", 4),
    ]
    assert all(row["entity"] == kind.entity for row in rows)
    assert all(row["actor_kind"] == "key" for row in rows)
    assert all(row["request_id"] for row in rows)
    assert back["version"] == 4


async def test_feed_tells_what_changed(client, kind):
    made = await kind.make(client)
    changed, _ = await story_of(client, kind, made)
    created, updated, deleted, restored = await client.told(made["id"], 4, types=f"{kind.entity}.*")
    known = {name: made[name] for name in kind.listing.shown if made[name] is not None}
    assert created["data"] == known
    assert created["previous"] is None
    (name,) = kind.factory.change
    assert updated["data"] == {name: changed[name]}
    assert updated["previous"] == {name: made[name]}
    assert deleted["previous"] == {"deleted_at": None}
    assert deleted["data"]["deleted_at"]
    assert restored["data"] == {"deleted_at": None}
    assert restored["previous"] == deleted["data"]


async def test_history_is_the_same_newest_first(client, kind):
    made = await kind.make(client)
    changed, _ = await story_of(client, kind, made)
    history = (await client.read(f"{kind.path}/{made['id']}/history"))["data"]
    assert [entry["version"] for entry in history] == [4, 3, 2, 1]
    (name,) = kind.factory.change
    assert history[2]["changes"] == [{"field": name, "before": made[name], "after": changed[name]}]
    pages, cursor = [], {}
    while True:
        page = await client.read(f"{kind.path}/{made['id']}/history", limit=1, **cursor)
        pages += page["data"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert pages == history


async def test_history_over_graphql_is_the_same(client, kind):
    made = await kind.make(client)
    await client.changed(f"{kind.path}/{made['id']}", kind.factory.change)
    document = (
        "query($id: UUID!, $entity: String!) { history(entity: $entity, id: $id) "
        "{ data { id type version changes { field before after } actor { kind id } } nextCursor } }"
    )
    shown = (await client.data(document, id=made["id"], entity=kind.entity))["history"]
    rest = await client.read(f"{kind.path}/{made['id']}/history")
    assert shown["nextCursor"] == rest["next_cursor"]
    keys = ("id", "type", "version", "changes", "actor")
    assert shown["data"] == [{k: entry[k] for k in keys} for entry in rest["data"]]


async def test_history_stays_after_the_record_went_to_the_bin(client, kind):
    made = await kind.make(client)
    await client.delete(f"/v1/{kind.path}/{made['id']}")
    history = await client.read(f"{kind.path}/{made['id']}/history")
    assert history["data"][0]["type"] == f"{kind.entity}.deleted"
