"""Custom fields of every collection: as native ones, in every way in and out."""

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from support.clients import Api, pointers, problem
from support.factories import Kind
from support.graph import camel, custom_as_graph

OPTIONS = [{"value": "gold", "label": "Gold"}, {"value": "tin"}, {"value": "old", "archived": True}]
FIELDS: list[dict[str, Any]] = [
    {"name": "note", "type": "text"},
    {"name": "size", "type": "integer"},
    {"name": "ratio", "type": "decimal"},
    {"name": "price", "type": "money", "currency": "EUR"},
    {"name": "day", "type": "date"},
    {"name": "moment", "type": "datetime"},
    {"name": "flag", "type": "bool"},
    {"name": "tier", "type": "select", "options": OPTIONS},
    {"name": "colours", "type": "multiselect", "options": [{"value": c} for c in ("red", "blue")]},
    {"name": "site", "type": "url"},
    {"name": "mail", "type": "email"},
    {"name": "call", "type": "phone"},
]
TYPES = {field["name"]: field["type"] for field in FIELDS}
GIVEN: list[dict[str, Any]] = [
    {
        "note": " Ärger ",
        "size": 9,
        "ratio": "0.50",
        "price": {"amount": "12.5", "currency": "USD"},
        "day": "2026-02-28",
        "moment": "2026-03-01T01:00:00+02:00",
        "flag": True,
        "tier": "gold",
        "colours": ["red", "blue", "red"],
        "site": "Example.com/a",
        "mail": "Sample@Example.com",
        "call": "030 901820",
    },
    {"note": "beta", "size": 10, "ratio": 2, "price": "9.99", "flag": False, "tier": "tin"},
    {"size": -3, "ratio": "10.000001", "day": "1999-12-31", "moment": "2026-03-01T00:00:00.25Z"},
    {"note": "Beta 50%", "price": "100", "moment": "2026-03-01T00:00:00Z", "colours": ["blue"]},
    {},
]
STORED = {
    "note": "Ärger",
    "size": 9,
    "ratio": "0.5",
    "price": {"amount": "12.50", "currency": "USD"},
    "day": "2026-02-28",
    "moment": "2026-02-28T23:00:00Z",
    "flag": True,
    "tier": "gold",
    "colours": ["red", "blue"],
    "site": "https://example.com/a",
    "mail": "sample@example.com",
    "call": "+4930901820",
}
FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({"note": "beta"}, [1]),
    ({"note": {"ne": "beta"}}, [0, 2, 3, 4]),
    ({"note": {"icontains": "BETA"}}, [1, 3]),
    ({"note": {"contains": "50%"}}, [3]),
    ({"note": {"starts_with": "Ä"}}, [0]),
    ({"note": {"in": ["beta", "Ärger"]}}, [0, 1]),
    ({"note": {"nin": ["beta"]}}, [0, 2, 3, 4]),
    ({"note": {"is_null": True}}, [2, 4]),
    ({"note": None}, [2, 4]),
    ({"size": {"gt": 9}}, [1]),
    ({"size": {"between": [-3, 9]}}, [0, 2]),
    ({"size": {"in": [10, 9]}}, [0, 1]),
    ({"ratio": {"gte": "2"}}, [1, 2]),
    ({"ratio": {"eq": "0.500"}}, [0]),
    ({"price": {"gt": "10"}}, [0, 3]),
    ({"price": {"eq": "9.9900"}}, [1]),
    ({"price": {"currency": "EUR"}}, [1, 3]),
    ({"price": {"currency": {"eq": "EUR"}, "lt": "50"}}, [1]),
    ({"day": {"lt": "2026-01-01"}}, [2]),
    ({"day": {"is_null": False}}, [0, 2]),
    ({"moment": {"gt": "2026-03-01T00:00:00Z"}}, [2]),
    ({"moment": {"lte": "2026-03-01T01:00:00+01:00"}}, [0, 3]),
    ({"flag": True}, [0]),
    ({"flag": {"ne": True}}, [1, 2, 3, 4]),
    ({"tier": "gold"}, [0]),
    ({"tier": {"in": ["tin", "gold"]}}, [0, 1]),
    ({"colours": {"has": "blue"}}, [0, 3]),
    ({"colours": {"is_null": True}}, [1, 2, 4]),
    ({"site": "example.com/a"}, [0]),
    ({"mail": "SAMPLE@example.com"}, [0]),
    ({"call": "030901820"}, [0]),
    ({"size": {"gt": 0}, "flag": False}, [1]),
]
SORTED: dict[str, list[int]] = {
    # Nulls come last in both directions, the newest first among equals.
    "note": [3, 1, 0],
    "size": [2, 0, 1],
    "ratio": [0, 1, 2],
    "price": [1, 0, 3],
    "day": [2, 0],
    "moment": [0, 3, 2],
    "tier": [0, 1],
    "call": [0],
}


async def made(client: Api, kind: Kind, indexed: bool = False) -> list[dict[str, Any]]:
    """A record for each of the given values."""
    await kind.define(client, *({**field, "indexed": indexed} for field in FIELDS))
    return [await kind.make(client, custom=custom) for custom in GIVEN]


async def test_values_have_one_form_in_every_answer(client, kind):
    await kind.define(client, *FIELDS)
    row = await kind.make(client, custom=GIVEN[0])
    assert row["custom"] == STORED
    path = f"{kind.path}/{row['id']}"
    assert (await client.read(path))["custom"] == STORED
    document = f"query($id: UUID!) {{ {kind.entity_camel}(id: $id) {{ custom }} }}"
    assert (await client.data(document, id=row["id"]))[kind.entity_camel]["custom"] == STORED
    again = await client.changed(path, {"custom": row["custom"]})
    assert again["version"] == 1
    less = await client.changed(path, {"custom": {"note": None, "size": 10}})
    assert less["custom"] == {**{k: v for k, v in STORED.items() if k != "note"}, "size": 10}
    history = (await client.read(f"{path}/history"))["data"][0]["changes"]
    assert {"field": "custom.size", "before": 9, "after": 10} in history
    assert {"field": "custom.note", "before": "Ärger", "after": None} in history
    assert len(history) == 2
    assert (await client.changed(path, {"custom": None}))["custom"] == {}


@pytest.mark.parametrize("indexed", [False, True], ids=["plain", "indexed"])
async def test_filters_compare_by_type_in_every_transport(client, kind, indexed):
    rows = await made(client, kind, indexed)
    ids = [row["id"] for row in rows]
    name = camel(kind.name)
    document = (
        f"query($w: {kind.type}Where) {{ {name}(where: $w, first: 200) {{ nodes {{ id }} }} }}"
    )
    for node, wanted in FILTERS:
        for negated in (False, True):
            filter = {"not": {"custom": node}} if negated else {"custom": node}
            answer = await client.post(
                f"/v1/{kind.path}/query", json={"filter": filter, "limit": 200, "count": "exact"}
            )
            assert answer.status_code == 200, (node, answer.text)
            found = {row["id"] for row in answer.json()["data"]} & set(ids)
            expected = {ids[n] for n in range(5) if (n in wanted) != negated}
            assert found == expected, (node, negated)
            typed: dict[str, Any] = {"custom": custom_as_graph(TYPES, node)}
            typed = {"not": typed} if negated else typed
            shown = (await client.data(document, w=typed))[name]["nodes"]
            assert {row["id"] for row in shown} & set(ids) == expected, (node, negated)
    listed = await client.read(kind.path, **{"filter[custom][size][in]": "9,10"})
    assert {row["id"] for row in listed["data"]} == {ids[0], ids[1]}
    listed = await client.read(kind.path, **{"filter[custom][flag]": "true"})
    assert [row["id"] for row in listed["data"]] == [ids[0]]


async def test_sorts_are_by_type_and_walk_page_by_page(client, kind):
    rows = await made(client, kind)
    ids = [row["id"] for row in rows]
    for name, order in SORTED.items():
        rest = [n for n in range(5) if n not in order]
        for sort, wanted in (
            (f"custom.{name}", [*order, *rest]),
            (f"-custom.{name}", [*reversed(order), *reversed(rest)]),
        ):
            for limit in (1, 2, 200):
                found, cursor = [], {}
                while True:
                    page = await client.read(kind.path, sort=sort, limit=limit, **cursor)
                    found += [ids.index(row["id"]) for row in page["data"] if row["id"] in ids]
                    if page["next_cursor"] is None:
                        break
                    cursor = {"cursor": page["next_cursor"]}
                assert found == wanted, (sort, limit)


BAD: list[tuple[str, Any, str]] = [
    ("nope", 1, "unknown_field"),
    ("note", 7, "invalid"),
    ("note", "  ", "blank"),
    ("note", "a\x00b", "control_character"),
    ("note", "x" * 5001, "too_long"),
    ("size", 1.5, "invalid"),
    ("size", True, "invalid"),
    ("size", 2**63, "too_large"),
    ("size", "7", "invalid"),
    ("ratio", "1e999", "invalid"),
    ("ratio", "NaN", "invalid"),
    ("ratio", 0.1234567, "out_of_range"),
    ("ratio", "1234567890123", "out_of_range"),
    ("price", {"amount": "1", "currency": "XXZ"}, "invalid_currency"),
    ("price", {"amount": 1.5}, "invalid"),
    ("price", {"currency": "EUR"}, "invalid"),
    ("price", {"amount": "1", "more": 1}, "invalid"),
    ("price", "0.00001", "out_of_range"),
    ("day", "2026-02-30", "invalid"),
    ("day", "0001-01-01", "out_of_range"),
    ("day", 20260101, "invalid"),
    ("moment", "2026-01-01T00:00:00", "no_zone"),
    ("moment", "soon", "invalid"),
    ("flag", "true", "invalid"),
    ("tier", "silver", "not_a_choice"),
    ("tier", "old", "not_a_choice"),
    ("colours", "red", "invalid"),
    ("colours", ["red", "green"], "not_a_choice"),
    ("colours", [["red"]], "invalid"),
    ("site", "ftp://example.com", "invalid_url"),
    ("mail", "nobody", "invalid_email"),
    ("call", "123", "invalid_phone"),
]


async def test_wrong_values_are_named_and_nothing_is_stored(client, kind):
    await kind.define(client, *FIELDS)
    least = await kind.factory.least(client)
    row = await kind.make(client)
    count = (await client.read(kind.path, count="exact"))["total"]
    for name, value, code in BAD:
        body = {"custom": {name: value}}
        for answer in (
            await client.post(f"/v1/{kind.path}", json={**least, **body}),
            await client.patch(f"/v1/{kind.path}/{row['id']}", json=body),
        ):
            found = problem(answer, 422)
            assert [(e["pointer"], e["code"]) for e in found["errors"]] == [
                (f"/custom/{name}", code)
            ], (name, value)
    body = {"custom": {"size": "7", "nope": 1, "note": "fine"}}
    found = problem(await client.post(f"/v1/{kind.path}", json={**least, **body}), 422)
    assert sorted(pointers(found)) == ["/custom/nope", "/custom/size"]
    assert (await client.read(kind.path, count="exact"))["total"] == count


async def test_wrong_filters_and_sorts_are_named(client, kind):
    await kind.define(client, *FIELDS)
    for node, at in (
        ({"nope": 1}, "/filter/custom/nope"),
        ({"size": {"like": 1}}, "/filter/custom/size/like"),
        ({"size": {"eq": "many"}}, "/filter/custom/size/eq"),
        ({"ratio": {"eq": "0.1234567"}}, "/filter/custom/ratio/eq"),
        ({"tier": "silver"}, "/filter/custom/tier/eq"),
        ({"colours": {"eq": "red"}}, "/filter/custom/colours/eq"),
        ({"mail": "nobody"}, "/filter/custom/mail/eq"),
        ({"' OR 1=1 --": 1}, "/filter/custom/' OR 1=1 --"),
        ({}, "/filter/custom"),
        ([], "/filter/custom"),
    ):
        answer = await client.post(f"/v1/{kind.path}/query", json={"filter": {"custom": node}})
        assert pointers(problem(answer, 422)) == [at]
    for sort in ("custom.nope", "custom.colours", "custom.", "custom.size,-custom.size"):
        problem(await client.get(f"/v1/{kind.path}", params={"sort": sort}), 422)


async def test_required_and_default(client, kind):
    await kind.define(
        client,
        {"name": "tier", "type": "select", "options": OPTIONS, "default": "gold"},
        {"name": "must", "type": "text", "required": True},
    )
    least = await kind.factory.least(client)
    found = problem(await client.post(f"/v1/{kind.path}", json=least), 422)
    assert [(e["pointer"], e["code"]) for e in found["errors"]] == [("/custom/must", "required")]
    row = await kind.make(client, custom={"must": "x"})
    assert row["custom"] == {"must": "x", "tier": "gold"}
    path = f"{kind.path}/{row['id']}"
    for patch in ({"must": None}, None):
        found = problem(await client.patch(f"/v1/{path}", json={"custom": patch}), 422)
        assert pointers(found) == ["/custom/must"]
    assert (await client.changed(path, {"custom": {"tier": None}}))["custom"] == {"must": "x"}


async def test_one_of_many_equal_unique_values_wins(client, kind, owner, org):
    await kind.define(client, {"name": "code", "type": "text", "unique": True})
    bodies = [{**await kind.factory.least(client), "custom": {"code": "A1"}} for _ in range(20)]

    async def post(body: dict[str, Any]) -> int:
        answer = await client.post(f"/v1/{kind.path}", json=body)
        if answer.status_code == 409:
            assert pointers(problem(answer, 409, "duplicate_custom_value")) == ["/custom/code"]
        return answer.status_code

    assert Counter(await asyncio.gather(*map(post, bodies))) == {201: 1, 409: 19}
    (first,) = (await client.read(kind.path, **{"filter[custom][code]": "A1"}))["data"]
    other = await kind.make(client, custom={"code": "B2"})
    path = f"{kind.path}/{other['id']}"
    answer = await client.patch(f"/v1/{path}", json={"custom": {"code": "A1"}})
    assert pointers(problem(answer, 409, "duplicate_custom_value")) == ["/custom/code"]
    # A record in the bin gives its value free, and comes back only while nobody has it.
    await client.delete(f"/v1/{kind.path}/{first['id']}")
    await client.changed(path, {"custom": {"code": "A1"}})
    problem(await client.post(f"/v1/{kind.path}/{first['id']}/restore"), 409)


async def test_fields_are_visible_to_those_with_the_scope(client, kind, keyed):
    if kind.factory.sovereign:
        return  # Whoever writes them sees everything.
    await kind.define(
        client,
        {"name": "open", "type": "integer"},
        {"name": "secret", "type": "integer", "visible_to": ["secrets:read"]},
    )
    row = await kind.make(client, custom={"open": 1, "secret": 2})
    path = f"{kind.path}/{row['id']}"
    some = await keyed(f"{kind.area}:write", "events:read", "*:read")
    # Keys are changed by those alone who hold what they hold.
    blind = await keyed(f"{kind.area}:*", "events:read", "contacts:read")
    assert (await some.read(path))["custom"] == {"open": 1, "secret": 2}
    for shown in (
        await blind.read(path),
        (await blind.read(kind.path, **{"filter[id]": row["id"]}))["data"][0],
        await blind.changed(path, {"custom": {"open": 3}}),
        problem(
            await blind.patch(
                f"/v1/{path}", json={"custom": {"open": 4}}, headers={"If-Match": '"1"'}
            ),
            412,
        )["current"],
    ):
        assert "secret" not in shown["custom"]
    document = f"query($id: UUID!) {{ {kind.entity_camel}(id: $id) {{ c: custom }} }}"
    assert "secret" not in (await blind.data(document, id=row["id"]))[kind.entity_camel]["c"]
    told = await blind.told(row["id"], 2)
    assert all("secret" not in event["data"]["custom"] for event in told)
    history = (await blind.read(f"{path}/history"))["data"]
    assert {c["field"] for entry in history for c in entry["changes"]} & {"custom.secret"} == set()
    for answer in (
        await blind.patch(f"/v1/{path}", json={"custom": {"secret": 3}}),
        await blind.get(f"/v1/{kind.path}", params={"filter[custom][secret]": "2"}),
        await blind.get(f"/v1/{kind.path}", params={"sort": "custom.secret"}),
    ):
        problem(answer, 403, "insufficient_scope")
    query = await blind.post(f"/v1/{kind.path}/query", json={"sort": ["custom.secret"]})
    assert pointers(problem(query, 403)) == ["/sort"]
    # Whoever clears all clears what is seen.
    assert (await blind.changed(path, {"custom": None}))["custom"] == {}
    assert (await client.read(path))["custom"] == {"secret": 2}


async def test_deleted_definitions_hide_their_values_and_keep_their_name(client, kind):
    (field,) = await kind.define(client, {"name": "size", "type": "integer"})
    row = await kind.make(client, custom={"size": 1})
    path = f"{kind.path}/{row['id']}"
    at = f"/v1/custom-fields/{field['id']}"
    assert (await client.delete(at)).status_code == 204
    assert (await client.read(path))["custom"] == {}
    problem(await client.patch(f"/v1/{path}", json={"custom": {"size": 2}}), 422)
    again = {"target": kind.entity, "name": "size", "type": "text"}
    problem(await client.post("/v1/custom-fields", json=again), 409)
    assert (await client.post(f"{at}/restore")).status_code == 200
    assert (await client.read(path))["custom"] == {"size": 1}
    await client.changed(f"custom-fields/{field['id']}", {"archived": True})
    found = problem(await client.patch(f"/v1/{path}", json={"custom": {"size": 2}}), 422)
    assert found["errors"][0]["code"] == "archived_field"
    assert (await client.read(path))["custom"] == {"size": 1}
    assert len((await client.read(kind.path, **{"filter[custom][size]": "1"}))["data"]) == 1


async def test_definitions_are_of_one_organization(client, other, kind):
    await kind.define(client, {"name": "size", "type": "integer"})
    least = await kind.factory.least(other)
    answer = await other.post(f"/v1/{kind.path}", json={**least, "custom": {"size": 1}})
    assert problem(answer, 422)["errors"][0]["code"] == "unknown_field"
    await kind.define(other, {"name": "size", "type": "text"})
    assert (await kind.make(other, custom={"size": "L"}))["custom"] == {"size": "L"}


async def test_dry_runs_check_custom_values_too(client, kind):
    await kind.define(client, {"name": "size", "type": "integer"})
    body = {**await kind.factory.least(client), "custom": {"size": "many"}}
    problem(await client.post(f"/v1/{kind.path}?dry_run=true", json=body), 422)
    body["custom"] = {"size": 5}
    answer = await client.post(f"/v1/{kind.path}?dry_run=true", json=body)
    assert answer.json()["custom"] == {"size": 5}
    assert (await client.read(kind.path, **{"filter[custom][size]": "5"}))["data"] == []


async def test_searchable_fields_are_found_by_their_words(client, kind):
    if not kind.listing.search:
        return
    await kind.define(client, {"name": "nick", "type": "text", "searchable": True})
    row = await kind.make(client, custom={"nick": "Quirlington"})
    found = await client.read(kind.path, q="quirling")
    assert [r["id"] for r in found["data"]] == [row["id"]]
    await client.changed(f"{kind.path}/{row['id']}", {"custom": {"nick": None}})
    assert (await client.read(kind.path, q="quirling"))["data"] == []


async def test_decimals_compare_exactly(client, kind):
    await kind.define(client, ratio="decimal")
    values = ["0.1", "0.100001", "-0.000001", "123456789012.123456", "0"]
    for value in values:
        await kind.make(client, custom={"ratio": value})
    page = await client.read(
        kind.path, sort="custom.ratio", **{"filter[custom][ratio][lt]": "0.100001"}
    )
    found = [row["custom"]["ratio"] for row in page["data"]]
    assert found == sorted(found, key=Decimal) == ["-0.000001", "0", "0.1"]


async def test_records_are_not_matched_by_what_is_hidden(client, kind, keyed):
    if not kind.service.upserts:
        return
    await kind.define(
        client,
        {"name": "code", "type": "text", "unique": True, "visible_to": ["secrets:read"]},
    )
    blind, params = await keyed(f"{kind.area}:write"), {"match": "custom.code"}
    item = {**await kind.factory.least(client), "custom": {"code": "A1"}}
    for path, body in (("upsert", item), ("bulk", {"op": "upsert", "items": [item]})):
        answer = await blind.post(f"/v1/{kind.path}/{path}", params=params, json=body)
        assert problem(answer, 403)["errors"][0]["parameter"] == "match"


async def test_records_are_matched_by_a_unique_field(client, kind):
    if not kind.service.upserts:
        return
    await kind.define(client, {"name": "code", "type": "text", "unique": True}, note="text")
    path = f"/v1/{kind.path}/upsert"
    least = await kind.factory.least(client)
    body = {**least, "custom": {"code": " A1 "}}
    first = await client.post(path, params={"match": "custom.code"}, json=body)
    assert (first.status_code, first.json()["result"]) == (201, "created"), first.text
    patch = {"custom": {"code": "A1", "note": "x"}}
    again = await client.post(path, params={"match": "custom.code"}, json=patch)
    assert (again.status_code, again.json()["result"]) == (200, "updated"), again.text
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["custom"] == {"code": "A1", "note": "x"}
    for match, given, at in (
        ("custom.note", patch, "match"),
        ("custom.nope", patch, "match"),
        ("custom.code", {"custom": {}}, "/custom/code"),
        ("custom.code", {"custom": {"code": 7}}, "/custom/code"),
    ):
        found = problem(await client.post(path, params={"match": match}, json=given), 422)
        assert pointers(found) == [at]
