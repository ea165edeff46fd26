"""Change requests: the only way in which an order that is confirmed becomes another one."""

import asyncio
from decimal import Decimal
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as some

from crm_api.domains.orders.agreeing import agreed, changed
from crm_api.domains.orders.repository import CHANGES, CONTRACTS, ORDERS
from crm_api.kit.pricing.documents import Arithmetic
from support.clients import pointers, problem
from support.members import custom_role, member
from support.ordering import act, order
from support.proposing import sold
from support.quoting import REACH, approval_policy, sellers


async def confirmed(api, **more):
    made = await order(api, **more)
    return await act(api, made["id"], "confirm")


async def change(api, of, *changes, **more):
    body = {"order_id": of["id"], "name": "An example", "changes": list(changes), **more}
    return await api.made("change-requests", body)


async def do(api, id, verb, status=200, **body):
    answer = await api.post(f"/v1/change-requests/{id}/{verb}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def applied(api, id):
    assert (await do(api, id, "submit"))["status"] == "approved"
    answer = await api.post(f"/v1/change-requests/{id}/apply")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_lines_come_go_and_change_by_a_request(client):
    lines = [
        {"name": "Desk", "unit_price": "90", "quantity": "2"},
        {"name": "Chair", "unit_price": "45", "quantity": "4"},
        {"name": "Support", "unit_price": "10", "interval": "month"},
    ]
    made = await confirmed(client, lines=lines)
    desk, chair, support = (line["id"] for line in made["lines"])
    request = await change(
        client,
        made,
        {"action": "change", "line_id": desk, "quantity": "5"},
        {"action": "change", "line_id": support, "unit_price": "12.50"},
        {"action": "remove", "line_id": chair},
        {"action": "add", "line": {"name": "Delivery", "unit_price": "30"}},
        due_on="2031-06-30",
    )
    assert (request["before"]["net"], request["after"]["net"]) == ("370.00", "492.50")
    assert request["net_change"] == "122.50"
    assert (await client.read(f"orders/{made['id']}"))["version"] == made["version"]
    done = await applied(client, request["id"])
    assert (done["status"], done["revision"]) == ("applied", 2)
    after = await client.read(f"orders/{made['id']}")
    assert (after["net"], after["mrr"], after["revision"]) == ("492.50", "12.50", 2)
    assert after["due_on"] == "2031-06-30"
    assert [(line["name"], line["net"]) for line in after["lines"]] == [
        ("Desk", "450.00"),
        ("Support", "12.50"),
        ("Delivery", "30.00"),
    ]
    found = await client.read("events", types="order.changed")
    assert found["data"][-1]["data"]["change_request_id"] == request["id"]
    blocked = await do(client, request["id"], "withdraw", 409)
    assert blocked["code"] == "illegal_transition"


async def test_what_does_not_fit_is_told_at_once(client):
    made = await confirmed(client)
    (line,) = made["lines"]
    unknown = "01990000-0000-7000-8000-0000000000ff"
    wrong = [
        {"action": "remove", "line_id": unknown},
        {"action": "change", "line_id": line["id"], "quantity": "3"},
        {"action": "remove", "line_id": line["id"]},
    ]
    body = {"order_id": made["id"], "name": "An example", "changes": wrong}
    found = problem(await client.post("/v1/change-requests", json=body), 422)
    assert pointers(found) == ["/changes/0/line_id", "/changes/2/line_id"]
    first, second = [
        await change(client, made, {"action": "remove", "line_id": line["id"]}) for _ in range(2)
    ]
    nothing = await change(client, made)
    found = await do(client, nothing["id"], "submit", 409)
    assert [one["code"] for one in found["errors"]] == ["empty"]
    for one in (first, second):
        await do(client, one["id"], "submit")
    found = await act(client, made["id"], "start")
    found = await act(client, made["id"], "fulfil", 409)
    assert [one["code"] for one in found["errors"]] == ["change_pending"]
    await applied_once(client, first["id"])
    found = await do(client, second["id"], "apply", 409)
    assert [one["code"] for one in found["errors"]] == ["unknown_line"]
    answer = await client.patch(f"/v1/change-requests/{second['id']}", json={"changes": []})
    problem(answer, 409, "change_submitted")
    await do(client, second["id"], "reject", comment="It is gone.")
    assert (await act(client, made["id"], "fulfil"))["net"] == "0.00"


async def applied_once(api, id):
    answers = await asyncio.gather(*(api.post(f"/v1/change-requests/{id}/apply") for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]


async def test_an_approval_policy_decides(client):
    _, head = await sellers(client)
    await approval_policy(
        client, head, target="change_request", filter={"net_change": {"gt": "100"}}
    )
    made = await confirmed(client)
    line = made["lines"][0]["id"]
    few, many = [
        await change(client, made, {"action": "change", "line_id": line, "quantity": quantity})
        for quantity in ("3", "9")
    ]
    assert (await do(client, few["id"], "submit"))["status"] == "approved"
    assert (await do(client, many["id"], "submit"))["status"] == "submitted"
    found = await do(client, many["id"], "apply", 409)
    assert found["code"] == "illegal_transition"
    (request,) = (await head.api.read("approvals/to-decide"))["data"]
    answer = await head.api.post(f"/v1/approvals/{request['id']}/approve")
    assert answer.status_code == 200, answer.text
    shown = await client.read(f"change-requests/{many['id']}")
    assert (shown["status"], bool(shown["decided_at"])) == ("approved", True)


async def test_requests_keep_to_discount_policies(client):
    """As quotes and orders by hand do: what they add, and what they have cost less."""
    seller, boss = await sellers(client)
    desk, chair = await sold(client, "Desk"), await sold(client, "Chair")
    fee = {"name": "Delivery", "unit_price": "30"}
    lines = [{"product_id": desk["id"], "quantity": "2"}, fee]
    company = await client.made("companies", {"name": "Example Industries"})
    made = await confirmed(client, lines=lines, company_id=company["id"])
    first, second = (line["id"] for line in made["lines"])
    cheap = {"product_id": chair["id"], "unit_price": "70"}
    beyond = [
        {"action": "change", "line_id": first, "unit_price": "80"},
        {"action": "add", "line": cheap},
    ]
    # What is no product costs what is said, as by hand.
    plain = {"action": "change", "line_id": second, "unit_price": "5"}
    request = await change(seller.api, made, *beyond, plain)
    given = [one["manual_percent"] for one in request["changes"]]
    assert (given, request["changes"][1]["line"]["manual_percent"]) == (["20", None, None], "30")
    found = await do(seller.api, request["id"], "submit", 409)
    told = [("discount_over_policy", "/changes/0"), ("discount_over_policy", "/changes/1")]
    assert [(one["code"], one["pointer"]) for one in found["errors"]] == told
    path = f"change-requests/{request['id']}/transitions"
    (way, *_) = (await seller.api.read(path))["allowed"]
    assert [(one["code"], one["pointer"]) for one in way["blockers"]] == told
    within = {"action": "change", "line_id": first, "unit_price": "90"}
    few = await change(seller.api, made, within, plain)
    assert (await do(seller.api, few["id"], "submit"))["status"] == "approved"
    # Whoever may give it submits it, and so does whoever asks for an approval of it.
    other = await change(client, made, *beyond)
    assert (await do(client, other["id"], "submit"))["status"] == "approved"
    await approval_policy(client, boss, target="change_request")
    assert (await do(seller.api, request["id"], "submit"))["status"] == "submitted"
    (asked,) = (await boss.api.read("approvals/to-decide"))["data"]
    answer = await boss.api.post(f"/v1/approvals/{asked['id']}/approve")
    assert answer.status_code == 200, answer.text
    answer = await seller.api.post(f"/v1/change-requests/{request['id']}/apply")
    assert answer.status_code == 200, answer.text
    after = (await client.read(f"orders/{made['id']}"))["lines"]
    assert [line["manual_percent"] for line in after] == ["20", None, "30"]


async def test_what_comes_to_more_by_now_is_asked_for_again(client):
    _, head = await sellers(client)
    await approval_policy(
        client, head, target="change_request", filter={"net_change": {"gt": "100"}}
    )

    async def approve():
        (request,) = (await head.api.read("approvals/to-decide"))["data"]
        answer = await head.api.post(f"/v1/approvals/{request['id']}/approve")
        assert answer.status_code == 200, answer.text

    made = await confirmed(client)
    of_line = {"action": "change", "line_id": made["lines"][0]["id"]}
    more = await change(client, made, {**of_line, "quantity": "3"})
    dear = await change(client, made, {**of_line, "unit_price": "1800"})
    assert (await do(client, more["id"], "submit"))["status"] == "approved"
    assert (await do(client, dear["id"], "submit"))["status"] == "submitted"
    await approve()
    assert (await do(client, dear["id"], "apply"))["net_change"] == "3420.00"
    refused = await do(client, more["id"], "apply", 409)
    assert [one["code"] for one in refused["errors"]] == ["order_changed"]
    allowed = (await client.read(f"change-requests/{more['id']}/transitions"))["allowed"]
    blockers = {one["verb"]: [b["code"] for b in one["blockers"]] for one in allowed}
    assert (blockers["apply"], blockers["submit"]) == (["order_changed"], [])
    assert (await client.read(f"orders/{made['id']}"))["net"] == "3600.00"
    again = await do(client, more["id"], "submit")
    assert (again["status"], again["net_change"]) == ("submitted", "1800.00")
    await approve()
    assert (await do(client, more["id"], "apply"))["after"]["net"] == "5400.00"


async def test_what_was_approved_of_less_is_not_approved_of_more(client):
    _, head = await sellers(client)
    made = await confirmed(client)
    of_line = {"action": "change", "line_id": made["lines"][0]["id"]}
    dear = await change(client, made, {**of_line, "unit_price": "1800"})
    assert (await do(client, dear["id"], "submit"))["status"] == "approved"
    await approval_policy(client, head, target="change_request")
    refused = await do(client, dear["id"], "apply", 409)
    assert [one["code"] for one in refused["errors"]] == ["approval_needed"]
    more = await change(client, made, {**of_line, "quantity": "3"})
    for one in (dear, more):
        assert (await do(client, one["id"], "submit"))["status"] == "submitted"
    for request in (await head.api.read("approvals/to-decide"))["data"]:
        answer = await head.api.post(f"/v1/approvals/{request['id']}/approve")
        assert answer.status_code == 200, answer.text
    await do(client, dear["id"], "apply")
    refused = await do(client, more["id"], "apply", 409)
    assert [one["code"] for one in refused["errors"]] == ["order_changed"]
    assert (await do(client, more["id"], "submit"))["status"] == "submitted"


async def test_parallel_requests_are_applied_one_after_the_other(client):
    made = await confirmed(client)
    added = {"action": "add", "line": {"name": "Delivery", "unit_price": "1"}}
    requests = [await change(client, made, added) for _ in range(5)]
    for one in requests:
        await do(client, one["id"], "submit")
    answers = await asyncio.gather(
        *(client.post(f"/v1/change-requests/{one['id']}/apply") for one in requests)
    )
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["revision"] for answer in answers) == [2, 3, 4, 5, 6]
    assert (await client.read(f"orders/{made['id']}"))["net"] == "185.00"


async def test_what_is_added_is_priced_together(client):
    """What a promotion takes off once, it takes off once, and mistakes stand where they are."""
    offer = {"name": "Sale", "amount": "20", "currency": "EUR"}
    await client.made("promotions", offer)
    lines = [{"product_id": (await sold(client, name))["id"]} for name in ("Lamp", "Chair")]
    assert (await order(client, lines=lines))["net"] == "180.00"
    made = await confirmed(client, lines=[{"name": "Desk", "unit_price": "90"}])
    added = [{"action": "add", "line": line} for line in lines]
    request = await change(client, made, *added)
    assert request["net_change"] == "180.00"
    due = {"action": "change", "line_id": made["lines"][0]["id"], "quantity": "2"}
    unknown = {"action": "add", "line": {"product_id": str(uuid4())}}
    unpriced = await sold(client, "Stool", None)
    dear = {"action": "add", "line": {"product_id": unpriced["id"]}}
    for wrong, field in ((unknown, "/product_id"), (dear, "")):
        body = {"order_id": made["id"], "name": "An example", "changes": [due, added[0], wrong]}
        found = problem(await client.post("/v1/change-requests", json=body), 422)
        assert pointers(found) == [f"/changes/2/line{field}"]


async def test_a_text_costs_nothing_by_a_change_either(client):
    made = await confirmed(
        client, lines=[{"name": "Desk", "unit_price": "90"}, {"kind": "text", "name": "Thanks"}]
    )
    (_, text) = made["lines"]
    wrong = {"action": "change", "line_id": text["id"], "quantity": "2", "unit_price": "50"}
    body = {"order_id": made["id"], "name": "An example", "changes": [wrong]}
    found = problem(await client.post("/v1/change-requests", json=body), 422)
    assert pointers(found) == ["/changes/0/line_id"]


async def test_what_is_hidden_of_an_order_no_change_of_it_tells(client):
    made = await confirmed(client, due_on="2031-06-30")
    of_line = {"action": "change", "line_id": made["lines"][0]["id"], "quantity": "3"}
    request = await change(client, made, of_line)
    document = """query($id: UUID!) { changeRequest(id: $id) {
        netChange before { net } changes { action } } }"""
    line, before = {"action": "change"}, {"net": "180.00"}
    for hidden, expected in (
        ("lines", {"netChange": "90.00", "before": before, "changes": []}),
        ("due_on", {"netChange": "90.00", "before": None, "changes": [line]}),
    ):
        masks = {"order": {"hidden": [hidden]}}
        role = await custom_role(client, name=hidden, levels={"*": REACH}, masks=masks)
        masked = (await member(client, role)).api
        found = await masked.read(f"change-requests/{request['id']}")
        assert (bool(found["changes"]), found["after"] is None) == (
            hidden == "due_on",
            hidden == "due_on",
        )
        assert (await masked.data(document, id=request["id"]))["changeRequest"] == expected


def test_masks_lead_to_fields_that_may_be_empty():
    for listing in (ORDERS, CHANGES, CONTRACTS):
        for told in listing.tells.values():
            assert told <= listing.maskable


_CENTS = some.integers(0, 10_000_000).map(lambda cents: f"{Decimal(cents) / 100:.2f}")
_RATES = some.sampled_from(["0", "7", "19", "8.1"])


@some.composite
def _lines(draw):
    def line(n):
        rate = draw(_RATES)
        amount = draw(_CENTS)
        tax = {"tax_rate_id": f"tax-{rate}", "name": rate, "rate": rate, "amount": "0.00"}
        return {
            "id": str(n),
            "kind": "product",
            "quantity": str(draw(some.integers(1, 40))),
            "unit_price": None,
            "price": amount,
            "discount_percent": "0",
            "amount": amount,
            "tax_included": draw(some.booleans()),
            "interval": draw(some.sampled_from([None, "month", "year"])),
            "term": None,
            "taxes": [tax],
        }

    return [line(n) for n in range(draw(some.integers(1, 8)))]


@given(_lines(), some.sampled_from(["document", "line"]), some.integers(1, 40))
def test_sums_are_those_of_their_lines(lines, tax_rounding, quantity):
    """The lines add up, agreeing again changes nothing, and so many times costs so much."""
    rules = Arithmetic("EUR", "half_up", tax_rounding)
    found = agreed(lines, rules)
    for name in ("net", "tax", "gross"):
        total = sum(Decimal(line[name]) for line in found.lines)
        assert total == found.values[name]
        assert total == sum(Decimal(one[name]) for one in found.totals)
    assert agreed(found.lines, rules) == found
    change = {"action": "change", "line_id": "0", "quantity": str(quantity), "unit_price": None}
    there = changed(found.lines, [change], rules)
    whole = Decimal(lines[0]["amount"]) * quantity / Decimal(lines[0]["quantity"])
    assert abs(Decimal(there[0]["amount"]) - whole) <= Decimal("0.005")
    assert there[1:] == found.lines[1:]
