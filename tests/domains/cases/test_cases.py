"""Cases as they are opened, worked on, resolved, closed and opened again."""

import asyncio
from datetime import timedelta
from uuid import UUID

from crm_api.domains.cases.jobs import close_cases
from crm_api.domains.cases.service import CaseService
from crm_api.kit.db.tx import unit_of_work
from support.clients import pointers, problem, tx_of

SUBJECT = "The display stays dark"


async def act(api, case, verb, status=200, **body):
    path = f"/v1/cases/{case['id']}/{verb}"
    answer = await api.post(path, **({"json": body} if body else {}))
    assert answer.status_code == status, answer.text
    return answer.json()


async def closed(api, **more):
    case = await api.made("cases", {"subject": SUBJECT, **more})
    await act(api, case, "resolve", resolution="Another cable")
    return await act(api, case, "close")


async def test_the_priority_follows_impact_and_urgency_unless_it_is_given(client):
    made = {}
    for impact, urgency in (("high", "high"), ("low", "medium"), ("medium", "high")):
        body = {"subject": SUBJECT, "impact": impact, "urgency": urgency}
        made[impact, urgency] = (await client.made("cases", body))["priority"]
    assert list(made.values()) == ["urgent", "low", "high"]
    body = {"subject": SUBJECT, "impact": "high", "urgency": "high", "priority": "low"}
    assert (await client.made("cases", body))["priority"] == "low"


async def test_a_case_is_resolved_with_what_was_done(client):
    case = await client.made("cases", {"subject": SUBJECT})
    assert case["status"] == "new"
    assert case["number"].endswith("00001")
    refused = await client.post(f"/v1/cases/{case['id']}/resolve")
    found = problem(refused, 409)
    assert (found["code"], pointers(found)) == ("blocked_transition", ["/resolution"])
    resolved = await act(client, case, "resolve", resolution="Another cable")
    assert (resolved["status"], resolved["resolution"]) == ("resolved", "Another cable")


async def test_of_two_who_resolve_a_case_at_once_one_does(client):
    case = await client.made("cases", {"subject": SUBJECT})
    path, body = f"/v1/cases/{case['id']}/resolve", {"resolution": "Another cable"}
    answers = await asyncio.gather(*[client.post(path, json=body) for _ in range(4)])
    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409]


async def test_after_its_window_a_case_is_followed_up_instead(client):
    settings = {"closing_days": 0, "auto_close_days": None}
    assert (await client.put("/v1/cases/settings", json=settings)).status_code == 200
    case = await closed(client)
    refused = problem(await client.post(f"/v1/cases/{case['id']}/reopen"), 409)
    assert refused["code"] == "closing_window_passed"
    assert "follow-up" in refused["detail"]
    (way,) = (await client.read(f"cases/{case['id']}/transitions"))["allowed"]
    told = [(one["code"], one["message"]) for one in way["blockers"]]
    assert (way["verb"], told) == ("reopen", [(refused["code"], refused["detail"])])
    made = await act(client, case, "follow-up", 201)
    assert (made["follows_id"], made["subject"]) == (case["id"], SUBJECT)


async def test_within_its_window_nothing_is_in_the_way_of_reopening(client):
    case = await closed(client)
    (way,) = (await client.read(f"cases/{case['id']}/transitions"))["allowed"]
    assert (way["verb"], way["blockers"]) == ("reopen", [])


async def test_a_customer_who_writes_again_reopens_a_case_or_gets_another(client, org, database):
    case = await closed(client)
    async with unit_of_work(tx_of(database, org)) as tx:
        at = tx.now + timedelta(days=13)
        same = await CaseService(tx).customer_replied(UUID(case["id"]), at)
    assert (str(same.id), same.status, same.reopened) == (case["id"], "in_progress", 1)
    late = await closed(client)
    async with unit_of_work(tx_of(database, org)) as tx:
        at = tx.now + timedelta(days=15)
        other = await CaseService(tx).customer_replied(UUID(late["id"]), at)
    assert str(other.follows_id) == late["id"]


async def test_a_closed_case_is_rated_once(client):
    case = await closed(client)
    assert (await act(client, case, "rate", score=5, comment="Fast"))["score"] == 5
    refused = await client.post(f"/v1/cases/{case['id']}/rate", json={"score": 1})
    assert problem(refused, 409)["code"] == "already_rated"


async def test_what_is_resolved_closes_after_the_days_that_are_said(client, owner, database):
    case = await client.made("cases", {"subject": SUBJECT})
    await act(client, case, "resolve", resolution="Another cable")

    async def due(days):
        await owner.execute(
            "UPDATE cases SET resolved_at = now() - make_interval(days => $2) WHERE id = $1",
            UUID(case["id"]),
            days,
        )
        nobody = UUID(int=0)
        rows = await owner.fetch("SELECT * FROM crm_cases_resolved($1, $2, 10000)", nobody, nobody)
        return case["id"] in {str(row["case_id"]) for row in rows}

    assert [await due(days) for days in (6, 8)] == [False, True]
    for said, expected in ((None, [False, False]), (30, [False, True])):
        settings = {"closing_days": 14, "auto_close_days": said}
        assert (await client.put("/v1/cases/settings", json=settings)).is_success
        assert [await due(days) for days in (29, 31)] == expected, said
    await close_cases(database, None)
    assert (await client.read(f"cases/{case['id']}"))["status"] == "closed"
