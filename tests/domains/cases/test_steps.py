"""Clocks of cases by what changes beside them: steps, many answers, the organization's zone."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from crm_api.domains.cases.service import CaseService
from crm_api.kit.db.tx import unit_of_work
from support.clients import pointers, problem, tx_of
from support.sla import SUBJECT, age, clock, policy_of, tick
from support.waiting import patiently

CALL = {"kind": "call", "direction": "outbound", "subject": "Called back"}


def call(case, at):
    about = {"target": "case", "record_id": case["id"], "role": "about"}
    times = {"starts_at": at.isoformat(), "ended_at": at.isoformat()}
    return {**CALL, **times, "status": "completed", "links": [about]}


async def test_a_step_that_hands_a_case_over_counts_by_the_state_it_is_in_then(
    client, owner, database
):
    team = await client.made("teams", {"name": "Second line"})
    steps = [{"percent": 50, "target": "resolution", "reassign_to_team": team["id"]}]
    await policy_of(client, escalations=steps, pause_statuses=["assigned"])
    case = await client.made("cases", SUBJECT)
    await age(owner, case, 40)
    await tick(database)
    found = await client.read(f"cases/{case['id']}")
    assert (found["status"], found["sla_state"]) == ("assigned", "paused")
    assert clock(found)["left_minutes"] in {19, 20}
    # So it is after the next change, which reckons from the beginning.
    changed = await client.changed(f"cases/{case['id']}", {"severity": "minor"})
    assert (changed["sla_state"], clock(changed)["paused_at"]) == (
        "paused",
        clock(found)["paused_at"],
    )


async def test_a_step_that_hands_a_case_over_has_it_go_by_the_policy_of_who_gets_it(
    client, owner, database
):
    team = await client.made("teams", {"name": "Second line"})
    steps = [{"percent": 50, "target": "resolution", "reassign_to_team": team["id"]}]
    first = await policy_of(client, position=9, escalations=steps)
    calendar = {"id": first["calendar_id"]}
    own = {"filter": {"team_id": {"eq": team["id"]}}, "position": 1}
    second = await policy_of(client, name="Second line", minutes=600, calendar=calendar, **own)
    case = await client.made("cases", SUBJECT)
    assert case["sla_policy_id"] == first["id"]
    await age(owner, case, 40)
    await tick(database)
    found = await client.read(f"cases/{case['id']}")
    assert (found["team_id"], found["sla_policy_id"]) == (team["id"], second["id"])
    assert clock(found)["minutes"] == 600


async def test_of_several_answers_at_once_that_counts_which_is_one(client, org, database):
    await policy_of(client)
    case = await client.made("cases", SUBJECT)
    id = UUID(case["id"])
    async with unit_of_work(tx_of(database, org)) as tx:
        await CaseService(tx).respond({id: [tx.now]})
    async with unit_of_work(tx_of(database, org)) as tx:
        await CaseService(tx).customer_replied(id, tx.now)
    found = await client.read(f"cases/{id}")
    assert clock(found, "next_response")["state"] == "running"
    now = datetime.now(UTC)
    # What was said before they asked is told last.
    calls = [call(case, now), call(case, now - timedelta(hours=1))]
    answer = await client.post("/v1/activities/bulk", json={"op": "create", "items": calls})
    assert answer.is_success, answer.text
    found = await client.read(f"cases/{id}")
    assert clock(found, "next_response")["state"] == "met"


async def test_answers_to_many_cases_take_as_many_statements_as_to_two(client, statements):
    await policy_of(client)
    made = [await client.made("cases", SUBJECT) for _ in range(12)]
    now = datetime.now(UTC)
    taken = []
    for cases in (made[:2], made[2:]):
        body = {"op": "create", "items": [call(case, now) for case in cases]}
        async with statements() as found:
            answer = await client.post("/v1/activities/bulk", json=body)
        assert answer.is_success, answer.text
        taken.append([sql for sql in found.work if 'INTO "activities"' not in sql])
    assert len(taken[0]) == len(taken[1]), taken
    for case in made:
        found = await client.read(f"cases/{case['id']}")
        assert clock(found, "first_response")["state"] == "met"


async def test_a_bulk_looks_into_the_calendar_once(client, statements):
    await policy_of(client)
    async with statements() as found:
        items = [SUBJECT] * 8
        answer = await client.post("/v1/cases/bulk", json={"op": "create", "items": items})
    assert [one["record"]["sla_state"] for one in answer.json()["results"]] == ["running"] * 8
    assert len([sql for sql in found.work if "calendar_exceptions" in sql]) == 1


async def test_without_a_calendar_all_count_by_the_zone_of_the_organization(world, database, owner):
    org = await world.org(time_zone="Pacific/Auckland")
    client = await world.client(org)
    targets = [{"target": "resolution", "priority": "normal", "minutes": 60}]
    await client.made("sla-policies", {"name": "Standard", "targets": targets})
    case = await client.made("cases", SUBJECT)
    sql = "UPDATE cases SET sla_next_at = now() - interval '1 second' WHERE id = $1"
    await owner.execute(sql, UUID(case["id"]))
    await tick(database)
    found = await client.read(f"cases/{case['id']}")
    assert (clock(found)["due_at"], found["version"]) == (clock(case)["due_at"], case["version"])


@pytest.mark.usefixtures("worker")
async def test_another_zone_of_the_organization_has_clocks_reckoned_anew(client):
    targets = [{"target": "resolution", "priority": "normal", "minutes": 60}]
    await client.made("sla-policies", {"name": "Standard", "targets": targets})
    case = await client.made("cases", SUBJECT)
    zone = {"time_zone": "Pacific/Auckland"}
    assert (await client.patch("/v1/organization", json=zone)).is_success
    async for _ in patiently():
        found = await client.read(f"cases/{case['id']}")
        if clock(found)["due_at"] != clock(case)["due_at"]:
            return
    raise AssertionError(found)


@pytest.mark.parametrize("face", ["rest", "graphql"])
async def test_a_policy_that_is_changed_says_each_thing_once(client, face):
    policy = await policy_of(client)
    target = {"target": "resolution", "priority": "normal"}
    twice = {
        "targets": [{**target, "minutes": n} for n in (60, 90)],
        "escalations": [{"percent": 50}, {"percent": 50, "raises": True}],
    }
    path = f"/v1/sla-policies/{policy['id']}"
    if face == "rest":
        refused = problem(await client.patch(path, json=twice), 422)
        assert sorted(pointers(refused)) == ["/escalations", "/targets"]
        assert (await client.patch(path, json={"escalations": [{"percent": 50}]})).is_success
    else:
        query = "mutation($id: UUID!, $input: SlaPolicyUpdateInput!) "
        query += "{ updateSlaPolicy(id: $id, input: $input) { id } }"
        given = {"escalations": [{"percent": 50}, {"percent": 50}]}
        answer = await client.gql(query, id=policy["id"], input=given)
        assert "once for a target" in str(answer["errors"][0]), answer
    assert (await client.read(path.removeprefix("/v1/")))["targets"] == policy["targets"]
