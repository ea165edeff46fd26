"""Comparisons and waterfalls agree with plain Python over the rows, also for who sees some."""

import random
from decimal import Decimal

import pytest

from support.clients import pointers, problem
from support.members import custom_role, member
from support.reporting import behind, by, measure, reported, values

SIDES = [
    {"name": "now", "filter": {"lifecycle": "customer"}},
    {"name": "before", "filter": {"lifecycle": "target"}},
]
COMPARISON = {
    "source": "company",
    "kind": "comparison",
    "groupings": [by("industry")],
    "sides": SIDES,
    "filter": {"employees": {"lt": 90}},
    "measures": [
        measure("count"),
        measure("sum", "employees"),
        measure("avg", "employees", hidden=True),
        {"name": "large", "function": "count", "filter": {"employees": {"gte": 50}}},
        {"name": "share", "function": "ratio", "of": ["large", "count"]},
        measure("max", "created_at"),
    ],
    "totals": True,
}


@pytest.fixture
async def companies(client):
    rng = random.Random(9)
    reader = await member(client, await custom_role(client, levels={"*": {"read": "own"}}))
    rows = [
        {
            "name": f"C{turn}",
            "industry": rng.choice(["bank", "steel", "wood", None]),
            "employees": rng.randrange(100),
            "lifecycle": rng.choice(["target", "customer", "former"]),
            "owner_id": reader.id if rng.random() < 0.5 else None,
        }
        for turn in range(50)
    ]
    for row in rows:
        await client.made("companies", row)
    own = [row for row in rows if row["owner_id"]]
    return [(client, rows), (reader.api, own)]


def expected(rows):
    """Both sides of some rows, by how much they differ and by what part."""
    found = {}
    for side, state in (("now", "customer"), ("before", "target")):
        own = [row["employees"] for row in rows if row["lifecycle"] == state]
        large = sum(size >= 50 for size in own)
        found |= {f"count_{side}": len(own), f"sum_{side}": sum(own) if own else None}
        found |= {f"large_{side}": large, f"share_{side}": large / len(own) if own else None}
    for name in ("count", "sum", "large", "share"):
        now, before = found[f"{name}_now"], found[f"{name}_before"]
        change = (
            (now or 0) - (before or 0)
            if name != "share"
            else None
            if None in {now, before}
            else now - before
        )
        found[f"{name}_change"] = change
        found[f"{name}_percent"] = change / before if before and change is not None else None
    return found


def agree(found, wanted):
    for name, value in wanted.items():
        assert (found[name] is None) == (value is None), (name, found, wanted)
        if value is not None:
            assert abs(float(found[name]) - value) < 0.000002, (name, found, wanted)


async def test_two_sides_agree_with_python(client, companies):
    for api, rows in companies:
        seen = [r for r in rows if r["employees"] < 90 and r["lifecycle"] != "former"]
        groups = {}
        for row in seen:
            groups.setdefault(row["industry"], []).append(row)
        answer = (await api.post("/v1/reports/run", json=COMPARISON)).json()
        assert {row["industry"] for row in values(answer)} == groups.keys()
        assert not any("avg" in column["name"] for column in answer["columns"])
        kinds = {column["name"]: column["kind"] for column in answer["columns"]}
        assert (kinds["count_change"], kinds["count_percent"]) == ("integer", "ratio")
        assert "max_change" not in kinds
        for row in answer["rows"]:
            own = groups[row["values"]["industry"]]
            agree(row["values"], expected(own))
            for side, state in (("now", "customer"), ("before", "target")):
                found = await behind(api, COMPARISON, row["cell"], measure=f"sum_{side}")
                assert len(found) == sum(one["lifecycle"] == state for one in own)
            assert len(await behind(api, COMPARISON, row["cell"], measure="sum_change")) == len(own)
        agree(answer["totals"][0]["values"], expected(seen))


async def test_what_they_decide(client, companies):
    answer = await reported(
        client,
        **{k: v for k, v in COMPARISON.items() if k not in {"source", "totals"}},
        having={"sum_percent": {"is_null": False}},
        sort=["-sum_percent"],
    )
    told = [float(row["sum_percent"]) for row in values(answer)]
    assert told == sorted(told, reverse=True)
    assert told


@pytest.mark.parametrize("sides", [SIDES, []])
async def test_a_waterfall_leads_from_one_to_the_other(client, companies, sides):
    report = {
        "source": "company",
        "kind": "waterfall",
        "groupings": [by("industry")],
        "measures": [measure("sum", "employees", name="staff")],
        "sides": sides,
    }
    for api, rows in companies:
        answer = (await api.post("/v1/reports/run", json=report)).json()

        def total(state, own):
            return sum(row["employees"] for row in own if state in {None, row["lifecycle"]})

        last = total("customer" if sides else None, rows)
        first = total("target", rows) if sides else 0
        (whole,) = answer["totals"]
        assert whole["values"] == {"staff": last - first, "begins": first, "ends": last}
        place = first
        for row in answer["rows"]:
            told = row["values"]
            own = [one for one in rows if one["industry"] == told["industry"]]
            change = total("customer", own) - total("target", own) if sides else total(None, own)
            assert (told["staff"], told["begins"], told["ends"]) == (change, place, place + change)
            place += change
            found = await behind(api, report, row["cell"])
            if not sides:
                assert sum(one["employees"] for one in found) == change
        assert place == last


async def test_a_waterfall_is_drawn(client, companies, worker):
    definition = {
        "source": "company",
        "kind": "waterfall",
        "groupings": [by("industry")],
        "sides": SIDES,
    }
    begun = (await client.post("/v1/report-runs", json={"definition": definition})).json()
    await client.ended(begun["job_id"])
    path = f"report-runs/{begun['run']['id']}"
    spec = await client.read(f"{path}/chart")
    assert spec["encoding"]["y2"] == {"field": "ends"}
    rows = (await client.read(f"{path}/rows"))["data"]
    drawn = [(one["begins"], one["ends"]) for one in spec["data"]["values"]]
    assert drawn == [(row["values"]["begins"], row["values"]["ends"]) for row in rows]
    picture = await client.get(f"/v1/{path}/chart", params={"format": "png"})
    assert picture.content.startswith(b"\x89PNG")
    behind = await client.read(f"{path}/drilldown", cell=rows[0]["cell"], measure="count_now")
    assert behind["count"] > 0


WRONG = [
    ("/sides", {"sides": []}),
    ("/sides", {"sides": SIDES[:1]}),
    ("/sides/1/name", {"sides": [SIDES[0], SIDES[0]]}),
    ("/sides/1/filter/nothing", {"sides": [SIDES[0], {"name": "x", "filter": {"nothing": 1}}]}),
    ("/sides/0/name", {"sides": [{"name": "A b", "filter": {}}, SIDES[1]]}),
    ("/sides", {"kind": "summary"}),
    ("/measures/0/field", {"measures": [measure("sum", "nothing")]}),
    ("/measures/0/filter/no", {"measures": [measure("count", filter={"no": 1})]}),
    ("/measures/0/name", {"measures": [measure("count", name="a.b")]}),
    (
        "/measures/1/function",
        {"measures": [measure("count"), measure("calculated", expression="count")]},
    ),
    ("/having/count", {"having": {"count": {"gte": 1}}}),
    ("/sort/0", {"sort": ["count"]}),
    (
        "/sides",
        {
            "measures": [measure("count"), measure("count", name="count_now")],
            "sides": [{"name": "now_now", "filter": {}}, {"name": "now", "filter": {}}],
        },
    ),
    ("/groupings", {"kind": "waterfall", "groupings": []}),
    ("/measures", {"kind": "waterfall", "measures": [measure("avg", "employees")]}),
    ("/limit", {"kind": "waterfall", "limit": 3}),
]


@pytest.mark.parametrize(("at", "body"), WRONG)
async def test_mistakes_are_pointed_at(client, at, body):
    least = {
        "source": "company",
        "kind": "comparison",
        "sides": SIDES,
        "groupings": [by("industry")],
    }
    answer = await client.post("/v1/reports/run", json={**least, **body})
    assert pointers(problem(answer, 422)) == [at]


async def test_changes_of_amounts_are_amounts(client):
    for stage, amount in (("customer", "100.25"), ("target", "40.10")):
        body = {"name": stage, "lifecycle": stage, "annual_revenue": amount, "currency": "EUR"}
        await client.made("companies", body)
    answer = await reported(
        client,
        kind="comparison",
        sides=SIDES,
        groupings=[by("currency")],
        measures=[measure("sum", "annual_revenue", name="revenue")],
    )
    (row,) = values(answer)
    assert row["revenue_change"] == "60.15"
    assert Decimal(row["revenue_percent"]) == Decimal("1.5")


async def test_totals_of_several_currencies_have_no_amounts(client):
    for amount, currency in (("100.25", "EUR"), ("40.10", "EUR"), ("7.00", "USD")):
        body = {"name": "X", "lifecycle": "customer", "annual_revenue": amount}
        await client.made("companies", {**body, "currency": currency})
    asked = {
        "kind": "comparison",
        "sides": SIDES,
        "groupings": [by("lifecycle"), by("currency")],
        "measures": [measure("sum", "annual_revenue"), measure("count")],
        "totals": True,
    }
    answer = await reported(client, **asked)
    assert {row["currency"]: row["sum_change"] for row in values(answer)} == {
        "EUR": "140.35",
        "USD": "7.00",
    }
    assert len(answer["totals"]) == 2
    for total in answer["totals"]:
        assert total["values"]["count_change"] == 3
        for name in ("sum_now", "sum_before", "sum_change", "sum_percent"):
            assert total["values"][name] is None
    answer = await reported(client, **asked, filter={"currency": "EUR"})
    assert {total["values"]["sum_change"] for total in answer["totals"]} == {"140.35"}


async def test_no_waterfall_leads_from_currency_to_currency(client):
    body = {"kind": "waterfall", "groupings": [by("currency")], "source": "company"}
    body |= {"measures": [measure("sum", "annual_revenue")]}
    answer = await client.post("/v1/reports/run", json=body)
    assert pointers(problem(answer, 422)) == ["/measures/0/field"]
