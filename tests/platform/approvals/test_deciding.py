"""Asking for approval and deciding: steps, rules, delegates, who may and who may not."""

import pytest

from support.approving import by
from support.clients import pointers, problem
from support.members import custom_role, member, team


async def test_steps_follow_one_another_until_the_record_is_approved(client, approving):
    one, two, three = await approving.approvers(3)
    policy = await approving.policy(
        by(one, two, name="Sales"),
        by(one, two, three, name="Finance", rule="all"),
    )
    company = await approving.company()
    made = await approving.asked(company, comment="A large one.")
    assert made["status"] == "pending"
    assert (made["step"], made["waiting_for"]) == (0, sorted([one.id, two.id]))
    assert [step["status"] for step in made["steps"]] == ["pending", "waiting"]
    assert (made["policy_id"], made["policy_version"], made["record_version"]) == (policy, 1, 1)
    after = await approving.act(two.api, made["id"], "approve", comment="Fine.")
    assert (after["step"], after["status"]) == (1, "pending")
    assert after["waiting_for"] == sorted([one.id, two.id, three.id])
    for who in (three, one):
        after = await approving.act(who.api, made["id"], "approve")
        assert after["status"] == "pending"
    assert after["waiting_for"] == [two.id]
    done = await approving.act(two.api, made["id"], "approve")
    assert (done["status"], done["step"], done["waiting_for"]) == ("approved", None, [])
    assert done["ended_at"] is not None
    assert [step["status"] for step in done["steps"]] == ["approved", "approved"]
    assert [(d["step"], d["deed"], d["user_id"]) for d in done["decisions"]] == [
        (0, "approved", two.id),
        (1, "approved", three.id),
        (1, "approved", one.id),
        (1, "approved", two.id),
    ]
    assert done["decisions"][0]["comment"] == "Fine."
    found = problem(await one.api.post(f"/v1/approvals/{made['id']}/approve", json={}), 409)
    assert (found["code"], found["approval_status"]) == ("not_pending", "approved")
    events = await client.told(made["id"], 5)
    assert [event["type"] for event in events] == [
        "approval.requested",
        *["approval.progressed"] * 3,
        "approval.approved",
    ]


async def test_so_many_must_agree_and_nobody_twice(approving):
    one, two, three = await approving.approvers(3)
    await approving.policy(by(one, two, three, rule="count", count=2))
    made = await approving.asked(await approving.company())
    await approving.act(one.api, made["id"], "approve")
    again = await one.api.post(f"/v1/approvals/{made['id']}/approve")
    assert problem(again, 403)["code"] == "not_asked"
    # Standing in for somebody else does not make one person two.
    await two.api.made("approval-delegations", {"delegate_id": one.id})
    again = await one.api.post(f"/v1/approvals/{made['id']}/approve")
    assert problem(again, 409)["code"] == "already_decided"
    assert (await approving.act(three.api, made["id"], "approve"))["status"] == "approved"


async def test_one_refusal_ends_it_and_takes_a_reason(approving):
    one, two = await approving.approvers(2)
    await approving.policy(by(one, two, rule="all"), by(one))
    made = await approving.asked(await approving.company())
    await approving.act(one.api, made["id"], "approve")
    for body in ({}, {"comment": "  "}, {"comment": None}):
        answer = await two.api.post(f"/v1/approvals/{made['id']}/reject", json=body)
        assert pointers(problem(answer, 422)) == ["/comment"]
    done = await approving.act(two.api, made["id"], "reject", comment="Too dear.")
    assert (done["status"], done["step"], done["waiting_for"]) == ("rejected", None, [])
    assert [step["status"] for step in done["steps"]] == ["rejected", "waiting"]
    assert done["decisions"][1]["comment"] == "Too dear."
    # It may be asked again.
    assert (await approving.asked(await approving.company()))["status"] == "pending"


async def test_whoever_asks_does_not_decide_unless_they_may(client, approving):
    one, two = await approving.approvers(2)
    company = await approving.company()
    policy = await approving.policy(by(one, two))
    made = await approving.asked(company, one.api)
    assert (made["owner_id"], made["waiting_for"]) == (one.id, [two.id])
    answer = await one.api.post(f"/v1/approvals/{made['id']}/approve")
    assert problem(answer, 403)["code"] == "own_request"
    # Nor for somebody else.
    await two.api.made("approval-delegations", {"delegate_id": one.id})
    answer = await one.api.post(f"/v1/approvals/{made['id']}/approve", json={})
    assert problem(answer, 403)["code"] == "own_request"
    await approving.act(one.api, made["id"], "recall")
    await client.changed(f"approval-policies/{policy}", {"submitter_may_approve": True})
    made = await approving.asked(company, one.api)
    assert made["waiting_for"] == sorted([one.id, two.id])
    assert (await approving.act(one.api, made["id"], "approve"))["status"] == "approved"


async def test_a_step_that_nobody_may_decide_is_refused_at_once(approving):
    (one,) = await approving.approvers(1)
    await approving.policy(by(one), by(one, name="Alone", rule="count", count=2))
    body = {"target": "company", "record_id": (await approving.company())["id"]}
    found = problem(await one.api.post("/v1/approvals", json=body), 409)
    assert found["code"] == "too_few_approvers"
    assert pointers(found) == ["/steps/0", "/steps/1"]
    found = problem(await approving.client.post("/v1/approvals", json=body), 409)
    assert pointers(found) == ["/steps/1"]


async def test_programs_do_not_decide(client, approving):
    (one,) = await approving.approvers(1)
    await approving.policy(by(one))
    made = await approving.asked(await approving.company())
    answer = await client.post(f"/v1/approvals/{made['id']}/approve")
    assert problem(answer, 403)["code"] == "no_user"
    assert problem(await client.get("/v1/approvals/to-decide"), 403)["code"] == "no_user"


async def test_teams_roles_owners_and_their_leads_are_asked(client, approving):
    one, two, three, boss = await approving.approvers(4)
    role = await custom_role(client, levels={"*": {"read": "all"}})
    await client.made("role-assignments", {"role_id": role, "user_id": three.id})
    above = await team(client, one)
    below = await team(client, two, parent=above)
    await client.made("team-members", {"team_id": above, "user_id": boss.id, "is_lead": True})
    company = await approving.company(owner_id=two.id)
    steps = [
        {"name": "Team", "approvers": [{"kind": "team", "id": below}]},
        {"name": "Role", "approvers": [{"kind": "role", "id": role}]},
        {"name": "Owner", "approvers": [{"kind": "owner"}]},
        # Nobody leads the owner's team, so the one above it counts.
        {"name": "Lead", "approvers": [{"kind": "owner_lead"}]},
    ]
    await approving.policy(*steps)
    made = await approving.asked(company)
    for who in (two, three, two, boss):
        assert made["waiting_for"] == [who.id]
        made = await approving.act(who.api, made["id"], "approve")
    assert made["status"] == "approved"


async def test_who_does_not_see_the_record_is_not_asked(client, approving):
    (one,) = await approving.approvers(1)
    own = {"read": "own", "create": "own", "update": "own", "delete": "none"}
    blind = await member(client, await custom_role(client, levels={"*": own}))
    (gone,) = await approving.approvers(1)
    await approving.policy(by(one, blind, gone))
    assert (await client.delete(f"/v1/users/{gone.id}")).status_code == 204
    company = await approving.company()
    made = await approving.asked(company)
    assert made["waiting_for"] == [one.id]
    for path in (f"/v1/approvals/{made['id']}", f"/v1/approvals/{made['id']}/history"):
        problem(await blind.api.get(path), 404)
    answer = await blind.api.post(f"/v1/approvals/{made['id']}/approve")
    problem(answer, 404)
    assert (await blind.api.read("approvals"))["data"] == []
    refused = await client.post(
        f"/v1/approvals/{made['id']}/reassign",
        json={"from_user_id": one.id, "to_user_id": blind.id},
    )
    assert pointers(problem(refused, 422)) == ["/to_user_id"]
    body = {"target": "company", "record_id": company["id"]}
    assert pointers(problem(await blind.api.post("/v1/approvals", json=body), 422)) == [
        "/record_id"
    ]
    # Once it is theirs to see, they see the request as well.
    await client.made(
        "shares", {"target": "company", "record_id": company["id"], "user_id": blind.id}
    )
    assert (await blind.api.read(f"approvals/{made['id']}"))["id"] == made["id"]
    answer = await blind.api.post(f"/v1/approvals/{made['id']}/approve")
    assert problem(answer, 403)["code"] == "not_asked"


async def test_a_stand_in_decides_for_the_time_that_is_said(client, approving):
    one, two, other = await approving.approvers(3)
    await approving.policy(by(one, two, rule="all"))
    made = await approving.asked(await approving.company())
    answer = await other.api.post(f"/v1/approvals/{made['id']}/approve")
    assert problem(answer, 403)["code"] == "not_asked"
    past = {"starts_at": "2025-01-01T00:00:00Z", "ends_at": "2025-02-01T00:00:00Z"}
    await one.api.made("approval-delegations", {"delegate_id": other.id, **past})
    later = {"starts_at": "2199-01-01T00:00:00Z"}
    await one.api.made("approval-delegations", {"delegate_id": other.id, **later})
    assert (await other.api.read("approvals/to-decide"))["data"] == []
    given = await one.api.made("approval-delegations", {"delegate_id": other.id})
    assert given["user_id"] == one.id
    (waiting,) = (await other.api.read("approvals/to-decide"))["data"]
    assert waiting["id"] == made["id"]
    await two.api.made("approval-delegations", {"delegate_id": other.id})
    answer = await other.api.post(f"/v1/approvals/{made['id']}/approve")
    assert pointers(problem(answer, 422)) == ["/on_behalf_of"]
    after = await approving.act(other.api, made["id"], "approve", on_behalf_of=one.id)
    assert after["waiting_for"] == [two.id]
    done = await approving.act(other.api, made["id"], "approve")
    assert done["status"] == "approved"
    assert [(d["user_id"], d["on_behalf_of"]) for d in done["decisions"]] == [
        (other.id, one.id),
        (other.id, two.id),
    ]
    # Nobody decides for whoever is let in no more.
    made = await approving.asked(await approving.company())
    assert (await client.delete(f"/v1/users/{one.id}")).status_code == 204
    answer = await other.api.post(
        f"/v1/approvals/{made['id']}/approve", json={"on_behalf_of": one.id}
    )
    assert problem(answer, 403)["code"] == "not_asked"


async def test_what_is_to_decide_is_listed_for_each(client, approving):
    one, two = await approving.approvers(2)
    await approving.policy(by(one), by(two))
    first, second = [await approving.asked(await approving.company()) for _ in range(2)]
    assert {row["id"] for row in (await one.api.read("approvals/to-decide"))["data"]} == {
        first["id"],
        second["id"],
    }
    assert (await two.api.read("approvals/to-decide"))["data"] == []
    await approving.act(one.api, first["id"], "approve")
    (row,) = (await one.api.read("approvals/to-decide", fields="id"))["data"]
    assert row == {"id": second["id"]}
    document = "{ approvalsToDecide(first: 5) { totalCount nodes { id status policy { name } } } }"
    data = await two.api.data(document)
    assert data["approvalsToDecide"] == {
        "totalCount": 1,
        "nodes": [{"id": first["id"], "status": "pending", "policy": {"name": "Large customers"}}],
    }
    page = await one.api.read("approvals", limit=1)
    rest = await one.api.read("approvals", limit=1, cursor=page["next_cursor"])
    assert {page["data"][0]["id"], rest["data"][0]["id"]} == {first["id"], second["id"]}
    answer = await client.post(
        "/v1/approvals/query", json={"filter": {"waiting_for": {"has": two.id}}}
    )
    assert [row["id"] for row in answer.json()["data"]] == [first["id"]]


async def test_a_request_is_taken_back_by_whoever_made_it(client, approving):
    one, two, three = await approving.approvers(3)
    await approving.policy(by(two))
    company = await approving.company()
    made = await approving.asked(company, one.api)
    answer = await three.api.post(f"/v1/approvals/{made['id']}/recall")
    problem(answer, 403)
    done = await approving.act(one.api, made["id"], "recall", comment="Too early.")
    assert (done["status"], done["waiting_for"]) == ("recalled", [])
    assert done["decisions"][-1]["comment"] == "Too early."
    problem(await two.api.post(f"/v1/approvals/{made['id']}/approve"), 409, "not_pending")
    made = await approving.asked(company, one.api)
    # Whoever manages the settings may, too.
    assert (await approving.act(client, made["id"], "recall"))["status"] == "recalled"


async def test_somebody_else_is_asked_instead(client, approving):
    one, two, three = await approving.approvers(3)
    await approving.policy(by(one, two, rule="all"))
    made = await approving.asked(await approving.company(), three.api)
    act, id = approving.act, made["id"]
    for body, where in (
        ({"to_user_id": two.id}, "/to_user_id"),
        ({"to_user_id": three.id}, "/to_user_id"),
        ({"to_user_id": id}, "/to_user_id"),
        ({"to_user_id": three.id, "from_user_id": three.id}, "/from_user_id"),
    ):
        answer = await one.api.post(f"/v1/approvals/{id}/reassign", json=body)
        assert pointers(problem(answer, 422)) == [where]
    (four,) = await approving.approvers(1)
    answer = await three.api.post(
        f"/v1/approvals/{id}/reassign", json={"from_user_id": one.id, "to_user_id": four.id}
    )
    problem(answer, 403)
    after = await act(one.api, id, "reassign", to_user_id=four.id, comment="On holiday.")
    assert sorted(after["waiting_for"]) == sorted([two.id, four.id])
    problem(await one.api.post(f"/v1/approvals/{id}/approve"), 403, "not_asked")
    (five,) = await approving.approvers(1)
    after = await act(client, id, "reassign", from_user_id=two.id, to_user_id=five.id)
    assert sorted(after["steps"][0]["user_ids"]) == sorted([four.id, five.id])
    await act(four.api, id, "approve")
    assert (await act(five.api, id, "approve"))["status"] == "approved"


async def test_policies_are_chosen_by_condition_priority_and_purpose(client, approving):
    (one,) = await approving.approvers(1)
    small = await approving.policy(by(one), name="Small", priority=50)
    big = await approving.policy(
        by(one), name="Big", priority=10, filter={"employees": {"gte": 1000}}
    )
    named = await approving.policy(by(one), name="Named", purpose="discount", priority=90)
    company = await approving.company(employees=10)
    first = await approving.asked(company)
    second = await approving.asked(company)
    assert [first["policy_id"], second["policy_id"]] == [small, named]
    found = problem(await approving.refused(company), 409)
    assert (found["code"], found["approval_ids"]) == (
        "already_requested",
        [first["id"], second["id"]],
    )
    problem(await approving.refused(company, policy_id=big), 409, "not_wanted")
    problem(await approving.refused(company, purpose="stage"), 409, "not_wanted")
    found = problem(await approving.refused(company, policy_id=one.id), 422)
    assert pointers(found) == ["/policy_id"]
    await approving.act(one.api, first["id"], "approve")
    found = problem(await approving.refused(company, policy_id=small), 409)
    assert found["code"] == "already_approved"
    large = await approving.company(employees=5000)
    assert (await approving.asked(large))["policy_id"] == big


async def test_a_step_that_is_not_wanted_is_left_out(approving):
    one, two = await approving.approvers(2)
    await approving.policy(
        by(one, filter={"employees": {"gte": 1000}}),
        by(two, filter={"industry": {"eq": "bank"}}),
        material_fields=["employees"],
    )
    made = await approving.asked(await approving.company(employees=5000))
    # What counts is the record at the moment of each step, in what is not material.
    await approving.client.changed(f"companies/{made['record_id']}", {"industry": "bank"})
    made = await approving.act(one.api, made["id"], "approve")
    assert made["waiting_for"] == [two.id]
    made = await approving.asked(await approving.company(industry="bank"))
    assert [step["status"] for step in made["steps"]] == ["skipped", "pending"]
    done = await approving.asked(await approving.company())
    assert (done["status"], done["waiting_for"]) == ("approved", [])
    events = await approving.client.told(done["id"], 2)
    assert [event["type"] for event in events] == ["approval.requested", "approval.approved"]


async def test_a_request_goes_on_by_the_policy_it_began_with(client, approving):
    one, two = await approving.approvers(2)
    policy = await approving.policy(by(one))
    made = await approving.asked(await approving.company())
    await client.changed(f"approval-policies/{policy}", {"steps": [by(two)], "name": "Other"})
    assert (await client.delete(f"/v1/approval-policies/{policy}")).status_code == 204
    done = await approving.act(one.api, made["id"], "approve")
    assert (done["status"], done["policy_name"]) == ("approved", "Large customers")
    problem(await approving.refused(await approving.company()), 409, "not_wanted")


async def test_graphql_does_the_same(approving):
    one, two, three = await approving.approvers(3)
    await approving.policy(by(one), by(two))
    company = await approving.company()
    ask = """mutation($input: ApprovalCreateInput!) { createApproval(input: $input) {
        id status waitingFor steps { name status userIds approvers { kind id } } } }"""
    given = {"target": "company", "recordId": company["id"]}
    made = (await three.api.data(ask, input=given))["createApproval"]
    assert made["steps"][0]["userIds"] == made["waitingFor"] == [one.id]
    id = made["id"]
    document = "mutation($id: UUID!) { approve(id: $id) { status decisions { userId deed } } }"
    done = await one.api.data(document, id=id)
    assert done["approve"] == {
        "status": "pending",
        "decisions": [{"userId": one.id, "deed": "approved"}],
    }
    found = await approving.client.gql(document, id=id)
    assert found["errors"][0]["extensions"]["code"] == "no_user"
    moved = await two.api.data(
        "mutation($id: UUID!, $to: UUID!) { reassignApproval(id: $id, input: {toUserId: $to}) "
        "{ waitingFor } }",
        id=id,
        to=one.id,
    )
    assert moved["reassignApproval"]["waitingFor"] == [one.id]
    done = await one.api.data(
        'mutation($id: UUID!) { reject(id: $id, comment: "No.") { status } }', id=id
    )
    assert done["reject"]["status"] == "rejected"
    made = (await three.api.data(ask, input=given))["createApproval"]
    back = "mutation($id: UUID!) { recallApproval(id: $id) { status } }"
    assert (await three.api.data(back, id=made["id"]))["recallApproval"]["status"] == "recalled"


async def test_other_organizations_know_nothing_of_it(client, other, approving):
    (one,) = await approving.approvers(1)
    policy = await approving.policy(by(one))
    company = await approving.company()
    made = await approving.asked(company)
    problem(await other.get(f"/v1/approvals/{made['id']}"), 404)
    for action in ("recall", "approve"):
        assert (await other.post(f"/v1/approvals/{made['id']}/{action}")).status_code in {403, 404}
    body = {"target": "company", "record_id": company["id"]}
    assert pointers(problem(await other.post("/v1/approvals", json=body), 422)) == ["/record_id"]
    own = await other.made("companies", {"name": "Example"})
    body = {"target": "company", "record_id": own["id"], "policy_id": policy}
    assert pointers(problem(await other.post("/v1/approvals", json=body), 422)) == ["/policy_id"]
    bad = {"name": "Example", "target": "company", "steps": [by(one)]}
    answer = await other.post("/v1/approval-policies", json=bad)
    assert pointers(problem(answer, 422)) == ["/steps/0/approvers/0/id"]


@pytest.mark.parametrize("action", ["approve", "reject", "recall", "reassign"])
async def test_nothing_is_decided_by_a_rehearsal(approving, action):
    one, two = await approving.approvers(2)
    await approving.policy(by(one))
    made = await approving.asked(await approving.company())
    body = {
        "reject": {"comment": "No."},
        "reassign": {"to_user_id": two.id},
    }.get(action, {})
    who = approving.client if action == "recall" else one.api
    answer = await who.post(f"/v1/approvals/{made['id']}/{action}?dry_run=true", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["version"] == 2
    assert (await approving.now(made["id"]))["version"] == 1
