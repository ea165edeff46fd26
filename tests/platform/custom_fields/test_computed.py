"""Formulas and rollups: computed, filtered, sorted, and in step with what they are computed from."""

import asyncio
import json
from copy import deepcopy
from typing import Any

import pytest

from support.clients import Api, pointers, problem
from support.exports import exported
from support.waiting import patiently


async def define(
    api: Api, *bodies: dict[str, Any], target: str = "contact"
) -> list[dict[str, Any]]:
    return [await api.made("custom-fields", {"target": target, **body}) for body in bodies]


PRICE: list[dict[str, Any]] = [
    {"name": "amount", "type": "integer"},
    {"name": "price", "type": "money", "currency": "EUR"},
    {
        "name": "total",
        "type": "formula",
        "result_type": "decimal",
        "formula": "round(custom.price * custom.amount, 2)",
    },
    {
        "name": "class",
        "type": "formula",
        "result_type": "text",
        "formula": "'big' if custom.total >= 100 else upper(last_name)",
        "searchable": True,
    },
]


async def test_formulas_follow_what_they_read(client):
    await define(client, *PRICE)
    body = {"last_name": "person", "custom": {"price": "12.5", "amount": 3}}
    row = await client.made("contacts", body)
    assert row["custom"]["total"] == "37.5"
    assert row["custom"]["class"] == "PERSON"
    path = f"contacts/{row['id']}"
    assert (await client.read(path))["custom"] == row["custom"]
    after = await client.changed(path, {"custom": {"amount": 9}})
    assert (after["custom"]["total"], after["custom"]["class"]) == ("112.5", "big")
    after = await client.changed(path, {"custom": {"price": None}})
    assert "total" not in after["custom"]
    # A field of the record itself is as good as a custom one.
    after = await client.changed(path, {"last_name": "other"})
    assert after["custom"] == {"amount": 9, "class": "OTHER"}
    entry = (await client.read(f"{path}/history"))["data"][0]
    fields = {change["field"]: change["after"] for change in entry["changes"]}
    assert fields["custom.class"] == "OTHER"
    found = await client.read("contacts", **{"filter[custom][class]": "OTHER"}, sort="custom.total")
    assert [r["id"] for r in found["data"]] == [row["id"]]
    for given in ({"total": "1"}, {"class": None}):
        answer = await client.patch(f"/v1/{path}", json={"custom": given})
        assert problem(answer, 422)["errors"][0]["code"] == "computed_field"
    # What was read may be sent back.
    assert (await client.changed(path, {"custom": after["custom"]}))["version"] == after["version"]
    assert (await client.changed(path, {"custom": None}))["custom"] == {"class": "OTHER"}


@pytest.mark.parametrize(
    ("given", "at"),
    [
        ({"formula": "1 +"}, "/formula"),
        ({"formula": "custom.nope"}, "/formula"),
        ({"formula": "custom.tags"}, "/formula"),
        ({"formula": "custom.it"}, "/formula"),
        ({"formula": "version"}, "/formula"),
        ({"formula": "emails"}, "/formula"),
        ({"formula": "'text'"}, "/formula"),
        ({"result_type": None}, "/result_type"),
        ({"result_type": "money"}, "/result_type"),
        ({"formula": None}, "/formula"),
        ({"required": True}, "/required"),
        ({"unique": True}, "/unique"),
        ({"default": "1"}, "/default"),
        ({"rollup": {"relation": "employments", "function": "count"}}, "/rollup"),
        ({"type": "text"}, "/formula"),
    ],
)
async def test_wrong_formulas_are_named(client, given, at):
    await define(client, {"name": "tags", "type": "multiselect", "options": [{"value": "a"}]})
    good = {
        "target": "contact",
        "name": "it",
        "type": "formula",
        "result_type": "integer",
        "formula": "1",
    }
    found = problem(await client.post("/v1/custom-fields", json={**good, **given}), 422)
    assert at in pointers(found)


async def test_formulas_never_run_in_a_circle(client):
    first, second = await define(
        client,
        {"name": "a", "type": "formula", "result_type": "integer", "formula": "1"},
        {"name": "b", "type": "formula", "result_type": "integer", "formula": "custom.a + 1"},
    )
    at = f"/v1/custom-fields/{first['id']}"
    found = problem(await client.patch(at, json={"formula": "custom.b"}), 422)
    assert [(e["pointer"], e["code"]) for e in found["errors"]] == [("/formula", "circle")]
    assert problem(await client.delete(at), 409, "in_use")["fields"] == ["contact.b"]
    await client.delete(f"/v1/custom-fields/{second['id']}")
    assert (await client.delete(at)).status_code == 204
    problem(await client.post(f"/v1/custom-fields/{second['id']}/restore"), 409, "broken")


async def test_old_records_are_computed_by_a_job(client, worker):
    await define(client, PRICE[0])
    rows = [
        await client.made("contacts", {"last_name": "P", "custom": {"amount": n}}) for n in (1, 2)
    ]
    (field,) = await define(
        client,
        {
            "name": "double",
            "type": "formula",
            "result_type": "integer",
            "formula": "custom.amount * 2",
            "indexed": True,
        },
    )

    async def settled(*wanted: int) -> None:
        async for _ in patiently():
            found = [
                (await client.read(f"contacts/{r['id']}"))["custom"].get("double") for r in rows
            ]
            ready = (await client.read(f"custom-fields/{field['id']}"))["indexed_at"]
            if found == list(wanted) and ready:
                return

    await settled(2, 4)
    found = await client.read("contacts", **{"filter[custom][double][gte]": "4"})
    assert [r["id"] for r in found["data"]] == [rows[1]["id"]]
    assert (await client.read(f"contacts/{rows[0]['id']}"))["version"] == 2
    await client.changed(f"custom-fields/{field['id']}", {"formula": "custom.amount * 3"})
    await settled(3, 6)


ROLLUPS: list[dict[str, Any]] = [
    {"name": "jobs", "type": "rollup", "rollup": {"relation": "employments", "function": "count"}},
    {
        "name": "past",
        "type": "rollup",
        "rollup": {
            "relation": "employments",
            "function": "count",
            "filter": {"custom": {"pay": {"gte": 100}}},
        },
    },
    {
        "name": "pay",
        "type": "rollup",
        "rollup": {"relation": "employments", "function": "sum", "field": "custom.pay"},
    },
    {
        "name": "mean",
        "type": "rollup",
        "rollup": {"relation": "employments", "function": "avg", "field": "custom.pay"},
    },
    {
        "name": "first",
        "type": "rollup",
        "rollup": {"relation": "employments", "function": "min", "field": "started_on"},
    },
    {
        "name": "last",
        "type": "rollup",
        "rollup": {"relation": "employments", "function": "max", "field": "created_at"},
    },
]


async def people(client: Api) -> list[dict[str, Any]]:
    await define(client, {"name": "pay", "type": "integer"}, target="employment")
    assert [f["result_type"] for f in await define(client, *ROLLUPS)] == [
        "integer", "integer", "integer", "decimal", "date", "datetime",
    ]  # fmt: skip
    company = await client.made("companies", {"name": "Example"})
    rows = [await client.made("contacts", {"last_name": f"P{n}"}) for n in range(3)]
    for row, pays in zip(rows, ((50, 100, 101), (7,), ()), strict=True):
        for n, pay in enumerate(pays):
            await client.made(
                "employments",
                {
                    "contact_id": row["id"],
                    "company_id": company["id"],
                    "started_on": f"20{20 - n}-01-01",
                    "custom": {"pay": pay},
                },
            )
    return rows


async def test_rollups_are_read_for_a_page_at_once(client, statements, worker):
    rows = await people(client)
    async with statements() as seen:
        page = await client.read("contacts", sort="created_at")
    assert len(seen) == 2, seen
    whole = deepcopy(page)
    shown = [row["custom"] for row in page["data"]]
    assert all(custom.pop("last", "Z").endswith("Z") for custom in shown)
    assert shown == [
        {"jobs": 3, "past": 2, "pay": 251, "mean": "83.666667", "first": "2018-01-01"},
        {"jobs": 1, "past": 0, "pay": 7, "mean": "7", "first": "2020-01-01"},
        {"jobs": 0, "past": 0, "pay": 0},
    ]
    one = await client.read(f"contacts/{rows[0]['id']}")
    assert one["custom"]["pay"] == 251
    after = await client.changed(f"contacts/{rows[0]['id']}", {"title": "X"})
    assert after["custom"] == one["custom"]
    document = '{ contacts(orderBy: ["createdAt"]) { nodes { c: custom employments { nodes { contact { custom } } } } } }'
    nodes = (await client.data(document))["contacts"]["nodes"]
    assert nodes[0]["c"] == one["custom"]
    assert nodes[0]["employments"]["nodes"][0]["contact"]["custom"] == one["custom"]
    names = [f"custom.{field['name']}" for field in ROLLUPS]
    written = (
        await exported(client, "contacts", format="ndjson", fields=names, sort=["created_at"])
    ).text
    assert [json.loads(line) for line in written.splitlines()] == [
        {name: row["custom"].get(name.removeprefix("custom.")) for name in names}
        for row in whole["data"]
    ]
    narrow = await client.read("contacts", fields="custom", sort="created_at")
    assert narrow["data"][0] == {"custom": one["custom"]}
    answer = await client.patch(f"/v1/contacts/{rows[0]['id']}", json={"custom": {"pay": 1}})
    assert problem(answer, 422)["errors"][0]["code"] == "computed_field"


async def test_rollups_are_filtered_and_sorted(client):
    ids = [row["id"] for row in await people(client)]
    for node, wanted in (
        ({"jobs": {"gte": 1}}, [0, 1]),
        ({"jobs": 0}, [2]),
        ({"pay": {"between": [7, 250]}}, [1]),
        ({"mean": {"gt": "83.6"}}, [0]),
        ({"mean": {"is_null": True}}, [2]),
        ({"first": {"lt": "2019-01-01"}}, [0]),
        ({"last": {"gte": "@now-1d"}}, [0, 1]),
        ({"past": {"eq": 2}, "jobs": {"ne": 2}}, [0]),
    ):
        body = {"filter": {"custom": node}, "count": "exact"}
        found = (await client.post("/v1/contacts/query", json=body)).json()
        assert {row["id"] for row in found["data"]} == {ids[n] for n in wanted}, node
        assert found["total"] == len(wanted)
    for sort, wanted in (
        ("custom.jobs", [2, 1, 0]),
        ("-custom.mean", [0, 1, 2]),
        ("custom.first", [0, 1, 2]),
        ("custom.last,-custom.pay", [0, 1, 2]),
    ):
        found, cursor = [], {}
        while True:
            page = await client.read("contacts", sort=sort, limit=1, **cursor)
            found += [ids.index(row["id"]) for row in page["data"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert found == wanted, sort


async def test_a_rollup_over_amounts_keeps_to_a_currency_by_its_filter(client):
    over = {"target": "contact", "type": "rollup"}
    rollup = {"relation": "employments", "function": "sum", "field": "custom.wage"}
    euros = rollup | {"filter": {"custom": {"wage": {"currency": "EUR"}}}}
    await client.made("custom-fields", {"target": "employment", "name": "wage", "type": "money"})
    await client.made("custom-fields", over | {"name": "all", "rollup": rollup})
    await client.made("custom-fields", over | {"name": "euros", "rollup": euros})
    contact = await client.made("contacts", {"last_name": "P"})
    for currency in ("EUR", "USD"):
        company = await client.made("companies", {"name": currency})
        custom = {"wage": {"amount": "10.50", "currency": currency}}
        ids = {"contact_id": contact["id"], "company_id": company["id"]}
        await client.made("employments", ids | {"custom": custom})
    found = await client.read("contacts", sort="-custom.euros", fields="custom.euros,custom.all")
    assert found["data"] == [{"custom": {"euros": "10.5", "all": "21"}}]


async def test_rollups_and_filters_go_back_along_relation_fields(client, keyed, worker):
    await define(
        client,
        {"name": "partner", "type": "relation", "relates_to": "company"},
        {"name": "score", "type": "decimal"},
    )
    rollup = {"relation": "contact.partner", "function": "sum", "field": "custom.score"}
    await define(client, {"name": "score", "type": "rollup", "rollup": rollup}, target="company")
    company, other = [
        await client.made("companies", {"name": name, "industry": name}) for name in ("One", "Two")
    ]
    for score in ("1.5", "2.25", None):
        custom = {"partner": company["id"], "score": score}
        await client.made("contacts", {"last_name": "P", "custom": custom})
    shown = {r["id"]: r["custom"] for r in (await client.read("companies"))["data"]}
    assert shown == {company["id"]: {"score": "3.75"}, other["id"]: {"score": "0"}}
    found = await client.read("companies", **{"filter[custom][score][gt]": "3"})
    assert [r["id"] for r in found["data"]] == [company["id"]]
    for node, count in (
        ({"partner": {"industry": {"eq": "One"}}}, 3),
        ({"partner": {"industry": {"eq": "Two"}}}, 0),
        ({"partner": {"custom": {"score": {"lt": 4}}}}, 3),
        ({"partner": {"not": {"industry": {"eq": "Two"}}}}, 3),
        ({"partner": {"in": [company["id"]]}}, 3),
    ):
        body = {"filter": {"custom": node}, "count": "exact"}
        assert (await client.post("/v1/contacts/query", json=body)).json()["total"] == count, node
    # Nobody learns of records that he may not read.
    half = await keyed("companies:*", "exports:*")
    (row, _) = (await exported(half, "companies", format="ndjson")).text.splitlines()
    assert "custom.score" not in json.loads(row)
    assert (await half.read(f"companies/{company['id']}"))["custom"] == {}
    for params in ({"filter[custom][score][gt]": "3"}, {"sort": "custom.score"}):
        problem(await half.get("/v1/companies", params=params), 403, "insufficient_scope")
    # A merged company's contacts belong to the one that is left.
    body = {"winner_id": other["id"], "loser_ids": [company["id"]]}
    answer = await client.post("/v1/companies/merge", json=body)
    assert answer.status_code == 201, answer.text
    assert (await client.read(f"companies/{other['id']}"))["custom"] == {"score": "3.75"}
    answer = await client.post(f"/v1/merges/{answer.json()['id']}/undo")
    assert answer.status_code == 200, answer.text
    assert (await client.read(f"companies/{company['id']}"))["custom"] == {"score": "3.75"}


@pytest.mark.parametrize(
    ("rollup", "at"),
    [
        ({"relation": "nothing", "function": "count"}, "/rollup/relation"),
        ({"relation": "company", "function": "count"}, "/rollup/relation"),
        ({"relation": "contact.partner", "function": "count"}, "/rollup/relation"),
        ({"relation": "nothing.owner", "function": "count"}, "/rollup/relation"),
        ({"relation": "employments", "function": "median"}, "/rollup/function"),
        ({"relation": "employments", "function": "sum"}, "/rollup/field"),
        ({"relation": "employments", "function": "count", "field": "title"}, "/rollup/field"),
        ({"relation": "employments", "function": "sum", "field": "title"}, "/rollup/field"),
        ({"relation": "employments", "function": "sum", "field": "started_on"}, "/rollup/field"),
        ({"relation": "employments", "function": "max", "field": "custom.no"}, "/rollup/field"),
        (
            {"relation": "employments", "function": "count", "filter": {"nope": 1}},
            "/rollup/filter/nope",
        ),
        (
            {
                "relation": "employments",
                "function": "count",
                "filter": {"contact": {"custom": {"n": 1}}},
            },
            "/rollup/filter/contact/custom/n/eq",
        ),
    ],
)
async def test_wrong_rollups_are_named(client, rollup, at):
    count = {"relation": "employments", "function": "count"}
    await define(client, {"name": "n", "type": "rollup", "rollup": count})
    body = {"target": "contact", "name": "it", "type": "rollup", "rollup": rollup}
    found = problem(await client.post("/v1/custom-fields", json=body), 422)
    assert pointers(found) == [at]


async def test_what_a_rollup_is_over_stays(client):
    (pay,) = await define(client, {"name": "pay", "type": "integer"}, target="employment")
    await define(client, *ROLLUPS[:3])
    found = problem(await client.delete(f"/v1/custom-fields/{pay['id']}"), 409, "in_use")
    assert found["fields"] == ["contact.past", "contact.pay"]


async def test_what_is_computed_is_seen_by_whoever_sees_what_it_reads(client, keyed):
    pay, _, level = await define(
        client,
        {"name": "pay", "type": "integer", "visible_to": ["salaries:read"]},
        {
            "name": "double",
            "type": "formula",
            "result_type": "integer",
            "formula": "custom.pay * 2",
        },
        {
            "name": "level",
            "type": "formula",
            "result_type": "text",
            "formula": "text(custom.double)",
        },
    )
    row = await client.made("contacts", {"last_name": "P", "custom": {"pay": 7}})
    assert row["custom"] == {"pay": 7, "double": 14, "level": "14"}
    blind = await keyed("contacts:*", "events:read")
    assert (await blind.read(f"contacts/{row['id']}"))["custom"] == {}
    assert (await blind.changed(f"contacts/{row['id']}", {"title": "X"}))["custom"] == {}
    history = (await blind.read(f"contacts/{row['id']}/history"))["data"]
    assert not [c for entry in history for c in entry["changes"] if "custom." in c["field"]]
    for name in ("double", "level"):
        for params in ({f"filter[custom][{name}][is_null]": "false"}, {"sort": f"custom.{name}"}):
            answer = await blind.get("/v1/contacts", params=params)
            problem(answer, 403, "insufficient_scope")
    # A search would tell everybody.
    at = f"/v1/custom-fields/{level['id']}"
    found = problem(await client.patch(at, json={"searchable": True}), 422)
    assert pointers(found) == ["/searchable"]
    at = f"/v1/custom-fields/{pay['id']}"
    await client.patch(at, json={"visible_to": []})
    await client.changed(f"custom-fields/{level['id']}", {"searchable": True})
    assert (await blind.read(f"contacts/{row['id']}"))["custom"]["level"] == "14"
    found = problem(await client.patch(at, json={"visible_to": ["salaries:read"]}), 422)
    assert pointers(found) == ["/visible_to"]


async def test_formulas_hold_under_concurrent_writers(client):
    await define(client, *PRICE[:3])
    row = await client.made("contacts", {"last_name": "P", "custom": {"price": "1", "amount": 1}})
    path = f"contacts/{row['id']}"
    patches = [{"amount": n} for n in range(12)] + [{"price": str(n)} for n in range(12)]
    await asyncio.gather(*(client.changed(path, {"custom": patch}) for patch in patches))
    custom = (await client.read(path))["custom"]
    wanted = float(custom["price"]["amount"]) * custom["amount"]
    assert float(custom["total"]) == wanted


async def test_rollups_hold_under_concurrent_writers(client):
    rows = await people(client)
    company = (await client.read("companies"))["data"][0]["id"]
    id = rows[2]["id"]

    async def hire(pay: int) -> str:
        body = {"contact_id": id, "company_id": company, "custom": {"pay": pay}}
        return (await client.made("employments", body))["id"]

    made = await asyncio.gather(*map(hire, range(1, 13)))
    gone = [client.delete(f"/v1/employments/{one}") for one in made[:4]]
    raised = [client.changed(f"employments/{one}", {"custom": {"pay": 100}}) for one in made[4:8]]
    await asyncio.gather(*gone, *raised)
    custom = (await client.read(f"contacts/{id}"))["custom"]
    assert (custom["jobs"], custom["pay"], custom["past"]) == (8, 400 + 9 + 10 + 11 + 12, 4)


async def test_a_changed_rollup_is_another_representation(client):
    rows = await people(client)
    path, other = f"contacts/{rows[0]['id']}", f"contacts/{rows[2]['id']}"
    first = await client.get(f"/v1/{path}")
    again = {"If-None-Match": first.headers["etag"]}
    assert (await client.get(f"/v1/{path}", headers=again)).status_code == 304
    job = (await client.read("employments", **{"filter[contact_id]": rows[0]["id"]}))["data"][0]
    await client.changed(f"employments/{job['id']}", {"custom": {"pay": 1000}})
    shown = await client.get(f"/v1/{path}", headers=again)
    assert shown.json()["custom"]["pay"] > first.json()["custom"]["pay"]
    assert shown.json()["version"] == first.json()["version"]
    # The tag still names the version that a change goes by.
    headers = {"If-Match": shown.headers["etag"]}
    assert (await client.patch(f"/v1/{path}", json={"title": "X"}, headers=headers)).is_success
    # What other records came to in the past is not known.
    past = await client.read(other, as_of="@now")
    assert "jobs" not in past["custom"]


async def test_a_kind_of_record_has_so_many_fields(client, monkeypatch):
    monkeypatch.setattr("crm_api.platform.custom_fields.service.MAX_FIELDS", 2)
    first, _ = await define(client, *PRICE[:2])
    body = {"target": "contact", "name": "third", "type": "text"}
    found = problem(await client.post("/v1/custom-fields", json=body), 422)
    assert [(e["pointer"], e["code"]) for e in found["errors"]] == [("/target", "too_many_fields")]
    await client.delete(f"/v1/custom-fields/{first['id']}")
    await client.made("custom-fields", body)
    problem(await client.post(f"/v1/custom-fields/{first['id']}/restore"), 422)
