"""Budgets of marketing plans: what is planned, committed and spent, and months that are closed."""

import asyncio

from support.clients import pointers, problem

YEAR = {"name": "Year 2027", "starts_on": "2027-01-01", "ends_on": "2027-12-31"}


async def plan(client, **more):
    return (await client.made("marketing-plans", {**YEAR, **more}))["id"]


async def line(client, plan, planned="1000.00", month="2027-03-01", channel="ads", **more):
    body = {"plan_id": plan, "planned": planned, "month": month, "channel": channel, **more}
    return (await client.made("budget-lines", body))["id"]


async def spent(client, amount="100.00", on="2026-03-20", channel="ads", **more):
    body = {"amount": amount, "spent_on": on, "channel": channel, **more}
    return await client.made("campaign-costs", body)


async def ordered(client, plan, amount="400.00", due_on="2027-03-15", **more):
    body = {"plan_id": plan, "amount": amount, "due_on": due_on, "channel": "ads"}
    return (await client.made("marketing-commitments", {**body, "vendor": "Ads Ltd", **more}))["id"]


async def budget(client, plan):
    return await client.read(f"marketing-plans/{plan}/budget")


def figures(one):
    return tuple(one[name] for name in ("planned", "committed", "actual", "variance", "available"))


async def test_actuals_draw_commitments_down_and_differ_from_the_plan(client):
    id = await plan(client)
    await line(client, id)
    order = await ordered(client, id)
    await spent(client, "150.00", "2027-03-20", commitment_id=order)
    await spent(client, "50.00", "2027-03-21", plan_id=id)
    found = await budget(client, id)
    assert figures(found["total"]) == ("1000.00", "250.00", "200.00", "800.00", "550.00")
    assert found["total"]["variance_percent"] == 80.0
    await spent(client, "300.00", "2027-03-22", commitment_id=order)
    assert (await budget(client, id))["total"]["committed"] == "0.00"


async def test_a_closed_commitment_expects_nothing_and_takes_nothing(client):
    id = await plan(client)
    order = await ordered(client, id)
    answer = await client.post(f"/v1/marketing-commitments/{order}/close")
    assert answer.json()["status"] == "closed"
    assert (await budget(client, id))["total"]["committed"] == "0.00"
    body = {"amount": "1.00", "spent_on": "2027-03-20", "channel": "ads", "commitment_id": order}
    answer = await client.post("/v1/campaign-costs", json=body)
    assert list(pointers(problem(answer, 422))) == ["/commitment_id"]
    again = await client.post(f"/v1/marketing-commitments/{order}/close")
    assert problem(again, 409)["code"] == "illegal_transition"
    reopened = await client.post(f"/v1/marketing-commitments/{order}/reopen")
    assert reopened.json()["status"] == "open"
    assert (await budget(client, id))["total"]["committed"] == "400.00"


async def test_without_a_plan_there_is_no_percent(client):
    id = await plan(client)
    await spent(client, "70.00", "2027-03-20", plan_id=id)
    total = (await budget(client, id))["total"]
    assert (total["variance"], total["variance_percent"]) == ("-70.00", None)


async def test_it_is_rolled_up_the_tree_and_by_channel_and_month(client):
    id = await plan(client)
    top = await client.made("campaigns", {"name": "Year", "level": "programme"})
    spring = await client.made("campaigns", {"name": "Spring", "parent_id": top["id"]})
    autumn = await client.made("campaigns", {"name": "Autumn", "parent_id": top["id"]})
    await line(client, id, "100.00", campaign_id=spring["id"])
    await line(client, id, "200.00", month="2027-09-01", campaign_id=autumn["id"])
    await line(client, id, "30.00", channel="email", campaign_id=top["id"])
    await line(client, id, "4.00", channel="email")
    await spent(client, "25.00", "2027-09-10", plan_id=id, campaign_id=autumn["id"])
    found = await budget(client, id)
    of = {one["campaign_id"]: one for one in found["campaigns"]}
    assert of[top["id"]]["planned"] == "330.00"
    assert of[top["id"]]["own"]["planned"] == "30.00"
    assert of[top["id"]]["actual"] == "25.00"
    assert (of[spring["id"]]["planned"], of[spring["id"]]["parent_id"]) == ("100.00", top["id"])
    assert of[None]["planned"] == "4.00"
    assert {one["channel"]: one["planned"] for one in found["channels"]} == {
        "ads": "300.00",
        "email": "34.00",
    }
    assert {one["month"]: one["planned"] for one in found["months"]} == {
        "2027-03-01": "134.00",
        "2027-09-01": "200.00",
    }
    assert found["total"]["planned"] == "334.00"
    query = (
        "query($id: UUID!) { marketingPlanBudget(id: $id) "
        "{ total { planned variancePercent } campaigns { campaignId own { actual } } } }"
    )
    data = await client.data(query, id=id)
    assert data["marketingPlanBudget"]["total"]["planned"] == "334.00"
    assert data["marketingPlanBudget"]["total"]["variancePercent"] == 92.51
    assert len(data["marketingPlanBudget"]["campaigns"]) == 4


async def test_costs_count_in_the_currencies_of_the_plan_and_the_organization(client):
    rates = {"rates": [{"base": "EUR", "quote": "USD", "day": "2026-03-01", "rate": "1.25"}]}
    answer = await client.put("/v1/exchange-rates", json=rates)
    assert answer.status_code == 200, answer.text
    own = (await client.read("organization"))["currency"]
    assert own == "EUR"
    id = await plan(client, currency="USD", starts_on="2026-01-01")
    cost = await spent(client, "100.00", plan_id=id, currency="EUR")
    assert (cost["plan_amount"], cost["base_amount"]) == ("125.00", "100.00")
    cost = await spent(client, "50.01", plan_id=id)
    assert (cost["currency"], cost["plan_amount"], cost["base_amount"]) == ("USD", "50.01", "40.01")
    total = (await budget(client, id))["total"]
    assert (total["actual"], total["base_actual"]) == ("175.01", "140.01")
    # Without a rate nothing can be said of it in the plan.
    body = {"plan_id": id, "amount": "1.00", "currency": "CHF", "channel": "ads"}
    answer = await client.post("/v1/campaign-costs", json={**body, "spent_on": "2026-03-20"})
    (fault,) = problem(answer, 409, "no_rate")["errors"]
    assert fault["pointer"] == "/currency"
    campaign = await client.made("campaigns", {"name": "Spring"})
    cost = await spent(client, "9.00", campaign_id=campaign["id"], currency="CHF")
    assert (cost["plan_amount"], cost["base_amount"]) == (None, None)


async def test_an_order_too_small_for_the_currency_of_the_plan_is_nothing_of_it(client):
    rates = {"rates": [{"base": "EUR", "quote": "VND", "day": "2026-03-01", "rate": "26000"}]}
    answer = await client.put("/v1/exchange-rates", json=rates)
    assert answer.status_code == 200, answer.text
    id = await plan(client, starts_on="2026-01-01")
    await ordered(client, id, "1", "2026-03-15", currency="VND")
    await ordered(client, id, "26000", "2026-03-15", currency="VND")
    total = (await budget(client, id))["total"]
    assert (total["committed"], total["base_committed"]) == ("1.00", "1.00")


async def test_a_cost_sent_again_is_the_same(client):
    campaign = await client.made("campaigns", {"name": "Spring"})
    body = {"campaign_id": campaign["id"], "amount": "5.00", "spent_on": "2026-03-20"}
    path = "/v1/campaign-costs/by-external/ads/inv-1"
    answers = [await client.put(path, json={**body, "channel": "ads"}) for _ in range(2)]
    assert [one.status_code for one in answers] == [201, 200], answers[0].text
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert len((await client.read("campaign-costs"))["data"]) == 1


async def test_bad_bodies_are_refused_where_they_are_wrong(client):
    id = await plan(client)
    other = await ordered(client, await plan(client))
    costs = {"amount": "1.00", "spent_on": "2027-03-20", "channel": "ads", "plan_id": id}
    lines = {"plan_id": id, "planned": "1.00", "month": "2027-03-01", "channel": "ads"}
    bad = (
        ("marketing-plans", {**YEAR, "ends_on": "2026-01-01"}, "/ends_on"),
        ("budget-lines", {**lines, "month": "2027-03-02"}, "/month"),
        ("budget-lines", {**lines, "month": "2028-01-01"}, "/month"),
        ("budget-lines", {**lines, "planned": "1.001"}, "/planned"),
        ("budget-lines", {**lines, "channel": "pigeons"}, "/channel"),
        ("campaign-costs", {**costs, "amount": "0.00"}, "/amount"),
        ("campaign-costs", {**costs, "amount": "1.5", "currency": "JPY"}, "/amount"),
        ("campaign-costs", {**costs, "plan_id": None}, "/campaign_id"),
        ("campaign-costs", {**costs, "commitment_id": other}, "/commitment_id"),
        ("marketing-commitments", {**costs, "due_on": "2027-03-20"}, None),
    )
    for path, body, pointer in bad:
        answer = await client.post(f"/v1/{path}", json=body)
        found = list(pointers(problem(answer, 422)))
        assert pointer is None or found == [pointer], (path, body, found)
    await line(client, id)
    answer = await client.post("/v1/budget-lines", json=lines)
    assert problem(answer, 409)["code"] == "duplicate"
    answer = await client.patch(f"/v1/marketing-plans/{id}", json={"ends_on": "2027-02-28"})
    assert list(pointers(problem(answer, 422))) == ["/ends_on"]


async def test_closed_months_stay_as_they_are(client):
    id = await plan(client)
    planned, order = await line(client, id), await ordered(client, id)
    cost = await spent(client, "5.00", "2027-03-20", plan_id=id)
    april = await line(client, id, month="2027-04-01")
    closed = await client.post(f"/v1/marketing-plans/{id}/close", json={"month": "2027-03-01"})
    assert closed.json()["closed_through"] == "2027-03-31", closed.text
    refused = (
        ("patch", f"budget-lines/{planned}", {"planned": "2.00"}, "/month"),
        ("patch", f"budget-lines/{april}", {"month": "2027-02-01"}, "/month"),
        ("patch", f"marketing-commitments/{order}", {"amount": "2.00"}, "/due_on"),
        ("post", f"marketing-commitments/{order}/close", None, "/due_on"),
        ("patch", f"campaign-costs/{cost['id']}", {"spent_on": "2027-05-01"}, "/spent_on"),
        ("delete", f"campaign-costs/{cost['id']}", None, "/spent_on"),
    )
    for verb, path, body, pointer in refused:
        more = {} if body is None else {"json": body}
        answer = await getattr(client, verb)(f"/v1/{path}", **more)
        assert list(pointers(problem(answer, 422))) == [pointer], path
    answer = await client.delete(f"/v1/marketing-plans/{id}")
    assert problem(answer, 409)["code"] == "period_closed"
    months = (await budget(client, id))["months"]
    assert [one["is_closed"] for one in months] == [True, False]
    opened = await client.post(f"/v1/marketing-plans/{id}/reopen", json={"month": "2027-03-01"})
    assert opened.json()["closed_through"] == "2027-02-28"
    assert (await client.delete(f"/v1/campaign-costs/{cost['id']}")).status_code == 204
    for month in ("2027-03-02", "2029-01-01", "2027-01-01"):
        body = {"month": month}
        answer = await client.post(f"/v1/marketing-plans/{id}/close", json=body)
        assert list(pointers(problem(answer, 422))) == ["/month"]


async def test_nothing_slips_into_a_month_while_it_is_closed(client):
    id = await plan(client)
    body = {"plan_id": id, "amount": "1.00", "spent_on": "2027-03-20", "channel": "ads"}
    close = client.post(f"/v1/marketing-plans/{id}/close", json={"month": "2027-03-01"})
    costs = [client.post("/v1/campaign-costs", json=body) for _ in range(12)]
    answers = await asyncio.gather(*costs[:6], close, *costs[6:])
    made = [one.json() for one in answers if one.status_code == 201]
    assert all(one.status_code in {200, 201, 422} for one in answers)
    closed = (await client.read(f"marketing-plans/{id}"))["updated_at"]
    events = (
        await client.read("events", types="campaign_cost.created,marketing_plan.months_closed")
    )["data"]
    assert closed
    kinds = [one["type"] for one in events]
    if "marketing_plan.months_closed" in kinds:
        after = kinds[kinds.index("marketing_plan.months_closed") + 1 :]
        assert "campaign_cost.created" not in after
    assert (await budget(client, id))["total"]["actual"] == f"{len(made)}.00"
