"""Destroying records for good, for every collection."""

import asyncio
from collections import Counter
from uuid import uuid4

import pytest

from support.clients import pointers, problem
from support.factories import KINDS

TEXTS = ("name", "last_name", "title", "description")


def references():
    """Who refers to whom, by which column, and whether as a part."""
    for kind in KINDS:
        for relation in kind.listing.relations:
            if relation.many:
                continue
            target = next(k for k in KINDS if k.listing is relation.target())
            part = any(
                r.part and r.target() is kind.listing and r.remote is relation.local
                for r in target.listing.relations
            )
            # What a record becomes, or is matched with, nobody says.
            if relation.local.key in kind.service.create_shape.model_fields:
                yield kind, relation.local.key, target, part


REFERENCES = list(references())


def marked(kind, word):
    given = {name: word for name in TEXTS if name in kind.service.create_shape.model_fields}
    return {**given, "custom": {"word": word}, "external_ids": {"legacy": word}}


async def places_of(owner, org, word):
    """The tables that hold a word: in rows of the organization, or of nobody's."""
    tables = await owner.fetch(
        "SELECT t.table_name AS name, count(c.column_name) > 0 AS owned "
        "FROM information_schema.tables t LEFT JOIN information_schema.columns c "
        "ON (c.table_schema, c.table_name) = (t.table_schema, t.table_name) "
        "AND c.column_name = 'organization_id' WHERE t.table_schema = 'public' GROUP BY 1"
    )
    counts = [
        f"SELECT '{name}' AS name, count(*) AS number FROM \"{name}\" t WHERE t::text ILIKE $1"
        f"{' AND (organization_id = $2 OR organization_id IS NULL)' if owned else ''}"
        for name, owned in tables
    ]
    found = await owner.fetch(" UNION ALL ".join(counts), f"%{word}%", org.id)
    return {row["name"]: row["number"] for row in found if row["number"]}


def purge(client, kind, id, **options):
    params = {"purge": "true", **options.pop("params", {})}
    return client.delete(f"/v1/{kind.path}/{id}", params=params, **options)


@pytest.mark.parametrize("binned", [False, True], ids=["live", "binned"])
async def test_nothing_is_left_but_that_it_happened(client, kind, owner, org, binned):
    word = f"zz{uuid4().hex[:10]}"
    await kind.define(client, word="text", more="text")
    made = await kind.make(client, **marked(kind, word))
    path = f"/v1/{kind.path}/{made['id']}"
    await client.patch(path, json={"custom": {"more": word}})
    assert {"events", kind.listing.model.__tablename__} <= (
        await places_of(owner, org, word)
    ).keys()
    if binned:
        await client.delete(path)
    gone = await purge(client, kind, made["id"])
    assert (gone.status_code, gone.content) == (204, b""), gone.text
    assert await places_of(owner, org, word) == {}
    for answer in (
        await client.get(path),
        await client.post(f"{path}/restore"),
        await client.delete(path),
        await purge(client, kind, made["id"]),
    ):
        problem(answer, 404, "not_found")
    listed = await client.read(kind.path, limit=200, deleted="include")
    assert made["id"] not in {row["id"] for row in listed["data"]}
    events = await client.told(made["id"], 4)
    assert [event["type"].partition(".")[2] for event in events] == [
        "created",
        "updated",
        "deleted",
        "purged",
    ]
    assert [event["version"] for event in events] == [1, 2, 3, 4]
    assert all(event["data"] == {} and not event["previous"] for event in events)
    history = await client.get(f"{path}/history")
    # Who may see the history of some records is decided by the record, which is gone.
    if history.status_code != 404:
        assert [entry["changes"] for entry in history.json()["data"]] == [[]] * 4
    # What was unique is free again.
    body = {**await kind.factory.least(client), "external_ids": {"legacy": word}}
    assert (await client.post(f"/v1/{kind.path}", json=body)).status_code == 201


async def test_it_takes_its_own_scope(client, kind, keyed):
    first, second = await kind.make(client), await kind.make(client)
    writer = await keyed(f"{kind.area}:write", "*:read")
    found = problem(await purge(writer, kind, first["id"]), 403, "insufficient_scope")
    assert found["scope"] == f"{kind.area}:purge"
    document = f"mutation($id: UUID!) {{ purge{kind.type}(id: $id) }}"
    refused = (await writer.gql(document, id=first["id"]))["errors"][0]["extensions"]
    assert refused["code"] == "insufficient_scope"
    purger = await keyed(f"{kind.area}:purge")
    assert (await purge(purger, kind, first["id"])).status_code == 204
    assert await purger.data(document, id=second["id"]) == {f"purge{kind.type}": second["id"]}
    problem(await client.get(f"/v1/{kind.path}/{second['id']}"), 404)


async def test_other_organizations_cannot(client, other, kind):
    made = await kind.make(client)
    problem(await purge(other, kind, made["id"]), 404, "not_found")
    assert (await client.get(f"/v1/{kind.path}/{made['id']}")).status_code == 200


async def test_version_is_heeded(client, kind):
    made = await kind.make(client)
    await client.changed(f"{kind.path}/{made['id']}", kind.factory.change)
    stale = await purge(client, kind, made["id"], headers={"If-Match": '"1"'})
    assert problem(stale, 412, "stale")["current"]["version"] == 2
    good = await purge(client, kind, made["id"], headers={"If-Match": '"2"'})
    assert good.status_code == 204


async def test_rehearsal_destroys_nothing(client, kind, owner, org):
    word = f"zz{uuid4().hex[:10]}"
    await kind.define(client, word="text")
    made = await kind.make(client, **marked(kind, word))
    before = await places_of(owner, org, word)
    dry = await purge(client, kind, made["id"], params={"dry_run": "true"})
    assert dry.status_code == 204
    document = f"mutation($id: UUID!) {{ purge{kind.type}(id: $id, dryRun: true) }}"
    assert await client.data(document, id=made["id"]) == {f"purge{kind.type}": made["id"]}
    assert await places_of(owner, org, word) == before
    assert (await client.get(f"/v1/{kind.path}/{made['id']}")).status_code == 200


async def test_flag_is_a_flag(client, kind):
    made = await kind.make(client)
    answer = await client.delete(f"/v1/{kind.path}/{made['id']}", params={"purge": "perhaps"})
    assert pointers(problem(answer, 422)) == ["purge"]
    assert (await client.get(f"/v1/{kind.path}/{made['id']}")).status_code == 200


async def referred(client, referring, column, target):
    """A record that can be referred to, and what whoever refers to it says."""
    wanted = referring.factory.wants.get(column, {})
    record = await target.make(client, **wanted)
    return record, await referring.factory.refer(client, column, record)


@pytest.mark.parametrize(
    ("referring", "column", "target", "part"),
    REFERENCES,
    ids=lambda value: str(value),
)
async def test_what_refers_to_it_stands_in_the_way_or_goes_along(
    client, referring, column, target, part
):
    record, given = await referred(client, referring, column, target)
    # One after the other: of some there is but one at a time.
    binned = await referring.make(client, **given)
    await client.delete(f"/v1/{referring.path}/{binned['id']}")
    holders = [await referring.make(client, **given), binned]
    answer = await purge(client, target, record["id"])
    if part:
        assert answer.status_code == 204, answer.text
        for holder in holders:
            types = [event["type"] for event in await client.told(holder["id"], 2)]
            assert types[-1] == f"{referring.entity}.purged"
        return
    found = problem(answer, 409, "still_referred_to")
    assert f"{referring.listing.model.__tablename__}.{column}" in found["detail"]
    (reference,) = [r for r in found["references"] if r["reference"].endswith(f".{column}")][:1]
    assert reference["count"] == len(reference["ids"]) == 2
    assert set(reference["ids"]) == {holder["id"] for holder in holders}
    assert (await client.get(f"/v1/{target.path}/{record['id']}")).status_code == 200
    for holder in holders:
        assert (await purge(client, referring, holder["id"])).status_code == 204


@pytest.mark.parametrize(
    ("referring", "column", "target", "part"), REFERENCES, ids=lambda value: str(value)
)
async def test_references_made_meanwhile_are_refused_or_stand_in_the_way(
    client, owner, referring, column, target, part
):
    record, given = await referred(client, referring, column, target)
    body = {**await referring.factory.least(client), **given}

    async def write(turn):
        if turn == 3:
            return await purge(client, target, record["id"])
        return await client.post(f"/v1/{referring.path}", json=body)

    answers = await asyncio.gather(*(write(turn) for turn in range(8)))
    outcomes = Counter(answer.status_code for answer in answers)
    assert outcomes.keys() <= {201, 204, 409, 422, 503}, [a.text for a in answers]
    gone = answers[3].status_code == 204
    table = referring.listing.model.__tablename__
    holding = f"SELECT count(*) FROM {table} WHERE {column} = $1"
    if gone:
        assert await owner.fetchval(holding, record["id"]) == 0
        problem(await client.get(f"/v1/{target.path}/{record['id']}"), 404)
    else:
        assert (await client.get(f"/v1/{target.path}/{record['id']}")).status_code == 200


async def test_purge_of_the_main_employment_leaves_the_contact_without_a_company(client):
    company = await client.made("companies", {"name": "Example"})
    contact = await client.made("contacts", {"last_name": "A", "company_id": company["id"]})
    (employment,) = (await client.read("employments"))["data"]
    answer = await client.delete(f"/v1/employments/{employment['id']}", params={"purge": "true"})
    assert answer.status_code == 204
    assert (await client.read(f"contacts/{contact['id']}"))["company_id"] is None


# Records that were merged


async def merged(client, word):
    winner = await client.made("contacts", {"last_name": "Winner"})
    loser = await client.made("contacts", {"last_name": word, "external_ids": {"legacy": word}})
    body = {"winner_id": winner["id"], "loser_ids": [loser["id"]]}
    return winner, loser, await client.made("contacts/merge", body)


async def test_whoever_was_merged_into_it_goes_along(client, owner, org):
    word = f"zz{uuid4().hex[:10]}"
    winner, loser, merge = await merged(client, word)
    kind = next(kind for kind in KINDS if kind.name == "contacts")
    assert (await purge(client, kind, winner["id"])).status_code == 204
    assert await places_of(owner, org, word) == {}
    for id in (winner["id"], loser["id"]):
        problem(await client.get(f"/v1/contacts/{id}"), 404, "not_found")
    problem(await client.post(f"/v1/merges/{merge['id']}/undo"), 409, "winner_gone")


async def test_what_was_merged_away_can_go_alone(client):
    winner, loser, merge = await merged(client, "Loser")
    kind = next(kind for kind in KINDS if kind.name == "contacts")
    assert (await purge(client, kind, loser["id"])).status_code == 204
    assert (await client.read(f"contacts/{winner['id']}"))["id"] == winner["id"]
    assert (await client.get(f"/v1/contacts/{loser['id']}")).status_code == 308
    problem(await client.post(f"/v1/merges/{merge['id']}/undo"), 409, "loser_gone")


async def test_merge_is_undone_without_a_part_that_was_purged(client):
    company = await client.made("companies", {"name": "Example"})
    winner = await client.made("contacts", {"last_name": "Winner"})
    loser = await client.made("contacts", {"last_name": "Loser", "company_id": company["id"]})
    (employment,) = (await client.read("employments"))["data"]
    body = {"winner_id": winner["id"], "loser_ids": [loser["id"]]}
    merge = await client.made("contacts/merge", body)
    gone = await client.delete(f"/v1/employments/{employment['id']}", params={"purge": "true"})
    assert gone.status_code == 204, gone.text
    undone = await client.post(f"/v1/merges/{merge['id']}/undo")
    assert undone.status_code == 200, undone.text
    assert (await client.read(f"contacts/{loser['id']}"))["last_name"] == "Loser"


# Custom fields that refer to it


@pytest.mark.parametrize("binned", [False, True], ids=["live", "binned"])
async def test_custom_fields_that_refer_to_it_stand_in_the_way(client, kind, binned):
    contact = await client.made("contacts", {"last_name": "Target"})
    await kind.define(client, {"name": "buddy", "type": "relation", "relates_to": "contact"})
    holder = await kind.make(client, custom={"buddy": contact["id"]})
    if binned:
        await client.delete(f"/v1/{kind.path}/{holder['id']}")
    path, gone = f"/v1/contacts/{contact['id']}", {"purge": "true"}
    found = problem(await client.delete(path, params=gone), 409, "still_referred_to")
    table = kind.listing.model.__tablename__
    assert found["references"] == [
        {"reference": f"{table}.custom.buddy", "count": 1, "ids": [holder["id"]]}
    ]
    assert (await purge(client, kind, holder["id"])).status_code == 204
    assert (await client.delete(path, params=gone)).status_code == 204


async def test_custom_values_that_are_written_meanwhile_lead_to_something(client, kind, owner):
    await kind.define(client, {"name": "buddy", "type": "relation", "relates_to": "contact"})
    least = await kind.factory.least(client)
    for _ in range(3):
        contact = await client.made("contacts", {"last_name": "Target"})
        given = {**least, **await kind.factory.least(client), "custom": {"buddy": contact["id"]}}
        answers = await asyncio.gather(
            client.post(f"/v1/{kind.path}", json=given),
            client.delete(f"/v1/contacts/{contact['id']}", params={"purge": "true"}),
            client.post(f"/v1/{kind.path}/bulk", json={"items": [given]}),
        )
        assert {a.status_code for a in answers} <= {200, 201, 204, 409, 422, 503}
        if answers[1].status_code == 204:
            table = kind.listing.model.__tablename__
            holding = f"SELECT count(*) FROM {table} WHERE custom ->> 'buddy' = $1"
            assert await owner.fetchval(holding, contact["id"]) == 0
