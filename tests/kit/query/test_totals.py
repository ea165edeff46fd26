"""What refers to a record by custom fields, and what many records come to, in every way to ask."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_api.kit.query.totals import TOTALS
from support.clients import Api, pointers, problem
from support.filters import comes_to
from support.graph import body_as_graph
from support.members import custom_role, member
from support.transports import found_by

VEHICLE = {"key": "vehicle", "label": "Vehicle", "plural_label": "Vehicles"}
DEFINED: list[dict[str, Any]] = [
    {"target": "deal", "name": "partner", "type": "relation", "relates_to": "company"},
    {"target": "deal", "name": "points", "type": "integer"},
    {"target": "deal", "name": "worth", "type": "money"},
    {"target": "deal", "name": "due", "type": "date"},
    {"target": "vehicle", "name": "holder", "type": "relation", "relates_to": "company"},
    {"target": "vehicle", "name": "part_of", "type": "relation", "relates_to": "vehicle"},
    {"target": "vehicle", "name": "load", "type": "decimal"},
]
KIND = {
    "deal.partner": "deal",
    "vehicle.holder": "custom_record",
    "vehicle.part_of": "custom_record",
}
WORDS = {"integer": "integer", "decimal": "number", "money": "amount", "date": "day"}
OF_FIELDS = {
    "deal": {
        "amount": "amount",
        "probability": "integer",
        "closes_on": "day",
        "custom.points": "integer",
        "custom.worth": "amount",
        "custom.due": "day",
    },
    "custom_record": {"version": "integer", "custom.load": "number"},
}
DAYS = ["2026-01-31", "2026-02-28", "2027-01-01"]
NUMBERS = ["0", "1", "2", "10", "12.5", "20", "-3"]


class Here(NamedTuple):
    """Short to print, because hypothesis prints it with every example."""

    api: Api
    companies: list[dict[str, Any]]
    deals: list[dict[str, Any]]
    vehicles: list[dict[str, Any]]

    def __repr__(self) -> str:
        return "here"


@pytest.fixture(scope="module")
async def here(world):
    """A client of an organization whose companies have deals and vehicles of every sort."""
    api = await world.client(await world.org())
    await api.made("custom-objects", VEHICLE)
    for field in DEFINED:
        await api.made("custom-fields", field)
    made = [await api.made("companies", {"name": f"C{n}", "employees": n}) for n in range(5)]
    ids = [company["id"] for company in made]
    for turn in range(16):
        custom: dict[str, Any] = {}
        if turn % 4:
            custom["partner"] = ids[turn % 3]
        if turn % 3:
            custom |= {"points": turn % 5 - 1, "due": DAYS[turn % 3]}
        if turn % 5:
            custom["worth"] = {"amount": NUMBERS[turn % 6], "currency": ("EUR", "USD")[turn % 2]}
        body = {
            "name": f"D{turn}",
            "company_id": ids[(turn * 3) % 4] if turn % 5 else None,
            "amount": None if turn % 4 == 1 else str(turn),
            "currency": ("EUR", "USD")[turn % 3 == 0],
            "closes_on": None if turn % 3 == 2 else DAYS[turn % 2],
        }
        await api.made("deals", {**body, "custom": custom})
    last = None
    for turn in range(10):
        custom = {"load": NUMBERS[turn % 7]} if turn % 3 else {}
        if turn % 4:
            custom["holder"] = ids[turn % 4]
        if last and turn % 3 != 1:
            custom["part_of"] = last
        last = (await api.made("objects/vehicle", {"name": f"V{turn}", "custom": custom}))["id"]
    binned = await api.made(
        "deals", {"name": "Gone", "amount": "99", "custom": {"partner": ids[0]}}
    )
    assert (await api.delete(f"/v1/deals/{binned['id']}")).status_code == 204
    shown = [
        (await api.read(p, limit=200))["data"] for p in ("companies", "deals", "objects/vehicle")
    ]
    return Here(api, *shown)


# Making


def compared(name: str, kind: str, function: str) -> Any:
    """The comparison of a total."""
    value = st.sampled_from(DAYS if kind == "day" else NUMBERS)
    one = st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte"]).flatmap(
        lambda o: value.map(lambda v: {o: v})
    )
    two = st.tuples(value, value).map(lambda v: {"between": list(v)})
    return st.one_of(one, two, st.booleans().map(lambda v: {"is_null": v}))


@st.composite
def total(draw: Any, kind: str, function: str) -> Any:
    known = OF_FIELDS[kind]
    dates = function in {"min", "max"}
    name = draw(st.sampled_from([n for n, k in known.items() if dates or k != "day"]))
    asked = {"field": name, **draw(compared(name, known[name], function))}
    if known[name] == "amount":
        said = ["EUR", "USD", *([] if name.startswith("custom.") else [None])]
        currency = draw(st.sampled_from(said))
        asked |= {} if currency is None else {"currency": currency}
    if draw(st.booleans()):
        asked["where"] = draw(inner(kind, 0))
    return asked


@st.composite
def quantified(draw: Any, kind: str, depth: int) -> Any:
    how = draw(st.sampled_from(["some", "none", "every", "count", *TOTALS]))
    if how in TOTALS:
        return {how: draw(total(kind, how))}
    if how == "count":
        where = {"where": draw(inner(kind, depth))} if draw(st.booleans()) else {}
        return {
            "count": {**where, draw(st.sampled_from(["eq", "gte", "lt"])): draw(st.integers(0, 3))}
        }
    return {how: draw(inner(kind, depth))}


@st.composite
def inner(draw: Any, kind: str, depth: int) -> Any:
    """What is asked of a deal or a vehicle."""
    if kind == "deal":
        return draw(
            st.one_of(
                st.sampled_from(["0", "5", "10"]).map(lambda v: {"amount": {"gte": v}}),
                st.booleans().map(lambda v: {"closes_on": {"is_null": v}}),
                st.integers(-1, 3).map(
                    lambda v: {"custom": [{"field": "points", "integer": {"ne": v}}]}
                ),
            )
        )
    if depth and draw(st.booleans()):
        back = {"field": "vehicle.part_of", "referring": {kind: draw(quantified(kind, depth - 1))}}
        return {"custom": [back]}
    one = st.sampled_from(NUMBERS).map(lambda v: {"field": "load", "decimal": {"gt": v}})
    return {"custom": [draw(one)]}


@st.composite
def leaf(draw: Any) -> Any:
    way = draw(st.sampled_from(["deals", "deal.partner", "vehicle.holder"]))
    if way == "deals":
        return {"deals": draw(quantified("deal", 1))}
    return {"custom": [{"field": way, "referring": {KIND[way]: draw(quantified(KIND[way], 1))}}]}


trees = st.one_of(
    leaf(),
    leaf().map(lambda node: {"not": node}),
    st.lists(leaf(), min_size=2, max_size=2).map(lambda nodes: {"or": nodes}),
)


def named(node: Any) -> Any:
    """The same filter by the names of fields."""
    if isinstance(node, list):
        return [named(part) for part in node]
    if not isinstance(node, dict):
        return node
    if "custom" in node:
        (one,) = node["custom"]
        (said,) = (value for key, value in one.items() if key != "field")
        if "referring" in one:
            (said,) = said.values()
        return {"custom": {one["field"]: named(said)}}
    return {key: named(value) for key, value in node.items()}


# Meaning


def holds(here: Here, row: Any, node: Any) -> bool:
    ((key, said),) = node.items()
    if key == "not":
        return not holds(here, row, said)
    if key == "or":
        return any(holds(here, row, part) for part in said)
    if key == "deals":
        return asked(here, [d for d in here.deals if d["company_id"] == row["id"]], said)
    if key == "custom":
        return custom(here, row, *said)
    if key == "closes_on":
        return (row[key] is None) is said["is_null"]
    return row["amount"] is not None and float(row["amount"]) >= float(said["gte"])


def custom(here: Here, row: Any, one: Any) -> bool:
    name = one["field"]
    if "referring" in one:
        kind, _, own = name.partition(".")
        rows = here.deals if kind == "deal" else here.vehicles
        (said,) = one["referring"].values()
        return asked(here, [r for r in rows if r["custom"].get(own) == row["id"]], said)
    value = row["custom"].get(name)
    if name == "points":
        return value != one["integer"]["ne"]
    return value is not None and float(value) > float(one["decimal"]["gt"])


def asked(here: Here, rows: list[Any], said: Any) -> bool:
    ((how, node),) = said.items()
    if how in {"some", "none", "every"}:
        found = [holds(here, row, node) for row in rows]
        return {"some": any(found), "none": not any(found), "every": all(found)}[how]
    where = node.get("where")
    fit = [row for row in rows if where is None or holds(here, row, where)]
    if how == "count":
        ((operator, bound),) = ((k, v) for k, v in node.items() if k != "where")
        number = len(fit)
        return {"eq": number == bound, "gte": number >= bound, "lt": number < bound}[operator]
    return comes_to(how, node, values(fit, node), kind_of(node["field"]))


def kind_of(name: str) -> str:
    return next(fields[name] for fields in OF_FIELDS.values() if name in fields)


def values(rows: list[Any], node: Any) -> list[Any]:
    name, currency = node["field"], node.get("currency")
    if name == "custom.worth":
        held = (row["custom"].get("worth") for row in rows)
        return [worth["amount"] for worth in held if worth and worth["currency"] == currency]
    if name.startswith("custom."):
        return [row["custom"].get(name.removeprefix("custom.")) for row in rows]
    if name == "amount" and currency is None:
        return [row["base_amount"] for row in rows]
    return [row[name] for row in rows if currency is None or row["currency"] == currency]


@given(node=trees)
@settings(max_examples=150)
async def test_every_way_to_ask_finds_what_the_language_means(here, node):
    wanted = [row["id"] for row in here.companies if holds(here, row, node)]
    async for way, found in found_by(here.api, "companies", "Company", node, named(node)):
        assert found == wanted, way


async def matching(api: Api, filter: Any, path: str = "companies") -> list[str]:
    answer = await api.post(f"/v1/{path}/query", json={"filter": filter, "sort": ["name"]})
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.json()["data"]]


DEALS = {"count": {"gte": 1}}
WRONG: list[tuple[Any, str, str]] = [
    ({"deals": {"sum": {"field": "nope", "gt": "1"}}}, "/deals/sum/field", "unknown_field"),
    ({"deals": {"sum": {"field": "name", "gt": "1"}}}, "/deals/sum/field", "wrong_type"),
    ({"deals": {"avg": {"field": "closes_on", "gt": "1"}}}, "/deals/avg/field", "wrong_type"),
    ({"deals": {"max": {"field": "custom.partner", "gt": "1"}}}, "/deals/max/field", "wrong_type"),
    ({"deals": {"sum": {"field": "custom.nope", "gt": "1"}}}, "/deals/sum/field", "unknown_field"),
    ({"deals": {"sum": {"gt": "1"}}}, "/deals/sum/field", "required"),
    ({"deals": {"sum": {"field": 5, "gt": "1"}}}, "/deals/sum/field", "required"),
    ({"deals": {"sum": {"field": "amount"}}}, "/deals/sum", "invalid_filter"),
    ({"deals": {"sum": "amount"}}, "/deals/sum", "invalid_filter"),
    (
        {"deals": {"sum": {"field": "amount", "gt": "1", "lt": "2"}}},
        "/deals/sum",
        "invalid_filter",
    ),
    (
        {"deals": {"sum": {"field": "amount", "contains": "1"}}},
        "/deals/sum/contains",
        "unknown_operator",
    ),
    ({"deals": {"sum": {"field": "amount", "in": ["1"]}}}, "/deals/sum/in", "unknown_operator"),
    ({"deals": {"sum": {"field": "amount", "gt": "x"}}}, "/deals/sum/gt", "invalid_value"),
    ({"deals": {"min": {"field": "closes_on", "gt": "soon"}}}, "/deals/min/gt", "invalid_value"),
    (
        {"deals": {"sum": {"field": "amount", "between": ["1"]}}},
        "/deals/sum/between",
        "invalid_value",
    ),
    (
        {"deals": {"sum": {"field": "amount", "where": {"nope": 1}, "gt": "1"}}},
        "/deals/sum/where/nope",
        "unknown_field",
    ),
    (
        {"deals": {"sum": {"field": "mrr", "gt": "1"}}},
        "/deals/sum/currency",
        "mixed_currencies",
    ),
    (
        {"deals": {"sum": {"field": "custom.worth", "gt": "1"}}},
        "/deals/sum/currency",
        "mixed_currencies",
    ),
    (
        {"deals": {"sum": {"field": "base_amount", "currency": "EUR", "gt": "1"}}},
        "/deals/sum/currency",
        "mixed_currencies",
    ),
    (
        {"deals": {"sum": {"field": "probability", "currency": "EUR", "gt": 1}}},
        "/deals/sum/currency",
        "invalid_filter",
    ),
    (
        {"deals": {"sum": {"field": "amount", "currency": "euros", "gt": "1"}}},
        "/deals/sum/currency",
        "invalid_currency",
    ),
    (
        {"deals": {"sum": {"field": "amount", "currency": {"ne": "EUR"}, "gt": "1"}}},
        "/deals/sum/currency",
        "invalid_currency",
    ),
    ({"deals": {"median": {"field": "amount"}}}, "/deals/median", "unknown_quantifier"),
    ({"custom": {"deal.partner": "x"}}, "/custom/deal.partner", "missing_quantifier"),
    ({"custom": {"deal.partner": {"eq": "x"}}}, "/custom/deal.partner/eq", "unknown_quantifier"),
    ({"custom": {"deal.nope": DEALS}}, "/custom/deal.nope", "unknown_relation"),
    ({"custom": {"deal.points": DEALS}}, "/custom/deal.points", "unknown_relation"),
    ({"custom": {"vehicle.part_of": DEALS}}, "/custom/vehicle.part_of", "unknown_relation"),
    ({"custom": {"boat.holder": DEALS}}, "/custom/boat.holder", "unknown_relation"),
    ({"custom": {".partner": DEALS}}, "/custom/.partner", "unknown_relation"),
    (
        {"custom": [{"field": "deal.partner", "text": {"eq": "x"}}]},
        "/custom/0",
        "wrong_type",
    ),
    (
        {"custom": [{"field": "deal.partner", "referring": {"contact": DEALS}}]},
        "/custom/0",
        "wrong_type",
    ),
    ({"custom": [{"field": "deal.partner"}]}, "/custom/0", "wrong_type"),
]


@pytest.mark.parametrize(("filter", "at", "code"), WRONG, ids=str)
async def test_mistakes_are_named_with_their_place(here, filter, at, code):
    found = problem(await here.api.post("/v1/companies/query", json={"filter": filter}), 422)
    assert [(e["pointer"], e["code"]) for e in found["errors"]] == [(f"/filter{at}", code)]


async def test_limits_hold_for_totals_and_ways_back(here):
    total = {"deals": {"sum": {"field": "amount", "gt": "1"}}}
    many = {"or": [{"custom": {"deal.partner": DEALS}}] * 3 + [total] * 3}
    answer = await here.api.post("/v1/companies/query", json={"filter": many})
    assert problem(answer, 422)["errors"][0]["code"] == "too_many_quantifiers"
    deep: dict[str, Any] = {"name": "x"}
    for _ in range(6):
        deep = {"custom": {"vehicle.part_of": {"some": deep}}}
    deep = {"custom": {"vehicle.holder": {"sum": {"field": "version", "where": deep, "gt": 1}}}}
    answer = await here.api.post("/v1/companies/query", json={"filter": deep})
    assert problem(answer, 422)["errors"][0]["code"] in {"too_deep", "too_many_quantifiers"}


async def test_graphql_says_where_a_total_is_wrong(here):
    document = "query($w: CompanyWhere) { companies(where: $w) { nodes { id } } }"
    for total, at in (
        ({"field": "nope", "gt": "1"}, "/filter/deals/sum/field"),
        ({"field": "oneTime", "gt": "1"}, "/filter/deals/sum/currency"),
        ({"field": "amount", "gt": "x"}, "/filter/deals/sum/gt"),
    ):
        answer = await here.api.gql(document, w={"deals": {"sum": total}})
        assert pointers(answer["errors"][0]["extensions"]["problem"]) == [at]
    answer = await here.api.gql(document, w={"deals": {"sum": {"gt": "1"}}})
    assert answer["errors"][0]["extensions"]["code"] == "graphql_validation"


async def test_of_nothing_the_sum_is_zero_and_all_else_is_null(client):
    await client.made("companies", {"name": "None"})
    one = await client.made("companies", {"name": "One"})
    deal = {"name": "D", "company_id": one["id"]}
    await client.made("deals", deal)
    for function, wanted in (("sum", []), ("avg", ["None", "One"]), ("max", ["None", "One"])):
        total = {"field": "amount", "is_null": True}
        assert await matching(client, {"deals": {function: total}}) == wanted, function
    for operator in ("eq", "gte", "lte"):
        total = {"field": "amount", operator: "0"}
        assert await matching(client, {"deals": {"sum": total}}) == ["None", "One"]
        assert await matching(client, {"deals": {"min": total}}) == []
    assert await matching(client, {"deals": {"avg": {"field": "amount", "ne": "0"}}}) == [
        "None",
        "One",
    ]
    # What has no amount is no nought.
    await client.made("deals", {**deal, "amount": "10"})
    assert await matching(client, {"deals": {"avg": {"field": "amount", "eq": "10"}}}) == ["One"]


async def test_amounts_are_exact_and_of_one_currency(client):
    one = await client.made("companies", {"name": "One"})
    for n, currency in enumerate(("EUR", "EUR", "EUR", "USD")):
        body = {"name": f"D{n}", "company_id": one["id"], "amount": "0.1", "currency": currency}
        await client.made("deals", body)
    exact = {"field": "amount", "currency": "EUR"}
    assert await matching(client, {"deals": {"sum": {**exact, "eq": "0.3"}}}) == ["One"]
    assert await matching(client, {"deals": {"sum": {**exact, "gt": "0.3"}}}) == []
    # In the currency of the organization; what no rate is known for has no such amount.
    own = {"field": "amount"}
    assert await matching(client, {"deals": {"sum": {**own, "eq": "0.3"}}}) == ["One"]
    rate = {"base": "EUR", "quote": "USD", "day": "2020-01-01", "rate": "2"}
    assert (await client.put("/v1/exchange-rates", json={"rates": [rate]})).is_success
    usd = {"name": "D", "company_id": one["id"], "amount": "1", "currency": "USD"}
    usd["closes_on"] = rate["day"]
    assert (await client.made("deals", usd))["base_amount"] == "0.50"
    assert await matching(client, {"deals": {"sum": {**own, "eq": "0.8"}}}) == ["One"]
    dollars = {"field": "amount", "currency": "USD"}
    assert await matching(client, {"deals": {"sum": {**dollars, "eq": "1.1"}}}) == ["One"]


async def define(client: Api, *fields: dict[str, Any]) -> list[Any]:
    return [await client.made("custom-fields", field) for field in fields]


OWN = {"read": "own", "create": "own", "update": "own", "delete": "own"}
ALL = dict.fromkeys(OWN, "all")
PARTNER = {"target": "deal", "name": "partner", "type": "relation", "relates_to": "company"}
POINTS = {"target": "deal", "name": "points", "type": "integer"}


async def test_the_restricted_count_and_sum_what_they_see(client):
    await define(client, PARTNER, POINTS)
    role = await custom_role(client, levels={"*": ALL, "deals": OWN})
    one = await member(client, role)
    company = await client.made("companies", {"name": "One"})
    for owner, amount in ((one.id, "10"), (None, "1000")):
        body = {"name": "D", "amount": amount, "company_id": company["id"], "owner_id": owner}
        await client.made("deals", {**body, "custom": {"partner": company["id"], "points": 1}})
    total = {"sum": {"field": "amount", "gt": "10"}}
    asked = (
        {"deals": total},
        {"custom": {"deal.partner": total}},
        {"custom": {"deal.partner": {"sum": {"field": "custom.points", "gt": 1}}}},
        {"custom": {"deal.partner": {"count": {"gt": 1}}}},
        {"custom": {"deal.partner": {"some": {"amount": {"gt": "10"}}}}},
        {"deals": {"max": {"field": "amount", "gt": "10"}}},
    )
    for filter in asked:
        assert await matching(client, filter) == ["One"], filter
        assert await matching(one.api, filter) == [], filter
        document = "query($w: CompanyWhere) { companies(where: $w) { nodes { id } } }"
        typed = filter
        if "custom" in filter:
            (said,) = filter["custom"].values()
            typed = {"custom": [{"field": "deal.partner", "referring": {"deal": said}}]}
        shown = await one.api.data(document, w=body_as_graph(typed))
        assert shown["companies"]["nodes"] == [], filter
    assert await matching(one.api, {"deals": {"sum": {"field": "amount", "eq": "10"}}}) == ["One"]
    assert await matching(one.api, {"custom": {"deal.partner": {"count": {"eq": 1}}}}) == ["One"]


async def test_what_is_hidden_is_not_told_by_totals(client, keyed):
    await define(client, {**PARTNER, "visible_to": ["secrets:read"]}, POINTS)
    masks = {"deal": {"hidden": ["amount", "custom.points"]}}
    one = await member(client, await custom_role(client, levels={"*": ALL}, masks=masks))
    for name in ("amount", "custom.points"):
        filter = {"deals": {"sum": {"field": name, "gt": "1"}}}
        found = problem(await one.api.post("/v1/companies/query", json={"filter": filter}), 403)
        assert pointers(found) == ["/filter/deals/sum/field"], name
    # What an amount is worth tells the amount, and is not to be had where that alone is hidden.
    masks = {"deal": {"hidden": ["base_amount"]}}
    two = await member(client, await custom_role(client, levels={"*": ALL}, masks=masks))
    filter = {"deals": {"sum": {"field": "amount", "gt": "1"}}}
    problem(await two.api.post("/v1/companies/query", json={"filter": filter}), 403)
    back = {"custom": {"deal.partner": {"count": {"gte": 1}}}}
    blind = await keyed("companies:*", "deals:*")
    found = problem(await blind.post("/v1/companies/query", json={"filter": back}), 403)
    assert pointers(found) == ["/filter/custom/deal.partner"]
    no_deals = await keyed("companies:*", "secrets:read")
    problem(await no_deals.post("/v1/companies/query", json={"filter": back}), 403)
    assert (await client.post("/v1/companies/query", json={"filter": back})).status_code == 200


async def test_a_way_back_ends_with_its_definition_or_module(client):
    (field,) = await define(client, PARTNER)
    assert field["reverse"] == "deal.partner"
    assert (await client.read(f"custom-fields/{field['id']}"))["reverse"] == "deal.partner"
    assert (await client.read("custom-fields"))["data"][0]["reverse"] == "deal.partner"
    (plain,) = await define(client, POINTS)
    assert plain["reverse"] is None
    company = await client.made("companies", {"name": "One"})
    await client.made("deals", {"name": "D", "custom": {"partner": company["id"]}})
    filter = {"custom": {"deal.partner": {"some": {"name": "D"}}}}
    view = await client.made("views", {"name": "V", "target": "company", "filter": filter})
    assert (await client.read("companies", view=view["id"]))["data"][0]["name"] == "One"
    rollup = {"relation": "deals", "function": "count", "filter": {"company": filter}}
    (used,) = await define(
        client, {"target": "company", "name": "n", "type": "rollup", "rollup": rollup}
    )
    at = f"/v1/custom-fields/{field['id']}"
    assert problem(await client.delete(at), 409, "in_use")["fields"] == ["company.n"]
    await client.delete(f"/v1/custom-fields/{used['id']}")
    assert (await client.delete(at)).status_code == 204
    problem(await client.get("/v1/companies", params={"view": view["id"]}), 409)
    answer = await client.post("/v1/companies/query", json={"filter": filter})
    assert problem(answer, 422)["errors"][0]["code"] == "unknown_relation"
    assert (await client.post(f"{at}/restore")).is_success
    assert (await client.read("companies", view=view["id"]))["data"][0]["name"] == "One"
    answer = await client.post("/v1/modules/deals/disable", params={"cascade": True})
    assert answer.is_success, answer.text
    answer = await client.post("/v1/companies/query", json={"filter": filter})
    problem(answer, 404, "module_disabled")


async def test_stored_conditions_take_ways_back_and_totals(client):
    """Views, exports, webhooks and rules take the one grammar; rules that share records do not."""
    await define(client, PARTNER)
    filter = {
        "custom": {"deal.partner": {"some": {"name": "D"}}},
        "deals": {"sum": {"field": "amount", "gte": "0"}},
    }
    await client.made(
        "webhooks",
        {"url": "https://example.com/hook", "topics": ["company.*"], "filter": filter},
    )
    role = await custom_role(client, levels={"*": OWN})
    body = {"name": "R", "target": "company", "role_id": role}
    for part, asked in filter.items():
        rule = {**body, "filter": {part: asked}}
        found = problem(await client.post("/v1/sharing-rules", json=rule), 422)
        assert found["errors"][0]["code"] == "not_its_own", part
