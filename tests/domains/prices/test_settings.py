"""How an organization rounds, and what a question says over that."""

from uuid import uuid4

import pytest

from support.clients import pointers, problem
from support.members import custom_role, member

USUAL = {
    "rounding": "half_up",
    "rounding_by_currency": [],
    "tax_rounding": "document",
    "cash_steps": [],
}


async def sold(client):
    """A product for 1.0125 in francs."""
    body = {"sku": f"S-{uuid4().hex[:10]}", "name": "Nail", "type": "good"}
    made = await client.made("products", body | {"list_price": "1.0125", "currency": "CHF"})
    return {"lines": [{"product_id": made["id"], "quantity": "2"}], "currency": "CHF"}


async def totals(client, question, **more):
    answer = await client.post("/v1/pricing/resolve", json=question | more)
    assert answer.status_code == 200, answer.text
    return answer.json()["totals"]


async def configure(client, **settings):
    answer = await client.put("/v1/pricing/settings", json=settings)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_question_goes_by_the_settings_and_may_say_otherwise(client):
    question = await sold(client)
    assert await client.read("pricing/settings") == USUAL
    # 2 × 1.0125 = 2.025: half-way between 2.02 and 2.03.
    assert (await totals(client, question))["net"] == "2.03"
    steps = [{"currency": "CHF", "step": "0.05"}]
    made = await configure(client, rounding="half_even", cash_steps=steps)
    assert made == {**USUAL, "rounding": "half_even", "cash_steps": steps}
    assert await client.read("pricing/settings") == made
    found = await totals(client, question)
    assert (found["net"], found["payable"]) == ("2.02", "2.00")
    found = await totals(client, question, rounding="half_up", cash_step="0.1")
    assert (found["net"], found["payable"]) == ("2.03", "2.00")
    found = await totals(client, question, cash_step=None)
    assert (found["net"], found["payable"]) == ("2.02", "2.02")
    assert await configure(client) == USUAL


async def test_currencies_are_rounded_in_their_own_way(client):
    question = await sold(client)
    own = [{"currency": "CHF", "rounding": "half_even"}]
    made = await configure(client, rounding_by_currency=own)
    assert made == {**USUAL, "rounding_by_currency": own}
    assert (await totals(client, question))["net"] == "2.02"
    assert (await totals(client, question, rounding="half_up"))["net"] == "2.03"
    await configure(
        client, rounding="half_even", rounding_by_currency=[{**own[0], "rounding": "half_up"}]
    )
    assert (await totals(client, question))["net"] == "2.03"
    answer = await client.put("/v1/pricing/settings", json={"rounding_by_currency": own * 2})
    assert pointers(problem(answer, 422)) == ["/rounding_by_currency/1/currency"]


async def test_taxes_are_rounded_as_the_organization_has_it(client):
    question = await sold(client)
    rate = {"name": "VAT", "country": "CH", "rate": "8.1"}
    await client.made("tax-rates", rate)
    lines = [{**question["lines"][0], "quantity": "1"}] * 3
    question |= {"country": "CH", "lines": lines}
    # Three lines of 1.01, of each 0.0818 tax: 0.08 by line, 0.2454 of the document.
    assert (await totals(client, question))["tax"] == "0.25"
    await configure(client, tax_rounding="line")
    assert (await totals(client, question))["tax"] == "0.24"
    assert (await totals(client, question, tax_rounding="document"))["tax"] == "0.25"


async def test_graphql_reads_and_sets_them_as_well(client):
    fields = "{ rounding taxRounding cashSteps { currency step } }"
    given = {"rounding": "half_even", "cashSteps": [{"currency": "SEK", "step": "1"}]}
    shown = await client.data(
        f"mutation($i: PricingSettingsInput!) {{ setPricingSettings(input: $i) {fields} }}",
        i=given,
    )
    steps = [{"currency": "SEK", "step": "1.00"}]
    after = {"rounding": "half_even", "taxRounding": "document", "cashSteps": steps}
    assert shown["setPricingSettings"] == after
    assert (await client.data(f"{{ pricingSettings {fields} }}"))["pricingSettings"] == after


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"rounding": "up"}, "/rounding"),
        ({"tax_rounding": "never"}, "/tax_rounding"),
        ({"cash_steps": [{"currency": "CHF", "step": "0"}]}, "/cash_steps/0/step"),
        ({"cash_steps": [{"currency": "XXY", "step": "1"}]}, "/cash_steps/0/currency"),
        ({"cash_steps": [{"currency": "CHF", "step": "1"}] * 2}, "/cash_steps/1/currency"),
        ({"other": 1}, "/other"),
    ],
)
async def test_wrong_settings_are_named(client, given, pointer):
    answer = await client.put("/v1/pricing/settings", json=given)
    assert pointers(problem(answer, 422)) == [pointer]
    assert await client.read("pricing/settings") == USUAL


async def test_setting_them_takes_the_permission_and_is_told(client, other):
    levels = {"prices": {"read": "all"}, "products": {"read": "all"}}
    one = await member(client, await custom_role(client, levels=levels))
    problem(await one.api.put("/v1/pricing/settings", json={}), 403)
    manager = await member(
        client, await custom_role(client, levels=levels, permissions=["manage_catalogue"])
    )
    await configure(manager.api, tax_rounding="line")
    assert await other.read("pricing/settings") == USUAL
    (event,) = await client.told("pricing.configured", 1, by="type")
    assert event["data"]["tax_rounding"] == "line"
    assert event["previous"]["tax_rounding"] == "document"
