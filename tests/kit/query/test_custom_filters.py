"""Filters of custom fields: by their names, as a typed list, over GraphQL and in plain Python."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_api.kit.query.listing import Field
from crm_api.kit.query.typed import TYPES
from support import filters
from support.clients import Api, problem
from support.graph import body_as_graph
from support.transports import found_by

TIERS = ("gold", "silver", "tin")
DEFINED: dict[str, dict[str, Any]] = {
    "note": {"type": "text"},
    "tier": {"type": "select", "options": [{"value": v, "label": v} for v in TIERS]},
    "visits": {"type": "integer"},
    "score": {"type": "decimal"},
    "budget": {"type": "money"},
    "since": {"type": "date"},
    "seen_at": {"type": "datetime"},
    "agreed": {"type": "bool"},
    "likes": {"type": "multiselect", "options": [{"value": v, "label": v} for v in "abc"]},
    "partner": {"type": "relation", "relates_to": "company"},
    "twice": {"type": "formula", "formula": "custom.visits * 2", "result_type": "integer"},
}
TYPE = {name: field["type"] for name, field in DEFINED.items()} | {
    "tier": "text",
    "twice": "integer",
}
VALUES: dict[str, list[Any]] = {
    "note": ["Alpha", "alpha", "Ärger 50%", "under_score"],
    "tier": list(TIERS),
    "visits": [0, 1, 2, -7],
    "score": ["0.5", "2.5", "-3"],
    "budget": [{"amount": "10", "currency": "EUR"}, {"amount": "99.5", "currency": "USD"}],
    "since": ["1980-02-29", "2001-06-15"],
    "seen_at": ["2026-01-01T00:00:00Z", "2026-03-01T12:30:00Z"],
    "agreed": [True, False],
    "likes": [["a"], ["a", "b"], []],
}


class Asked(NamedTuple):
    """Short to print, because hypothesis prints it with every example."""

    api: Api
    rows: list[dict[str, Any]]
    companies: dict[str, dict[str, Any]]

    def __repr__(self) -> str:
        return "asked"


@pytest.fixture(scope="module")
async def asked(world):
    """A client of an organization whose people have a custom field of every type."""
    api = await world.client(await world.org())
    for name, field in DEFINED.items():
        await api.made("custom-fields", {"target": "contact", "name": name, "label": name, **field})
    names = ("Alpha", "Beta")
    made = [await api.made("companies", {"name": name, "employees": 5}) for name in names]
    for turn in range(14):
        custom: dict[str, Any] = {}
        for place, (name, values) in enumerate(VALUES.items()):
            if (turn + place) % 4:
                custom[name] = values[(turn * 3 + place) % len(values)]
        if turn % 3:
            custom["partner"] = made[turn % 3 - 1]["id"]
        await api.made("contacts", {"last_name": f"P{turn}", "custom": custom})
    rows = (await api.read("contacts", limit=200))["data"]
    return Asked(api, rows, {company["id"]: company for company in made})


def field_of(name: str) -> Field:
    """A custom field as the filter language sees it."""
    return Field(name, TYPES[TYPE[name]], None, nullable=True, choices=TIERS * (name == "tier"))


def value_of(row: Any, name: str) -> Any:
    value = row["custom"].get(name)
    if name == "likes":
        return value or []
    return value["amount"] if name == "budget" and value else value


@st.composite
def condition(draw: Any, asked: Asked) -> Any:
    """What is asked of one field, with its type."""
    name = draw(st.sampled_from(sorted(DEFINED)))
    if name == "partner" and draw(st.booleans()):
        company = draw(st.sampled_from(["Alpha", "Beta", "Gamma"]))
        return {"field": name, "related": {"company": {"name": {"eq": company}}}}
    known = [{name: value_of(row, name)} for row in asked.rows]
    one = {"field": name, TYPE[name]: draw(filters.tests(field_of(name), known))}
    if name == "budget" and draw(st.booleans()):
        one["currency"] = {
            draw(st.sampled_from(["eq", "ne"])): draw(st.sampled_from(["EUR", "CHF"]))
        }
    return one


def trees(asked: Asked) -> Any:
    leaf = st.lists(condition(asked), min_size=1, max_size=2, unique_by=lambda one: one["field"])
    return st.recursive(
        leaf.map(lambda conditions: {"custom": conditions}),
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"and": parts}),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"or": parts}),
            inner.map(lambda part: {"not": part}),
        ),
        max_leaves=3,
    )


def named(node: Any) -> Any:
    """The same filter by the names of fields."""
    if isinstance(node, list):
        return [named(part) for part in node]
    if "custom" not in node:
        return {key: named(inner) for key, inner in node.items()}
    return {"custom": {one["field"]: _untyped(one) for one in node["custom"]}}


def _untyped(one: Any) -> Any:
    if "related" in one:
        return one["related"]["company"]
    more = {"currency": one["currency"]} if "currency" in one else {}
    return {**one[TYPE[one["field"]]], **more}


def holds(row: Any, node: Any, companies: Any) -> bool:
    """What the filter means, in plain Python."""
    ((key, inner),) = node.items()
    if key == "not":
        return not holds(row, inner, companies)
    if key == "custom":
        return all(_passes(row, one, companies) for one in inner)
    found = (holds(row, part, companies) for part in inner)
    return all(found) if key == "and" else any(found)


def _passes(row: Any, one: Any, companies: Any) -> bool:
    name = one["field"]
    if "related" in one:
        company = companies.get(row["custom"].get(name))
        return company is not None and company["name"] == one["related"]["company"]["name"]["eq"]
    money = row["custom"].get(name) if "currency" in one else None
    code = None if money is None else money["currency"]
    currency = Field(name, "text", None, nullable=True)
    return all(
        filters.passes(currency, code, o, v) for o, v in one.get("currency", {}).items()
    ) and all(
        filters.passes(field_of(name), value_of(row, name), o, v)
        for o, v in one[TYPE[name]].items()
    )


@given(data=st.data())
@settings(max_examples=60)
async def test_every_way_to_ask_finds_what_the_language_means(asked, data):
    node = data.draw(trees(asked))
    wanted = [row["id"] for row in asked.rows if holds(row, node, asked.companies)]
    async for way, found in found_by(asked.api, "contacts", "Contact", node, named(node)):
        assert found == wanted, way


WRONG = [
    ([{"field": "nope", "text": {"eq": "x"}}], "/filter/custom/0/field", "unknown_field"),
    ([{"field": "visits", "text": {"eq": "1"}}], "/filter/custom/0/text", "wrong_type"),
    ([{"field": "since", "text": {"gt": "2"}}], "/filter/custom/0/text", "wrong_type"),
    ([{"field": "note", "currency": {"eq": "EUR"}}], "/filter/custom/0/currency", "wrong_type"),
    ([{"field": "note", "related": {"company": {}}}], "/filter/custom/0/related", "wrong_type"),
    (
        [{"field": "partner", "related": {"deal": {"name": {"eq": "x"}}}}],
        "/filter/custom/0/related",
        "wrong_type",
    ),
    ([{"field": "note"}], "/filter/custom/0", "invalid_filter"),
    (
        [{"field": "visits", "integer": {"eq": 1}}, {"field": "since", "date": {"eq": "soon"}}],
        "/filter/custom/1/date/eq",
        "invalid_value",
    ),
    (
        [{"field": "visits", "integer": {"eq": 1}, "decimal": {"eq": "1"}}],
        "/filter/custom/0",
        "invalid_filter",
    ),
    ([], "/filter/custom", "invalid_filter"),
]


@pytest.mark.parametrize(("custom", "pointer", "code"), WRONG, ids=lambda part: str(part)[:50])
async def test_mistakes_have_the_same_pointer_at_both_faces(asked, custom, pointer, code):
    node = {"custom": custom}
    told = problem(await asked.api.post("/v1/contacts/query", json={"filter": node}), 422)
    document = "query($w: ContactWhere) { contacts(where: $w) { nodes { id } } }"
    answer = await asked.api.gql(document, w=body_as_graph(node))
    shown = answer["errors"][0]["extensions"]["problem"]
    for found in (told, shown):
        assert [(e["pointer"], e["code"]) for e in found["errors"]] == [(pointer, code)]


async def test_a_typed_client_may_write_null_for_what_it_leaves_out(asked):
    node = {"custom": [{"field": "visits", "integer": {"gte": 1}, "text": None, "related": None}]}
    wanted = [row["id"] for row in asked.rows if (row["custom"].get("visits") or 0) >= 1]
    document = "query($w: ContactWhere) { contacts(where: $w, first: 200) { nodes { id } } }"
    found = await asked.api.data(document, w=body_as_graph(node))
    assert [row["id"] for row in found["contacts"]["nodes"]] == wanted != []


async def test_a_field_leads_to_records_of_custom_objects(client):
    await client.made(
        "custom-objects", {"key": "vehicle", "label": "Vehicle", "plural_label": "Vehicles"}
    )
    car = {"target": "contact", "name": "car", "label": "Car", "type": "relation"}
    await client.made("custom-fields", {**car, "relates_to": "vehicle"})
    made = await client.made("objects/vehicle", {"name": "Bus"})
    await client.made("contacts", {"last_name": "Driver", "custom": {"car": made["id"]}})
    document = "query($w: ContactWhere) { contacts(where: $w) { nodes { lastName } } }"
    for name, wanted in (("Bus", ["Driver"]), ("Van", [])):
        related = {"customRecord": {"name": {"eq": name}}}
        where = {"custom": [{"field": "car", "related": related}]}
        found = await client.data(document, w=where)
        assert [row["lastName"] for row in found["contacts"]["nodes"]] == wanted
