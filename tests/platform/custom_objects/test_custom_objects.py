"""Custom objects: their records do all that records of a plain collection do."""

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from crm_api.registry import MODULES
from support.clients import Api, pointers, problem
from support.exports import exported

SERVICES = [service for module in MODULES for service in module.services]
VEHICLE = {"key": "vehicle", "label": "Vehicle", "plural_label": "Vehicles", "name_label": "Plate"}
FIELDS: list[dict[str, Any]] = [
    {"name": "vin", "type": "text", "unique": True},
    {"name": "wheels", "type": "integer", "default": 4},
    {"name": "holder", "type": "relation", "relates_to": "contact"},
    {"name": "price", "type": "money", "currency": "EUR"},
    {
        "name": "per_wheel",
        "type": "formula",
        "result_type": "decimal",
        "formula": "round(custom.price / custom.wheels, 2)",
    },
]


async def vehicles(api: Api) -> None:
    """The object and its fields."""
    await api.made("custom-objects", VEHICLE)
    for field in FIELDS:
        await api.made("custom-fields", {"target": "vehicle", **field})


@pytest.fixture
async def fleet(client: Api) -> Api:
    await vehicles(client)
    return client


@pytest.mark.parametrize(
    ("given", "status", "at"),
    [
        ({"key": "Vehicle"}, 422, "/key"),
        ({"key": "x" * 41}, 422, "/key"),
        ({"key": "contact"}, 422, "/key"),
        ({"key": "deal"}, 422, "/key"),
        ({"key": "custom_record"}, 422, "/key"),
        ({"label": None}, 422, "/label"),
        ({}, 409, "/key"),
    ],
)
async def test_wrong_objects_are_named(client, given, status, at):
    await client.made("custom-objects", VEHICLE)
    answer = await client.post("/v1/custom-objects", json={**VEHICLE, **given})
    assert pointers(problem(answer, status)) == [at]


async def test_records_live_as_any_others_do(fleet):
    contact = await fleet.made("contacts", {"last_name": "Holder"})
    body = {
        "name": "B-EX 1",
        "custom": {"vin": "V1", "holder": contact["id"], "price": "100"},
        "external_ids": {"fleet": "7"},
    }
    answer = await fleet.post("/v1/objects/vehicle", json=body)
    assert answer.status_code == 201, answer.text
    row = answer.json()
    assert answer.headers["location"] == f"/v1/objects/vehicle/{row['id']}"
    assert row["object"] == "vehicle"
    price = {"amount": "100.00", "currency": "EUR"}
    assert row["custom"] == {
        "vin": "V1", "wheels": 4, "holder": contact["id"], "price": price, "per_wheel": "25",
    }  # fmt: skip
    path = f"objects/vehicle/{row['id']}"
    assert await fleet.read(path) == row
    shown = await fleet.get(f"/v1/{path}", headers={"If-None-Match": '"1"'})
    assert shown.status_code == 304
    rehearsed = await fleet.patch(f"/v1/{path}?dry_run=true", json={"name": "B-EX 2"})
    assert rehearsed.json()["name"] == "B-EX 2"
    after = await fleet.changed(path, {"name": "B-EX 3", "custom": {"wheels": 2}})
    assert (after["version"], after["custom"]["per_wheel"]) == (2, "50")
    stale = await fleet.patch(f"/v1/{path}", json={"name": "x"}, headers={"If-Match": '"1"'})
    assert problem(stale, 412)["current"]["name"] == "B-EX 3"
    assert (await fleet.delete(f"/v1/{path}")).status_code == 204
    problem(await fleet.get(f"/v1/{path}"), 404, "not_found")
    assert (await fleet.read("objects/vehicle", deleted="only"))["data"][0]["id"] == row["id"]
    assert (await fleet.post(f"/v1/{path}/restore")).json()["version"] == 4
    told = await fleet.told(row["id"], 4, types="vehicle.*")
    verbs = ["created", "updated", "deleted", "restored"]
    assert [event["type"] for event in told] == [f"vehicle.{verb}" for verb in verbs]
    history = (await fleet.read(f"{path}/history"))["data"]
    assert [entry["version"] for entry in history] == [4, 3, 2, 1]
    assert {"field": "custom.wheels", "before": 4, "after": 2} in history[2]["changes"]
    found = await fleet.read("objects/vehicle/by-external/fleet/7")
    assert found["id"] == row["id"]


async def test_lists_filter_sort_page_and_search(fleet):
    holder = await fleet.made("contacts", {"last_name": "Holder"})
    rows = []
    for n in range(5):
        custom = {"vin": f"V{n}", "wheels": n, "holder": holder["id"] if n % 2 else None}
        rows.append(await fleet.made("objects/vehicle", {"name": f"Van {4 - n}", "custom": custom}))
    ids = [row["id"] for row in rows]
    for node, wanted in (
        ({"custom": {"wheels": {"gte": 3}}}, [3, 4]),
        ({"name": {"in": ["Van 0", "Van 4"]}}, [0, 4]),
        ({"custom": {"holder": {"last_name": {"eq": "Holder"}}}}, [1, 3]),
        ({"not": {"custom": {"vin": "V2"}}}, [0, 1, 3, 4]),
        ({"custom": {"holder": {"custom": {"cars": {"gte": 2}}}}}, [1, 3]),
    ):
        if "cars" in str(node):
            rollup = {"relation": "vehicle.holder", "function": "count"}
            field = {"target": "contact", "name": "cars", "type": "rollup", "rollup": rollup}
            await fleet.made("custom-fields", field)
        body = {"filter": node, "count": "exact"}
        found = (await fleet.post("/v1/objects/vehicle/query", json=body)).json()
        assert {row["id"] for row in found["data"]} == {ids[n] for n in wanted}, node
        assert found["total"] == len(wanted)
    assert (await fleet.read(f"contacts/{holder['id']}"))["custom"] == {"cars": 2}
    listed = await fleet.read("objects/vehicle", **{"filter[custom][wheels]": "2"})
    assert [row["id"] for row in listed["data"]] == [ids[2]]
    for sort, order in (("name", [4, 3, 2, 1, 0]), ("-custom.wheels", [4, 3, 2, 1, 0])):
        found, cursor = [], {}
        while True:
            page = await fleet.read("objects/vehicle", sort=sort, limit=2, **cursor)
            found += [ids.index(row["id"]) for row in page["data"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert found == order
    assert [r["name"] for r in (await fleet.read("objects/vehicle", q="van 3"))["data"]] == [
        "Van 3"
    ]
    found = (await fleet.read("search", q="van 3"))["data"]
    assert [(hit["type"], hit["title"]) for hit in found] == [("vehicle", "Van 3")]


async def test_wrong_records_are_named(fleet):
    for body, at in (
        ({}, "/name"),
        ({"name": "x", "object": "plane"}, "/object"),
        ({"name": "x", "custom": {"nope": 1}}, "/custom/nope"),
        ({"name": "x", "custom": {"wheels": "4"}}, "/custom/wheels"),
        ({"name": "x", "custom": {"per_wheel": "4"}}, "/custom/per_wheel"),
        (
            {"name": "x", "custom": {"holder": "01990000-0000-7000-8000-00000000dead"}},
            "/custom/holder",
        ),
    ):
        assert pointers(problem(await fleet.post("/v1/objects/vehicle", json=body), 422)) == [at]
    for path in ("objects/plane", "objects/contact", "objects/%00"):
        problem(await fleet.get(f"/v1/{path}"), 404)
    problem(await fleet.post("/v1/objects/plane", json={"name": "x"}), 404)
    found = await fleet.read("objects/vehicle")
    assert found["data"] == []


async def test_one_of_many_equal_unique_values_wins(fleet):
    async def post(_: int) -> int:
        body = {"name": "x", "custom": {"vin": "same"}}
        return (await fleet.post("/v1/objects/vehicle", json=body)).status_code

    assert Counter(await asyncio.gather(*map(post, range(12)))) == {201: 1, 409: 11}
    body = {"name": "y", "custom": {"vin": "same"}}
    answer = await fleet.post("/v1/objects/vehicle/upsert?match=custom.vin", json=body)
    assert (answer.status_code, answer.json()["result"]) == (200, "updated")
    assert answer.headers["location"] == f"/v1/objects/vehicle/{answer.json()['id']}"
    put = await fleet.put("/v1/objects/vehicle/by-external/fleet/1", json={"name": "z"})
    assert (put.status_code, put.json()["result"]) == (201, "created")
    assert put.headers["location"] == f"/v1/objects/vehicle/{put.json()['id']}"


async def test_objects_do_not_see_each_other(fleet, other, keyed):
    await fleet.made("custom-objects", {**VEHICLE, "key": "plane"})
    van = await fleet.made("objects/vehicle", {"name": "Same", "external_ids": {"fleet": "1"}})
    plane = await fleet.made("objects/plane", {"name": "Same", "external_ids": {"fleet": "1"}})
    for key, row, stranger in (("vehicle", van, plane), ("plane", plane, van)):
        listed = await fleet.read(f"objects/{key}", count="exact")
        assert ([r["id"] for r in listed["data"]], listed["total"]) == ([row["id"]], 1)
        assert [r["id"] for r in (await fleet.read(f"objects/{key}", q="same"))["data"]] == [
            row["id"]
        ]
        at = f"/v1/objects/{key}/{stranger['id']}"
        for answer in (
            await fleet.get(at),
            await fleet.patch(at, json={"name": "x"}),
            await fleet.delete(at),
            await fleet.post(f"{at}/restore"),
            await fleet.get(f"{at}/history"),
        ):
            problem(answer, 404)
    # Another organization has no such object, or one of its own.
    problem(await other.get("/v1/objects/vehicle"), 404)
    problem(await other.get(f"/v1/objects/vehicle/{van['id']}"), 404)
    await vehicles(other)
    assert (await other.read("objects/vehicle"))["data"] == []
    problem(await other.get(f"/v1/objects/vehicle/{van['id']}"), 404)
    half = await keyed("contacts:*", "events:read")
    problem(await half.get("/v1/objects/vehicle"), 403, "insufficient_scope")
    problem(await half.get(f"/v1/objects/vehicle/{van['id']}/history"), 403)
    whole = await keyed("objects:write")
    await whole.changed(f"objects/vehicle/{van['id']}", {"name": "Other"})


async def test_graphql_says_the_same(fleet):
    make = """mutation($i: CustomRecordCreateInput!) {
        createCustomRecord(object: "vehicle", input: $i) { id object name custom version } }"""
    made = (await fleet.data(make, i={"name": "Van", "custom": {"vin": "V1", "price": "8"}}))[
        "createCustomRecord"
    ]
    row = await fleet.read(f"objects/vehicle/{made['id']}")
    assert made == {name: row[name] for name in ("id", "object", "name", "custom", "version")}
    change = """mutation($id: UUID!, $i: CustomRecordUpdateInput!, $v: Int) {
        updateCustomRecord(object: "vehicle", id: $id, input: $i, expectedVersion: $v) { name } }"""
    found = await fleet.data(change, id=made["id"], i={"name": "Bus"}, v=1)
    assert found["updateCustomRecord"] == {"name": "Bus"}
    found = await fleet.gql(change, id=made["id"], i={"name": "Bus"}, v=1)
    assert found["errors"][0]["extensions"]["code"] == "stale"
    page = """query($w: CustomRecordWhere, $o: String! = "vehicle") {
        customRecords(object: $o, where: $w, orderBy: ["-custom.price"], first: 1) {
            totalCount nodes { id custom } pageInfo { hasNextPage } } }"""
    asked = [{"field": "price", "money": {"gt": "7"}}, {"field": "vin", "text": {"eq": "V1"}}]
    where = {"custom": asked}
    shown = (await fleet.data(page, w=where))["customRecords"]
    assert (shown["totalCount"], shown["nodes"][0]["id"]) == (1, made["id"])
    found = await fleet.gql(page, w={"custom": [{"field": "nope", "integer": {"eq": 1}}]})
    assert found["errors"][0]["extensions"]["problem"]["errors"][0]["pointer"] == (
        "/filter/custom/0/field"
    )
    found = await fleet.gql(page, o="plane")
    assert found["errors"][0]["extensions"]["code"] == "not_found"
    upsert = """mutation($i: CustomRecordUpsertInput!) {
        upsertCustomRecord(object: "vehicle", match: "custom.vin", input: $i) {
            result customRecord { id name } } }"""
    found = await fleet.data(upsert, i={"name": "Bike", "custom": {"vin": "V1"}})
    assert found["upsertCustomRecord"] == {
        "result": "updated",
        "customRecord": {"id": made["id"], "name": "Bike"},
    }
    one = 'query($id: UUID!) { customRecord(object: "vehicle", id: $id) { name } }'
    away = 'mutation($id: UUID!) { deleteCustomRecord(object: "vehicle", id: $id) }'
    back = 'mutation($id: UUID!) { restoreCustomRecord(object: "vehicle", id: $id) { name } }'
    assert (await fleet.data(one, id=made["id"]))["customRecord"] == {"name": "Bike"}
    assert (await fleet.data(away, id=made["id"]))["deleteCustomRecord"] == made["id"]
    assert (await fleet.data(one, id=made["id"]))["customRecord"] is None
    assert (await fleet.data(back, id=made["id"]))["restoreCustomRecord"] == {"name": "Bike"}
    end = 'mutation($id: UUID!) { purgeCustomRecord(object: "vehicle", id: $id) }'
    assert (await fleet.data(end, id=made["id"]))["purgeCustomRecord"] == made["id"]
    found = await fleet.gql(back, id=made["id"])
    assert found["errors"][0]["extensions"]["code"] == "not_found"


async def test_records_of_a_deleted_object_are_not_there(fleet):
    objects = (await fleet.read("custom-objects"))["data"]
    row = await fleet.made("objects/vehicle", {"name": "Van"})
    lead = {"target": "contact", "name": "car", "type": "relation", "relates_to": "vehicle"}
    field = await fleet.made("custom-fields", lead)
    contact = await fleet.made("contacts", {"last_name": "P", "custom": {"car": row["id"]}})
    at = f"/v1/custom-objects/{objects[0]['id']}"
    found = problem(await fleet.delete(at), 409, "in_use")
    assert found["fields"] == ["contact.car"]
    nested = {"filter": {"custom": {"car": {"name": {"eq": "Van"}}}}}
    found = (await fleet.post("/v1/contacts/query", json=nested)).json()
    assert [r["id"] for r in found["data"]] == [contact["id"]]
    await fleet.delete(f"/v1/custom-fields/{field['id']}")
    assert (await fleet.delete(at)).status_code == 204
    problem(await fleet.get(f"/v1/objects/vehicle/{row['id']}"), 404)
    problem(await fleet.post("/v1/custom-objects", json=VEHICLE), 409)
    assert (await fleet.post(f"{at}/restore")).status_code == 200
    assert (await fleet.read(f"objects/vehicle/{row['id']}"))["name"] == "Van"


async def test_an_object_that_rollups_are_over_is_in_use(fleet):
    (vehicle,) = (await fleet.read("custom-objects"))["data"]
    keeper = {"target": "vehicle", "name": "keeper", "type": "relation"}
    await fleet.made("custom-fields", keeper | {"relates_to": "contact"})
    rollup = {"relation": "vehicle.keeper", "function": "count"}
    cars = {"target": "contact", "name": "cars", "type": "rollup", "rollup": rollup}
    made = await fleet.made("custom-fields", cars)
    contact = await fleet.made("contacts", {"last_name": "P"})
    at = f"/v1/custom-objects/{vehicle['id']}"
    for dry_run in ("true", "false"):
        answer = await fleet.delete(at, params={"dry_run": dry_run})
        assert problem(answer, 409, "in_use")["fields"] == ["contact.cars"]
    sorted_up = await fleet.read("contacts", sort="-custom.cars", fields="id")
    assert sorted_up["data"] == [{"id": contact["id"]}]
    await fleet.delete(f"/v1/custom-fields/{made['id']}")
    assert (await fleet.delete(at)).status_code == 204


async def test_statements_are_those_of_any_collection(fleet, statements):
    made = await fleet.made("objects/vehicle", {"name": "Van"})
    for budget, ask in (
        (1, lambda: fleet.get("/v1/objects/vehicle")),
        (1, lambda: fleet.get(f"/v1/objects/vehicle/{made['id']}")),
        (1, lambda: fleet.post("/v1/objects/vehicle", json={"name": "Van"})),
    ):
        async with statements() as seen:
            assert (await ask()).is_success
        assert len(seen) <= budget, seen.work


@pytest.mark.parametrize("key", sorted(s.repository.listing.entity for s in SERVICES))
async def test_no_object_takes_a_word_of_the_service(client, key):
    answer = await client.post("/v1/custom-objects", json={**VEHICLE, "key": key})
    found = problem(answer, 422)
    assert [(e["pointer"], e["code"]) for e in found["errors"]] == [("/key", "reserved")]


async def test_there_are_so_many_objects(client, monkeypatch):
    monkeypatch.setattr("crm_api.platform.custom_fields.service.MAX_OBJECTS", 1)
    first = await client.made("custom-objects", VEHICLE)
    plane = {**VEHICLE, "key": "plane"}
    found = problem(await client.post("/v1/custom-objects", json=plane), 422)
    assert [(e["pointer"], e["code"]) for e in found["errors"]] == [("/key", "too_many_objects")]
    await client.delete(f"/v1/custom-objects/{first['id']}")
    await client.made("custom-objects", plane)
    problem(await client.post(f"/v1/custom-objects/{first['id']}/restore"), 422)


async def test_one_of_many_equal_objects_is_made(client):
    async def post(_: int) -> int:
        return (await client.post("/v1/custom-objects", json=VEHICLE)).status_code

    assert Counter(await asyncio.gather(*map(post, range(8)))) == {201: 1, 409: 7}


async def test_views_and_files_are_of_objects_too(fleet, other, keyed, worker):
    rows = [
        await fleet.made("objects/vehicle", {"name": f"Van {n}", "custom": {"wheels": n}})
        for n in range(3)
    ]
    body = {
        "target": "vehicle",
        "name": "Many wheels",
        "filter": {"custom": {"wheels": {"gte": 1}}},
        "sort": ["-custom.wheels"],
        "fields": ["name"],
        "sharing": "organization",
    }
    view = await fleet.made("views", body)
    assert (await fleet.read("objects/vehicle", view=view["id"]))["data"] == [
        {"name": "Van 2"},
        {"name": "Van 1"},
    ]
    document = 'query($v: UUID!) { customRecords(object: "vehicle", view: $v) { nodes { id } } }'
    shown = (await fleet.data(document, v=view["id"]))["customRecords"]["nodes"]
    assert [node["id"] for node in shown] == [rows[2]["id"], rows[1]["id"]]
    found = problem(await fleet.post("/v1/views", json={**body, "target": "plane"}), 422)
    assert pointers(found) == ["/target"]
    found = problem(await fleet.post("/v1/views", json={**body, "sort": ["custom.no"]}), 422)
    assert pointers(found) == ["/sort"]
    problem(await other.post("/v1/views", json=body), 422)
    answer = await exported(fleet, "objects/vehicle", format="csv", view=view["id"])
    assert answer.text.split() == ["name", "Van", "2", "Van", "1"]
    assert 'filename="vehicle-' in answer.headers["content-disposition"]
    line = (await exported(fleet, "objects/vehicle", format="ndjson")).text.splitlines()[0]
    assert json.loads(line)["custom.wheels"] in {0, 1, 2}
    problem(await fleet.post("/v1/objects/plane/export", json={}), 404)
    half = await keyed("objects:read", "exports:*")
    problem(await half.post("/v1/objects/vehicle/export", json={}), 403, "insufficient_scope")
    document = """mutation($o: String!) { exportCustomRecords(object: $o, input: {format: "csv"}) {
        export { target } } }"""
    found = await fleet.data(document, o="vehicle")
    assert found["exportCustomRecords"]["export"] == {"target": "vehicle"}
    for wrong in ("plane", "contact"):
        found = await fleet.gql(document, o=wrong)
        assert found["errors"][0]["extensions"]["code"] == "not_found"


async def test_graphql_follows_and_goes_back(fleet):
    upsert = """mutation($i: CustomRecordUpsertInput!) {
        upsertCustomRecordByExternalId(object: "vehicle", source: "erp", externalId: "1", input: $i) {
            result customRecord { id name updatedAt } } }"""
    first = (await fleet.data(upsert, i={"name": "Van"}))["upsertCustomRecordByExternalId"]
    then = first["customRecord"]["updatedAt"]
    second = (await fleet.data(upsert, i={"name": "Bus"}))["upsertCustomRecordByExternalId"]
    assert (first["result"], second["result"]) == ("created", "updated")
    id = first["customRecord"]["id"]
    document = """query($id: UUID!, $t: String!, $e: String!) {
        was: customRecord(object: "vehicle", id: $id, asOf: $t) { name }
        is: customRecordByExternalId(object: "vehicle", source: "erp", externalId: $e) { id name }
        customRecordChanges(object: "vehicle") { nodes { id } more } }"""
    found = await fleet.data(document, id=id, t=then, e="1")
    assert found["was"] == {"name": "Van"}
    assert found["is"] == {"id": id, "name": "Bus"}
    assert found["customRecordChanges"]["nodes"] == [{"id": id}]
    found = await fleet.data(document, id=id, t=then, e="2")
    assert found["is"] is None


async def test_many_are_written_at_once(fleet, worker):
    path = "/v1/objects/vehicle"
    items = [{"name": f"Van {n}", "custom": {"vin": f"V{n}", "wheels": n}} for n in range(5)]
    answer = await fleet.post(f"{path}/bulk", json={"op": "create", "items": items})
    report = answer.json()
    assert (answer.status_code, report["succeeded"]) == (200, 5), report
    wrong = [*items[:1], {"name": "x", "custom": {"nope": 1}}]
    found = problem(await fleet.post(f"{path}/bulk", json={"op": "create", "items": wrong}), 422)
    assert "/items/1/custom/nope" in pointers(found)
    again = {"op": "upsert", "items": [{**items[0], "name": "Bus"}]}
    answer = await fleet.post(f"{path}/bulk?match=custom.vin", json=again)
    assert answer.json()["results"][0]["result"] == "updated", answer.text
    operations = [
        {"op": "create", "entity": "contact", "name": "who", "data": {"last_name": "Holder"}},
        {
            "op": "create",
            "entity": "vehicle",
            "data": {"name": "Car", "custom": {"holder": {"$ref": "who.id"}}},
        },
    ]
    answer = await fleet.post("/v1/batch", json={"operations": operations})
    assert answer.status_code == 200, answer.text
    who, car = (result["record"] for result in answer.json()["results"])
    assert car["custom"]["holder"] == who["id"]
    operations[1]["entity"] = "plane"
    found = problem(await fleet.post("/v1/batch", json={"operations": operations}), 422)
    assert pointers(found) == ["/operations/1/entity"]
    body = {"action": "delete", "filter": {"custom": {"wheels": {"gte": 3}}}}
    asked = (await fleet.post(f"{path}/bulk/by-filter", json=body)).json()
    assert asked["count"] == 3  # the car has four wheels
    answer = await fleet.post(f"{path}/bulk/by-filter", json={**body, "expected_count": 3})
    await fleet.ended(answer.json()["job_id"])
    assert len((await fleet.read("objects/vehicle"))["data"]) == 3


async def test_repeats_and_purges(fleet):
    path = "/v1/objects/vehicle"
    key = {"Idempotency-Key": "one"}
    first, second = [
        await fleet.post(path, json={"name": "Van", "custom": {"vin": "V1"}}, headers=key)
        for _ in range(2)
    ]
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    objects = (await fleet.read("custom-objects"))["data"]
    fields = (await fleet.read("custom-fields", **{"filter[target]": "vehicle"}))["data"]
    at = f"/v1/custom-objects/{objects[0]['id']}?purge=true"
    problem(await fleet.delete(at), 409, "still_referred_to")
    lead = {"target": "contact", "name": "car", "type": "relation", "relates_to": "vehicle"}
    car = await fleet.made("custom-fields", lead)
    custom = {"car": first.json()["id"]}
    contact = await fleet.made("contacts", {"last_name": "P", "custom": custom})
    one = f"{path}/{first.json()['id']}?purge=true"
    problem(await fleet.delete(one), 409, "still_referred_to")
    await fleet.changed(f"contacts/{contact['id']}", {"custom": {"car": None}})
    assert (await fleet.delete(one)).status_code == 204
    problem(await fleet.get(f"{path}/{first.json()['id']}"), 404)
    for field in [car, *fields[::-1]]:
        answer = await fleet.delete(f"/v1/custom-fields/{field['id']}?purge=true")
        if answer.status_code != 204:  # the formula reads it, and goes first
            problem(answer, 409, "in_use")
    for field in fields:
        await fleet.delete(f"/v1/custom-fields/{field['id']}?purge=true")
    assert (await fleet.delete(at)).status_code == 204
    await fleet.made("custom-objects", VEHICLE)
