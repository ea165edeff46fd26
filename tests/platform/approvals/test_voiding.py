"""Whatever changes what was approved voids it, by whichever way, in the same transaction."""

import asyncio

import pytest

from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.errors import WrongState
from crm_api.platform.approvals.standing import need_approval, standing
from support.approving import by
from support.clients import problem

# What the table itself says, whatever the service would answer.
_BROKEN = """
    SELECT count(*) FROM approvals WHERE organization_id = $1 AND record_id = $2
    AND status IN ('pending', 'approved')
"""


@pytest.fixture
async def one(approving):
    (found,) = await approving.approvers(1)
    return found


async def given(approving, one, company):
    made = await approving.asked(company)
    return await approving.act(one.api, made["id"], "approve")


async def test_a_material_change_voids_what_waits_and_what_was_given(client, approving, one):
    await approving.policy(by(one), material_fields=["name", "annual_revenue", "currency"])
    for prepare in (approving.asked, lambda company: given(approving, one, company)):
        company = await approving.company(annual_revenue="100.00", currency="EUR")
        made = await prepare(company)
        path = f"companies/{company['id']}"
        for patch in (
            {"industry": "bank"},
            {"annual_revenue": "100.0000"},
            {"name": "Example Industries", "tags": ["new"]},
        ):
            await client.changed(path, patch)
            assert (await approving.now(made["id"]))["status"] == made["status"]
        await client.changed(path, {"annual_revenue": "100.01"})
        after = await approving.now(made["id"])
        assert (after["status"], after["reason"]) == ("voided", "changed")
        assert (after["waiting_for"], after["step"]) == ([], None)
        problem(await one.api.post(f"/v1/approvals/{made['id']}/approve"), 409, "not_pending")
        events = await client.told(made["id"], made["version"] + 1)
        last = events[-1]
        assert (last["type"], last["data"]["status"]) == ("approval.voided", "voided")
        # It names the record, which is no change of the request.
        assert last["data"]["record_id"] == company["id"]
        (entry, *_) = (await client.read(f"approvals/{made['id']}/history"))["data"]
        fields = {change["field"] for change in entry["changes"]}
        assert "status" in fields
        assert fields <= {"status", "reason", "ended_at", "step", "waiting_for"}
        # Back to what it was, it is to be approved anew all the same.
        await client.changed(path, {"annual_revenue": "100"})
        assert (await approving.now(made["id"]))["status"] == "voided"
        assert (await approving.asked(company))["status"] == "pending"


async def test_without_a_list_all_that_clients_set_is_material(client, approving, one):
    await approving.policy(by(one))
    company = await approving.company()
    await client.made("custom-fields", {"target": "company", "name": "tier", "type": "text"})
    for patch, voids in (
        ({"owner_id": one.id}, False),
        ({"external_ids": {"erp": "1"}}, False),
        ({"domains": ["example.com"]}, True),
        ({"custom": {"tier": "gold"}}, True),
        ({"description": "Changed"}, True),
    ):
        made = await approving.asked(company)
        await client.changed(f"companies/{company['id']}", patch)
        status = (await approving.now(made["id"]))["status"]
        assert status == ("voided" if voids else "pending"), patch
        if not voids:
            await approving.act(client, made["id"], "recall")


async def test_custom_fields_and_custom_objects_are_approved_as_well(client, approving, one):
    made = await client.made("custom-objects", {
        "key": "expedition", "label": "Expedition", "plural_label": "Expeditions",
    })  # fmt: skip
    assert made["key"] == "expedition"
    for name in ("budget", "note"):
        field = {"target": "expedition", "name": name, "type": "text"}
        await client.made("custom-fields", field)
    await approving.policy(by(one), target="expedition", material_fields=["custom.budget"])
    record = await client.made("objects/expedition", {"name": "Example"})
    made = await client.made("approvals", {"target": "expedition", "record_id": record["id"]})
    path = f"objects/expedition/{record['id']}"
    await client.changed(path, {"custom": {"note": "Nothing."}, "name": "Other"})
    assert (await approving.act(one.api, made["id"], "approve"))["status"] == "approved"
    await client.changed(path, {"custom": {"budget": "More."}})
    assert (await approving.now(made["id"]))["status"] == "voided"


async def test_many_changes_at_once_void_each_its_own(client, approving, one):
    await approving.policy(by(one), material_fields=["industry"])
    companies = [await approving.company(name=f"Example {n}") for n in range(6)]
    requests = [await approving.asked(company) for company in companies]
    items = [
        {"id": company["id"], "patch": {"industry": "bank" if n % 2 else None}}
        for n, company in enumerate(companies)
    ]
    answer = await client.post("/v1/companies/bulk", json={"op": "update", "items": items})
    assert answer.status_code == 200, answer.text
    found = [(await approving.now(made["id"]))["status"] for made in requests]
    assert found == ["pending", "voided"] * 3


async def test_what_is_gone_is_approved_no_more(client, approving, one):
    await approving.policy(by(one))
    company = await approving.company()
    made = await given(approving, one, company)
    await client.delete(f"/v1/companies/{company['id']}")
    after = await approving.now(made["id"])
    assert (after["status"], after["reason"]) == ("voided", "deleted")
    await client.post(f"/v1/companies/{company['id']}/restore")
    made = await approving.asked(company)
    assert (await client.delete(f"/v1/companies/{company['id']}?purge=true")).status_code == 204
    problem(await client.get(f"/v1/approvals/{made['id']}"), 404)


async def test_a_merge_voids_what_it_changes(client, approving, one):
    await approving.policy(by(one), material_fields=["industry"])
    winner, loser = await approving.company(), await approving.company(industry="bank")
    requests = [await approving.asked(company) for company in (winner, loser)]
    await client.made("companies/merge", {"winner_id": winner["id"], "loser_ids": [loser["id"]]})
    found = [await approving.now(made["id"]) for made in requests]
    assert [(one["status"], one["reason"]) for one in found] == [
        ("voided", "changed"),
        ("voided", "deleted"),
    ]


async def test_a_rehearsal_voids_nothing_and_a_rollback_neither(client, approving, one):
    await approving.policy(by(one))
    company = await approving.company()
    made = await given(approving, one, company)
    await client.patch(f"/v1/companies/{company['id']}?dry_run=true", json={"name": "Other"})
    body = {
        "operations": [
            {"op": "update", "entity": "company", "id": company["id"], "data": {"name": "Other"}},
            {"op": "update", "entity": "company", "id": one.id, "data": {"name": "Other"}},
        ]
    }
    answer = await client.post("/v1/batch", json=body)
    assert answer.status_code >= 400 or not answer.json().get("stored", False)
    assert (await approving.now(made["id"]))["status"] == "approved"


async def test_other_parts_ask_how_a_record_stands(client, approving, one, org, tx_of):
    first = await approving.policy(by(one), name="First", priority=1)
    second = await approving.policy(by(one), name="Second", priority=2, purpose="discount")
    company = await approving.company()

    async def now(purpose=None):
        async with unit_of_work(tx_of(org)) as tx:
            found = await standing(tx, "company", company["id"], purpose)
        return found.is_approved, [need.status for need in found.policies]

    assert await now() == (False, ["wanted", "wanted"])
    assert await now("stage") == (True, [])
    made = await approving.asked(company)
    assert await now() == (False, ["pending", "wanted"])
    await approving.act(one.api, made["id"], "approve")
    assert await now() == (False, ["approved", "wanted"])
    assert await now("general") == (True, ["approved"])
    made = await approving.asked(company)
    await approving.act(one.api, made["id"], "reject", comment="No.")
    assert await now() == (False, ["approved", "rejected"])
    query = {"target": "company", "record_id": company["id"]}
    found = await client.read("approvals/standing", **query)
    assert found["is_approved"] is False
    assert [need["policy_id"] for need in found["policies"]] == [first, second]
    data = await client.data(
        'query($id: UUID!) { approvalStanding(target: "company", recordId: $id) '
        "{ isApproved policies { policyName status } } }",
        id=company["id"],
    )
    assert data["approvalStanding"]["policies"][1] == {"policyName": "Second", "status": "rejected"}
    with pytest.raises(WrongState) as raised:
        async with unit_of_work(tx_of(org)) as tx:
            await need_approval(tx, "company", company["id"])
    assert raised.value.own_code == "approval_needed"
    assert [need["policy_name"] for need in raised.value.details["policies"]] == ["Second"]
    # Another record is not what was refused.
    await client.changed(f"companies/{company['id']}", {"name": "Other"})
    assert await now() == (False, ["wanted", "wanted"])
    for bad, status in (({"target": "user"}, 422), ({"record_id": one.id}, 404)):
        problem(await client.get("/v1/approvals/standing", params={**query, **bad}), status)


async def test_approving_and_changing_at_once_leaves_no_stale_approval(
    client, approving, one, owner, org
):
    await approving.policy(by(one), material_fields=["name"])
    outcomes = set()
    for n in range(25):
        company = await approving.company()
        made = await approving.asked(company)
        path = f"/v1/companies/{company['id']}"
        change = client.patch(path, json={"name": f"Other {n}"})
        decide = one.api.post(f"/v1/approvals/{made['id']}/approve")
        calls = (change, decide) if n % 2 else (decide, change)
        answers = await asyncio.gather(*calls)
        changed, decided = answers if n % 2 else reversed(answers)
        assert changed.status_code == 200
        assert decided.status_code in {200, 409}, decided.text
        outcomes.add(decided.status_code)
        # Whoever came first: the record is another one now, so nothing of it is approved.
        assert await owner.fetchval(_BROKEN, org.id, company["id"]) == 0
        assert (await approving.now(made["id"]))["status"] == "voided"
    assert outcomes


async def test_asking_and_changing_at_once_never_approves_what_was_not_asked(
    client, approving, one, org, tx_of
):
    await approving.policy(by(one), material_fields=["name"])
    company = await approving.company(name="Example 0")
    await approving.act(client, (await approving.asked(company))["id"], "recall")
    body = {"target": "company", "record_id": company["id"]}
    for n in range(1, 20):
        path = f"/v1/companies/{company['id']}"
        asked, changed = await asyncio.gather(
            client.post("/v1/approvals", json=body), client.patch(path, json={"name": f"E {n}"})
        )
        assert (asked.status_code, changed.status_code) == (201, 200)
        made = await approving.now(asked.json()["id"])
        # Asked for the record as it was before, it is void; as it is now, it waits.
        is_now = made["record_version"] == changed.json()["version"]
        assert made["status"] == ("pending" if is_now else "voided")
        if is_now:
            await approving.act(client, made["id"], "recall")


async def test_two_who_are_the_last_complete_it_once(client, approving):
    for _ in range(6):
        people = await approving.approvers(3)
        policy = await approving.policy(
            by(*people, rule="count", count=2), by(*people), name="Example"
        )
        made = await approving.asked(await approving.company(), policy_id=policy)
        path = f"/v1/approvals/{made['id']}/approve"
        answers = await asyncio.gather(*(who.api.post(path, json={}) for who in people))
        assert {answer.status_code for answer in answers} <= {200, 409}
        after = await approving.now(made["id"])
        # Two are enough for the first step; the third may have been quick to decide the second.
        steps = [d["step"] for d in after["decisions"]]
        assert steps in ([0, 0], [0, 0, 1])
        assert after["version"] == 1 + len(steps)
        assert after["status"] == ("approved" if len(steps) == 3 else "pending")


async def test_taking_back_and_deciding_at_once_have_one_outcome(client, approving, one):
    await approving.policy(by(one))
    for _ in range(12):
        made = await approving.asked(await approving.company())
        path = f"/v1/approvals/{made['id']}"
        calls = (
            one.api.post(f"{path}/approve"),
            client.post(f"{path}/recall"),
            one.api.post(f"{path}/reject", json={"comment": "No."}),
        )
        answers = await asyncio.gather(*calls)
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
        after = await approving.now(made["id"])
        assert after["version"] == 2
        (done,) = [answer for answer in answers if answer.status_code == 200]
        assert done.json()["status"] == after["status"]


async def test_the_same_is_asked_once(client, approving, one):
    await approving.policy(by(one))
    company = await approving.company()
    await approving.act(client, (await approving.asked(company))["id"], "recall")
    answers = await asyncio.gather(*(approving.refused(company) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
