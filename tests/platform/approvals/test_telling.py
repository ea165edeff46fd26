"""Who is told of approvals, and rules that ask for them."""

import pytest

from support.approving import by
from support.clients import pointers, problem
from support.inboxes import inbox
from support.rules import Rules

pytestmark = pytest.mark.timeout(300)


async def test_whoever_is_asked_is_told_and_whoever_asked_hears_the_outcome(
    client, approving, worker
):
    one, two, three = await approving.approvers(3)
    await two.api.made("approval-delegations", {"delegate_id": three.id})
    await approving.policy(by(one), by(one, two, rule="all"))
    company = await approving.company()
    (asker,) = await approving.approvers(1)
    made = await approving.asked(company, asker.api)
    (row,) = await inbox(one.api, 1)
    assert (row["kind"], row["type"]) == ("approval", "approval.requested")
    assert row["title"] == "Example Industries waits for your approval"
    assert (row["target"], row["record_id"]) == ("company", company["id"])
    await approving.act(one.api, made["id"], "approve")
    (row,) = await inbox(two.api, 1)
    assert row["type"] == "approval.progressed"
    # Whoever stands in for somebody is asked as well.
    assert len(await inbox(three.api, 1)) == 1
    await approving.act(one.api, made["id"], "approve")
    await approving.act(three.api, made["id"], "approve")
    (row,) = await inbox(asker.api, 1)
    assert row["type"] == "approval.approved"
    assert "Example Industries was approved" in row["title"]


async def test_a_new_step_asks_anew(client, approving, worker):
    one, two = await approving.approvers(2)
    await approving.policy(by(one, two), by(two))
    made = await approving.asked(await approving.company())
    await inbox(two.api, 1)
    await approving.act(one.api, made["id"], "approve")
    rows = await inbox(two.api, 2)
    assert {row["type"] for row in rows} == {"approval.requested", "approval.progressed"}


async def test_a_rule_asks_for_approval_and_another_one_hears_of_it(client, approving, worker):
    (one,) = await approving.approvers(1)
    policy = await approving.policy(by(one), material_fields=["name"])
    rules = Rules(client)
    created = {"type": "event", "events": ["company.created"]}
    asks = await rules.active(
        {"action": "start_approval", "policy_id": policy, "name": "ask",
         "comment": "Please look at {{ record.name }}."},
        trigger=created,
    )  # fmt: skip
    hears = await rules.active(
        {"action": "update", "entity": "company", "id": {"$ref": "record.record_id"},
         "patch": {"industry": "approved"}},
        trigger={"type": "event", "events": ["approval.approved"]},
        condition={"target": {"eq": "company"}},
    )  # fmt: skip
    company = await approving.company()
    (run,) = await rules.ended(asks)
    result = run["log"][0]["result"]
    assert result["status"] == "pending"
    made = await approving.now(result["approval_id"])
    assert (made["record_id"], made["comment"]) == (
        company["id"],
        "Please look at Example Industries.",
    )
    await approving.act(one.api, made["id"], "approve")
    await rules.ended(hears)
    assert (await client.read(f"companies/{company['id']}"))["industry"] == "approved"
    assert (await approving.now(made["id"]))["status"] == "approved"
    # Where nothing is to ask, the rule goes on without it.
    await client.post(f"/v1/automations/{asks}/run", json={"record_ids": [company["id"]]})
    runs = await rules.ended(asks, 2)
    assert runs[-1]["log"][0]["outcome"] == "skipped"
    assert runs[-1]["log"][0]["result"]["reason"] == "already_approved"


async def test_a_rule_asks_by_a_policy_that_is_there(client, approving):
    (one,) = await approving.approvers(1)
    policy = await approving.policy(by(one))
    rules = Rules(client)
    for step, trigger, where in (
        ({"policy_id": policy}, {"type": "event", "events": ["contact.created"]}, "/policy_id"),
        ({"policy_id": one.id}, {"type": "event", "events": ["company.created"]}, "/policy_id"),
        ({"comment": "{{ record.no }}"}, {"type": "event", "events": ["company.*"]}, "/comment"),
        ({}, {"type": "event", "events": ["user.created"]}, "/action"),
    ):
        id = await rules.draft({"action": "start_approval", **step}, trigger=trigger)
        found = problem(await client.post(f"/v1/automations/{id}/publish"), 422)
        assert pointers(found) == [f"/steps/0{where}"], step
