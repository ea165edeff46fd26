"""Policies fit what they are for; delegations are made by whom they are about."""

import pytest

from support.approving import by
from support.clients import pointers, problem
from support.members import new_user


async def test_a_policy_fits_its_records(client, approving):
    (one,) = await approving.approvers(1)
    good = {"name": "Example", "target": "company", "steps": [by(one)]}
    made = await client.made("approval-policies", good)
    late = {"after_minutes": 5, "approvers": [{"kind": "owner"}]}
    for bad, where in (
        ({"target": "user"}, "/target"),
        ({"target": "nothing"}, "/target"),
        ({"filter": {"nothing": {"eq": 1}}}, "/filter/nothing"),
        ({"filter": {"owner_id": {"eq": "@me"}}}, "/filter/owner_id/eq"),
        ({"material_fields": ["name", "nothing"]}, "/material_fields/1"),
        ({"material_fields": ["version"]}, "/material_fields/0"),
        ({"material_fields": ["custom.nothing"]}, "/material_fields/0"),
        ({"steps": []}, "/steps"),
        ({"steps": [by(one, filter={"nothing": {"eq": 1}})]}, "/steps/0/filter/nothing"),
        ({"steps": [by(one, rule="count")]}, "/steps/0"),
        ({"steps": [by(one, count=2)]}, "/steps/0"),
        ({"steps": [by(one, escalation={"after_minutes": 0})]}, "/steps/0/escalation/after_minutes"),
        ({"steps": [by(one, escalation={"after_minutes": 5})]}, "/steps/0/escalation"),
        ({"steps": [by(one, escalation={**late, "action": "reject"})]}, "/steps/0/escalation"),
        ({"steps": [{"name": "One", "approvers": [{"kind": "owner", "id": one.id}]}]},
         "/steps/0/approvers/0"),
        ({"steps": [{"name": "One", "approvers": [{"kind": "team", "id": one.id}]}]},
         "/steps/0/approvers/0/id"),
        ({"priority": 10_001}, "/priority"),
        ({"purpose": "Not One"}, "/purpose"),
    ):  # fmt: skip
        answer = await client.post("/v1/approval-policies", json={**good, **bad})
        assert pointers(problem(answer, 422)) == [where], bad
        if "target" not in bad and "purpose" not in bad:
            answer = await client.patch(f"/v1/approval-policies/{made['id']}", json=bad)
            assert pointers(problem(answer, 422)) == [where], bad
    same = await client.changed(f"approval-policies/{made['id']}", {"steps": good["steps"]})
    assert same["version"] == 1


async def test_policies_take_the_right_to_manage_settings(client, approving):
    (one,) = await approving.approvers(1)
    made = await approving.policy(by(one))
    assert (await one.api.read(f"approval-policies/{made}"))["id"] == made
    problem(await one.api.patch(f"/v1/approval-policies/{made}", json={"name": "Other"}), 403)


async def test_only_a_policy_without_requests_is_destroyed(client, approving):
    (one,) = await approving.approvers(1)
    made = await approving.policy(by(one))
    await approving.asked(await approving.company())
    answer = await client.delete(f"/v1/approval-policies/{made}?purge=true")
    assert problem(answer, 409)["code"] == "still_referred_to"


async def test_users_hand_on_what_is_theirs(client, approving):
    one, two = await approving.approvers(2)
    made = await one.api.made("approval-delegations", {"delegate_id": two.id, "reason": "Away"})
    assert made["user_id"] == one.id
    user = await new_user(client)
    for body, where in (
        ({"delegate_id": one.id}, "/delegate_id"),
        ({"delegate_id": made["id"]}, "/delegate_id"),
        ({"delegate_id": two.id, "starts_at": "2031-01-02T00:00:00Z",
          "ends_at": "2031-01-01T00:00:00Z"}, "/ends_at"),
    ):  # fmt: skip
        answer = await one.api.post("/v1/approval-delegations", json=body)
        assert pointers(problem(answer, 422)) == [where]
    others = {"delegate_id": two.id, "user_id": user}
    problem(await one.api.post("/v1/approval-delegations", json=others), 403)
    answer = await client.post("/v1/approval-delegations", json={"delegate_id": two.id})
    assert pointers(problem(answer, 422)) == ["/user_id"]
    assert (await client.made("approval-delegations", others))["user_id"] == user
    path = f"/v1/approval-delegations/{made['id']}"
    for call in (
        two.api.patch(path, json={"delegate_id": user}),
        two.api.delete(path),
    ):
        problem(await call, 403)
    assert (await one.api.delete(path)).status_code == 204
    problem(await two.api.post(f"{path}/restore"), 403)
    assert (await one.api.post(f"{path}/restore")).status_code == 200


@pytest.mark.parametrize("rule", ["any", "all"])
async def test_patches_leave_what_they_do_not_name(client, approving, rule):
    (one,) = await approving.approvers(1)
    id = await approving.policy(by(one, rule=rule), filter={"industry": {"eq": "bank"}})
    changed = await client.changed(f"approval-policies/{id}", {"description": "Example."})
    assert changed["filter"] == {"industry": {"eq": "bank"}}
    assert changed["steps"][0]["rule"] == rule
