"""Merging and undoing, for every kind of record that has a merger."""

import asyncio
from collections import Counter
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_api.kit.db.base import Base, Entity
from crm_api.kit.db.references import references_to
from crm_api.platform.merging.service import MergeService
from crm_api.registry import SERVICES
from support.clients import pointers, problem
from support.factories import BY_ACTION, KINDS, Kind

LISTINGS = {service.repository.listing.entity: service.repository.listing for service in SERVICES}
MERGED = [kind for kind in KINDS if kind.entity in MergeService.mergers]
UNKNOWN = "01990000-0000-7000-8000-0000000000ff"


@pytest.fixture(params=MERGED, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


async def merge(client, kind, winner, *losers, status=201, **more) -> dict[str, Any]:
    body = {"winner_id": winner["id"], "loser_ids": [loser["id"] for loser in losers], **more}
    answer = await client.post(f"/v1/{kind.path}/merge", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def undo(client, merged, status=200) -> dict[str, Any]:
    answer = await client.post(f"/v1/merges/{merged['id']}/undo")
    assert answer.status_code == status, answer.text
    return answer.json()


async def world_of(client, owner, org) -> dict[str, Any]:
    """Everything that a merge may touch, without what counts changes."""
    state: dict[str, Any] = {}
    for kind in (*KINDS, *(kind for kind, _ in BY_ACTION.values())):
        rows = (await client.read(kind.path, deleted="include", limit=200))["data"]
        for row in rows:
            state[row["id"]] = {k: v for k, v in row.items() if k not in {"version", "updated_at"}}
    for table in ("record_keys", "search_documents", "record_redirects"):
        found = await owner.fetch(
            f"SELECT to_jsonb(t)::text FROM {table} t WHERE organization_id = $1 ORDER BY 1", org.id
        )
        state[table] = [row[0] for row in found]
    return state


async def children(client, kind, record) -> list[tuple[Kind, str, dict[str, Any]]]:
    """One record for each column that can refer to the given one."""
    made = []
    kinds = {k.entity: k for k in KINDS}
    for reference in references_to(kind.listing.model):
        if reference.entity in BY_ACTION:
            child, act = BY_ACTION[reference.entity]
            made.append(
                (child, reference.column, await act(client, {reference.column: record["id"]}))
            )
            continue
        child = kinds[reference.entity]
        if not child.says(reference.column):
            continue
        given = await child.factory.refer(client, reference.column, record)
        body = await child.factory.least(client) | given
        made.append((child, reference.column, await client.made(child.path, body)))
    return made


def test_every_reference_is_a_column_that_events_tell():
    for kind in KINDS:
        for reference in references_to(kind.listing.model):
            listing = LISTINGS[reference.entity]
            assert reference.column in listing.shown, reference.name


def test_every_foreign_key_to_a_merged_record_is_a_reference():
    for kind in MERGED:
        table = kind.listing.model.__table__
        keys = {
            f"{fk.table.name}.{element.parent.name}"
            for t in Base.metadata.tables.values()
            for fk in t.foreign_key_constraints
            for element in fk.elements
            if fk.referred_table is table and element.parent.name != "organization_id"
        }
        assert keys == {reference.name for reference in references_to(kind.listing.model)}
        assert issubclass(kind.listing.model, Entity)


async def test_the_loser_leads_to_the_winner(client, kind):
    winner, loser = [await kind.make(client) for _ in range(2)]
    merged = await merge(client, kind, winner, loser)
    assert merged["status"] == "done"
    assert merged["target"] == kind.entity
    assert merged["record"]["id"] == winner["id"]
    answer = await client.get(f"/v1/{kind.path}/{loser['id']}?fields=id")
    assert (answer.status_code, answer.content) == (308, b"")
    assert answer.headers["location"] == f"/v1/{kind.path}/{winner['id']}?fields=id"
    assert (await client.get(answer.headers["location"])).json() == {"id": winner["id"]}
    path = f"/v1/{kind.path}/{loser['id']}"
    for refused in (
        await client.patch(path, json=kind.factory.change),
        await client.delete(path),
        await client.post(f"{path}/restore"),
    ):
        assert problem(refused, 409, "merged")["merged_into"] == winner["id"]
    listed = {row["id"] for row in (await client.read(kind.path, limit=200))["data"]}
    assert winner["id"] in listed
    assert loser["id"] not in listed


async def test_graphql_resolves_the_old_id(client, kind):
    winner, loser = [await kind.make(client) for _ in range(2)]
    plural = kind.name.capitalize()
    document = (
        f"mutation($input: MergeInput!, $dry: Boolean!) {{ merge{plural}(input: $input, dryRun: $dry) "
        f"{{ merge {{ id status loserIds fields {{ field rule sourceIds }} }} {kind.entity} {{ id }} }} }}"
    )
    given = {"winnerId": winner["id"], "loserIds": [loser["id"]]}
    read = f"query($id: UUID!) {{ {kind.entity}(id: $id) {{ id }} }}"
    dry = (await client.data(document, input=given, dry=True))[f"merge{plural}"]
    assert dry["merge"]["status"] == "done"
    assert (await client.data(read, id=loser["id"]))[kind.entity]["id"] == loser["id"]
    done = (await client.data(document, input=given, dry=False))[f"merge{plural}"]
    assert done["merge"]["loserIds"] == [loser["id"]]
    assert done[kind.entity]["id"] == winner["id"]
    assert (await client.data(read, id=loser["id"]))[kind.entity]["id"] == winner["id"]
    undoing = "mutation($id: UUID!) { undoMerge(id: $id) { status version } }"
    shown = (await client.data(undoing, id=done["merge"]["id"]))["undoMerge"]
    assert shown == {"status": "undone", "version": 2}
    assert (await client.data(read, id=loser["id"]))[kind.entity]["id"] == loser["id"]
    again = await client.gql(undoing, id=done["merge"]["id"])
    assert again["errors"][0]["extensions"]["code"] == "already_undone"


async def test_blanks_are_filled_and_told(client, kind):
    await kind.define(client, a="integer")
    winner = await kind.make(client)
    loser = await kind.make(client, **kind.factory.change, custom={"a": 1}, external_ids={"x": "1"})
    merged = await merge(client, kind, winner, loser)
    (name,) = kind.factory.change
    assert merged["record"][name] == kind.factory.change[name]
    assert merged["record"]["custom"] == {"a": 1}
    assert merged["record"]["external_ids"] == {"x": "1"}
    sources = {entry["field"]: entry for entry in merged["fields"]}
    assert sources[name] == {"field": name, "rule": "filled", "source_ids": [loser["id"]]}
    assert sources["external_ids"]["rule"] == "united"
    shown = await client.read(f"merges/{merged['id']}")
    assert shown == {k: v for k, v in merged.items() if k != "record"}
    assert (await client.read(f"{kind.path}/{winner['id']}")) == merged["record"]


async def test_the_winner_keeps_its_own_unless_another_is_chosen(client, kind):
    (name,) = kind.factory.change
    one, two, three = [
        await kind.make(client, **{name: text}) for text in ("first", "second", "third")
    ]
    merged = await merge(client, kind, one, two)
    assert merged["record"][name] == "first"
    merged = await merge(client, kind, one, three, fields={name: three["id"]})
    assert merged["record"][name] == "third"
    source = next(entry for entry in merged["fields"] if entry["field"] == name)
    assert (source["rule"], source["source_ids"]) == ("chosen", [three["id"]])


async def test_everything_that_referred_to_the_loser_moves(client, kind, org, owner):
    winner, loser = [await kind.make(client) for _ in range(2)]
    before_children = await children(client, kind, loser)
    assert before_children
    before = await world_of(client, owner, org)
    merged = await merge(client, kind, winner, loser)
    for child, column, made in before_children:
        shown = await client.read(f"{child.path}/{made['id']}")
        assert shown[column] == winner["id"], (child, column)
        history = await client.read(f"{child.path}/{made['id']}/history")
        assert history["data"][0]["cause_id"] == merged["id"]
    assert sum(merged["moved"].values()) >= len(before_children)
    await undo(client, merged)
    assert await world_of(client, owner, org) == before


async def test_undo_restores_exactly(client, kind, org, owner):
    await kind.define(client, n="integer")
    bodies = await kind.factory.varied(client)
    made = []
    for number, body in enumerate(bodies):
        ids = {"external_ids": {"a": f"a{number}", f"s{number}": "1"}, "custom": {"n": number}}
        made.append(await client.made(kind.path, {**body, **ids}))
    for first, second, third in list(permutations(made[:4], 3))[:8]:
        before = await world_of(client, owner, org)
        merged = await merge(client, kind, first, second, third)
        assert await world_of(client, owner, org) != before
        found = await client.read(
            f"{kind.path}", **{"filter[id]": first["id"]}, deleted="include", count="exact"
        )
        assert found["total"] == 1
        undone = await undo(client, merged)
        assert (undone["status"], undone["undone_at"] is not None) == ("undone", True)
        assert await world_of(client, owner, org) == before


async def test_the_losers_external_ids_find_the_winner(client, kind, org, owner):
    winner = await kind.make(client, external_ids={"a": "1"})
    loser = await kind.make(client, external_ids={"a": "2", "b": "3"})
    before = await world_of(client, owner, org)
    merged = await merge(client, kind, winner, loser)
    assert merged["record"]["external_ids"] == {"a": "1", "b": "3"}
    rows = await owner.fetch(
        "SELECT value, record_id FROM record_keys WHERE organization_id = $1 AND kind = 'external'",
        org.id,
    )
    found = {row["value"]: str(row["record_id"]) for row in rows}
    assert found == dict.fromkeys(("a:1", "a:2", "b:3"), winner["id"])
    body = await kind.factory.least(client)
    answer = await client.post(f"/v1/{kind.path}", json={**body, "external_ids": {"a": "2"}})
    problem(answer, 409, "duplicate_external_id")
    await client.delete(f"/v1/{kind.path}/{winner['id']}")
    await client.post(f"/v1/{kind.path}/{winner['id']}/restore")
    await undo(client, merged)
    after = await world_of(client, owner, org)
    assert {k: after[k] for k in before} == before


async def test_dry_run_shows_and_stores_nothing(client, kind, org, owner):
    winner = await kind.make(client)
    loser = await kind.make(client, **kind.factory.change)
    await children(client, kind, loser)
    before = await world_of(client, owner, org)
    count = "SELECT count(*) FROM events WHERE organization_id = $1"
    events = await owner.fetchval(count, org.id)
    body = {"winner_id": winner["id"], "loser_ids": [loser["id"]]}
    shown = await client.post(f"/v1/{kind.path}/merge", json=body, params={"dry_run": "true"})
    assert shown.status_code == 201
    assert shown.json()["moved"]
    problem(await client.get(f"/v1/merges/{shown.json()['id']}"), 404)
    assert await world_of(client, owner, org) == before
    assert await owner.fetchval(count, org.id) == events
    merged = await merge(client, kind, winner, loser)
    assert merged["moved"] == shown.json()["moved"]
    assert merged["fields"] == shown.json()["fields"]
    during = await world_of(client, owner, org)
    undone = await client.post(f"/v1/merges/{merged['id']}/undo", params={"dry_run": "true"})
    assert undone.json()["status"] == "undone"
    assert await world_of(client, owner, org) == during


async def test_wrong_merges_are_refused(client, other, kind):
    one, two = [await kind.make(client) for _ in range(2)]
    foreign = await kind.make(other)
    path, id = f"/v1/{kind.path}/merge", one["id"]
    cases = [
        ({"winner_id": id, "loser_ids": [id]}, ["/loser_ids/0"], "itself"),
        ({"winner_id": id, "loser_ids": [two["id"]] * 2}, ["/loser_ids/1"], "repeated"),
        ({"winner_id": id, "loser_ids": [foreign["id"]]}, ["/loser_ids/0"], "unknown_reference"),
        ({"winner_id": foreign["id"], "loser_ids": [id]}, ["/winner_id"], "unknown_reference"),
        ({"winner_id": id, "loser_ids": [UNKNOWN]}, ["/loser_ids/0"], "unknown_reference"),
        ({"winner_id": id, "loser_ids": []}, ["/loser_ids"], None),
        ({"winner_id": id}, ["/loser_ids"], "required"),
        ({"winner_id": id, "loser_ids": ["x"]}, ["/loser_ids/0"], "invalid_uuid"),
        (
            {"winner_id": id, "loser_ids": [two["id"]], "fields": {"no_such": id}},
            ["/fields/no_such"],
            "unknown_field",
        ),
        (
            {"winner_id": id, "loser_ids": [two["id"]], "fields": {"tags": UNKNOWN}},
            ["/fields/tags"],
            "not_merged",
        ),
        ({"winner_id": id, "loser_ids": [two["id"]], "more": 1}, ["/more"], "unknown_field"),
    ]
    for body, where, code in cases:
        found = problem(await client.post(path, json=body), 422, "validation")
        assert pointers(found) == where, body
        assert code in (None, found["errors"][0]["code"]), found
    assert (await client.read(f"{kind.path}/{id}"))["version"] == 1
    assert (await other.read(f"{kind.path}/{foreign['id']}"))["version"] == 1
    merged = await merge(client, kind, one, two)
    problem(await other.post(f"/v1/merges/{merged['id']}/undo"), 404, "not_found")
    problem(await other.get(f"/v1/merges/{merged['id']}"), 404, "not_found")
    problem(await other.get(f"/v1/{kind.path}/{two['id']}"), 404, "not_found")
    problem(await client.post(f"/v1/merges/{UNKNOWN}/undo"), 404, "not_found")
    again = await client.post(path, json={"winner_id": id, "loser_ids": [two["id"]]})
    assert problem(again, 409, "merged")["merged_into"] == id
    await undo(client, merged)
    problem(await client.post(f"/v1/merges/{merged['id']}/undo"), 409, "already_undone")


async def test_merging_needs_the_scope(client, kind, keyed):
    one, two = [await kind.make(client) for _ in range(2)]
    weak = await keyed("*:read", "merges:write")
    body = {"winner_id": one["id"], "loser_ids": [two["id"]]}
    problem(await weak.post(f"/v1/{kind.path}/merge", json=body), 403, "insufficient_scope")
    merged = await merge(client, kind, one, two)
    problem(await weak.post(f"/v1/merges/{merged['id']}/undo"), 403, "insufficient_scope")


async def test_a_chain_of_merges_leads_to_its_end(client, kind):
    a, b, c = [await kind.make(client) for _ in range(3)]
    first = await merge(client, kind, b, a)
    second = await merge(client, kind, c, b)
    answer = await client.get(f"/v1/{kind.path}/{a['id']}")
    assert answer.headers["location"] == f"/v1/{kind.path}/{c['id']}"
    refused = await client.post(f"/v1/merges/{first['id']}/undo")
    assert problem(refused, 409, "winner_gone")["merged_into"] == c["id"]
    await undo(client, second)
    answer = await client.get(f"/v1/{kind.path}/{a['id']}")
    assert answer.headers["location"] == f"/v1/{kind.path}/{b['id']}"
    await undo(client, first)
    assert (await client.get(f"/v1/{kind.path}/{a['id']}")).status_code == 200


async def test_what_was_changed_since_stays(client, kind):
    winner = await kind.make(client)
    loser = await kind.make(client, **kind.factory.change, tags=["x"])
    merged = await merge(client, kind, winner, loser)
    (name,) = kind.factory.change
    path = f"{kind.path}/{winner['id']}"
    await client.changed(path, {name: "later", "tags": ["x", "y"]})
    (child, column, new), *_ = await children(client, kind, winner)
    undone = await undo(client, merged)
    assert undone["record"][name] == "later"
    assert undone["record"]["tags"] == ["y"]
    shown = await client.read(f"{kind.path}/{loser['id']}")
    assert (shown[name], shown["tags"]) == (kind.factory.change[name], ["x"])
    assert (await client.read(f"{child.path}/{new['id']}"))[column] == winner["id"]


async def test_events_tell_what_happened(client, kind):
    one, two = [await kind.make(client) for _ in range(2)]
    merged = await merge(client, kind, one, two)
    await undo(client, merged)
    told = await client.told(two["id"], 3)
    assert [e["type"].partition(".")[2] for e in told] == ["created", "merged", "unmerged"]
    assert told[1]["data"]["merged_into"] == one["id"]
    assert told[1]["cause_id"] == merged["id"]
    assert [e["type"] for e in await client.told(merged["id"], 2)] == [
        "merge.created",
        "merge.undone",
    ]


async def test_merges_that_meet_happen_one_after_the_other(client, kind):
    a, b, c = [await kind.make(client) for _ in range(3)]
    path = f"/v1/{kind.path}/merge"

    async def attempt(winner, loser) -> int:
        body = {"winner_id": winner["id"], "loser_ids": [loser["id"]]}
        answer = await client.post(path, json=body)
        assert answer.status_code in {201, 409}, answer.text
        return answer.status_code

    outcomes = Counter(await asyncio.gather(*(attempt(*pair) for pair in [(a, b), (b, a)] * 5)))
    assert outcomes == {201: 1, 409: 9}
    live = [r for r in (a, b) if (await client.get(f"/v1/{kind.path}/{r['id']}")).is_success]
    assert len(live) == 1
    undoes = (await client.read("merges"))["data"]
    answers = await asyncio.gather(
        *(client.post(f"/v1/merges/{undoes[0]['id']}/undo") for _ in range(8))
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 7}
    d = await kind.make(client)
    await asyncio.gather(attempt(a, b), attempt(b, c), attempt(c, d), attempt(d, a))
    shown = await client.read(kind.path, limit=200, deleted="include")
    dead = {r["id"] for r in shown["data"] if r["deleted_at"]} & {x["id"] for x in (a, b, c, d)}
    for id in dead:
        answer = await client.get(f"/v1/{kind.path}/{id}", follow_redirects=True)
        assert answer.status_code == 200


async def test_a_child_that_is_being_made_is_not_lost(client, kind):
    winner, loser = [await kind.make(client) for _ in range(2)]

    async def grow() -> list[Any]:
        return await children(client, kind, loser)

    (made, _) = await asyncio.gather(grow(), merge(client, kind, winner, loser))
    # Whether it came before or after, it is there, and refers to one of the two.
    for child, column, record in made:
        shown = await client.read(f"{child.path}/{record['id']}")
        assert shown[column] in {winner["id"], loser["id"]}


@settings(max_examples=15)
@given(data=st.data())
async def test_merge_and_undo_is_identity(client, kind, org, owner, data):
    bodies = await kind.factory.varied(client)
    made = [await client.made(kind.path, body) for body in bodies[:5]]
    for record in made:
        if data.draw(st.booleans()):
            await children(client, kind, record)
    undoing = []
    live = list(made)
    worlds = []
    for _ in range(data.draw(st.integers(1, 3))):
        if len(live) < 2:
            break
        size = data.draw(st.integers(2, min(3, len(live))))
        chosen = data.draw(st.permutations(live))[:size]
        wanted = ["source", "description", "country", "tags", "emails"]
        names = st.sampled_from([name for name in wanted if name in kind.listing.shown])
        picks = data.draw(st.dictionaries(names, st.sampled_from([r["id"] for r in chosen])))
        worlds.append(await world_of(client, owner, org))
        undoing.append(await merge(client, kind, *chosen, fields=picks))
        live = [r for r in live if r not in chosen[1:]]
    for merged in reversed(undoing):
        await undo(client, merged)
        assert await world_of(client, owner, org) == worlds.pop()
    for record in live:
        await client.delete(f"/v1/{kind.path}/{record['id']}")


async def test_hidden_custom_fields_stay_hidden(client, kind, keyed):
    await kind.define(
        client,
        {"name": "salary", "type": "integer", "visible_to": ["salaries:read"]},
        {"name": "note", "type": "text"},
    )
    records = [
        await kind.make(client, custom={"salary": salary, "note": "seen"}) for salary in (1, 2)
    ]
    winner, loser = (record["id"] for record in records)
    blind = await keyed(f"{kind.area}:write", "merges:read")
    body = {"winner_id": winner, "loser_ids": [loser]}
    merge = (await blind.post(f"/v1/{kind.path}/merge", json=body)).json()
    assert merge["record"]["custom"] == {"note": "seen"}
    undone = (await blind.post(f"/v1/merges/{merge['id']}/undo")).json()
    assert undone["record"]["custom"] == {"note": "seen"}
    assert (await client.read(f"{kind.path}/{winner}"))["custom"]["salary"] == 1


async def test_merged_records_do_not_relate_to_each_other(client, kind, org, owner):
    await kind.define(client, {"name": "buddy", "type": "relation", "relates_to": kind.entity})
    winner = await kind.make(client)
    loser = await kind.make(client, custom={"buddy": winner["id"]})
    before = await client.read(f"{kind.path}/{loser['id']}")
    body = {"winner_id": winner["id"], "loser_ids": [loser["id"]]}
    merge = await client.made(f"{kind.path}/merge", body)
    assert merge["record"]["custom"] == {}
    undone = await client.post(f"/v1/merges/{merge['id']}/undo")
    assert undone.json()["record"]["custom"] == {}
    after = await client.read(f"{kind.path}/{loser['id']}")
    assert after["custom"] == before["custom"] == {"buddy": winner["id"]}
