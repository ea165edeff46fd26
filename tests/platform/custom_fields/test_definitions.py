"""Definitions: what may be said, what records say to it, and who knows it when."""

import asyncio
from typing import Any

import pytest

from crm_api.kit.db.catalogues import REMEMBERED_S
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import unit_of_work
from support.clients import pointers, problem
from support.waiting import patiently

CONTACT = {"target": "contact", "name": "tier"}
OPTIONS = [{"value": "gold"}, {"value": "tin", "label": "Tin"}]


async def defined(client, **given: Any) -> dict[str, Any]:
    return await client.made("custom-fields", {**CONTACT, "type": "text", **given})


@pytest.mark.parametrize(
    ("given", "at"),
    [
        ({"target": "nothing"}, "/target"),
        ({"target": "import"}, "/target"),
        ({"name": "Tier"}, "/name"),
        ({"name": "1st"}, "/name"),
        ({"name": "x" * 64}, "/name"),
        ({"type": "colour"}, "/type"),
        ({"type": "select"}, "/options"),
        ({"options": OPTIONS}, "/options"),
        ({"type": "select", "options": [{"value": "a"}, {"value": "a"}]}, "/options"),
        ({"type": "relation"}, "/relates_to"),
        ({"type": "relation", "relates_to": "nothing"}, "/relates_to"),
        ({"relates_to": "company"}, "/relates_to"),
        ({"type": "money", "unique": True}, "/unique"),
        ({"type": "bool", "unique": True}, "/unique"),
        ({"type": "integer", "searchable": True}, "/searchable"),
        ({"currency": "EUR"}, "/currency"),
        ({"type": "integer", "default": "many"}, "/default"),
        ({"type": "select", "options": OPTIONS, "default": "silver"}, "/default"),
        ({"unique": True, "default": "x"}, "/default"),
        ({"visible_to": ["everyone"]}, "/visible_to/0"),
        ({"position": -1}, "/position"),
        ({"nope": 1}, "/nope"),
    ],
)
async def test_wrong_definitions_are_named(client, given, at):
    answer = await client.post("/v1/custom-fields", json={**CONTACT, "type": "text", **given})
    assert pointers(problem(answer, 422)) == [at]
    assert (await client.read("custom-fields", count="exact"))["total"] == 0


async def test_what_is_left_out_is_filled(client):
    made = await defined(client, type="select", options=OPTIONS, default="tin")
    assert made["label"] == "Tier"
    assert made["options"] == [
        {"value": "gold", "label": "gold", "archived": False},
        {"value": "tin", "label": "Tin", "archived": False},
    ]
    same = await client.made("custom-fields", {"target": "company", "name": "tier", "type": "date"})
    assert same["default"] is None
    answer = await client.post("/v1/custom-fields", json={**CONTACT, "type": "date"})
    assert pointers(problem(answer, 409)) == ["/name"]


async def test_type_and_name_are_for_ever(client):
    made = await defined(client)
    for name in ("type", "name", "target", "relates_to"):
        answer = await client.patch(f"/v1/custom-fields/{made['id']}", json={name: "date"})
        assert problem(answer, 422)["errors"][0]["code"] == "unknown_field"


async def test_narrowing_counts_the_records_against_it(client):
    field = await defined(client, type="select", options=OPTIONS)
    at = f"custom-fields/{field['id']}"
    for tier in ("gold", "gold", None):
        custom = {} if tier is None else {"tier": tier}
        await client.made("contacts", {"last_name": "Person", "custom": custom})
    for patch, count in (
        ({"required": True}, 1),
        ({"unique": True}, 2),
        ({"options": OPTIONS[1:]}, 2),
    ):
        found = problem(await client.patch(f"/v1/{at}", json=patch), 409, "contradicted")
        assert found["records"] == count
        assert pointers(found) == [f"/{next(iter(patch))}"]
    assert (await client.read(at)) == field
    archived = [{**OPTIONS[0], "archived": True}, OPTIONS[1]]
    await client.changed(at, {"options": archived})
    # Whoever has it keeps it, through other changes too.
    row = (await client.read("contacts", **{"filter[custom][tier]": "gold"}))["data"][0]
    after = await client.changed(
        f"contacts/{row['id']}", {"custom": {"tier": "gold"}, "title": "X"}
    )
    assert after["custom"] == {"tier": "gold"}
    await client.changed(at, {"options": OPTIONS})


async def test_long_texts_stand_against_an_index(client):
    field = await defined(client)
    await client.made("contacts", {"last_name": "Person", "custom": {"tier": "x" * 501}})
    for patch in ({"unique": True}, {"indexed": True}):
        answer = await client.patch(f"/v1/custom-fields/{field['id']}", json=patch)
        assert problem(answer, 409, "contradicted")["records"] == 1
    await defined(client, name="short", indexed=True)
    body = {"last_name": "Person", "custom": {"short": "x" * 501}}
    found = problem(await client.post("/v1/contacts", json=body), 422)
    assert pointers(found) == ["/custom/short"]
    # Any 500 characters fit, the widest too.
    await client.made("contacts", {"last_name": "Person", "custom": {"short": "\U0001f600" * 500}})


@pytest.mark.commits
async def test_other_processes_know_within_a_second(own_database):
    """Another application over the same database, as another process would have it."""
    org = await own_database.org()
    client = await own_database.client(org)
    second = Database(own_database.url, signing_key=b"x")
    try:
        assert (await second.catalogues.of(org.id)).of("contact").get("tier") is None
        await client.made("custom-fields", {**CONTACT, "type": "text"})
        await asyncio.sleep(REMEMBERED_S)
        assert (await second.catalogues.of(org.id)).of("contact").get("tier") is not None
        # Unchanged, it is the very same object: nothing was read but the version.
        known = await second.catalogues.of(org.id)
        await asyncio.sleep(REMEMBERED_S)
        assert await second.catalogues.of(org.id) is known
    finally:
        await second.close()


async def test_what_is_rolled_back_is_not_known(client, org, tx_of):
    answer = await client.post("/v1/custom-fields?dry_run=true", json={**CONTACT, "type": "text"})
    assert answer.status_code == 201
    body = {"last_name": "Person", "custom": {"tier": "x"}}
    problem(await client.post("/v1/contacts", json=body), 422)
    document = """mutation($f: CustomFieldCreateInput!, $c: ContactCreateInput!) {
        createCustomField(input: $f) { id } createContact(input: $c) { custom } }"""
    field = {"target": "contact", "name": "tier", "type": "text"}
    found = await client.gql(
        document, f={**field, "type": "relation"}, c={"lastName": "P", "custom": {"tier": "x"}}
    )
    assert "errors" in found
    # In one request the second change knows what the first has defined.
    found = await client.data(document, f=field, c={"lastName": "P", "custom": {"tier": "x"}})
    assert found["createContact"]["custom"] == {"tier": "x"}


async def test_many_definitions_at_once_are_all_published(client):
    bodies = [{**CONTACT, "name": f"f{n}", "type": "integer"} for n in range(20)]
    await asyncio.gather(*(client.made("custom-fields", body) for body in bodies))
    custom = {f"f{n}": n for n in range(20)}
    made = await client.made("contacts", {"last_name": "Person", "custom": custom})
    assert made["custom"] == custom


async def test_relations_lead_to_living_records_of_the_organization(client, other):
    await client.made(
        "custom-fields",
        {"target": "contact", "name": "partner", "type": "relation", "relates_to": "company"},
    )
    company = await client.made("companies", {"name": "Example"})
    foreign = await other.made("companies", {"name": "Foreign"})
    contact = await client.made(
        "contacts", {"last_name": "A", "custom": {"partner": company["id"]}}
    )
    assert contact["custom"] == {"partner": company["id"]}
    await client.delete(f"/v1/companies/{company['id']}")
    for id in (company["id"], foreign["id"], contact["id"], "01990000-0000-7000-8000-00000000dead"):
        body = {"last_name": "B", "custom": {"partner": id}}
        found = problem(await client.post("/v1/contacts", json=body), 422)
        assert [(e["pointer"], e["code"]) for e in found["errors"]] == [
            ("/custom/partner", "unknown_reference")
        ]
    found = await client.read("contacts", **{"filter[custom][partner]": company["id"]})
    assert [row["id"] for row in found["data"]] == [contact["id"]]


async def test_turned_on_later_they_hold_for_old_records(client, worker, org, database, tx_of):
    field = await defined(client)
    made = [
        await client.made("contacts", {"last_name": "Old", "custom": {"tier": f"Zyx{n}"}})
        for n in range(3)
    ]
    at = f"custom-fields/{field['id']}"
    after = await client.changed(at, {"unique": True, "indexed": True, "searchable": True})
    assert after["indexed_at"] is None
    async for _ in patiently():
        after = await client.read(at)
        if after["indexed_at"] is not None:
            break
    assert after["indexed_at"] is not None
    answer = await client.post(
        "/v1/contacts", json={"last_name": "New", "custom": {"tier": "Zyx1"}}
    )
    assert pointers(problem(answer, 409, "duplicate_custom_value")) == ["/custom/tier"]
    found = await client.read("contacts", q="zyx1")
    assert [row["id"] for row in found["data"]] == [made[1]["id"]]
    found = await client.read("contacts", **{"filter[custom][tier][starts_with]": "Zyx2"})
    assert [row["id"] for row in found["data"]] == [made[2]["id"]]
    async with unit_of_work(tx_of(org)) as tx:
        rows = await tx.fetch("SELECT text FROM custom_values ORDER BY text")
        assert [row["text"] for row in rows] == ["Zyx0", "Zyx1", "Zyx2"]
    await client.changed(at, {"unique": False})
    await client.made("contacts", {"last_name": "New", "custom": {"tier": "Zyx1"}})


async def test_a_definition_is_purged_when_no_record_has_a_value(client):
    field = {"target": "contact", "name": "tier", "type": "text"}
    made = await client.made("custom-fields", field)
    row = await client.made("contacts", {"last_name": "Person", "custom": {"tier": "gold"}})
    path = f"/v1/custom-fields/{made['id']}"
    await client.delete(f"/v1/contacts/{row['id']}")
    found = problem(await client.delete(path, params={"purge": "true"}), 409, "still_referred_to")
    assert found["records"] == 1
    await client.post(f"/v1/contacts/{row['id']}/restore")
    await client.changed(f"contacts/{row['id']}", {"custom": None})
    assert (await client.delete(path, params={"purge": "true"})).status_code == 204
    # The name is free again, for another type too.
    await client.made("custom-fields", {**field, "type": "integer"})
    now = await client.changed(f"contacts/{row['id']}", {"custom": {"tier": 7}})
    assert now["custom"] == {"tier": 7}


async def test_a_relation_stands_in_the_way_of_a_purge(client):
    field = {"target": "contact", "name": "boss", "type": "relation", "relates_to": "contact"}
    await client.made("custom-fields", field)
    boss = await client.made("contacts", {"last_name": "Boss"})
    row = await client.made("contacts", {"last_name": "P", "custom": {"boss": boss["id"]}})
    purge = {"purge": "true"}
    answer = await client.delete(f"/v1/contacts/{boss['id']}", params=purge)
    found = problem(answer, 409, "still_referred_to")
    standing = {"reference": "contacts.custom.boss", "count": 1, "ids": [row["id"]]}
    assert found["references"] == [standing]
    assert (await client.delete(f"/v1/contacts/{row['id']}", params=purge)).status_code == 204
    assert (await client.delete(f"/v1/contacts/{boss['id']}", params=purge)).status_code == 204
