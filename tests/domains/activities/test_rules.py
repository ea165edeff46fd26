"""Rules that give tasks and log activities."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from support.clients import pointers, problem
from support.members import custom_role, member
from support.rules import Rules

MADE = {"type": "event", "events": ["deal.created"]}
TASK = {"action": "create_task", "name": "task", "subject": "Call  {{ record.name }}"}
LOG = {"action": "log_activity", "kind": "note", "subject": "By a rule", "body": "{{ event.type }}"}


@pytest.fixture
def rules(client):
    return Rules(client)


async def test_a_task_is_given_once_and_what_happened_is_logged(client, worker, rules):
    zone = {"time_zone": "America/Sao_Paulo"}
    assert (await client.patch("/v1/organization", json=zone)).is_success
    owner = await member(client, "admin")
    company = await client.made("companies", {"name": "Example Industries"})
    contact = await client.made("contacts", {"last_name": "Person", "company_id": company["id"]})
    # The last step fails, so that the run is taken up again.
    broken = {"action": "update", "patch": {"contact_id": {"$ref": "event.data.nothing"}}}
    task = {**TASK, "due_in": "2d", "priority": "high"}
    id = await rules.active(task, LOG, broken, trigger=MADE)
    parties = {"company_id": company["id"], "contact_id": contact["id"]}
    deal = await client.made("deals", {"name": "Office", "owner_id": owner.id, **parties})
    (run,) = await rules.ended(id, status="failed")
    for _ in range(2):
        answer = await client.post(f"/v1/automation-runs/{run['id']}/retry")
        assert answer.is_success, answer.text
        await rules.ended(id, status="failed")
    (made,) = (await client.read("tasks"))["data"]
    assert (made["subject"], made["priority"]) == ("Call Office", "high")
    about = {"owner_id": owner.id, "deal_id": deal["id"], "links": [], **parties}
    assert about.items() <= made.items()
    there = ZoneInfo("America/Sao_Paulo")
    given, due = (
        datetime.fromisoformat(made[name]).astimezone(there) for name in ("created_at", "due_at")
    )
    assert (due.date() - given.date()).days == 2
    assert (due.hour, due.minute) == (given.hour, given.minute)
    (note,) = (await client.read("activities"))["data"]
    assert (note["status"], note["body"]) == ("completed", "deal.created")
    assert about.items() <= note.items()


async def test_what_is_no_party_is_linked(client, worker, rules):
    company = await client.made("companies", {"name": "Example Industries"})
    trigger = {"type": "event", "events": ["case.created"]}
    owner = await member(client, "admin")
    step = {**TASK, "subject": "{{ record.subject }}", "owner_id": owner.id}
    id = await rules.active(step, trigger=trigger)
    body = {"subject": "It stands still", "company_id": company["id"]}
    case = await client.made("cases", body)
    await rules.ended(id)
    (made,) = (await client.read("tasks"))["data"]
    assert made["links"] == [{"target": "case", "record_id": case["id"], "role": "about"}]
    assert (made["company_id"], made["owner_id"]) == (company["id"], owner.id)
    found = await client.read("tasks", about=f"case:{case['id']}")
    assert [one["id"] for one in found["data"]] == [made["id"]]


async def test_what_is_wrong_with_them_shows_when_they_are_published(client, rules):
    nobody = "018f0000-0000-7000-8000-000000000000"
    wrong = (
        {**TASK, "subject": "{{ record.nothing }}", "owner_id": nobody, "due_in": "-1d"},
        {**LOG, "body": "{{", "owner_id": "x"},
        {**TASK, "name": "other", "owner_id": {"$ref": "record.nothing"}},
    )
    draft = await rules.draft(*wrong, trigger=MADE)
    found = problem(await client.post(f"/v1/automations/{draft}/publish"), 422)
    assert set(pointers(found)) == {
        *(f"/steps/0/{name}" for name in ("subject", "owner_id", "due_in")),
        *(f"/steps/1/{name}" for name in ("body", "owner_id")),
        "/steps/2/owner_id",
    }
    reads = {"read": "all"}
    role = await custom_role(
        client, levels={"*": {**reads, "create": "all", "update": "all"}, "tasks": reads}
    )
    who = await member(client, role)
    # Whoever may not make tasks has no rule that does.
    answer = await who.api.post(
        "/v1/automations", json={"name": "Example", "trigger": MADE, "steps": [TASK]}
    )
    if answer.is_success:
        answer = await who.api.post(f"/v1/automations/{answer.json()['id']}/publish")
    problem(answer, 403)
