"""What pipelines and stages ask of deals: next steps, quotes, approvals, room, reasons."""

import asyncio

from support.clients import pointers, problem
from support.members import custom_role, member
from support.quoting import REACH, quote
from support.quoting import act as do
from support.selling import act, deal, pipeline, reason, ways

STEP = {"next_step": "Call", "next_step_on": "2031-06-30"}


def codes(found):
    return [fault["code"] for fault in found["errors"]]


async def test_open_deals_need_a_next_step_to_move(client):
    where = await pipeline(client)
    await client.changed(f"pipelines/{where.id}", {"next_step_policy": "moves"})
    made = await deal(client, where)
    needed = ["next_step_needed"] * 2
    found = await act(client, made["id"], "move", 409, stage_id=where["Offer"])
    assert (codes(found), pointers(found)) == (needed, ["/next_step", "/next_step_on"])
    assert await ways(client, made["id"]) == {
        ("move", "Offer"): needed,
        ("move", "Terms"): needed,
        ("win", "Won"): [],
        ("lose", "Lost"): [],
    }
    await client.changed(f"deals/{made['id']}", STEP)
    await act(client, made["id"], "move", stage_id=where["Offer"])


async def test_and_to_be_written(client):
    where, why = await pipeline(client), await reason(client)
    old = await deal(client, where)
    await client.changed(f"pipelines/{where.id}", {"next_step_policy": "writes"})
    answer = await client.post("/v1/deals", json={"name": "Office", "stage_id": where["New"]})
    assert pointers(problem(answer, 422)) == ["/next_step", "/next_step_on"]
    lost = await deal(client, where, "Lost", loss_reason_id=why)
    assert lost["next_step"] is None
    made = await deal(client, where, **STEP)
    answer = await client.patch(f"/v1/deals/{made['id']}", json={"next_step_on": None})
    assert codes(problem(answer, 422)) == ["next_step_needed"]
    # A copy cannot say its own.
    answer = await client.post(f"/v1/deals/{made['id']}/clone")
    assert {name: answer.json()[name] for name in STEP} == STEP
    # What has been without one before is changed otherwise.
    await client.changed(f"deals/{old['id']}", {"tags": ["large"]})


async def test_a_deal_is_won_by_an_accepted_quote(client):
    where = await pipeline(client, Terms={"required_artefacts": ["sent_quote"]})
    await client.changed(f"pipelines/{where.id}", {"win_needs": "accepted_quote"})
    company = await client.made("companies", {"name": "Example Industries"})
    made = await deal(client, where, company_id=company["id"])
    found = await act(client, made["id"], "win", 409)
    assert (codes(found), pointers(found)) == (["artefact_needed"], ["/stage_id"])
    assert (await ways(client, made["id"]))["move", "Terms"] == ["artefact_needed"]
    offer = await quote(client, company_id=company["id"], deal_id=made["id"])
    await do(client, offer["id"], "send")
    assert (await ways(client, made["id"]))["move", "Terms"] == []
    assert (await ways(client, made["id"]))["win", "Won"] == ["artefact_needed"]
    await do(client, offer["id"], "accept")
    assert (await act(client, made["id"], "win"))["status"] == "won"


async def test_what_nobody_tells_of_is_not_asked_for(client):
    where = await pipeline(client)
    body = {"required_artefacts": ["accepted_quote", "signed_cake"]}
    answer = await client.patch(f"/v1/stages/{where['Offer']}", json=body)
    assert pointers(problem(answer, 422)) == ["/required_artefacts/1"]
    answer = await client.patch(f"/v1/stages/{where['Won']}", json={"wip_limit": 3})
    assert pointers(problem(answer, 422)) == ["/wip_limit"]


async def test_a_stage_wants_approvals(client):
    where = await pipeline(client, Offer={"approval_purpose": "offer"})
    role = await custom_role(client, levels={"*": REACH})
    boss = await member(client, role)
    seller = await member(client, role)
    step = {"name": "Head of sales", "approvers": [{"kind": "user", "id": boss.id}]}
    large = {"amount": {"gte": "1000"}}
    policy = await client.made(
        "approval-policies",
        {"name": "Offers", "target": "deal", "purpose": "offer", "filter": large, "steps": [step]}
        | {"material_fields": ["amount"]},
    )
    small = await deal(seller.api, where, amount="999")
    await act(seller.api, small["id"], "move", stage_id=where["Offer"])
    made = await deal(seller.api, where, amount="1000")
    found = await act(seller.api, made["id"], "move", 409, stage_id=where["Offer"])
    assert (codes(found), pointers(found)) == (["approval_needed"], ["/stage_id"])
    asked = {"target": "deal", "record_id": made["id"], "policy_id": policy["id"]}
    request = await seller.api.made("approvals", asked)
    assert (await ways(seller.api, made["id"]))["move", "Offer"] == ["approval_pending"]
    answer = await boss.api.post(f"/v1/approvals/{request['id']}/approve")
    assert answer.status_code == 200, answer.text
    await seller.api.changed(f"deals/{made['id']}", {"amount": "2000"})
    found = await act(seller.api, made["id"], "move", 409, stage_id=where["Offer"])
    assert codes(found) == ["approval_needed"]
    await seller.api.changed(f"deals/{made['id']}", {"amount": "1000"})
    request = await seller.api.made("approvals", asked)
    await boss.api.post(f"/v1/approvals/{request['id']}/approve")
    await act(seller.api, made["id"], "move", stage_id=where["Offer"])


async def test_a_full_stage_takes_no_more_however_many_come_at_once(client):
    where = await pipeline(client, Offer={"wip_limit": 3})
    deals = [await deal(client, where) for _ in range(6)]
    answers = await asyncio.gather(
        *(
            client.post(f"/v1/deals/{one['id']}/move", json={"stage_id": where["Offer"]})
            for one in deals
        ),
        *(
            client.post("/v1/deals", json={"name": "New", "stage_id": where["Offer"]})
            for _ in range(4)
        ),
    )
    done = [answer for answer in answers if answer.status_code < 300]
    assert len(done) == 3
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert len(refused) == 7
    assert {code for found in refused for code in codes(found)} == {"stage_full"}
    inside = (await client.read("deals", **{"filter[stage_id]": where["Offer"]}))["data"]
    assert len(inside) == 3
    # Within the stage deals go on moving, and whoever leaves makes room.
    await act(client, inside[0]["id"], "move", after=inside[1]["id"])
    await act(client, inside[0]["id"], "win")
    other = next(one for one in deals if one["id"] not in {i["id"] for i in inside})
    await act(client, other["id"], "move", stage_id=where["Offer"])
    assert (await ways(client, inside[0]["id"])) == {("reopen", "Offer"): ["stage_full"]}
    assert codes(await act(client, inside[0]["id"], "reopen", 409)) == ["stage_full"]
    await client.delete(f"/v1/deals/{other['id']}")
    await deal(client, where, "Offer")
    answer = await client.post(f"/v1/deals/{other['id']}/restore")
    assert codes(problem(answer, 409, "stage_full")) == ["stage_full"]


async def test_many_at_once_are_counted_with_those_before(client):
    where = await pipeline(client, Offer={"wip_limit": 2})
    body = {"name": "New", "stage_id": where["Offer"]}
    answer = await client.post("/v1/deals/bulk", json={"items": [body] * 5})
    assert {e["code"] for e in problem(answer, 422)["errors"]} == {"stage_full"}
    answer = await client.post("/v1/deals/bulk?on_error=skip", json={"items": [body] * 5})
    assert answer.json()["succeeded"] == 2, answer.text
    assert len((await client.read("deals", **{"filter[stage_id]": where["Offer"]}))["data"]) == 2


async def test_reopening_takes_a_permission_and_perhaps_a_reason(client):
    where = await pipeline(client)
    levels = {"*": REACH}
    plain = await member(client, await custom_role(client, levels=levels))
    allowed = await member(
        client, await custom_role(client, levels=levels, permissions=["reopen_deals"])
    )
    made = await deal(client, where)
    await act(client, made["id"], "win")
    await act(plain.api, made["id"], "reopen", 403)
    assert await ways(plain.api, made["id"]) == {("reopen", "New"): ["missing_right"]}
    assert (await act(allowed.api, made["id"], "reopen"))["status"] == "open"
    await act(client, made["id"], "win")
    await client.changed(f"pipelines/{where.id}", {"reopen_needs_reason": True})
    found = await act(allowed.api, made["id"], "reopen", 422)
    assert pointers(found) == ["/comment"]
    await act(allowed.api, made["id"], "reopen", comment="They changed their mind.")
    (managers,) = (await client.read("roles", **{"filter[key]": "sales_manager"}))["data"]
    assert "reopen_deals" in managers["permissions"]
