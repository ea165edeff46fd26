"""One filter, asked in every way, means the same rows."""

import json
from datetime import date
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.clients import Api, problem
from support.transports import found_by

TEXTS = ["Alpha", "alpha", "Ärger", "Beta 50%", "under_score", "Щука", "a"]
DAYS = ["1980-02-29", "1999-12-31", "2001-06-15"]
PARTS = ["a", "A", "al", "50%", "_", "щ", "Ä", "ä", "%"]


class People(NamedTuple):
    """Short to print, because hypothesis prints it with every example."""

    api: Api
    contacts: list[dict[str, Any]]

    def __repr__(self) -> str:
        return "people"


@pytest.fixture(scope="module")
async def people(world):
    """A client of an organization with people of every sort, and all that is known of them."""
    org = await world.org()
    api = await world.client(org)
    first = await api.made("companies", {"name": "Alpha", "employees": 5})
    second = await api.made(
        "companies", {"name": "Beta", "country": "DE", "parent_id": first["id"]}
    )
    for turn in range(18):
        body = {
            "last_name": TEXTS[turn % 7],
            "title": None if turn % 3 == 0 else TEXTS[(turn * 3) % 7],
            "birth_date": None if turn % 4 == 0 else DAYS[turn % 3],
            "lifecycle": ("lead", "customer")[turn % 2],
            "tags": [["x"], ["x", "y"], []][turn % 3],
            "company_id": (first["id"], second["id"], None)[turn % 3],
            "emails": [{"value": f"p{turn % 5}@example.com"}] if turn % 2 else [],
        }
        made = await api.made("contacts", body)
        if turn % 5 == 0:
            for company, title in ((first, "Alpha"), (second, None)):
                await api.made(
                    "employments",
                    {"contact_id": made["id"], "company_id": company["id"], "title": title},
                )
        if turn % 6 == 0:
            await api.changed(f"contacts/{made['id']}", {"source": "changed"})
    contacts = (await api.read("contacts", limit=200))["data"]
    companies = {c["id"]: c for c in (await api.read("companies", limit=200))["data"]}
    employments = (await api.read("employments", limit=200))["data"]
    for contact in contacts:
        contact["company"] = companies.get(contact["company_id"])
        contact["employments"] = [e for e in employments if e["contact_id"] == contact["id"]]
    for company in companies.values():
        company["parent"] = companies.get(company["parent_id"])
    return People(api, contacts)


text_tests = st.one_of(
    st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte"]).flatmap(
        lambda o: st.sampled_from(TEXTS).map(lambda v: {o: v})
    ),
    st.sampled_from(["in", "nin"]).flatmap(
        lambda o: st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3).map(lambda v: {o: v})
    ),
    st.sampled_from(["contains", "icontains", "starts_with", "ends_with"]).flatmap(
        lambda o: st.sampled_from(PARTS).map(lambda v: {o: v})
    ),
    st.booleans().map(lambda v: {"is_null": v}),
    st.tuples(st.sampled_from(TEXTS), st.sampled_from(TEXTS)).map(lambda v: {"between": list(v)}),
)
day_tests = st.one_of(
    st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte"]).flatmap(
        lambda o: st.sampled_from([*DAYS, "2000-01-01"]).map(lambda v: {o: v})
    ),
    st.sampled_from(["in", "nin"]).flatmap(
        lambda o: st.lists(st.sampled_from(DAYS), min_size=1, max_size=2).map(lambda v: {o: v})
    ),
    st.booleans().map(lambda v: {"is_null": v}),
)
number_tests = st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte"]).flatmap(
    lambda o: st.integers(0, 6).map(lambda v: {o: v})
)
own = st.one_of(
    st.sampled_from(["title", "last_name"]).flatmap(lambda f: text_tests.map(lambda t: {f: t})),
    day_tests.map(lambda t: {"birth_date": t}),
    number_tests.map(lambda t: {"version": t}),
    st.sampled_from(["x", "y", "z"]).map(lambda v: {"tags": {"has": v}}),
    st.booleans().map(lambda v: {"tags": {"is_null": v}}),
    st.integers(0, 5).map(lambda n: {"emails": {"has": f"P{n}@Example.com"}}),
    st.booleans().map(lambda v: {"emails": {"is_null": v}}),
    st.sampled_from(["lead", "customer"]).map(lambda v: {"lifecycle": {"eq": v}}),
)
company = st.one_of(
    text_tests.map(lambda t: {"name": t}),
    number_tests.map(lambda t: {"employees": t}),
    text_tests.map(lambda t: {"parent": {"name": t}}),
)
employment = text_tests.map(lambda t: {"title": t})
related = st.one_of(
    company.map(lambda f: {"company": f}),
    st.sampled_from(["some", "none", "every"]).flatmap(
        lambda q: employment.map(lambda f: {"employments": {q: f}})
    ),
    st.tuples(employment | st.none(), number_tests).map(
        lambda f: {"employments": {"count": {**({"where": f[0]} if f[0] else {}), **f[1]}}}
    ),
)
leaves = own | related
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"and": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"or": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=4,
)


def holds(row, node):
    """What the filter language means, in plain Python."""
    return all(_member(row, key, value) for key, value in node.items())


def _member(row, key, value):
    if key == "and":
        return all(holds(row, part) for part in value)
    if key == "or":
        return any(holds(row, part) for part in value)
    if key == "not":
        return not holds(row, value)
    if key in {"company", "parent"}:
        return row[key] is not None and holds(row[key], value)
    if key == "employments":
        return all(_quantified(row[key], q, inner) for q, inner in value.items())
    return all(_test(key, row[key], o, operand) for o, operand in value.items())


def _quantified(rows, quantifier, inner):
    if quantifier == "some":
        return any(holds(row, inner) for row in rows)
    if quantifier == "none":
        return not any(holds(row, inner) for row in rows)
    if quantifier == "every":
        return all(holds(row, inner) for row in rows)
    rest = dict(inner)
    where = rest.pop("where", {})
    ((operator, bound),) = rest.items()
    return _compared(sum(holds(row, where) for row in rows), operator, bound)


def _test(key, value, operator, operand):
    if key == "tags":
        return operand in value if operator == "has" else (not value) is operand
    if key == "emails":
        if operator == "is_null":
            return (not value) is operand
        return operand.lower() in {point["value"].lower() for point in value}
    if operator == "is_null":
        return (value is None) is operand
    if key == "birth_date":
        value = value and date.fromisoformat(value)
        read = date.fromisoformat
        operand = [read(v) for v in operand] if isinstance(operand, list) else read(operand)
    return _compared(value, operator, operand)


def _compared(value, operator, operand):
    if operator == "ne":
        return value != operand
    if operator == "nin":
        return value not in operand
    if value is None:
        return False
    return {
        "eq": lambda: value == operand,
        "in": lambda: value in operand,
        "gt": lambda: value > operand,
        "gte": lambda: value >= operand,
        "lt": lambda: value < operand,
        "lte": lambda: value <= operand,
        "between": lambda: operand[0] <= value <= operand[1],
        "contains": lambda: operand in value,
        "icontains": lambda: operand.lower() in value.lower(),
        "starts_with": lambda: value.startswith(operand),
        "ends_with": lambda: value.endswith(operand),
    }[operator]()


@given(node=trees)
@settings(max_examples=250)
async def test_every_transport_finds_what_the_language_means(people, node):
    api, contacts = people
    wanted = [contact["id"] for contact in contacts if holds(contact, node)]
    async for transport, found in found_by(api, "contacts", "Contact", node):
        assert found == wanted, transport


@pytest.mark.parametrize(
    "node",
    [
        {"title": {"ne": "Alpha"}},
        {"title": {"nin": ["Alpha"]}},
        {"not": {"title": {"eq": "Alpha"}}},
        {"not": {"title": {"gt": "Alpha"}}},
        {"not": {"company": {"name": {"eq": "Alpha"}}}},
        {"title": {"contains": "%"}},
        {"last_name": {"contains": "_"}},
        {"last_name": {"icontains": "ä"}},
        {"employments": {"every": {"title": {"eq": "Alpha"}}}},
        {"employments": {"count": {"eq": 0}}},
        {"employments": {"some": {"title": {"is_null": True}}}},
        {"title": {"gte": "A", "lt": "B"}, "lifecycle": {"in": ["lead"]}},
    ],
    ids=json.dumps,
)
async def test_corners(people, node):
    api, contacts = people
    wanted = [contact["id"] for contact in contacts if holds(contact, node)]
    async for transport, found in found_by(api, "contacts", "Contact", node):
        assert found == wanted, transport


async def test_bare_values_mean_equality(people):
    api, contacts = people
    for node in ({"lifecycle": "lead"}, {"tags": "x"}, {"emails": "p1@example.com"}):
        full = {k: {"eq" if k == "lifecycle" else "has": v} for k, v in node.items()}
        answer = await api.post("/v1/contacts/query", json={"filter": node, "limit": 200})
        wanted = [contact["id"] for contact in contacts if holds(contact, full)]
        assert [row["id"] for row in answer.json()["data"]] == wanted


async def test_null_is_is_null(people):
    api, _ = people
    ids = {}
    for name, node in (
        ("null", {"title": None}),
        ("eq null", {"title": {"eq": None}}),
        ("is_null", {"title": {"is_null": True}}),
    ):
        answer = await api.post("/v1/contacts/query", json={"filter": node, "limit": 200})
        ids[name] = [row["id"] for row in answer.json()["data"]]
    assert ids["null"] == ids["eq null"] == ids["is_null"] != []


async def test_strings_are_numbers_only_in_query_strings(people):
    api, _ = people
    assert (await api.get("/v1/contacts", params={"filter[version]": "1"})).status_code == 200
    answer = await api.post("/v1/contacts/query", json={"filter": {"version": "1"}})
    problem(answer, 422, "invalid_filter")


async def test_me_is_the_key_that_asks(people):
    api, contacts = people
    answer = await api.post("/v1/contacts/query", json={"filter": {"created_by": "@me"}})
    assert len(answer.json()["data"]) == len(contacts)
