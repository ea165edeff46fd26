"""Rules that put records on lists and into segments."""

from uuid import uuid4

from support.clients import problem

CAME = {"type": "event", "events": ["lead.created"]}


async def test_leads_come_on_a_list_once(client, rules, worker):
    one = await client.made("prospect-lists", {"name": "Trade fair"})
    step = {"action": "add_to_list", "list_id": one["id"]}
    rule = await rules.active(step, {**step, "lead_id": {"$ref": "event.record_id"}}, trigger=CAME)
    lead = await client.made("leads", {"last_name": "Example"})
    (run,) = await rules.ended(rule)
    assert [done["outcome"] for done in run["log"]] == ["done", "skipped"]
    assert run["log"][1]["result"]["reason"] == "listed_before"
    found = await client.read(f"prospect-lists/{one['id']}/members")
    assert [member["lead_id"] for member in found["data"]] == [lead["id"]]
    await client.post(f"/v1/prospect-lists/{one['id']}/freeze")
    await client.made("leads", {"last_name": "Later"})
    last = (await rules.ended(rule, 2))[-1]
    assert [done["result"]["reason"] for done in last["log"]] == ["list_frozen"] * 2
    assert (await client.read(f"prospect-lists/{one['id']}"))["member_count"] == 1


async def test_people_come_into_a_segment_and_leave_it(client, rules, worker):
    segment = await client.made("segments", {"name": "Guests", "kind": "static"})
    into = {"action": "add_to_segment", "segment_id": segment["id"]}
    out = {**into, "action": "remove_from_segment"}
    rule = await rules.active(into, into)
    contact = await client.made("contacts", {"last_name": "Example"})
    (run,) = await rules.ended(rule)
    assert [done["result"]["result"] for done in run["log"]] == ["added", "unchanged"]
    path = f"segments/{segment['id']}/members"
    assert [one["id"] for one in (await client.read(path))["data"]] == [contact["id"]]
    left = {"type": "event", "events": ["contact.updated"]}
    rule = await rules.active(out, trigger=left)
    await client.changed(f"contacts/{contact['id']}", {"title": "Guest"})
    (run,) = await rules.ended(rule)
    assert run["log"][0]["result"]["result"] == "removed"
    assert (await client.read(path))["data"] == []


async def test_what_there_is_not_is_no_list(client, rules):
    steps = (
        ({"action": "add_to_list", "list_id": str(uuid4())}, CAME, "/steps/0/list_id"),
        ({"action": "add_to_segment", "segment_id": str(uuid4())}, CAME, "/steps/0/segment_id"),
    )
    for step, trigger, pointer in steps:
        id = await rules.draft(step, trigger=trigger)
        told = problem(await client.post(f"/v1/automations/{id}/publish"), 422)
        assert [(e["pointer"], e["code"]) for e in told["errors"]] == [
            (pointer, "unknown_reference")
        ]
    segment = await client.made("segments", {"name": "Guests", "kind": "static"})
    id = await rules.draft({"action": "add_to_segment", "segment_id": segment["id"]}, trigger=CAME)
    told = problem(await client.post(f"/v1/automations/{id}/publish"), 422)
    assert [(e["pointer"], e["code"]) for e in told["errors"]] == [
        ("/steps/0/record_id", "required")
    ]
