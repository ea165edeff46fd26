"""Who belongs to a segment by SQL, and by what its filter means in plain Python: the same."""

from collections import defaultdict
from copy import deepcopy
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.segments.asking import asked
from crm_api.domains.segments.membership import Membership, Stored
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.query.filters import parse
from support.clients import Api, Org, pointers, problem, tx_of
from support.filters import Known, filters, holds, quantifiers
from support.graph import body_as_graph
from support.segments import NOW, people, track

NAMES = ("page.viewed", "cart.filled", "order.placed")
PLANS: tuple[Any, ...] = ("pro", "free", "10", 10, 2.5, True, None)
SPANS = {"2h": timedelta(hours=2), "3d": timedelta(days=3), "40d": timedelta(days=40)}
CHANNELS = ("email", "phone")
MEMBERS = "SELECT record_id FROM segment_members WHERE organization_id = $1 AND segment_id = $2"
SEEDS = (20270201, 1, 2, 3, 4)
FILTERS, AT_ONCE = 2_000, 10
"""So many at random, over the organizations of all seeds; so many of them in one statement."""
FEWER = 100
"""So many where each has a transaction of its own."""


class Here(NamedTuple):
    """Short to print, because hypothesis prints it with every example."""

    database: Any
    api: Api
    org: Org
    known: Known

    def __repr__(self) -> str:
        return "here"


@pytest.fixture(scope="module")
def places(world, database):
    """Makes organizations with random people, by seeds, each once."""
    made: dict[int, Here] = {}

    async def place(seed: int) -> Here:
        if seed not in made:
            made[seed] = await _place(world, database, seed)
        return made[seed]

    return place


@pytest.fixture
async def here(places):
    """One of them."""
    return await places(SEEDS[0])


@pytest.fixture(params=SEEDS)
async def anywhere(places, request):
    """Each of them."""
    return await places(request.param)


async def _place(world, database, seed):
    """An organization with people, some of whom did and said something, and all of that."""
    chance, org = Random(seed), await world.org()
    api = await world.client(org)
    companies = [
        await api.made("companies", body)
        for body in ({"name": "Bank", "industry": "bank"}, {"name": "Other", "country": "DE"})
    ]
    number = 24 if seed == SEEDS[0] else chance.randrange(1, 30)
    for n in range(number):
        more: dict[str, Any] = {"lifecycle": chance.choice(["lead", "customer", "former"])}
        for name, values in (
            ("title", ["Buyer", "buyer", "Ärztin"]),
            ("source", ["fair", "web"]),
            ("birth_date", ["1980-02-29", "2001-06-15"]),
            ("company_id", [companies[0]["id"], companies[1]["id"]]),
        ):
            more[name] = chance.choice([*values, None])
        more["tags"] = chance.choice([[], ["x"], ["x", "y"]])
        await people(api, f"P{n % 9}", **more)
    contacts = (await api.read("contacts", limit=200))["data"]
    ids = [one["id"] for one in contacts]
    for _ in range(12):
        body = {"name": "D", "amount": "10", "contact_id": chance.choice([*ids[:8], None])}
        await api.made("deals", body | {"company_id": chance.choice(companies)["id"]})
    await track(api, *(_event(chance, ids) for _ in range(120)))
    for _ in range(40):
        await api.made("consents", _consent(chance, ids[:12]))
    static = await api.made("segments", {"name": "Static", "kind": "static"})
    chosen = chance.sample(ids, min(number, 9))
    await api.post(f"/v1/segments/{static['id']}/members", json={"add": chosen})
    return Here(database, api, org, await _known(api, static["id"], set(chosen)))


def _event(chance, ids):
    return {
        "name": chance.choice(NAMES),
        "contact_id": chance.choice(ids[:18]),
        # Never near the edges of what is asked for.
        "occurred_at": (NOW - timedelta(hours=1 + 6 * chance.randrange(300))).isoformat(),
        "properties": {"plan": chance.choice(PLANS)} if chance.random() < 0.8 else {},
    }


def _consent(chance, ids):
    return {
        "record_id": chance.choice(ids),
        "channel": chance.choice(CHANNELS),
        "purpose": "newsletter",
        "state": chance.choice(["granted", "denied", "withdrawn"]),
        "basis": "consent",
        "evidence": {"source": "web form"},
    }


async def _known(api, static, chosen):
    rows: dict[str, list[Any]] = defaultdict(list)
    for entity, path in (("contact", "contacts"), ("company", "companies"), ("deal", "deals")):
        rows[entity] = (await api.read(path, limit=200))["data"]
    more = (("employment", "employments"), ("pipeline", "pipelines"), ("stage", "stages"))
    for entity, path in more:
        rows[entity] = (await api.read(path, limit=200))["data"]
    rows["user"] = (await api.read("users", limit=200))["data"]
    events: dict[str, list[Any]] = defaultdict(list)
    cursor: dict[str, str] = {}
    while True:
        page = await api.read("behaviour-events", limit=200, **cursor)
        for event in page["data"]:
            events[event["contact_id"]].append(event)
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    said: dict[Any, str] = {}
    consents = (await api.read("consents", limit=200, sort="created_at"))["data"]
    for one in sorted(consents, key=lambda one: (one["at"], one["id"])):
        said[one["record_id"], one["channel"]] = one["state"]
    terms = {
        "behaviour": lambda row, asked: did(events[row["id"]], asked),
        "consent": lambda row, asked: agreed(said.get((row["id"], asked["channel"])), asked),
        "segment": lambda row, asked: belongs(row["id"] in chosen, asked),
    }
    return Known(rows, terms, {"contact": asked_of(static)})


# Making

properties = st.one_of(
    st.sampled_from(["eq", "ne"]).flatmap(lambda o: st.sampled_from(PLANS).map(lambda v: {o: v})),
    st.sampled_from(["gt", "gte", "lt", "lte"]).flatmap(
        lambda o: st.sampled_from([2, 2.5, 10, "10", "free"]).map(lambda v: {o: v})
    ),
    st.sampled_from(["in", "nin"]).flatmap(
        lambda o: st.lists(st.sampled_from([p for p in PLANS if p is not None]), min_size=1).map(
            lambda v: {o: v}
        )
    ),
    st.booleans().map(lambda v: {"is_null": v}),
).map(lambda test: {"plan": test})


@st.composite
def behaviour(draw):
    how = draw(st.sampled_from(["did", "did_not"]))
    asked: dict[str, Any] = {how: draw(st.sampled_from([*NAMES, "never.heard"]))}
    if draw(st.booleans()):
        asked["where"] = draw(properties)
    if draw(st.booleans()):
        asked["within"] = draw(st.sampled_from(list(SPANS)))
    if draw(st.booleans()):
        then = draw(st.sampled_from(["did", "did_not"]))
        asked["then"] = {then: draw(st.sampled_from(NAMES))}
        if draw(st.booleans()):
            asked["then"]["within"] = draw(st.sampled_from(list(SPANS)))
        if draw(st.booleans()):
            asked["then"]["where"] = draw(properties)
    if how == "did" and draw(st.booleans()):
        operator = draw(st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte", "between"]))
        bound = st.integers(0, 4)
        asked["count"] = {operator: draw(st.tuples(bound, bound).map(list) if operator == "between" else bound)}  # fmt: skip
    return {"behaviour": asked}


def asked_of(static):
    states = st.sampled_from(["granted", "denied", "withdrawn", "expired", "unknown"])
    consents = st.tuples(st.sampled_from(CHANNELS), st.lists(states, min_size=1)).map(
        lambda c: {"consent": {"channel": c[0], "purpose": "newsletter", "state": c[1]}}
    )
    segments = st.sampled_from(["in", "nin"]).map(lambda o: {"segment": {o: [static]}})
    return st.one_of(behaviour(), behaviour(), consents, segments)


# Meaning


def did(events, asked):
    fits = [event for event in events if _fits(event, asked, events)]
    if "count" in asked:
        ((operator, bound),) = asked["count"].items()
        return _compared(len(fits), operator, bound)
    return bool(fits) if "did" in asked else not fits


def _fits(event, asked, events):
    if event["name"] != asked.get("did", asked.get("did_not")):
        return False
    if not all(_has(event["properties"], n, t) for n, t in asked.get("where", {}).items()):
        return False
    if "within" in asked and _at(event) < NOW - SPANS[asked["within"]]:
        return False
    return "then" not in asked or _followed(event, asked["then"], events)


def _followed(event, then, events):
    after = [other for other in events if _at(other) > _at(event)]
    if "within" in then:
        after = [other for other in after if _at(other) - _at(event) <= SPANS[then["within"]]]
    rest = {name: value for name, value in then.items() if name != "within"}
    return did(after, rest)


def _at(event):
    return datetime.fromisoformat(event["occurred_at"])


def _kind(value):
    return bool if isinstance(value, bool) else str if isinstance(value, str) else float


def _same(one, other):
    return _kind(one) is _kind(other) and one == other


def _has(held, name, test):
    ((operator, operand),) = test.items()
    value = held.get(name)
    if operator in {"eq", "ne"} and operand is None:
        return (value is None) is (operator == "eq")
    if operator == "is_null":
        return (value is None) is operand
    if operator in {"in", "nin"}:
        found = value is not None and any(_same(value, one) for one in operand)
        return found is (operator == "in")
    if operator == "ne":
        return value is None or not _same(value, operand)
    if value is None or _kind(value) is not _kind(operand):
        return False
    return _compared(value, operator, operand)


def _compared(value, operator, operand):
    return {
        "eq": lambda: value == operand,
        "ne": lambda: value != operand,
        "gt": lambda: value > operand,
        "gte": lambda: value >= operand,
        "lt": lambda: value < operand,
        "lte": lambda: value <= operand,
        "between": lambda: operand[0] <= value <= operand[1],
    }[operator]()


def agreed(state, asked):
    return (state or "unknown") in asked["state"]


def belongs(is_member, asked):
    return is_member is ("in" in asked)


async def by_sql(here, node, some=None):
    """Who would belong to a segment with this filter; nothing of it stays."""
    row = {"id": uuid4(), "name": "S", "kind": "dynamic", "target": "contact", "filter": node}
    row |= {"is_active": True, "time_zone": "UTC", "country": "DE"}
    async with unit_of_work(tx_of(here.database, here.org, dry_run=True)) as tx:
        await Membership(tx).refresh(Stored(tx, row), some)
        rows = await tx.fetch(MEMBERS, tx.organization_id, row["id"])
    return {str(found["record_id"]) for found in rows}


@given(data=st.data())
@settings(max_examples=FEWER)
async def test_sql_finds_who_did_and_said_what_is_asked(here, data):
    """The terms alone, of which filters at large have few."""
    node = data.draw(here.known.asked["contact"])
    rows = here.known.of(CONTACTS)
    wanted = {row["id"] for row in rows if holds(row, node, CONTACTS, here.known)}
    assert await by_sql(here, node) == wanted
    assert await by_sql(here, {"not": node}) == {row["id"] for row in rows} - wanted


@given(data=st.data())
@settings(max_examples=2 * FEWER)
async def test_sql_finds_whom_the_filter_means(here, data):
    node = data.draw(filters(CONTACTS, here.known))
    assume(quantifiers(node) <= 5)
    rows = here.known.of(CONTACTS)
    wanted = {row["id"] for row in rows if holds(row, node, CONTACTS, here.known)}
    assert await by_sql(here, node) == wanted
    # Whoever does not belong to it belongs to its opposite, nulls or not.
    assert await by_sql(here, {"not": node}) == {row["id"] for row in rows} - wanted
    some = [row["id"] for row in rows[::3]]
    assert await by_sql(here, node, [UUID(id) for id in some]) == wanted & set(some)


async def at_once(here, nodes):
    """Who passes each of some filters as memberships are found, all in one statement."""
    parts: list[str] = []
    values: list[Any] = []
    async with unit_of_work(tx_of(here.database, here.org, dry_run=True)) as tx:
        for place, node in enumerate(nodes):
            selected, filter = select(CONTACTS.model.id), parse(node, CONTACTS, tx)
            behind = {"behind": len(values), "named": "ids", "all_rows": True}
            sql, own = asked(tx, CONTACTS, selected, filter, **behind)
            parts.append(f"SELECT {place} AS place, ARRAY({sql}) AS ids")
            values += own
        rows = await tx.fetch(" UNION ALL ".join(parts), *values)
    return {row["place"]: {str(id) for id in row["ids"]} for row in rows}


@given(data=st.data())
@settings(max_examples=FILTERS // AT_ONCE // len(SEEDS))
async def test_sql_finds_whom_two_thousand_filters_mean(anywhere, data):
    """A, and what is not A: together all, and nobody in both, whatever is null."""
    here, rows = anywhere, anywhere.known.of(CONTACTS)
    one = filters(CONTACTS, here.known).filter(lambda node: quantifiers(node) <= 5)
    nodes = data.draw(st.lists(one, min_size=AT_ONCE, max_size=AT_ONCE))
    found = await at_once(here, [*nodes, *({"not": node} for node in nodes)])
    for place, node in enumerate(nodes):
        wanted = {row["id"] for row in rows if holds(row, node, CONTACTS, here.known)}
        assert found[place] == wanted, node
        assert found[place + AT_ONCE] == {row["id"] for row in rows} - wanted, node


@given(data=st.data())
@settings(max_examples=FEWER)
async def test_sql_in_steps_finds_whom_the_filter_means(here, data):
    """What becomes a join beside what is looked up row by row, and something else of any sort."""
    parts = [
        {"behaviour": {data.draw(st.sampled_from(("did", "did_not"))): "page.viewed"}},
        data.draw(
            st.sampled_from(
                (
                    {"behaviour": {"did": "cart.filled", "count": {"lte": 1}}},
                    {"or": [{"company": {"name": {"eq": "Bank"}}}, {"title": {"is_null": True}}]},
                    {"not": {"company": {"country": {"eq": "DE"}}}},
                )
            )
        ),
        data.draw(filters(CONTACTS, here.known)),
    ]
    node = {"and": data.draw(st.permutations(parts))}
    assume(quantifiers(node) <= 5)
    async with unit_of_work(tx_of(here.database, here.org, dry_run=True)) as tx:
        chosen = select(CONTACTS.model.id)
        asking = tx, CONTACTS, chosen, parse(node, CONTACTS, tx)
        sql, _ = asked(*asking, behind=0, named="ids", all_rows=True)
        assert "OFFSET 0" in sql
    rows = here.known.of(CONTACTS)
    wanted = {row["id"] for row in rows if holds(row, node, CONTACTS, here.known)}
    assert await by_sql(here, node) == wanted


THERE: tuple[Any, ...] = (
    {"behaviour": {"did": "page.viewed"}},
    {"behaviour": {"did": "cart.filled", "within": "40d", "where": {"plan": {"ne": "pro"}}}},
    {"behaviour": {"did": "page.viewed", "then": {"did": "order.placed", "within": "40d"}}},
    {"behaviour": {"did": "order.placed", "then": {"did_not": "cart.filled"}}},
    {"deals": {"some": {"status": {"eq": "open"}}}},
    {"deals": {"some": {"company": {"name": {"eq": "Bank"}}}}},
)


@given(data=st.data())
@settings(max_examples=FEWER)
async def test_sql_of_what_is_there_several_times_finds_whom_the_filter_means(here, data):
    there = data.draw(st.lists(st.sampled_from(THERE), min_size=2, max_size=4))
    more = [data.draw(here.known.asked["contact"]), data.draw(filters(CONTACTS, here.known))]
    node = {"and": data.draw(st.permutations([*there, *more]))}
    assume(quantifiers(node) <= 5)
    rows = here.known.of(CONTACTS)
    wanted = {row["id"] for row in rows if holds(row, node, CONTACTS, here.known)}
    assert await by_sql(here, node) == wanted
    some = [row["id"] for row in rows[::3]]
    assert await by_sql(here, node, [UUID(id) for id in some]) == wanted & set(some)


@pytest.mark.parametrize(
    ("node", "number"),
    [
        ({"and": [THERE[0], THERE[2], THERE[4], {"title": {"eq": "Buyer"}}]}, 1),
        ({"and": [THERE[0], {"and": [THERE[1]]}, {"behaviour": {"did_not": "page.viewed"}}]}, 1),
        # One alone beside what is not there, another way than by the contact's id, alternatives.
        ({"and": [THERE[0], {"behaviour": {"did_not": "order.placed"}}]}, 2),
        ({"and": [THERE[0], {"company": {"name": {"eq": "Bank"}}}]}, 1),
        ({"or": [THERE[0], THERE[4]]}, 2),
        (THERE[2], 1),
    ],
)
async def test_what_is_there_of_the_same_contact_is_asked_for_within_one(here, node, number):
    async with unit_of_work(tx_of(here.database, here.org, dry_run=True)) as tx:
        asking = tx, CONTACTS, select(CONTACTS.model.id), parse(node, CONTACTS, tx)
        in_steps, _ = asked(*asking, behind=0, named="ids", all_rows=True)
        plain, _ = asked(*asking, behind=0, named="ids")
    assert in_steps.count("contact_id = contacts.id") == number
    assert in_steps.count("EXISTS") == plain.count("EXISTS")


@pytest.mark.parametrize("beside", [[], [THERE[0]]])
async def test_what_is_counted_is_asked_for_last_of_alternatives(here, beside):
    counted = {"deals": {"count": {"gte": 1}}}
    others = [{"not": {"company": {"name": {"eq": "Bank"}}}}, {"title": {"eq": "Buyer"}}]
    node = {"and": [*beside, {"or": [counted, *others]}]}
    async with unit_of_work(tx_of(here.database, here.org, dry_run=True)) as tx:
        asking = tx, CONTACTS, select(CONTACTS.model.id), parse(node, CONTACTS, tx)
        sql, _ = asked(*asking, behind=0, named="ids", all_rows=True)
    assert sql.index(".title") < sql.index("companies_1.name") < sql.index("count(*)")


def typed(node):
    """A filter as GraphQL takes it; None where a list mixes types, which typed inputs do not."""
    term = node.get("behaviour")
    if term is None:
        return node
    term = dict(term)
    for holder in filter(None, (term, term.get("then"))):
        if "where" in holder:
            found = [_typed_property(*one) for one in holder["where"].items()]
            if None in found:
                return None
            holder["where"] = found
    return {"behaviour": term}


def _typed_property(name, test):
    ((operator, operand),) = test.items()
    kinds = {_kind(value) for value in (operand if isinstance(operand, list) else [operand])}
    if operator == "is_null" or operand is None:
        return {"property": name, "is_null": operand if operator == "is_null" else operator == "eq"}
    if len(kinds) > 1 or (kinds == {bool} and operator in {"in", "nin"}):
        return None
    return {"property": name, {str: "text", bool: "boolean"}.get(kinds.pop(), "number"): test}


@given(data=st.data())
@settings(max_examples=FEWER // 2)
async def test_graphql_finds_who_did_and_said_what_is_asked(here, data):
    asked = data.draw(here.known.asked["contact"])
    node = typed(deepcopy(asked))
    assume(node is not None)
    rows = here.known.of(CONTACTS)
    wanted = {row["id"] for row in rows if holds(row, asked, CONTACTS, here.known)}
    document = "query($w: ContactWhere) { contacts(where: $w, first: 200) { nodes { id } } }"
    shown = await here.api.data(document, w=body_as_graph(node))
    assert {row["id"] for row in shown["contacts"]["nodes"]} == wanted
    posted = await here.api.post("/v1/contacts/query", json={"filter": node, "limit": 200})
    assert {row["id"] for row in posted.json()["data"]} == wanted


async def test_typed_properties_say_where_they_are_wrong(here):
    document = "query($w: ContactWhere) { contacts(where: $w) { nodes { id } } }"
    for where, pointer in (
        ({"property": "x"}, "/filter/behaviour/where/0"),
        ({"property": "x", "text": {"eq": "a"}, "number": {"eq": 1}}, "/filter/behaviour/where/0"),
        ({"property": "", "text": {"eq": "a"}}, "/filter/behaviour/where/0/property"),
        ({"property": "x", "text": {"eq": "a" * 501}}, "/filter/behaviour/where/0/text/eq"),
    ):
        node = {"behaviour": {"did": "page.viewed", "where": [where]}}
        posted = await here.api.post("/v1/contacts/query", json={"filter": node})
        told = problem(posted, 422, "invalid_filter")
        answer = await here.api.gql(document, w=body_as_graph(node))
        shown = answer["errors"][0]["extensions"]["problem"]
        assert pointers(told) == pointers(shown) == [pointer]
    where = [{"property": "x", "text": {"eq": 5}}]
    node = {"behaviour": {"did": "page.viewed", "where": where}}
    told = problem(await here.api.post("/v1/contacts/query", json={"filter": node}), 422)
    assert pointers(told) == ["/filter/behaviour/where/0/text/eq"]
