"""What has ended does not count again unseen, and chains of lists stay as long as they may be."""

from datetime import UTC, datetime, timedelta

import pytest

from support.clients import pointers, problem
from support.pricing import one, price_list, product, rule


def day(days):
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


@pytest.mark.parametrize("last", [None, day(30)])
async def test_another_last_day_does_not_bring_an_expired_list_back(client, last):
    sold = await product(client, list_price="10", currency="EUR")
    made = await price_list(client)
    await rule(client, made, "5", product_id=sold["id"])
    path = f"/v1/price-lists/{made['id']}"
    assert (await client.post(f"{path}/expire")).json()["status"] == "expired"
    answer = await client.patch(path, json={"valid_to": last})
    assert answer.json()["status"] == "expired"
    for asked, price in (({}, "10.00"), ({"date": day(7)}, "10.00"), ({"date": day(-1)}, "5.00")):
        assert (await one(client, sold["id"], **asked))["unit_price"] == price
    assert (await client.post(f"{path}/activate", json={})).json()["status"] == "active"
    assert (await one(client, sold["id"]))["unit_price"] == "5.00"
    told = await client.told(made["id"], 5)
    assert told[-1]["type"] == "price_list.activated"


async def chain(client, number):
    made = []
    for _ in range(number):
        parent = made[-1]["id"] if made else None
        made.append(await price_list(client, active=False, parent_id=parent))
    return made


async def test_lists_that_are_moved_take_those_below_along(client):
    upper, lower = await chain(client, 6), await chain(client, 5)
    path = f"/v1/price-lists/{lower[0]['id']}"
    answer = await client.patch(path, json={"parent_id": upper[-1]["id"]})
    assert pointers(problem(answer, 422)) == ["/parent_id"]
    answer = await client.patch(path, json={"parent_id": upper[-2]["id"]})
    assert answer.status_code == 200, answer.text
    body = {"name": "L", "currency": "EUR", "parent_id": lower[-1]["id"]}
    found = problem(await client.post("/v1/price-lists", json=body), 422)
    assert found["errors"][0]["code"] == "too_deep"
