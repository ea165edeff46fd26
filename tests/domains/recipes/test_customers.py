"""Whose prices count, what customers had before, and who may look at all that."""

from support.clients import pointers, problem
from support.members import custom_role, member
from support.proposing import ask, company, draft, missing, names, proposed, recipe, relation, sold
from support.quoting import REACH, act


async def list_for(client, product, price, **more):
    made = await client.made("price-lists", {"name": "List", "currency": "EUR", **more})
    body = {"price_list_id": made["id"], "product_id": product["id"], "unit_price": price}
    await client.made("price-rules", body)
    answer = await client.post(f"/v1/price-lists/{made['id']}/activate", json={})
    assert answer.status_code == 200, answer.text
    return made


async def test_prices_of_segments_and_contracts_count(client):
    """The list price is 100, for partners 80; by contract it is 70."""
    desk, customer = await sold(client, "Desk"), await company(client)
    await list_for(client, desk, "80", audience="segment", audience_key="partners")
    asked = {"products": [{"product_id": desk["id"], "quantity": "2"}]}
    net = draft(await proposed(client, customer, **asked))["calculation"]["net"]
    assert net == "200.00"
    found = draft(await proposed(client, customer, segments=["partners"], **asked))
    assert found["calculation"]["net"] == "160.00"
    assert found["content"]["segments"] == ["partners"]
    contract = {"company_id": customer["id"], "product_id": desk["id"], "unit_price": "70"}
    await client.made("contract-prices", {**contract, "currency": "EUR"})
    assert draft(await proposed(client, customer, **asked))["calculation"]["net"] == "140.00"


async def test_a_list_that_is_not_for_them_is_refused(client):
    desk = await sold(client, "Desk")
    other = await list_for(
        client, desk, "80", audience="account", company_id=(await company(client))["id"]
    )
    asked = {"products": [{"product_id": desk["id"]}], "price_list_id": other["id"]}
    found = problem(await ask(client, await company(client), **asked), 422)
    assert pointers(found) == ["/price_list_id"]


async def test_contacts_have_the_prices_of_their_company(client):
    desk, customer = await sold(client, "Desk"), await company(client)
    contract = {"company_id": customer["id"], "product_id": desk["id"], "unit_price": "70"}
    await client.made("contract-prices", {**contract, "currency": "EUR"})
    person = await client.made("contacts", {"last_name": "Person", "company_id": customer["id"]})
    await recipe(client, {"good": [{"product_id": desk["id"]}]}, target="contact")
    found = draft(await proposed(client, person, "contacts"))
    assert found["calculation"]["net"] == "70.00"
    assert found["content"]["company_id"] == customer["id"]
    assert found["content"]["contact_id"] == person["id"]
    assert (await proposed(client, customer))["drafts"] == []


async def test_past_quotes_are_offered_again(client):
    """By today's price; what is sold no more by its substitute, and what was no product is told."""
    desk, lamp, bright = [await sold(client, name) for name in ("Desk", "Lamp", "Bright lamp")]
    await relation(client, bright, "substitute", lamp)
    customer = await company(client)
    lines = [
        {"product_id": desk["id"], "quantity": "2", "unit_price": "50"},
        {"product_id": desk["id"]},
        {"product_id": lamp["id"], "interval": "month", "term": 6},
        {"name": "Assembly", "unit_price": "90"},
        {"kind": "text", "name": "As agreed."},
    ]
    body = {"company_id": customer["id"], "currency": "EUR", "lines": lines}
    quote = await client.made("quotes", body)
    await client.patch(f"/v1/products/{lamp['id']}", json={"status": "discontinued"})
    found = draft(await proposed(client, customer, past_quote_id=quote["id"]))
    assert [(one["name"], one["quantity"]) for one in found["lines"]] == [
        ("Desk", "3"),
        ("Bright lamp", "1"),
    ]
    assert [one["reason"]["kind"] for one in found["lines"]] == ["past_quote", "substitute"]
    assert found["content"]["lines"][1]["interval"] == "month"
    assert (found["calculation"]["net"], missing(found)) == ("400.00", [("no_product", "Assembly")])
    # Nothing was accepted yet.
    assert (await proposed(client, customer, repeat_last=True))["drafts"] == []


async def test_what_was_accepted_last_is_repeated(client):
    desk, lamp = [await sold(client, name) for name in ("Desk", "Lamp")]
    customer = await company(client)
    for one in (lamp, desk):
        body = {"company_id": customer["id"], "currency": "EUR"}
        quote = await client.made("quotes", {**body, "lines": [{"product_id": one["id"]}]})
        await act(client, quote["id"], "send")
        await act(client, quote["id"], "accept")
    found = await proposed(client, customer, repeat_last=True)
    assert names(found)["good"] == ["Desk"]
    assert draft(found)["lines"][0]["reason"]["quote_id"] == quote["id"]


async def test_quotes_that_are_not_there(client, other):
    customer = await company(client)
    theirs = await other.made("quotes", {"currency": "EUR", "lines": []})
    found = problem(await ask(client, customer, past_quote_id=theirs["id"]), 422)
    assert pointers(found) == ["/past_quote_id"]
    problem(await ask(client, await company(other)), 404)


async def test_costs_are_told_to_those_who_see_them(client):
    desk = await sold(client, "Desk", cost="40")
    customer = await company(client)
    asked = {"products": [{"product_id": desk["id"]}]}
    found = draft(await proposed(client, customer, **asked))
    assert found["calculation"]["margin"] == "60.00"
    masks = {"product": {"hidden": ["cost"]}}
    seller = await member(client, await custom_role(client, levels={"*": REACH}, masks=masks))
    told = draft(await proposed(seller.api, customer, **asked))
    assert (told["calculation"]["margin"], told["calculation"]["costs"]) == (None, [])
    # Nor does the score or the order tell them.
    assert (told["score"], told["factors"]) == (found["score"], found["factors"])


async def test_hidden_fields_are_not_told_by_the_way(client):
    desk = await sold(client, "Desk", needs=["work"])
    customer = await company(client)
    quote = await client.made("quotes", {"currency": "EUR", "lines": [{"product_id": desk["id"]}]})
    masks = {"product": {"hidden": ["needs"]}, "quote": {"hidden": ["lines"]}}
    role = await custom_role(client, levels={"*": REACH}, masks=masks)
    seller = (await member(client, role)).api
    assert pointers(problem(await ask(seller, customer, needs=["work"]), 403)) == ["/needs"]
    found = problem(await ask(seller, customer, past_quote_id=quote["id"]), 403)
    assert pointers(found) == ["/past_quote_id"]


async def test_scopes(client, keyed):
    desk, customer = await sold(client, "Desk"), await company(client)
    asked = {"products": [{"product_id": desk["id"]}]}
    reads = ["quotes:read", "products:read", "prices:read", "companies:read"]
    for scope in reads:
        lacking = await keyed(*(one for one in reads if one != scope))
        found = problem(await ask(lacking, customer, **asked), 403, "insufficient_scope")
        assert found["scope"] == scope
    reader = await keyed(*reads)
    assert names(await proposed(reader, customer, **asked)) == {"good": ["Desk"]}
    refused = problem(await ask(reader, customer, commit=True, **asked), 403, "insufficient_scope")
    assert refused["scope"] == "quotes:write"
    writer = await keyed(*reads, "quotes:write")
    assert (await ask(writer, customer, commit=True, **asked)).status_code == 201


async def test_switched_off(client):
    customer = await company(client)
    answer = await client.post("/v1/modules/proposals/disable")
    assert answer.is_success, answer.text
    problem(await ask(client, customer), 404, "module_disabled")
    document = "query($id: UUID!, $in: ProposalRequestInput!) { proposals(companyId: $id, input: $in) { drafts { label } } }"
    found = await client.gql(document, **{"id": customer["id"], "in": {"currency": "EUR"}})
    assert found["errors"][0]["extensions"]["code"] == "module_disabled"
    # Quotes go on without.
    await client.made("quotes", {"currency": "EUR", "lines": []})


async def test_a_company_that_is_not_seen_gives_no_prices(client):
    desk, customer = await sold(client, "Desk"), await company(client)
    contract = {"company_id": customer["id"], "product_id": desk["id"], "unit_price": "70"}
    await client.made("contract-prices", {**contract, "currency": "EUR"})
    person = await client.made("contacts", {"last_name": "Person", "company_id": customer["id"]})
    levels = {"*": REACH, "companies": dict.fromkeys(REACH, "none")}
    seller = await member(client, await custom_role(client, levels=levels))
    asked = {"products": [{"product_id": desk["id"]}]}
    found = draft(await proposed(seller.api, person, "contacts", **asked))
    assert found["calculation"]["net"] == "100.00"
    assert "company_id" not in found["content"]


async def test_a_unit_that_is_gone_leaves_its_line_out(client):
    """The past quote was by dozens; by now the product is sold by something else."""
    piece, box = [
        await client.made("units", {"key": key, "name": key, "dimension": kind, "ratio": "1"})
        for key, kind in (("piece1", "count"), ("litre1", "volume"))
    ]
    desk, lamp = [await sold(client, n, unit_id=piece["id"]) for n in ("Desk", "Lamp")]
    lines = [{"product_id": desk["id"], "unit_id": piece["id"]}, {"product_id": lamp["id"]}]
    quote = await client.made("quotes", {"currency": "EUR", "lines": lines})
    await client.changed(f"products/{desk['id']}", {"unit_id": box["id"]})
    found = draft(await proposed(client, await company(client), past_quote_id=quote["id"]))
    assert [one["name"] for one in found["lines"]] == ["Lamp"]
    assert missing(found) == [("not_possible", "Desk")]


async def test_bundles_bring_what_is_in_them(client):
    """The set has a frame, which the desk requires; the other frame does not go with it."""
    desk, frame, other = [await sold(client, name) for name in ("Desk", "Frame", "Other")]
    bundle = await sold(client, "Set", "500", type="bundle", status="draft")
    part = {"product_id": bundle["id"], "component_id": frame["id"]}
    await client.made("bundle-components", part)
    await client.changed(f"products/{bundle['id']}", {"status": "active"})
    await relation(client, desk, "requires", frame)
    await relation(client, frame, "excludes", other)
    asked = [{"product_id": one["id"]} for one in (bundle, desk, other)]
    found = draft(await proposed(client, await company(client), products=asked))
    assert [one["name"] for one in found["lines"]] == ["Set", "Desk"]
    assert missing(found) == [("excluded", "Other")]


async def test_variants_are_offered_as_they_are_asked_for(client):
    options = [{"key": "size", "label": "Size", "values": ["L", "M"]}]
    desk = await sold(client, "Desk", options=options)
    large = await client.made(
        "product-variants",
        {
            "product_id": desk["id"],
            "sku": f"{desk['sku']}-L",
            "options": {"size": "L"},
            "status": "active",
            "list_price_delta": "20",
        },
    )
    asked = {"products": [{"variant_id": large["id"], "quantity": "2"}]}
    found = draft(await proposed(client, await company(client), **asked))
    assert found["content"]["lines"][0]["variant_id"] == large["id"]
    assert found["calculation"]["net"] == "240.00"


async def test_what_is_priced_from_a_quantity_on_is_offered_from_it_on(client):
    """From 10 on it is 80; of 5 nothing says what they cost."""
    desk = await sold(client, "Desk", None)
    made = await client.made("price-lists", {"name": "List", "currency": "EUR"})
    rule = {"price_list_id": made["id"], "product_id": desk["id"], "unit_price": "80"}
    await client.made("price-rules", {**rule, "min_quantity": "10"})
    answer = await client.post(f"/v1/price-lists/{made['id']}/activate", json={})
    assert answer.status_code == 200, answer.text
    item = {"product_id": desk["id"], "per": "seats"}
    tiers = {"good": [item], "best": [{**item, "quantity": "2"}]}
    await recipe(client, tiers)
    found = await proposed(client, await company(client), parameters={"seats": "5"})
    assert [one["label"] for one in found["drafts"]] == ["best"]
    assert draft(found, "best")["calculation"]["net"] == "800.00"
    assert [one["left_out"][0]["code"] for one in found["withheld"]] == ["no_price", "no_price"]


async def test_what_is_priced_by_the_unit_of_the_past_quote_is_offered_again(client):
    """From 10 on it is 80: one piece has no price, a dozen is 960."""
    piece, dozen = [
        await client.made("units", {"key": key, "name": key, "dimension": "count", "ratio": ratio})
        for key, ratio in (("piece1", "1"), ("dozen1", "12"))
    ]
    desk = await sold(client, "Desk", None, unit_id=piece["id"])
    made = await client.made("price-lists", {"name": "List", "currency": "EUR"})
    rule = {"price_list_id": made["id"], "product_id": desk["id"], "unit_price": "80"}
    await client.made("price-rules", {**rule, "min_quantity": "10"})
    await client.post(f"/v1/price-lists/{made['id']}/activate", json={})
    lines = [{"product_id": desk["id"], "unit_id": dozen["id"]}]
    quote = await client.made("quotes", {"currency": "EUR", "lines": lines})
    found = draft(await proposed(client, await company(client), past_quote_id=quote["id"]))
    assert found["calculation"]["net"] == quote["net"] == "960.00"


async def test_deals_are_proposed_to_for_their_customer(client):
    """By the contract of the company and for the contact, at both faces."""
    desk, customer = await sold(client, "Desk"), await company(client)
    contract = {"company_id": customer["id"], "product_id": desk["id"], "unit_price": "70"}
    await client.made("contract-prices", {**contract, "currency": "EUR"})
    person = await client.made("contacts", {"last_name": "Person"})
    body = {"name": "Office", "company_id": customer["id"], "contact_id": person["id"]}
    deal = await client.made("deals", body)
    asked = {"products": [{"product_id": desk["id"]}]}
    found = draft(await proposed(client, deal, "deals", **asked))
    assert found["calculation"]["net"] == "70.00"
    for name, one in (("company_id", customer), ("contact_id", person)):
        assert found["content"][name] == one["id"]
    document = """query($id: UUID!, $input: ProposalRequestInput!) {
        proposals(dealId: $id, input: $input) { drafts { calculation { net } } } }"""
    given = {"currency": "EUR", "products": [{"productId": desk["id"]}]}
    same = (await client.data(document, id=deal["id"], input=given))["proposals"]["drafts"]
    assert same == [{"calculation": {"net": "70.00"}}]
    made = await proposed(client, deal, "deals", commit=True, **asked)
    quote = await client.read(f"quotes/{draft(made)['quote_id']}")
    assert (quote["company_id"], quote["contact_id"]) == (customer["id"], person["id"])
    assert quote["deal_id"] == deal["id"]


async def test_deals_that_are_decided_or_of_nobody_are_not_proposed_to(client):
    deal = await client.made("deals", {"name": "Office"})
    problem(await ask(client, deal, "deals"), 409, "no_customer")
    customer = await company(client)
    deal = await client.made("deals", {"name": "Office", "company_id": customer["id"]})
    answer = await client.post(f"/v1/deals/{deal['id']}/win", json={})
    assert answer.status_code == 200, answer.text
    problem(await ask(client, deal, "deals"), 409, "deal_closed")
    problem(await ask(client, {"id": customer["id"]}, "deals"), 404, "not_found")
