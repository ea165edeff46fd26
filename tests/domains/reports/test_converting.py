"""Amounts of several currencies as one, as plain Python adds them up."""

import random
from decimal import ROUND_HALF_UP, Decimal

import pytest

from crm_api.registry import MODULES
from support.clients import pointers, problem
from support.members import custom_role, member
from support.reporting import behind, by, measure, reported, values
from support.selling import deal, pipeline

RATES = {"EUR": Decimal(1), "USD": Decimal("0.8"), "GBP": Decimal("1.25")}
DAY = "2026-03-31"
BY_INDUSTRY = {
    "source": "company",
    "currency": "at_date",
    "currency_day": DAY,
    "groupings": [by("industry")],
    "measures": [measure("sum", "annual_revenue"), measure("max", "annual_revenue")],
    "totals": True,
}


@pytest.fixture
async def companies(client):
    rates = [
        {"base": code, "quote": "EUR", "day": "2026-03-20", "rate": str(rate)}
        for code, rate in RATES.items()
        if code != "EUR"
    ]
    # A later one says nothing about that day.
    rates.append({"base": "USD", "quote": "EUR", "day": "2026-04-01", "rate": "100"})
    assert (await client.put("/v1/exchange-rates", json={"rates": rates})).status_code < 300
    rng = random.Random(2)
    reader = await member(client, await custom_role(client, levels={"*": {"read": "own"}}))
    rows = [
        {
            "name": f"C{turn}",
            "industry": rng.choice(["bank", "steel", None]),
            "annual_revenue": f"{rng.randrange(10**6) / 100:.2f}",
            "currency": rng.choice(list(RATES)),
            "owner_id": reader.id if rng.random() < 0.5 else None,
        }
        for turn in range(30)
    ]
    for row in rows:
        await client.made("companies", row)
    return [(client, rows), (reader.api, [row for row in rows if row["owner_id"]])]


def worth(rows):
    found = [Decimal(row["annual_revenue"]) * RATES[row["currency"]] for row in rows]
    exact = Decimal("0.0001")
    return [value.quantize(exact, ROUND_HALF_UP) for value in (sum(found), max(found))]


async def test_by_the_rates_of_a_day(client, companies):
    for api, rows in companies:
        answer = (await api.post("/v1/reports/run", json=BY_INDUSTRY)).json()
        kept = {row["industry"] for row in rows}
        assert {row["industry"] for row in values(answer)} == kept
        for row in answer["rows"]:
            told = row["values"]
            own = [one for one in rows if one["industry"] == told["industry"]]
            assert [Decimal(told["sum"]), Decimal(told["max"])] == worth(own)
            found = await behind(api, BY_INDUSTRY, row["cell"])
            assert worth(found)[0] == Decimal(told["sum"])
        (total,) = answer["totals"]
        assert Decimal(total["values"]["sum"]) == worth(rows)[0]
        currencies = {column["name"]: column["currency"] for column in answer["columns"]}
        assert currencies == {"industry": None, "sum": "EUR", "max": "EUR"}


async def test_without_a_rate_there_is_no_sum(client, companies):
    found = problem(
        await client.post("/v1/reports/run", json={**BY_INDUSTRY, "currency_day": "2026-03-01"}),
        409,
        "no_rate",
    )
    assert pointers(found) == ["/currency_day"]
    # What is left out needs no rate.
    answer = await reported(
        client,
        **{k: v for k, v in BY_INDUSTRY.items() if k not in {"source", "currency_day"}},
        currency_day="2026-03-01",
        filter={"currency": "EUR"},
    )
    assert answer["rows"]


async def test_a_hidden_currency_hides_what_amounts_are_worth(client, companies):
    role = await custom_role(
        client,
        levels={"*": {"read": "all"}},
        masks={"company": {"hidden": ["currency"]}},
    )
    reader = (await member(client, role)).api
    problem(await reader.post("/v1/reports/run", json=BY_INDUSTRY), 403, "hidden_field")


async def test_as_it_was_stored(client):
    rate = {"base": "USD", "quote": "EUR", "day": "2026-03-20", "rate": "0.5"}
    await client.put("/v1/exchange-rates", json={"rates": [rate]})
    where = await pipeline(client)
    for amount, currency in (("100.00", "EUR"), ("300.00", "EUR")):
        await deal(
            client, where, name="D", amount=amount, currency=currency, closes_on="2026-03-31"
        )
    wanted = [measure("sum", "amount")]
    plain = await reported(client, "deal", measures=[measure("sum", "base_amount")])
    found = await reported(client, "deal", measures=wanted, currency="at_close")
    assert values(found) == values(plain) == [{"sum": "400.00"}]
    assert found["columns"][0]["currency"] == "EUR"


async def test_amounts_in_the_currency_of_another_record_are_of_that(client):
    rates = [
        {"base": code, "quote": "EUR", "day": "2026-03-01", "rate": str(RATES[code])}
        for code in ("USD", "GBP")
    ]
    assert (await client.put("/v1/exchange-rates", json={"rates": rates})).status_code < 300
    kept = {}
    for own in ("EUR", "USD"):
        project = await client.made("projects", {"name": "Office", "currency": own})
        for spent, currency in (("100.00", "GBP"), ("10.00", own)):
            body = {"project_id": project["id"], "day": "2026-03-02", "currency": currency}
            made = await client.made("expenses", {**body, "amount": spent})
            kept[own] = kept.get(own, Decimal(0)) + Decimal(made["project_amount"])
    assert kept == {"EUR": Decimal("135.00"), "USD": Decimal("166.25")}
    report = {"source": "expense", "measures": [measure("sum", "project_amount")]}
    for groupings in ([], [by("currency")]):
        answer = await client.post("/v1/reports/run", json={**report, "groupings": groupings})
        told = problem(answer, 422)["errors"][0]
        assert (told["pointer"], told["code"]) == ("/measures/0/field", "mixed_currencies")
        assert "group by project.currency" in told["message"]
    found = await reported(client, **report, groupings=[by("project.currency", name="of")])
    assert {row["of"]: Decimal(row["sum"]) for row in values(found)} == kept
    day = {"currency": "at_date", "currency_day": DAY}
    (row,) = values(await reported(client, **report, **day))
    assert Decimal(row["sum"]) == kept["EUR"] + kept["USD"] * RATES["USD"]


async def test_amounts_in_a_currency_that_is_not_seen_are_not_added(client):
    for own in ("EUR", "USD"):
        project = await client.made("projects", {"name": "Office", "currency": own})
        body = {"project_id": project["id"], "day": "2026-03-02", "currency": own}
        await client.made("expenses", {**body, "amount": "10.00"})
    levels = {"*": {"read": "all"}, "projects": {"read": "own"}}
    reader = await member(client, await custom_role(client, levels=levels))
    asked = {
        "source": "expense",
        "measures": [measure("sum", "project_amount"), measure("count")],
        "groupings": [by("project.currency", name="of")],
    }
    (row,) = values(await reported(reader.api, **asked))
    assert row == {"of": None, "sum": None, "count": 2}
    shown = {row["of"]: Decimal(row["sum"]) for row in values(await reported(client, **asked))}
    assert shown == {"EUR": Decimal(10), "USD": Decimal(10)}


def test_every_amount_has_a_currency():
    """Its own, that of another record, or the organization's, which is what these are in."""
    at_home = {("resource", "cost_per_hour"), ("goal", "target")}
    of_metrics = {
        ("alert", name) for name in ("threshold", "clear_at", "sensitivity", "last_value")
    }
    listings = [service.repository.listing for module in MODULES for service in module.services]
    known = {
        (listing.entity, name)
        for listing in listings
        for name, known in listing.fields.items()
        if known.kind == "amount" and not name.startswith("base_")
        if "currency" not in listing.fields and name not in listing.foreign
    }
    assert known == at_home | of_metrics
    for listing in listings:
        for name, relation in listing.foreign.items():
            assert "currency" in listing.related[relation].target().fields, name


WRONG = [
    ("/measures/0/field", {"currency": "at_close"}),
    ("/measures/0/field", {}),
    ("/currency_day", {"currency": "recorded", "currency_day": DAY}),
    ("/currency_day", {"currency": "at_date", "currency_day": "soon"}),
    ("/currency", {"currency": "sometimes"}),
]


@pytest.mark.parametrize(("at", "body"), WRONG)
async def test_mistakes_are_pointed_at(client, at, body):
    least = {"source": "company", "measures": [measure("sum", "annual_revenue")]}
    answer = await client.post("/v1/reports/run", json={**least, **body})
    assert pointers(problem(answer, 422)) == [at]
