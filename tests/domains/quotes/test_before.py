"""What a quote may go on referring to, and which of its texts follow their product."""

from uuid import uuid4

from support.clients import pointers, problem
from support.members import custom_role, member
from support.quoting import act, calculated, product, quote, told, ways


async def test_texts_that_were_looked_up_follow_the_language(client):
    texts = {"names": {"de": "Stuhl"}, "descriptions": {"de": "Aus Holz."}}
    sold = await product(client, description="Of wood.", **texts)
    lines = [{"product_id": sold["id"]}, {"product_id": sold["id"], "name": "Best chair"}]
    made = await quote(client, language="en", lines=lines)
    assert [line["name"] for line in made["lines"]] == ["Chair", "Best chair"]
    assert [line["looked_up"] for line in made["lines"]] == [
        ["code", "name", "description"],
        ["code", "description"],
    ]
    after = await client.changed(f"quotes/{made['id']}", {"language": "de"})
    assert [(line["name"], line["description"]) for line in after["lines"]] == [
        ("Stuhl", "Aus Holz."),
        ("Best chair", "Aus Holz."),
    ]
    # What was only read and is written back was not given.
    given = ("id", "product_id", "code", "name", "description", "quantity")
    read = [{name: line[name] for name in given} for line in after["lines"]]
    again = await client.changed(f"quotes/{made['id']}", {"lines": read})
    assert again == after
    read[0]["quantity"] = "2"
    await client.changed(f"quotes/{made['id']}", {"lines": read})
    after = await client.changed(f"quotes/{made['id']}", {"language": "en"})
    assert [line["name"] for line in after["lines"]] == ["Chair", "Best chair"]
    # A line that is of another product is called as that.
    other = await product(client, name="Stool")
    read[0]["product_id"] = other["id"]
    del read[0]["name"], read[0]["code"]
    after = await client.changed(f"quotes/{made['id']}", {"lines": read})
    assert (after["lines"][0]["name"], after["lines"][0]["code"]) == ("Stool", other["sku"])
    answer = await client.post(f"/v1/quotes/{made['id']}/clone")
    assert [line["name"] for line in answer.json()["lines"]] == ["Stool", "Best chair"]


async def test_a_product_that_is_gone_blocks_and_does_not_fail(client):
    gone, there = await product(client), await product(client, name="Stool")
    lines = [{"product_id": gone["id"]}, {"product_id": there["id"]}]
    made = await quote(client, lines=lines)
    await client.delete(f"/v1/products/{gone['id']}")
    after = await client.changed(f"quotes/{made['id']}", {"introduction": "Hello."})
    assert told(after) == [("product_gone", "/lines/0", True)]
    assert [line["name"] for line in after["lines"]] == ["Chair", "Stool"]
    assert (after["lines"][0]["counts"], after["net"]) == (False, "100.00")
    assert (await ways(client, made["id"]))["send"] == ["product_gone"]
    answer = await client.post(f"/v1/quotes/{made['id']}/clone")
    assert answer.status_code == 201, answer.text
    assert told(answer.json()) == [("product_gone", "/lines/0", True)]
    assert answer.json()["lines"][0]["name"] == "Chair"
    # Also in a version to come of what was sent; and a quote that never had it takes it not.
    sent = await quote(client, lines=lines[1:])
    await act(client, sent["id"], "send")
    await act(client, sent["id"], "revise")
    await client.delete(f"/v1/products/{there['id']}")
    after = await client.changed(f"quotes/{sent['id']}", {"introduction": "Hello."})
    assert [one["code"] for one in after["warnings"]] == ["product_gone"]
    answer = await client.patch(f"/v1/quotes/{sent['id']}", json={"lines": lines})
    assert pointers(problem(answer, 422)) == ["/lines/0/product_id"]
    # Back from the bin it is as it was.
    await client.post(f"/v1/products/{gone['id']}/restore")
    after = await client.changed(f"quotes/{made['id']}", {"lines": lines[:1]})
    assert (told(after), after["net"]) == ([], "100.00")


async def test_who_does_not_see_the_customer_may_work_on_the_offer(client):
    sold = await product(client)
    contact = await client.made("contacts", {"last_name": "Person"})
    lines = [{"product_id": sold["id"]}]
    made = await quote(client, contact_id=contact["id"], lines=lines)
    reach = dict.fromkeys(("read", "create", "update", "delete"), "all")
    own = {**reach, "read": "own"}
    levels = {"*": reach, "contacts": own, "companies": own, "products": own}
    seller = await member(client, await custom_role(client, levels=levels))
    problem(await seller.api.get(f"/v1/contacts/{contact['id']}"), 404)
    change = {"introduction": "Hello.", "discounts": [{"percent": "5"}]}
    after = await seller.api.changed(f"quotes/{made['id']}", change)
    assert (after["net"], after["contact_id"]) == ("95.00", contact["id"])
    # What they choose themselves they see.
    other = await client.made("contacts", {"last_name": "Other"})
    for change, at in (
        ({"contact_id": other["id"]}, "/contact_id"),
        ({"lines": [{"product_id": (await product(client))["id"]}]}, "/lines/0/product_id"),
    ):
        answer = await seller.api.patch(f"/v1/quotes/{made['id']}", json=change)
        assert pointers(problem(answer, 422)) == [at]


async def test_a_company_in_the_bin_does_not_fail_the_draft(client):
    made = await quote(client)
    await client.delete(f"/v1/companies/{made['company_id']}")
    after = await client.changed(f"quotes/{made['id']}", {"introduction": "Hello."})
    assert after["company_id"] == made["company_id"]
    assert "in_bin" in (await ways(client, made["id"]))["send"]
    # As any record may refer to it; one that is nowhere is refused.
    named = {"currency": "EUR", "company_id": made["company_id"]}
    assert (await client.post("/v1/quotes", json=named)).status_code == 201
    named["company_id"] = str(uuid4())
    answer = await client.post("/v1/quotes", json=named)
    assert pointers(problem(answer, 422)) == ["/company_id"]


async def test_a_coupon_that_is_over_blocks_and_does_not_fail(client):
    sold = await product(client)
    spring = await client.made(
        "promotions", {"name": "Spring", "percent": "10", "needs_coupon": True}
    )
    code = f"C{uuid4().hex[:8].upper()}"
    coupon = await client.made("coupons", {"code": code, "promotion_id": spring["id"]})
    made = await quote(client, lines=[{"product_id": sold["id"]}], coupon_codes=[code])
    assert made["net"] == "90.00"
    await client.changed(f"coupons/{coupon['id']}", {"is_active": False})
    after = await client.changed(f"quotes/{made['id']}", {"introduction": "Hello."})
    assert told(after) == [("coupon_not_valid", "/coupon_codes/0", True)]
    assert after["net"] == "100.00"
    answer = await client.patch(f"/v1/quotes/{made['id']}", json={"coupon_codes": [code, "NOSUCH"]})
    assert pointers(problem(answer, 422)) == ["/coupon_codes/1"]
    body = {"currency": "EUR", "lines": [{"product_id": sold["id"]}], "coupon_codes": [code]}
    answer = await client.post("/v1/quotes/calculate", json=body)
    assert pointers(problem(answer, 422)) == ["/coupon_codes/0"]
    assert (await calculated(client, *body["lines"]))["net"] == "100.00"
