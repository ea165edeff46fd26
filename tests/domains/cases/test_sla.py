"""Clocks of cases as policies have them run: at both faces, by the tick, whoever dies."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from crm_api.domains.cases.service import CaseService
from crm_api.kit.db.tx import unit_of_work
from crm_api.platform.notifications.events import NOTICE
from support.clients import pointers, problem, tx_of
from support.sla import SUBJECT, act, age, clock, policy_of, tick, user_of
from support.waiting import patiently


async def escalations(owner, case):
    rows = await owner.fetch(
        "SELECT target, level FROM sla_escalations WHERE case_id = $1 ORDER BY target, level",
        UUID(case["id"]),
    )
    return [tuple(row) for row in rows]


async def test_a_case_has_its_clocks_when_it_is_made(client):
    policy = await policy_of(client)
    case = await client.made("cases", SUBJECT)
    assert case["sla_policy_id"] == policy["id"]
    assert [(c["target"], c["state"]) for c in case["clocks"]] == [
        ("first_response", "running"),
        ("resolution", "running"),
    ]
    began, due = (datetime.fromisoformat(case[n]) for n in ("created_at", "next_due_at"))
    assert due - began == timedelta(hours=1)
    assert case == await client.read(f"cases/{case['id']}")
    query = '{ cases(where: {slaState: {eq: "running"}, nextDueAt: {gt: "2020-01-01T00:00:00Z"}}) '
    query += "{ nodes { id slaState slaPolicyId clocks { target dueAt state } } } }"
    (found,) = (await client.data(query))["cases"]["nodes"]
    assert found["slaPolicyId"] == policy["id"]
    assert [c["target"] for c in found["clocks"]] == ["first_response", "resolution"]
    filters = {"filter[sla_state]": "running", "filter[next_due_at][lt]": "2100-01-01T00:00:00Z"}
    assert len((await client.read("cases", **filters))["data"]) == 1
    found = await client.read("cases", **{"filter[sla_policy_id]": policy["id"]})
    assert [one["id"] for one in found["data"]] == [case["id"]]


async def test_without_a_policy_no_clock_runs(client):
    await policy_of(client, filter={"priority": {"eq": "high"}})
    case = await client.made("cases", SUBJECT)
    assert (case["clocks"], case["sla_state"], case["sla_policy_id"]) == ([], None, None)
    raised = await client.changed(f"cases/{case['id']}", {"priority": "high"})
    assert raised["sla_state"] == "running"
    assert raised["first_responded_at"] is None
    lowered = await client.changed(f"cases/{case['id']}", {"priority": "low"})
    assert (lowered["clocks"], lowered["sla_state"], lowered["next_due_at"]) == ([], None, None)


async def test_the_first_policy_that_fits_is_the_one(client):
    await policy_of(client, name="For all", position=9)
    first = await policy_of(client, name="Urgent", position=1, filter={"priority": {"eq": "high"}})
    made = [await client.made("cases", {**SUBJECT, "priority": p}) for p in ("high", "normal")]
    assert [case["sla_policy_id"] == first["id"] for case in made] == [True, False]


async def test_a_priority_counts_from_the_beginning(client, owner):
    await policy_of(client)
    case = await client.made("cases", {**SUBJECT, "priority": "low"})
    raised = await client.changed(f"cases/{case['id']}", {"priority": "high"})
    began, due = (datetime.fromisoformat(clock(raised)[name]) for name in ("started_at", "due_at"))
    assert began == datetime.fromisoformat(case["created_at"])
    assert due - began == timedelta(hours=1)


async def test_waiting_pauses_and_resolving_meets(client):
    await policy_of(client)
    user = await user_of(client)
    case = await client.made("cases", {**SUBJECT, "owner_id": user})
    waiting = await act(client, case, "wait")
    assert (waiting["sla_state"], waiting["next_due_at"]) == ("paused", None)
    assert clock(waiting)["left_minutes"] == 59
    resumed = await act(client, case, "resume")
    assert (resumed["sla_state"], clock(resumed)["paused_at"]) == ("running", None)
    resolved = await act(client, case, "resolve", resolution="Another cable")
    assert (resolved["sla_state"], resolved["next_due_at"]) == ("met", None)
    assert resolved["first_responded_at"] == resolved["resolved_at"]
    assert {c["state"] for c in resolved["clocks"]} == {"met"}
    again = await act(client, case, "reopen")
    assert [(c["target"], c["state"]) for c in again["clocks"]] == [
        ("first_response", "met"),
        ("next_response", "running"),
        ("resolution", "running"),
    ]


async def test_an_answer_meets_and_the_next_question_asks_anew(client, org, database):
    await policy_of(client)
    case = await client.made("cases", SUBJECT)
    id = UUID(case["id"])

    async def said(what, minutes):
        async with unit_of_work(tx_of(database, org)) as tx:
            at = tx.now - timedelta(minutes=minutes)
            service = CaseService(tx)
            if what == "respond":
                await service.respond({id: [at]})
            else:
                await service.customer_replied(id, at)
        return await client.read(f"cases/{case['id']}")

    answered = await said("respond", 0)
    assert clock(answered, "first_response")["state"] == "met"
    assert answered["status"] == "in_progress"
    assert answered["first_responded_at"] == clock(answered, "first_response")["met_at"]
    asked = await said("customer_replied", 0)
    assert clock(asked, "next_response")["state"] == "running"
    # It is no answer to what was asked later.
    early = await said("respond", 5)
    assert clock(early, "next_response")["state"] == "running"
    again = await said("respond", 0)
    assert clock(again, "next_response")["state"] == "met"
    assert again["first_responded_at"] == answered["first_responded_at"]


@pytest.mark.usefixtures("worker")
async def test_policies_and_calendars_that_change_have_clocks_reckoned_anew(client, org):
    policy = await policy_of(client)
    case = await client.made("cases", SUBJECT)
    began = datetime.fromisoformat(case["created_at"])

    async def due_after(wanted):
        async for _ in patiently():
            found = await client.read(f"cases/{case['id']}")
            due = clock(found)["due_at"]
            if due is not None and datetime.fromisoformat(due) - began == wanted:
                break

    targets = [{"target": "resolution", "priority": "normal", "minutes": 120}]
    await client.changed(f"sla-policies/{policy['id']}", {"targets": targets})
    await due_after(timedelta(minutes=120))
    # Closed for the day and the next: as much later.
    for n in range(2):
        day = (began + timedelta(days=n)).date()
        body = {
            "calendar_id": policy["calendar_id"],
            "day": str(day),
            "name": "Closed",
            "hours": [],
        }
        await client.made("calendar-exceptions", body)
    opens = datetime.combine(began.date() + timedelta(days=2), datetime.min.time(), began.tzinfo)
    await due_after(opens + timedelta(minutes=120) - began)
    assert (await client.delete(f"/v1/sla-policies/{policy['id']}")).status_code == 204
    async for _ in patiently():
        if (await client.read(f"cases/{case['id']}"))["clocks"] == []:
            break


async def test_what_is_due_is_done_once(client, owner, database):
    me = await user_of(client)
    team = await client.made("teams", {"name": "Second line"})
    steps = [
        {"percent": 50, "target": "resolution", "notify": [me]},
        {"percent": 100, "target": "resolution", "raises": True, "reassign_to": me},
        {
            "percent": 150,
            "target": "resolution",
            "reassign_to_team": team["id"],
            "raises_priority": True,
        },
    ]
    await policy_of(client, escalations=steps)
    case = await client.made("cases", SUBJECT)
    await age(owner, case, 65)
    await asyncio.gather(*[tick(database) for _ in range(3)])
    found = await client.read(f"cases/{case['id']}")
    assert await escalations(owner, case) == [
        ("first_response", 100),
        ("resolution", 50),
        ("resolution", 100),
    ]
    assert (found["is_escalated"], found["owner_id"], found["status"]) == (True, me, "assigned")
    assert (found["sla_state"], found["escalation_level"]) == ("breached", 100)
    assert clock(found)["escalated"] == [50, 100]
    await age(owner, case, 30)
    await tick(database)
    found = await client.read(f"cases/{case['id']}")
    assert (found["team_id"], found["priority"]) == (team["id"], "high")
    assert found["escalation_level"] == 150
    events = (await client.read("events", limit=100))["data"]
    told = [
        (e["type"], e["data"]["target"], e["data"]["percent"])
        for e in events
        if e["type"] in {"case.escalated", "case.sla_breached"}
    ]
    assert sorted(told) == [
        ("case.escalated", "resolution", 50),
        ("case.escalated", "resolution", 150),
        ("case.sla_breached", "first_response", 100),
        ("case.sla_breached", "resolution", 100),
    ]
    (notice,) = [e for e in events if e["type"] == NOTICE]
    assert (notice["record_id"], notice["data"]["users"]) == (case["id"], [me])


async def test_two_workers_at_once_take_each_case_once(client, owner, database):
    await policy_of(client, escalations=[{"percent": 75}])
    made = [await client.made("cases", SUBJECT) for _ in range(20)]
    for case in made:
        await age(owner, case, 50)
    await asyncio.gather(*[tick(database) for _ in range(4)])
    for case in made:
        assert await escalations(owner, case) == [("first_response", 75), ("resolution", 75)]
    events = (await client.read("events", limit=200))["data"]
    told = [(e["record_id"], e["data"]["target"]) for e in events if e["type"] == "case.escalated"]
    assert len(told) == len(set(told)) == 40


async def test_a_worker_that_is_killed_loses_and_doubles_nothing(client, owner, worker_process):
    await policy_of(client, escalations=[{"percent": 75, "raises": True}])
    made = [await client.made("cases", SUBJECT) for _ in range(30)]
    for case in made:
        await age(owner, case, 50)
    first = worker_process()
    async for _ in patiently(0.01):
        if any([await escalations(owner, case) for case in made[:1]]) or first.poll() is not None:
            break
        if await owner.fetchval(
            "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation "
            "WHERE c.relname = 'sla_escalations'"
        ):
            break
    first.kill()
    worker_process(), worker_process()
    for case in made:
        async for _ in patiently():
            if len(await escalations(owner, case)) == 2:
                break
    events = (await client.read("events", limit=200))["data"]
    told = [(e["record_id"], e["data"]["target"]) for e in events if e["type"] == "case.escalated"]
    assert len(told) == len(set(told)) == 60


async def test_what_is_late_is_told_also_if_it_is_done_before_the_tick(client, owner):
    await policy_of(client)
    case = await client.made("cases", SUBJECT)
    await age(owner, case, 65)
    resolved = await act(client, case, "resolve", resolution="Another cable")
    assert (resolved["sla_state"], clock(resolved)["left_minutes"] < 0) == ("breached", True)
    assert await escalations(owner, case) == [("first_response", 100), ("resolution", 100)]


async def test_steps_name_who_is_there(client):
    nobody = "00000000-0000-0000-0000-00000000beef"
    targets = [{"target": "resolution", "priority": "normal", "minutes": 1}]
    steps = [{"percent": 50, "notify": [nobody]}, {"percent": 60, "reassign_to_team": nobody}]
    body = {"name": "Standard", "targets": targets, "escalations": steps}
    refused = problem(await client.post("/v1/sla-policies", json=body), 422)
    assert pointers(refused) == ["/escalations/0/notify/0", "/escalations/1/reassign_to_team"]


async def test_who_is_gone_gets_no_case_and_holds_up_nobody(client, owner, database):
    team = await client.made("teams", {"name": "Second line"})
    steps = [{"percent": 100, "target": "resolution", "reassign_to_team": team["id"]}]
    await policy_of(client, escalations=steps)
    case = await client.made("cases", SUBJECT)
    assert (await client.delete(f"/v1/teams/{team['id']}")).is_success
    await age(owner, case, 65)
    await tick(database)
    found = await client.read(f"cases/{case['id']}")
    assert (found["team_id"], found["sla_state"]) == (None, "breached")


async def test_a_case_that_had_ended_before_a_policy_came_is_not_judged_by_it(client):
    case = await client.made("cases", SUBJECT)
    await act(client, case, "resolve", resolution="Another cable")
    await act(client, case, "close")
    await policy_of(client)
    rated = await act(client, case, "rate", score=5)
    assert (rated["clocks"], rated["sla_policy_id"]) == ([], None)
