"""Open quotes whose prices are others by now: told once for each change, and shown on request."""

import asyncio
from uuid import UUID, uuid4

import pytest

from crm_api.domains.quotes.jobs import check_prices
from crm_api.kit.apart import Stumbled
from support.clients import problem
from support.members import custom_role, member
from support.quoting import REACH, act, product, quote

TOPIC = "quote.price_drifted"


async def priced(client, **more):
    """A product for 100 EUR, and a quote of two of them."""
    chair = await product(client)
    made = await quote(client, lines=[{"product_id": chair["id"], "quantity": "2"}], **more)
    assert made["net"] == "200.00"
    return chair, made


async def dearer(client, chair, price="110"):
    await client.changed(f"products/{chair['id']}", {"list_price": price})


async def drifts(client, made, count):
    """What was told of drifts, once so much was told of the quote."""
    return [e["data"] for e in await client.told(made["id"], count) if e["type"] == TOPIC]


async def test_a_drift_is_told_once_and_again_when_it_is_another(client, database):
    chair, made = await priced(client)
    await check_prices(database, None)
    assert await drifts(client, made, 1) == []
    await dearer(client, chair)
    await asyncio.gather(*(check_prices(database, None) for _ in range(4)))
    await check_prices(database, None)
    (line,) = made["lines"]
    assert await drifts(client, made, 2) == [
        {
            "net_before": "200.00",
            "net_after": "220.00",
            "drifted_lines": [
                {
                    "line_id": line["id"],
                    "name": "Chair",
                    "price_before": "100.00",
                    "price_after": "110.00",
                    "net_before": "200.00",
                    "net_after": "220.00",
                }
            ],
        }
    ]
    await dearer(client, chair, "120")
    await check_prices(database, None)
    assert [d["net_after"] for d in await drifts(client, made, 3)] == ["220.00", "240.00"]
    # Back where it was there is none, so the same one is news again.
    await dearer(client, chair, "100")
    await check_prices(database, None)
    await dearer(client, chair, "120")
    await check_prices(database, None)
    assert len(await drifts(client, made, 4)) == 3
    assert (await client.read(f"quotes/{made['id']}"))["version"] == made["version"]
    # Whoever changes what is offered has it calculated anew.
    lines = [{"id": line["id"], "product_id": chair["id"], "quantity": "3"}]
    changed = await client.changed(f"quotes/{made['id']}", {"lines": lines})
    assert changed["net"] == "360.00"
    await check_prices(database, None)
    assert len(await drifts(client, made, 5)) == 3


async def test_what_it_was_stays_what_it_was(client, database):
    chair, made = await priced(client)
    await dearer(client, chair)
    await check_prices(database, None)
    (event,) = [e for e in await client.told(made["id"], 2) if e["type"] == TOPIC]
    before = await client.read(f"quotes/{made['id']}", as_of=event["occurred_at"])
    assert (before["net"], before["lines"]) == (made["net"], made["lines"])
    assert (await client.get(f"/v1/quotes/{made['id']}/history")).status_code == 200


async def test_only_open_quotes_and_prices_that_are_looked_up(client, database):
    chair, sold = await priced(client)
    _, accepted = await priced(client)
    line = {"product_id": chair["id"], "unit_price": "90"}
    by_hand = await quote(client, lines=[line])
    await act(client, sold["id"], "send")
    await act(client, accepted["id"], "send")
    await act(client, accepted["id"], "accept")
    await dearer(client, chair)
    await check_prices(database, None)
    assert len(await drifts(client, sold, 3)) == 1
    assert await drifts(client, accepted, 3) == []
    assert await drifts(client, by_hand, 1) == []
    found = await client.read(f"quotes/{sold['id']}/price-drift")
    assert (found["has_drifted"], found["status"]) == (True, "sent")
    assert (found["before"]["net"], found["after"]["net"]) == ("200.00", "220.00")
    assert [line["price_after"] for line in found["lines"]] == ["110.00"]
    same = await client.read(f"quotes/{by_hand['id']}/price-drift")
    assert (same["has_drifted"], same["lines"]) == (False, [])
    query = "query($id: UUID!) { quotePriceDrift(id: $id) { hasDrifted lines { netAfter } } }"
    assert (await client.data(query, id=sold["id"]))["quotePriceDrift"] == {
        "hasDrifted": True,
        "lines": [{"netAfter": "220.00"}],
    }
    answer = await client.get(f"/v1/quotes/{accepted['id']}/price-drift")
    problem(answer, 409, "quote_decided")
    problem(await client.get(f"/v1/quotes/{uuid4()}/price-drift"), 404)


@pytest.mark.parametrize(("percent", "expected"), [("9.99", 1), ("10", 1), ("10.01", 0), (None, 0)])
async def test_the_organization_says_how_far_prices_may_drift(client, database, percent, expected):
    chair, made = await priced(client)
    answer = await client.put("/v1/quotes/settings", json={"drift_percent": percent})
    assert answer.status_code == 200, answer.text
    await dearer(client, chair)
    await check_prices(database, None)
    assert len(await drifts(client, made, 1 + expected)) == expected
    # Whoever asks is answered all the same.
    assert (await client.read(f"quotes/{made['id']}/price-drift"))["has_drifted"]


async def test_a_product_that_is_gone_is_a_drift(client, database):
    chair, made = await priced(client)
    _, other = await priced(client)
    await client.delete(f"/v1/products/{chair['id']}")
    await check_prices(database, None)
    (drift,) = await drifts(client, made, 2)
    assert (drift["net_after"], drift["drifted_lines"][0]["price_after"]) == ("0.00", None)
    assert await drifts(client, other, 1) == []


async def test_one_bad_quote_stops_no_other(client, database, owner):
    _, bad = await priced(client)
    chair, other = await priced(client)
    await dearer(client, chair)
    write = "UPDATE quotes SET lines = $2 WHERE id = $1 RETURNING lines"
    stored = await owner.fetchval("SELECT lines FROM quotes WHERE id = $1", UUID(bad["id"]))
    await owner.fetchval(write, UUID(bad["id"]), '[{"unreadable": 1}]')
    try:
        with pytest.raises(Stumbled, match=f"1 skipped, the first one quote {bad['id']}"):
            await check_prices(database, None)
    finally:
        await owner.fetchval(write, UUID(bad["id"]), stored)
    assert len(await drifts(client, other, 2)) == 1
    await check_prices(database, None)


async def test_costs_and_lines_stay_hidden(client, database):
    chair, made = await priced(client)
    await dearer(client, chair)
    await check_prices(database, None)
    masks = {"quote": {"hidden": ["lines", "priced_on"]}, "product": {"hidden": ["cost"]}}
    role = await custom_role(client, levels={"*": REACH}, masks=masks)
    one = await member(client, role)
    found = await one.api.read(f"quotes/{made['id']}/price-drift")
    assert (found["has_drifted"], found["after"]["margin"], found["lines"]) == (True, None, [])
    assert found["priced_on"] is None
    (event,) = [e for e in await one.api.told(made["id"], 2) if e["type"] == TOPIC]
    assert event["data"] == {"net_before": "200.00", "net_after": "220.00"}
