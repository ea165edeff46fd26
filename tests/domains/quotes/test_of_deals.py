"""Quotes and the deals that they are to win."""

from support.clients import pointers, problem
from support.quoting import act, product, quote


async def deal(api, **more):
    return await api.made("deals", {"name": "New office", **more})


async def test_a_quote_names_its_deal_at_any_time(client):
    customer = await client.made("companies", {"name": "Example Industries"})
    mine = await deal(client, company_id=customer["id"])
    made = await quote(client, company_id=customer["id"], deal_id=mine["id"])
    other = await quote(client, company_id=customer["id"])
    await act(client, other["id"], "send")
    later = await client.patch(f"/v1/quotes/{other['id']}", json={"deal_id": mine["id"]})
    assert later.json()["status"] == "sent"
    found = await client.read(f"deals/{mine['id']}/quotes", fields="id")
    assert [one["id"] for one in found["data"]] == [other["id"], made["id"]]
    (again,) = (await client.read("quotes", **{"filter[deal][name]": mine["name"], "limit": 1}))[
        "data"
    ]
    assert again["deal_id"] == mine["id"]
    document = "query($id: UUID!) { quote(id: $id) { dealId deal { name } } }"
    shown = (await client.data(document, id=made["id"]))["quote"]
    assert shown == {"dealId": mine["id"], "deal": {"name": mine["name"]}}
    copy = await act(client, made["id"], "clone", 201)
    assert copy["deal_id"] == mine["id"]
    problem(await client.get(f"/v1/deals/{made['id']}/quotes"), 404, "not_found")


async def test_a_quote_is_for_the_company_of_its_deal(client):
    theirs = await client.made("companies", {"name": "Example Industries"})
    other = await client.made("companies", {"name": "Sample Works"})
    mine = await deal(client, company_id=theirs["id"])
    body = {"currency": "EUR", "company_id": other["id"], "deal_id": mine["id"]}
    found = problem(await client.post("/v1/quotes", json=body), 422)
    assert pointers(found) == ["/deal_id"]
    assert found["errors"][0]["code"] == "other_company"
    made = await quote(client, company_id=theirs["id"], deal_id=mine["id"])
    answer = await client.patch(f"/v1/quotes/{made['id']}", json={"company_id": other["id"]})
    assert pointers(problem(answer, 422)) == ["/company_id"]
    of_nobody = await deal(client)
    moved = {"company_id": other["id"], "deal_id": of_nobody["id"]}
    answer = await client.patch(f"/v1/quotes/{made['id']}", json=moved)
    assert answer.json()["deal_id"] == of_nobody["id"]
    for id in (made["id"], (await deal(client))["id"]):
        await client.delete(f"/v1/deals/{id}")
        answer = await client.patch(f"/v1/quotes/{made['id']}", json={"deal_id": id})
        assert pointers(problem(answer, 422)) == ["/deal_id"]


async def test_merged_companies_take_deals_and_quotes_along(client):
    one, two = [await client.made("companies", {"name": "Example Industries"}) for _ in range(2)]
    mine = await deal(client, company_id=two["id"])
    made = await quote(client, company_id=two["id"], deal_id=mine["id"])
    answer = await client.post(
        "/v1/companies/merge", json={"winner_id": one["id"], "loser_ids": [two["id"]]}
    )
    assert answer.is_success, answer.text
    for path in (f"deals/{mine['id']}", f"quotes/{made['id']}"):
        assert (await client.read(path))["company_id"] == one["id"]


async def test_a_quote_is_made_of_the_lines_of_a_deal(client):
    company = await client.made("companies", {"name": "Example Industries"})
    chair = await product(client)
    lines = [
        {"product_id": chair["id"], "quantity": "3", "discount_percent": "10"},
        {"name": "Care", "unit_price": "20", "interval": "month", "term": 24},
    ]
    own = {"company_id": company["id"], "currency": "EUR", "amount_mode": "lines"}
    deal = await client.made("deals", {"name": "New office", **own, "lines": lines})
    answer = await client.post(f"/v1/deals/{deal['id']}/quote")
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["status"], made["deal_id"], made["company_id"]) == (
        "draft",
        deal["id"],
        company["id"],
    )
    assert [(line["name"], line["net"]) for line in made["lines"]] == [
        ("Chair", "270.00"),
        ("Care", "20.00"),
    ]
    assert made["tcv"] == "750.00"
    document = "mutation($id: UUID!) { quoteDeal(id: $id) { deal { name } tcv } }"
    found = (await client.data(document, id=deal["id"]))["quoteDeal"]
    assert found == {"deal": {"name": "New office"}, "tcv": "750.00"}
    plain = await client.made("deals", {"name": "No lines"})
    problem(await client.post(f"/v1/deals/{plain['id']}/quote"), 409, "no_lines")
