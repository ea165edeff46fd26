"""What SLA clocks mean elsewhere: answers by activities, simulations, work, health and guards."""

from datetime import timedelta

import pytest

from crm_api.kit import clock as now
from support.clients import pointers, problem
from support.members import custom_role, member
from support.quoting import REACH
from support.sla import SUBJECT, act, age, clock, policy_of, tick

PROMOTION = {"channel": "email", "purpose": "promotion"}


async def logged(api, case, **more):
    body = {
        "kind": "call",
        "direction": "outbound",
        "subject": "Called back",
        "links": [{"target": "case", "record_id": case["id"], "role": "about"}],
        **more,
    }
    return await api.made("activities", body)


async def test_an_outbound_activity_about_a_case_answers_it(client):
    await policy_of(client)
    case = await client.made("cases", SUBJECT)

    async def answered():
        found = await client.read(f"cases/{case['id']}")
        return clock(found, "first_response")["met_at"] is not None

    for more in ({"direction": "inbound"}, {"kind": "note"}, {"outcome": "No answer"}):
        await logged(client, case, **more)
        assert not await answered(), more
    later = (now.now() + timedelta(hours=1)).isoformat()
    planned = await logged(client, case, starts_at=later)
    assert not await answered()
    done = await client.post(f"/v1/activities/{planned['id']}/complete", json={})
    assert done.status_code == 200, done.text
    assert await answered()
    assert (await client.read(f"cases/{case['id']}"))["status"] == "in_progress"


async def test_a_policy_is_tried_over_past_cases(client, owner):
    policy = await policy_of(client, minutes=60)
    made = [await client.made("cases", SUBJECT) for _ in range(3)]
    await client.made("cases", {**SUBJECT, "priority": "high", "kind": "incident"})
    await age(owner, made[0], 90)
    await act(client, made[1], "resolve", resolution="Another cable")
    path = f"/v1/sla-policies/{policy['id']}/simulate"

    def of(found, target="resolution", priority="normal"):
        (one,) = [t for t in found["targets"] if (t["target"], t["priority"]) == (target, priority)]
        return tuple(one[n] for n in ("minutes", "met", "breached", "running", "paused"))

    found = (await client.post(path, json={})).json()
    assert (found["looked_at"], found["left_out"], found["is_whole"]) == (4, 0, True)
    assert of(found) == (60, 1, 1, 1, 0)
    assert of(found, priority="high") == (60, 0, 0, 1, 0)
    targets = [{"target": "resolution", "priority": "normal", "minutes": 120}]
    changed = (await client.post(path, json={"changes": {"targets": targets}})).json()
    assert [of(changed), len(changed["targets"])] == [(120, 1, 0, 2, 0), 1]
    assert (await client.post(path, json={"until": "2020-01-01T00:00:00Z"})).json()[
        "looked_at"
    ] == 0
    draft = {"name": "Draft", "targets": targets, "filter": {"kind": {"eq": "incident"}}}
    query = "query($input: SlaDraftSimulationInput!) { simulateSlaDraft(input: $input) {"
    query += " lookedAt targets { target met breached running } } }"
    data = await client.data(
        query, input={"policy": {**draft, "filter": {"kind": {"eq": "incident"}}}}
    )
    assert data["simulateSlaDraft"] == {
        "lookedAt": 1,
        "targets": [{"target": "resolution", "met": 0, "breached": 0, "running": 0}],
    }
    bad = {"policy": {**draft, "filter": {"colour": {"eq": "red"}}}}
    refused = problem(await client.post("/v1/sla-policies/simulate", json=bad), 422)
    assert pointers(refused)[0].startswith("/policy/filter")
    for wrong in ({"since": "0001-01-01T00:00:00+14:00"}, {"until": "2026-01-01T00:00:00"}):
        refused = problem(await client.post(path, json=wrong), 422)
        assert pointers(refused) == [f"/{name}" for name in wrong]
    # Nothing was stored: the clocks are as they were.
    assert (await client.read("sla-policies"))["data"][0]["version"] == policy["version"]


async def test_whoever_is_denied_the_clocks_is_denied_what_they_would_be(client):
    policy = await policy_of(client)
    role = await custom_role(client, levels={"*": REACH}, masks={"case": {"hidden": ["clocks"]}})
    seller = await member(client, role)
    answer = await seller.api.post(f"/v1/sla-policies/{policy['id']}/simulate", json={})
    assert problem(answer, 403)["code"] == "hidden_field"


async def test_work_is_ranked_by_the_time_that_is_left(client, owner, database):
    await policy_of(client)
    agent = await member(client, "admin")
    mine = {**SUBJECT, "owner_id": agent.id}
    soon, late, calm = [
        await client.made("cases", {**mine, "priority": p}) for p in ("normal", "normal", "low")
    ]
    await age(owner, late, 70)
    await tick(database)
    found = (await agent.api.read("me/next"))["data"]
    assert [one["record"]["record_id"] for one in found] == [late["id"], soon["id"], calm["id"]]
    codes = {reason["code"] for reason in found[0]["reasons"]}
    assert {"overdue", "sla_breached"} <= codes
    assert found[0]["kind"] == "sla"


async def test_trouble_tells_in_the_health_of_a_company(client, owner, database):
    company = await client.made("companies", {"name": "Example Industries"})
    await policy_of(client, escalations=[{"percent": 100, "raises": True}])

    async def service():
        health = (await client.read(f"companies/{company['id']}/360"))["health"]
        return {c["component"]: c for c in health["components"]}.get("service")

    assert await service() is None
    case = await client.made("cases", {**SUBJECT, "company_id": company["id"]})
    before = await service()
    assert (before["reason"], before["count"]) == ("open_cases", 1)
    await age(owner, case, 65)
    await tick(database)
    after = await service()
    assert (after["reason"], after["count"]) == ("escalated_cases", 1)
    assert float(after["value"]) < float(before["value"])


@pytest.mark.parametrize("face", ["rest", "graphql"])
async def test_no_promotion_while_an_escalated_case_is_open(client, owner, database, face):
    company = await client.made("companies", {"name": "Example Industries"})
    person = await client.made(
        "contacts",
        {"last_name": "Person", "email": "person@example.com", "company_id": company["id"]},
    )
    consent = {"basis": "consent", "evidence": {"source": "form"}, "record_id": person["id"]}
    await client.made("consents", {**PROMOTION, **consent})
    rule = {
        "name": "No promotion while an escalated case is open",
        "subject": "company",
        "purposes": ["promotion"],
        "filter": {
            "cases": {
                "some": {
                    "is_escalated": {"eq": True},
                    "status": {"nin": ["resolved", "closed"]},
                }
            }
        },
        "message": "Let service finish first.",
    }
    await client.made("guard-rules", rule)
    await policy_of(client, escalations=[{"percent": 100, "raises": True}])

    async def reasons():
        items = [{**PROMOTION, "record_id": person["id"]}]
        if face == "rest":
            answer = await client.post("/v1/guards/evaluate", json={"items": items})
            (row,) = answer.json()["data"]
        else:
            query = "query($items: [OutreachQuestionInput!]!) { guardEvaluation(items: $items) "
            query += "{ allowed reasons } }"
            said = [{"channel": "email", "purpose": "promotion", "recordId": person["id"]}]
            (row,) = (await client.data(query, items=said))["guardEvaluation"]
        assert row["allowed"] == (row["reasons"] == [])
        return row["reasons"]

    case = await client.made("cases", {**SUBJECT, "company_id": company["id"]})
    assert await reasons() == []
    await age(owner, case, 65)
    await tick(database)
    assert (await client.read(f"cases/{case['id']}"))["is_escalated"] is True
    assert await reasons() == ["guarded"]
    await act(client, case, "resolve", resolution="Another cable")
    assert await reasons() == []
