"""What a filter takes as a value of each kind of field."""

from dataclasses import replace
from uuid import UUID

import pytest

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.filters import parse
from support.clients import actor_of, pointers, problem
from support.factories import KINDS

LISTINGS = {kind.name: kind.listing for kind in KINDS}


@pytest.mark.parametrize(
    ("path", "filter", "place"),
    [
        ("companies", {"annual_revenue": {"gt": 1.5}}, "/filter/annual_revenue/gt"),
        ("companies", {"annual_revenue": {"gt": "much"}}, "/filter/annual_revenue/gt"),
        ("companies", {"annual_revenue": {"gt": []}}, "/filter/annual_revenue/gt"),
        ("companies", {"annual_revenue": {"gt": [0, [1, 2], 0]}}, "/filter/annual_revenue/gt"),
        ("companies", {"annual_revenue": {"gt": "NaN"}}, "/filter/annual_revenue/gt"),
        ("companies", {"annual_revenue": {"gt": "0.00001"}}, "/filter/annual_revenue/gt"),
        ("companies", {"employees": {"gt": "many"}}, "/filter/employees/gt"),
        ("employments", {"is_primary": {"eq": "true"}}, "/filter/is_primary/eq"),
        ("employments", {"is_primary": {"eq": 1}}, "/filter/is_primary/eq"),
        ("contacts", {"owner_id": {"eq": "somebody"}}, "/filter/owner_id/eq"),
        (
            "contacts",
            {"employments": {"count": {"like": 1}}},
            "/filter/employments/count/like",
        ),
    ],
)
async def test_wrong_values_have_their_place(client, path, filter, place):
    answer = await client.post(f"/v1/{path}/query", json={"filter": filter})
    assert pointers(problem(answer, 422)) == [place]


async def test_values_of_the_query_string_are_text(client):
    contact = await client.made("contacts", {"last_name": "Person"})
    company = await client.made(
        "companies", {"name": "Example", "annual_revenue": "1.50", "currency": "EUR"}
    )
    job = {"contact_id": contact["id"], "company_id": company["id"]}
    first = await client.made("employments", {**job, "is_primary": True})
    second = await client.made("employments", job)
    for asked, made in (("true", first), ("false", second)):
        found = await client.read("employments", **{"filter[is_primary]": asked})
        assert [row["id"] for row in found["data"]] == [made["id"]]
    problem(await client.get("/v1/employments", params={"filter[is_primary]": "perhaps"}), 422)
    found = await client.read("companies", **{"filter[annual_revenue][lte]": "1.5000"})
    assert [row["id"] for row in found["data"]] == [company["id"]]


async def test_moments_count_from_the_local_day(client):
    made = await client.made("contacts", {"last_name": "Person"})
    for asked, count in (("@today-2h", 1), ("@today+30h", 0), ("@now-5m", 1)):
        found = await client.read("contacts", **{"filter[created_at][gte]": asked})
        assert len(found["data"]) == count, asked
    assert made["id"]


def test_me_needs_somebody(org, tx_of):
    with pytest.raises(Invalid) as caught:
        parse({"owner_id": "@me"}, LISTINGS["contacts"], tx_of(org))
    assert caught.value.faults[0].pointer.startswith("/filter/owner_id")


async def test_me_is_the_key_that_asks(client):
    mine = (await client.read("contacts", **{"filter[created_by]": "@me"}))["data"]
    assert mine == []
    made = await client.made("contacts", {"last_name": "Person"})
    mine = (await client.read("contacts", **{"filter[created_by]": "@me"}))["data"]
    assert [row["id"] for row in mine] == [made["id"]]


async def test_my_teams_are_none_while_there_are_none(client):
    made = await client.made("contacts", {"last_name": "Person"})
    for node, found in (
        ({"owner_id": "@my_teams"}, 0),
        ({"owner_id": {"in": "@my_teams"}}, 0),
        ({"created_by": {"in": ["@my_teams", "@me"]}}, 1),
        ({"owner_id": {"ne": "@my_teams"}}, 1),
        ({"owner_id": {"nin": ["@my_teams"]}}, 1),
        ({"not": {"owner_id": {"in": ["@my_teams"]}}}, 1),
    ):
        answer = await client.post("/v1/contacts/query", json={"filter": node})
        assert len(answer.json()["data"]) == found, node
    listed = await client.read("contacts", **{"filter[created_by][in]": "@my_teams,@me"})
    assert [row["id"] for row in listed["data"]] == [made["id"]]
    document = "query($w: ContactWhere) { contacts(where: $w) { nodes { id } } }"
    shown = await client.data(document, w={"ownerId": {"nin": "@my_teams"}})
    assert shown["contacts"]["nodes"] == [{"id": made["id"]}]
    node = {"last_name": {"eq": "@my_teams"}}
    answer = await client.post("/v1/contacts/query", json={"filter": node})
    assert answer.json()["data"] == []


def test_my_teams_are_the_actors(org, database):
    team = UUID(int=7)
    tx = Tx(database, replace(actor_of(org), teams=frozenset({team})))
    found = parse({"owner_id": {"ne": "@my_teams"}}, LISTINGS["contacts"], tx)
    assert (found.shape, found.values) == (("test", "owner_id", "nin"), [[team]])


async def test_search_only_where_there_is_one(client):
    answer = await client.get("/v1/employments", params={"q": "x"})
    assert problem(answer, 422)["errors"][0]["code"] == "not_searchable"
