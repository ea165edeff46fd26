"""Deals that are won, and their orders in the same transaction."""

import asyncio

from crm_api.domains.deals.winning import Consequences
from support.clients import pointers, problem
from support.ordering import accepted, act, order, order_of, win
from support.quoting import act as act_on_quote
from support.quoting import quote


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


async def test_a_win_that_is_refused_changes_nothing(client):
    one = await accepted(client)
    await accepted(client, company_id=one["company_id"], deal_id=one["deal_id"])
    before = await client.read(f"deals/{one['deal_id']}")
    key = {"Idempotency-Key": "refused"}
    path = f"/v1/deals/{one['deal_id']}/win"
    for body in ({}, {"quote_id": one["company_id"]}):
        problem(await client.post(path, json=body), 409, "blocked_transition")
    problem(await client.post(path, json={}, headers={**key, "If-Match": '"99"'}), 412)
    assert await client.read(f"deals/{one['deal_id']}") == before
    assert (await client.read("orders"))["data"] == []
    assert (await client.read("projects"))["data"] == []


class _Killed:
    """Ends the connection of the transaction, as if its process had been killed."""

    def __init__(self, owner):
        self.owner = owner

    async def blockers(self, win):
        del win
        return []

    async def follow(self, win):
        assert win.made["order_id"]
        await win.tx.flush()
        ((backend,),) = await win.tx.write("SELECT pg_backend_pid()")
        await self.owner.execute("SELECT pg_terminate_backend($1, 5000)", backend)


async def test_a_win_whose_connection_ends_leaves_nothing(client, owner, monkeypatch):
    made = await accepted(client)
    before = await client.read(f"deals/{made['deal_id']}")
    key = {"Idempotency-Key": "killed"}
    path = f"/v1/deals/{made['deal_id']}/win"
    with monkeypatch.context() as during:
        during.setattr(Consequences, "steps", [*Consequences.steps, _Killed(owner)])
        assert (await client.post(path, json={}, headers=key)).status_code >= 500
    assert await client.read(f"deals/{made['deal_id']}") == before
    assert (await client.read("orders"))["data"] == []
    # The same again is a first time.
    answer = await client.post(path, json={}, headers=key)
    assert answer.status_code == 200, answer.text
    assert answer.json()["order_id"]


class _Late:
    """Another quote is accepted after it was asked what stands in the way."""

    def __init__(self, accept):
        self.accept = accept

    async def blockers(self, win):
        del win
        await self.accept()
        return []

    async def follow(self, win):
        del win


async def test_a_quote_that_is_accepted_meanwhile_is_no_win_without_an_order(client, monkeypatch):
    one = await accepted(client)

    async def second():
        made = await accepted(client, company_id=one["company_id"], deal_id=one["deal_id"])
        assert made["status"] == "accepted"

    with monkeypatch.context() as during:
        during.setattr(Consequences, "steps", [*Consequences.steps, _Late(second)])
        told = await win(client, one["deal_id"], 409)
    assert [fault["code"] for fault in told["errors"]] == ["several_accepted"]
    assert (await client.read(f"deals/{one['deal_id']}"))["status"] == "open"


async def test_an_order_out_of_the_bin_is_not_a_second_one(client):
    made = await accepted(client)
    first = await order_of(client, made["id"])
    gone = await client.delete(f"/v1/orders/{first['id']}")
    assert gone.is_success, gone.text
    assert (await order_of(client, made["id"]))["id"] != first["id"]
    answer = await client.post(f"/v1/orders/{first['id']}/restore")
    assert answer.status_code == 409, answer.text


async def test_an_order_by_hand_that_was_cancelled_is_not_in_the_way(client):
    company = await client.made("companies", {"name": "Example Industries"})
    deal = await client.made("deals", {"name": "Office", "company_id": company["id"]})
    of = {"company_id": company["id"], "deal_id": deal["id"]}
    offered = await quote(client, **of)
    by_hand = await order(client, **of, quote_id=offered["id"])
    await act(client, by_hand["id"], "cancel")
    for verb, body in (("send", {}), ("accept", {"by": "An example"})):
        await act_on_quote(client, offered["id"], verb, **body)
    won = await win(client, deal["id"])
    assert won["order_id"] != by_hand["id"]
    assert (await order_of(client, offered["id"], 200))["id"] == won["order_id"]
