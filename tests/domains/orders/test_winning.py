"""Deals that are won, and their orders in the same transaction."""

import asyncio

from crm_api.domains.deals.winning import Consequences
from support.clients import pointers, problem
from support.ordering import accepted, order_of, win


async def test_a_deal_is_won_with_its_order(client):
    made = await accepted(client)
    key = {"Idempotency-Key": "one-win"}
    first, second = [
        await client.post(f"/v1/deals/{made['deal_id']}/win", json={}, headers=key)
        for _ in range(2)
    ]
    won = first.json()
    assert (won["status"], won["project_id"], second.json()) == ("won", None, won)
    assert second.headers["idempotency-replayed"] == "true"
    found = await client.read(f"orders/{won['order_id']}")
    assert (found["quote_id"], found["deal_id"]) == (made["id"], made["deal_id"])
    assert (await client.read(f"deals/{made['deal_id']}/orders"))["data"] == [found]
    assert (await order_of(client, made["id"], 200))["id"] == found["id"]


async def test_over_graphql_too(client):
    made = await accepted(client)
    document = """mutation($id: UUID!) { winDeal(id: $id) {
        status orderId projectId company { name } } }"""
    won = (await client.data(document, id=made["deal_id"]))["winDeal"]
    assert won == {
        "status": "won",
        "orderId": won["orderId"],
        "projectId": None,
        "company": {"name": "Example Industries"},
    }
    document = "query($id: UUID!) { order(id: $id) { deal { status } quote { id } } }"
    found = (await client.data(document, id=won["orderId"]))["order"]
    assert found == {"deal": {"status": "won"}, "quote": {"id": made["id"]}}


async def test_of_two_wins_one_makes_one_order(client):
    made = await accepted(client)
    path = f"/v1/deals/{made['deal_id']}/win"
    order = f"/v1/quotes/{made['id']}/order"
    answers = await asyncio.gather(
        *(client.post(path, json={}) for _ in range(4)), *(client.post(order) for _ in range(3))
    )
    assert sorted(answer.status_code for answer in answers[:4]) == [200, 409, 409, 409]
    assert {answer.status_code for answer in answers[4:]} <= {200, 201}
    (found,) = (await client.read("orders"))["data"]
    assert found["quote_id"] == made["id"]


async def test_of_several_accepted_quotes_one_is_named(client):
    one = await accepted(client)
    mine = {"company_id": one["company_id"], "deal_id": one["deal_id"]}
    other, foreign = await accepted(client, **mine), await accepted(client)
    allowed = (await client.read(f"deals/{one['deal_id']}/transitions"))["allowed"]
    (way,) = [way for way in allowed if way["verb"] == "win"]
    assert [fault["code"] for fault in way["blockers"]] == ["several_accepted"]
    told = await win(client, one["deal_id"], 409)
    assert (told["code"], pointers(told)) == ("blocked_transition", ["/quote_id"])
    told = await win(client, one["deal_id"], 409, quote_id=foreign["id"])
    assert [fault["code"] for fault in told["errors"]] == ["not_accepted"]
    won = await win(client, one["deal_id"], quote_id=other["id"])
    assert (await client.read(f"orders/{won['order_id']}"))["quote_id"] == other["id"]


async def test_a_deal_is_won_without_an_order(client):
    made = await accepted(client)
    assert (await win(client, made["deal_id"], create_order=False))["order_id"] is None
    without = await client.made("deals", {"name": "Office"})
    assert (await win(client, without["id"]))["order_id"] is None
    closed = await client.post("/v1/modules/orders/disable", params={"cascade": "true"})
    assert closed.is_success, closed.text
    other = await accepted(client)
    assert (await win(client, other["deal_id"]))["order_id"] is None


class _Broken:
    async def blockers(self, win):
        del win
        return []

    async def follow(self, win):
        assert win.made["order_id"]
        raise RuntimeError("An example")


async def test_what_follows_happens_wholly_or_not_at_all(client, monkeypatch):
    made = await accepted(client)
    monkeypatch.setattr(Consequences, "steps", [*Consequences.steps, _Broken()])
    answer = await client.post(f"/v1/deals/{made['deal_id']}/win", json={})
    problem(answer, 500, "internal")
    monkeypatch.undo()
    assert (await client.read(f"deals/{made['deal_id']}"))["status"] == "open"
    assert (await client.read("orders"))["data"] == []
    problem(await client.get(f"/v1/quotes/{made['id']}/order"), 404, "no_order")
    assert (await win(client, made["deal_id"]))["order_id"]
