"""Test runs: every step is shown, and nothing of it has happened."""

import pytest

from support.clients import pointers, problem
from support.rules import CREATED, TAG

COUNTED = ("contacts", "companies", "events", "jobs", "automation_runs", "automation_steps")


async def everything(owner, org):
    return [
        await owner.fetchval(f"SELECT count(*) FROM {table} WHERE organization_id = $1", org.id)
        for table in COUNTED
    ]


async def test_every_step_is_shown_and_undone(client, rules, owner, org):
    keeper = await client.made("users", {"email": "keeper@example.com", "name": "Keeper"})
    person = await client.made("contacts", {"last_name": "Person", "owner_id": keeper["id"]})
    id = await rules.draft(
        {"action": "create", "entity": "company", "name": "made", "data": {"name": "Made"}},
        {"action": "wait", "duration": "3d"},
        {"action": "branch", "if": {"last_name": "Person"}, "then": [
            {"action": "update", "patch": {"source": {"$ref": "steps.made.id"}}}]},
        {"action": "notify", "owner": True, "subject": "{{ event.type }}", "text": "{{ record.source }}"},
        condition={"lifecycle": "customer"},
    )  # fmt: skip
    before = await everything(owner, org)
    told = await rules.act(id, "test", {"record_id": person["id"]})
    assert (told["passes"], told["outcome"]) == (False, "succeeded")
    assert [(s["place"], s["outcome"]) for s in told["steps"]] == [
        ("/steps/0", "done"),
        ("/steps/1", "waiting"),
        ("/steps/2", "done"),
        ("/steps/2/then/0", "done"),
        ("/steps/3", "done"),
    ]
    made = told["steps"][0]["result"]["id"]
    assert [c["type"] for c in told["steps"][0]["changes"]] == ["company.created"]
    assert told["steps"][3]["changes"][0]["data"] == {"source": made}
    assert told["steps"][4]["preview"] == {
        "to": ["keeper@example.com"], "subject": "contact.created", "text": made,
    }  # fmt: skip
    assert await everything(owner, org) == before
    assert (await client.get(f"/v1/companies/{made}")).status_code == 404


async def test_a_step_that_fails_ends_it(client, rules, owner, org):
    person = await client.made("contacts", {"last_name": "Person"})
    company = await client.made("companies", {"name": "Gone"})
    id = await rules.draft(
        TAG,
        {"action": "update", "entity": "company", "id": company["id"], "patch": {"name": "New"}},
        TAG,
    )
    await client.delete(f"/v1/companies/{company['id']}")
    before = await everything(owner, org)
    told = await rules.act(id, "test", {"record_id": person["id"]})
    assert told["outcome"] == "failed"
    assert [s["outcome"] for s in told["steps"]] == ["done", "failed"]
    assert told["steps"][1]["error"]["code"] == "not_found"
    assert await everything(owner, org) == before


async def test_a_version_is_tried_with_what_would_be_sent(client, rules):
    step = {"action": "create", "entity": "company", "data": {"name": {"$ref": "input.name"}}}
    id = await rules.active(step, trigger={"type": "webhook"})
    await client.changed(f"automations/{id}", {"steps": [{"action": "stop"}]})
    told = await rules.act(id, "test", {"input": {"name": "Sent"}, "version": 1})
    assert told["steps"][0]["changes"][0]["data"]["name"] == "Sent"
    assert [s["action"] for s in (await rules.act(id, "test", {}))["steps"]] == ["stop"]
    told = await rules.act(id, "test", {"version": 1})
    assert told["steps"][0]["error"]["code"] == "validation"
    problem(await client.post(f"/v1/automations/{id}/test", json={"version": 9}), 404)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({}, "/record_id"), ({"record_id": "01890000-0000-7000-8000-000000000000"}, "/record_id")],
)
async def test_it_takes_a_record_that_is_there(client, rules, body, pointer):
    id = await rules.draft(TAG, trigger=CREATED)
    found = problem(await client.post(f"/v1/automations/{id}/test", json=body), 422)
    assert pointers(found) == [pointer]


async def test_it_acts_for_whoever_asks(client, rules, keyed):
    person = await client.made("contacts", {"last_name": "Person"})
    id = await rules.active(TAG)
    weak = await keyed("automations:write", "contacts:read", "events:read")
    answer = await weak.post(f"/v1/automations/{id}/test", json={"record_id": person["id"]})
    problem(answer, 403, "insufficient_scope")
