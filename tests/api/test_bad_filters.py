"""Filters that are wrong in every way: a page or a 422, never a 5xx."""

import pytest

from support.clients import pointers, problem


@pytest.mark.parametrize(
    "filter",
    [
        {"and": []},
        {"or": []},
        {"or": {}},
        {"not": []},
        {"not": {}},
        {},
        {"last_name": {}},
        {"last_name": []},
        {"last_name": {"in": []}},
        {"last_name": {"in": "x"}},
        {"last_name": {"in": [None]}},
        {"last_name": {"in": ["x"] * 501}},
        {"last_name": {"eq": {"eq": 1}}},
        {"last_name": {"between": ["a"]}},
        {"last_name": {"gt": None}},
        {"last_name": {"eq": None, "ne": None}},
        {"version": {"eq": 1.0}},
        {"version": {"eq": True}},
        {"version": {"eq": 2**31}},
        {"version": {"in": [2**40]}},
        {"version": {"between": [-(2**40), 2**40]}},
        {"employments": {"count": {"gte": 2**62}}},
        {"employments": {"count": {"gte": 2**63}}},
        {"employments": {"count": {"gte": 1.5}}},
        {"employments": {"count": {"where": {}, "gte": 1}}},
        {"employments": {"count": {"where": None}}},
        {"employments": {"some": {}}},
        {"employments": {"every": {}}},
        {"employments": {"none": {}, "some": {}}},
        {"company": {}},
        {"company": {"parent": {"parent": {"parent": {"name": "x"}}}}},
        {"and": [{"last_name": "x"}] * 51},
        {"employments": {"some": {"title": "x"}}, "and": [{"employments": {"some": {}}}] * 5},
        {"is_primary": {"eq": True}},
        {"x" * 5000: 1},
        {"a/b~c": 1},
    ],
    ids=lambda value: repr(value)[:60],
)
async def test_queries_survive_any_filter(client, filter):
    await client.made("contacts", {"last_name": "x"})
    answer = await client.post("/v1/contacts/query", json={"filter": filter})
    assert answer.status_code in {200, 422}, (answer.status_code, answer.text[:300])
    if answer.status_code == 422:
        found = problem(answer, 422)
        assert all(place.startswith("/filter") for place in pointers(found))


@pytest.mark.parametrize(
    "value", ["x", "1.5", "", " 1", "1_000", "\u0663", "\u00bd", "9" * 5_000], ids=lambda v: v[:8]
)
async def test_whole_numbers_in_query_strings(client, value):
    for name in ("version", "employments][count"):
        answer = await client.get("/v1/contacts", params={f"filter[{name}][gte]": value})
        (fault,) = problem(answer, 422, "invalid_filter")["errors"]
        assert fault["message"] == "Not a whole number.", name


async def test_filter_limits(client):
    def nest(depth):
        node = {"last_name": "x"}
        for _ in range(depth):
            node = {"not": node}
        return node

    for depth, status in ((5, 200), (6, 422), (25, 422)):
        answer = await client.post("/v1/contacts/query", json={"filter": nest(depth)})
        assert answer.status_code == status, depth
    many = {"and": [{"last_name": "x"}] * 50}
    assert (await client.post("/v1/contacts/query", json={"filter": many})).status_code == 200
    for nothing in ({}, {"company": {}}, {"company": {"parent": {}}}, {"not": {}}):
        answer = await client.post("/v1/contacts/query", json={"filter": {"or": [nothing] * 51}})
        found = problem(answer, 422, "invalid_filter")
        assert found["errors"][0]["code"] == "too_many_conditions"
    quantifiers = {"and": [{"employments": {"some": {}}}] * 6}
    answer = await client.post("/v1/contacts/query", json={"filter": quantifiers})
    found = problem(answer, 422, "invalid_filter")
    assert found["errors"][0]["code"] == "too_many_quantifiers"
