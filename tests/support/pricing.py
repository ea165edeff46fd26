"""Products, lists and rules, and what is asked of prices."""

from uuid import uuid4


async def product(client, **more):
    body = {"sku": f"S-{uuid4().hex[:10]}", "name": "Chair", "type": "good", **more}
    return await client.made("products", body)


async def price_list(client, *, active=True, **more):
    made = await client.made("price-lists", {"name": "List", "currency": "EUR", **more})
    if active:
        answer = await client.post(f"/v1/price-lists/{made['id']}/activate", json={})
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == "active"
    return made


async def rule(client, of_list, unit_price=None, **more):
    body = {"price_list_id": of_list["id"], **more}
    if unit_price is not None:
        body["unit_price"] = unit_price
    return await client.made("price-rules", body)


async def ask(client, *lines, **more):
    body = {"lines": list(lines), "currency": "EUR", **more}
    return await client.post("/v1/pricing/resolve", json=body)


async def resolved(client, *lines, **more):
    answer = await ask(client, *lines, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def one(client, id, quantity="1", **more):
    found = await resolved(client, {"product_id": id, "quantity": quantity}, **more)
    return found["lines"][0]
