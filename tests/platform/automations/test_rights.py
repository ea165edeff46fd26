"""A rule does what whoever it acts for may do at that moment, and forgets the erased."""

import asyncio

import pytest

from support.clients import problem
from support.members import custom_role, member
from support.rules import CREATED, TAG, Rules
from support.waiting import patiently

OWN = dict.fromkeys(("read", "create", "update", "delete"), "own")
pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture
async def rep(client):
    """Somebody who sees their own records, and may set things up."""
    role = await custom_role(client, levels={"*": OWN}, permissions=["manage_settings"])
    return await member(client, role)


async def paused(client, id):
    async for _ in patiently():
        found = await client.read(f"automations/{id}")
        if found["status"] == "paused":
            break
    return found["paused_reason"]


async def test_it_is_for_the_records_of_its_actor_alone(client, rep):
    rules = Rules(rep.api)
    id = await rules.active(TAG)
    hidden = await client.made("contacts", {"last_name": "Hidden"})
    await client.made("contacts", {"last_name": "Mine", "owner_id": rep.id})
    (run,) = await rules.ended(id)
    assert (await client.read(f"contacts/{hidden['id']}"))["tags"] == []
    other = {"action": "update", "entity": "contact", "id": hidden["id"], "patch": {"tags": ["x"]}}
    id = await rules.active(other)
    await client.made("contacts", {"last_name": "Mine", "owner_id": rep.id})
    (run,) = await rules.ended(id, status="failed")
    assert run["error"]["code"] == "not_found"


@pytest.mark.parametrize("end", ["leave", "lose_the_role"])
async def test_it_ends_with_the_rights_of_its_actor(client, rep, end):
    rules = Rules(rep.api)
    id = await rules.active(TAG, trigger={"type": "event", "events": ["contact.restored"]})
    made = await client.made("contacts", {"last_name": "Mine", "owner_id": rep.id})
    path = f"/v1/contacts/{made['id']}"

    async def restored():
        assert (await client.delete(path)).status_code == 204
        assert (await client.post(f"{path}/restore")).status_code == 200

    await restored()
    await rules.ended(id)
    await client.changed(path.removeprefix("/v1/"), {"tags": []})
    if end == "leave":
        assert (await client.delete(f"/v1/users/{rep.id}")).status_code == 204
    else:
        found = await client.read("role-assignments", **{"filter[user_id]": rep.id})
        for given in found["data"]:
            await client.delete(f"/v1/role-assignments/{given['id']}")
    await restored()
    assert await paused(client, id) == "rights_lost"
    assert (await client.read(f"contacts/{made['id']}"))["tags"] == []
    history = await client.read(f"automations/{id}/history")
    assert history["data"][0]["type"] == "automation.paused"


async def test_what_waits_is_done_with_the_rights_of_then(client, rep, owner):
    rules = Rules(rep.api)
    id = await rules.active({"action": "wait", "duration": "1d"}, TAG)
    person = await client.made("contacts", {"last_name": "Mine", "owner_id": rep.id})
    run = await rules.until(id, "waiting")
    await client.changed(f"contacts/{person['id']}", {"owner_id": None})
    await owner.execute(
        "UPDATE jobs SET run_at = now() WHERE status = 'queued' AND args ->> 'run_id' = $1",
        run["id"],
    )
    await rules.ended(id, status="failed")
    assert (await client.read(f"contacts/{person['id']}"))["tags"] == []


async def test_what_is_gone_pauses_it(client, rules):
    field = await client.made(
        "custom-fields", {"target": "contact", "name": "tier", "type": "text"}
    )
    id = await rules.active(TAG, condition={"custom": {"tier": "gold"}})
    assert (await client.delete(f"/v1/custom-fields/{field['id']}")).status_code == 204
    await asyncio.sleep(1.5)  # a worker may believe for a second that the field is there
    await client.made("contacts", {"last_name": "Person"})
    assert await paused(client, id) == "outdated"
    problem(await client.post(f"/v1/automations/{id}/resume"), 422)


async def test_the_erased_are_forgotten(client, rules, anonymous, owner):
    hooked = await rules.active(
        {"action": "wait", "duration": "1d"}, {"action": "stop"}, trigger={"type": "webhook"}
    )
    path = (await rules.act(hooked, "rotate-hook"))["path"]
    await anonymous.post(path, json={"who": "Quillfeather"})
    id = await rules.active({"action": "wait", "duration": "1d"}, TAG, trigger=CREATED)
    person = await client.made("contacts", {"last_name": "Quillfeather"})
    await rules.until(id, "waiting")
    await rules.until(hooked, "waiting")
    request = await client.made("subject-requests", {"kind": "erasure", "record_id": person["id"]})
    at = f"/v1/subject-requests/{request['id']}"
    said = {"verification": "Saw the passport"}
    assert (await client.post(f"{at}/verify", json=said)).status_code == 200
    await client.ended((await client.post(f"{at}/start")).json()["job_id"])
    runs = [*await rules.runs(id), *await rules.runs(hooked)]
    assert [run["status"] for run in runs] == ["cancelled", "cancelled"]
    kept = await owner.fetch(
        "SELECT input, results, error FROM automation_runs WHERE automation_id = ANY($1::uuid[])",
        [id, hooked],
    )
    assert "Quillfeather" not in str(kept)
