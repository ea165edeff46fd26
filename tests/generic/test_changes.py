"""A follower of the sync feed ends up with exactly what the collection holds."""

import asyncio

from support.clients import pointers, problem
from support.graph import as_graph, camel, selection
from support.waiting import patiently


class Follower:
    """Applies each stretch in turn, as a system that keeps a copy does."""

    def __init__(self, api, kind, limit=50):
        self.api, self.kind, self.limit = api, kind, limit
        self.after = None
        self.copy = {}
        self.tombstones = {}

    async def step(self):
        params = {"limit": self.limit} | ({"after": self.after} if self.after else {})
        # As it comes: it may end before what others have not committed yet.
        answer = await self.api.get(f"/v1/{self.kind.path}/changes", params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        ids = [row["id"] for row in (*page["data"], *page["removed"])]
        assert len(ids) == len(set(ids)) <= self.limit
        for row in page["data"]:
            self.copy[row["id"]] = row
            self.tombstones.pop(row["id"], None)
        for row in page["removed"]:
            self.copy.pop(row["id"], None)
            self.tombstones[row["id"]] = row
        self.after = page["next_cursor"]
        return page

    async def caught_up(self):
        for _ in range(2_000):
            if not (await self.step())["more"]:
                return
        raise AssertionError("the feed has no end")

    async def settled(self):
        """Caught up with every transaction: those of other tests hold the feed back a little."""
        wanted = await held(self.api, self.kind)
        async for _ in patiently():
            await self.caught_up()
            if self.copy == wanted:
                return
        assert self.copy == wanted


async def held(api, kind):
    found, cursor = {}, {}
    while True:
        page = await api.read(kind.path, limit=200, **cursor)
        found |= {row["id"]: row for row in page["data"]}
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def test_first_all_there_is_then_what_changes(client, kind):
    rows = await kind.several(client)
    binned = await kind.make(client)
    await client.delete(f"/v1/{kind.path}/{binned['id']}")
    follower = Follower(client, kind, limit=3)
    await follower.settled()
    # What was in the bin before the beginning need not be told to anybody.
    path = f"{kind.path}/{rows[0]['id']}"
    changed = await client.changed(path, kind.factory.change)
    await client.delete(f"/v1/{kind.path}/{rows[1]['id']}")
    made = await kind.make(client)
    await follower.settled()
    assert follower.copy[changed["id"]]["version"] >= changed["version"]
    assert made["id"] in follower.copy
    tombstone = follower.tombstones[rows[1]["id"]]
    assert tombstone["merged_into"] is None
    listed = await client.read(kind.path, deleted="only", **{"filter[id]": rows[1]["id"]})
    assert tombstone["deleted_at"] == listed["data"][0]["deleted_at"]
    await client.post(f"/v1/{kind.path}/{rows[1]['id']}/restore")
    await follower.settled()
    assert rows[1]["id"] in follower.copy
    assert not (await follower.step())["data"]


async def test_many_changes_of_one_record_are_one(client, kind):
    await kind.define(client, turn="integer")
    made = await kind.make(client)
    follower = Follower(client, kind)
    await follower.settled()
    for turn in range(5):
        await client.changed(f"{kind.path}/{made['id']}", {"custom": {"turn": turn}})
    await follower.settled()
    assert follower.copy[made["id"]]["custom"] == {"turn": 4}


async def test_a_late_commit_is_not_missed(client, kind, org, database):
    """One transaction writes first and commits last; a reader of numbers alone would skip it."""
    from crm_api.kit.db.tx import unit_of_work
    from support.clients import tx_of

    await kind.define(client, late="integer", quick="integer")
    late, quick = await kind.make(client), await kind.make(client)
    follower = Follower(client, kind)
    await follower.settled()
    async with unit_of_work(tx_of(database, org)) as tx:
        service = kind.service(tx)
        (record,) = await service.records.locked([late["id"]], everywhere=True)
        await service.change(record, {"custom": {"late": 1}})
        await tx.flush()
        other = await client.patch(f"/v1/{kind.path}/{quick['id']}", json={"custom": {"quick": 1}})
        if kind.exclusive:
            # They are written one after the other: nobody can commit late.
            problem(other, 503, "locked")
            return
        assert other.status_code == 200, other.text
        await follower.caught_up()
        assert follower.copy[late["id"]]["custom"] == {}
    await follower.settled()
    assert follower.copy[late["id"]]["custom"] == {"late": 1}
    assert follower.copy[quick["id"]]["custom"] == {"quick": 1}


async def test_a_follower_among_writers_has_what_the_table_has(client, kind):
    await kind.define(client, turn="integer")
    rows = [await kind.make(client) for _ in range(6)]
    stop = asyncio.Event()

    async def write(row):
        turn, path = 0, f"/v1/{kind.path}/{row['id']}"
        while not stop.is_set():
            turn += 1
            await client.patch(path, json={"custom": {"turn": turn}})
            if turn % 3 == 0:
                await client.delete(path)
            if turn % 5 == 0:
                await kind.make(client)
            if turn % 3 == 1:
                await client.post(f"{path}/restore")

    writers = [asyncio.create_task(write(row)) for row in rows[:4]]
    follower, early = Follower(client, kind, limit=2), Follower(client, kind, limit=7)
    await early.caught_up()
    try:
        for _ in range(60):
            await follower.step()
            await early.step()
    finally:
        stop.set()
        await asyncio.gather(*writers)
    await follower.settled()
    await early.settled()


async def test_the_same_over_graphql(client, kind):
    rows = await kind.several(client)
    name = f"{camel(kind.entity)}Changes"
    document = (
        f"query($a: String) {{ {name}(after: $a, first: 200) "
        f"{{ nodes {{ {selection(kind.out)} }} removed {{ id deletedAt mergedInto }} "
        "nextCursor more } }"
    )
    first = (await client.data(document))[name]
    assert {row["id"]: row for row in first["nodes"]} == {
        id: as_graph(kind.out, row) for id, row in (await held(client, kind)).items()
    }
    await client.delete(f"/v1/{kind.path}/{rows[0]['id']}")
    cursor, removed = first["nextCursor"], []
    async for _ in patiently():
        page = (await client.data(document, a=cursor))[name]
        removed += page["removed"]
        cursor = page["nextCursor"]
        if removed:
            break
    assert removed[0]["id"] == rows[0]["id"]


async def test_cursors_of_the_feed_are_its_own(client, kind, other, read_only, keyed, statements):
    await kind.several(client)
    page = await client.read(f"{kind.path}/changes", limit=1, fields="id")
    assert page["data"][0].keys() == {"id"}
    path = f"/v1/{kind.path}/changes"
    asked = {"after": page["next_cursor"]}
    problem(await other.get(path, params=asked), 422, "cursor_mismatch")
    found = problem(await client.get(path, params={"after": "no_such"}), 422, "invalid_cursor")
    assert pointers(found) == ["after"]
    listed = (await client.read(kind.path, limit=1))["next_cursor"]
    problem(await client.get(path, params={"after": listed}), 422, "cursor_mismatch")
    assert (await read_only.get(path)).status_code == 200
    few = await keyed("jobs:read")
    problem(await few.get(path), 403, "insufficient_scope")
    follower = Follower(client, kind)
    await follower.settled()
    # What was written last is told again as an event, once no other transaction is in the way.
    async for _ in patiently():
        async with statements() as seen:
            page = await follower.step()
        if not page["data"]:
            break
    assert page["data"] == []
    assert len(seen) == 1
