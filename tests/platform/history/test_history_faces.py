"""The feed over GraphQL is REST's, and a history belongs to one kind of record."""

from support.clients import problem

FEED = """query($after: String, $types: [String!]) { events(after: $after, types: $types, first: 200) {
    data { id type entity recordId version data previous occurredAt actor { kind id } } nextCursor
} }"""


async def test_feed_over_graphql_is_the_same(client):
    made = await client.made("companies", {"name": "Example"})
    await client.changed(f"companies/{made['id']}", {"name": "Renamed"})
    rest = await client.told(made["id"], 2, types="company.*")
    shown = (await client.data(FEED, types=["company.*"]))["events"]
    names = {"recordId": "record_id", "occurredAt": "occurred_at"}
    fields = ("id", "type", "entity", "recordId", "version", "data", "previous", "occurredAt")
    assert [{f: event[f] for f in fields} for event in shown["data"]] == [
        {f: event[names.get(f, f)] for f in fields} for event in rest
    ]
    # A cursor at the end tells how far it has read, which other events move on: only what it goes
    # on with is the same at both faces.
    wanted = {"types": ["company.*"], "after": shown["nextCursor"]}
    assert (await client.data(FEED, **wanted))["events"]["data"] == []
    assert (await client.read("events", **wanted))["data"] == []


async def test_history_of_another_kind_is_not_found(client):
    contact = await client.made("contacts", {"last_name": "Person"})
    problem(await client.get(f"/v1/companies/{contact['id']}/history"), 404, "not_found")
