"""Quantities have the decimals that their unit has."""

from decimal import Decimal
from uuid import uuid4

import pytest

from support.clients import pointers, problem
from support.pricing import ask, product, resolved
from support.quoting import calculated, quote


async def unit(client, decimals=0, **more):
    body = {"key": f"u{uuid4().hex[:8]}", "name": "Piece", "dimension": "count", **more}
    return await client.made("units", {**body, "decimals": decimals})


async def sold(client, **more):
    return await product(client, list_price="10", currency="EUR", status="active", **more)


@pytest.mark.parametrize(("decimals", "quantity"), [(0, "0.5"), (2, "1.333"), (3, "0.0001")])
async def test_what_is_too_fine_is_refused(client, decimals, quantity):
    piece = await unit(client, decimals)
    chair = await sold(client, unit_id=piece["id"])
    line = {"product_id": chair["id"], "quantity": quantity}
    found = problem(await ask(client, {**line, "quantity": "1"}, line), 422)
    assert pointers(found) == ["/lines/1/quantity"]
    assert found["errors"][0]["code"] == "too_many_decimals"
    body = {"currency": "EUR", "lines": [{"name": "A", "unit_price": "1"}, line]}
    found = problem(await client.post("/v1/quotes/calculate", json=body), 422)
    assert pointers(found) == ["/lines/1/quantity"]
    answer = await client.gql(
        'query($line: PriceLineInput!) { resolvePrices(input: {currency: "EUR", lines: [$line]})'
        " { currency } }",
        line={"productId": chair["id"], "quantity": quantity},
    )
    assert answer["errors"]


async def test_what_fits_is_priced(client):
    piece, dozen = await unit(client), await unit(client, 1, ratio="12")
    chair = await sold(client, unit_id=piece["id"])
    line = {"product_id": chair["id"], "quantity": "2.500000", "unit_id": dozen["id"]}
    found = await resolved(client, {**line, "quantity": "2.5"}, {**line, "quantity": "3.0"})
    assert [Decimal(one["net"]) for one in found["lines"]] == [300, 360]
    await calculated(client, line)
    # Without a unit nothing is said of its decimals.
    free = await sold(client)
    await calculated(client, {"product_id": free["id"], "quantity": "0.333"})


async def test_lines_of_no_product_have_the_decimals_of_their_unit(client):
    piece = await unit(client)
    line = {"name": "Travel", "unit_price": "1", "unit_id": piece["id"], "quantity": "1.5"}
    body = {"currency": "EUR", "lines": [line]}
    found = problem(await client.post("/v1/quotes/calculate", json=body), 422)
    assert pointers(found) == ["/lines/0/quantity"]


async def test_what_was_written_before_may_stay(client):
    piece = await unit(client, 3)
    chair = await sold(client, unit_id=piece["id"])
    line = {"product_id": chair["id"], "quantity": "0.333"}
    made = await quote(client, lines=[line])
    await client.patch(f"/v1/units/{piece['id']}", json={"decimals": 0})
    path = f"/v1/quotes/{made['id']}"
    answer = await client.patch(path, json={"name": "Other", "lines": [line]})
    assert answer.status_code == 200, answer.text
    answer = await client.patch(path, json={"lines": [{**line, "quantity": "0.5"}]})
    assert pointers(problem(answer, 422)) == ["/lines/0/quantity"]


async def test_lines_of_draft_orders_keep_what_their_unit_had(client):
    piece = await unit(client, 1)
    chair = await sold(client, unit_id=piece["id"])
    line = {"product_id": chair["id"], "quantity": "1.5"}
    made = await client.made("orders", {"currency": "EUR", "lines": [line]})
    await client.changed(f"units/{piece['id']}", {"decimals": 0})
    more = {"name": "Travel", "unit_price": "1"}
    after = await client.changed(f"orders/{made['id']}", {"lines": [line, more]})
    assert after["net"] == "16.00"
    other = {**line, "quantity": "2.5"}
    answer = await client.patch(f"/v1/orders/{made['id']}", json={"lines": [other]})
    assert pointers(problem(answer, 422)) == ["/lines/0/quantity"]
