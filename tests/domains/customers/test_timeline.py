"""Timelines: everything once, by anyone, for whoever may see it."""

import asyncio
import signal
from typing import Any

import pytest

from support.clients import Api, problem
from support.members import custom_role, member
from support.waiting import patiently

OWN = dict.fromkeys(("read", "create", "update", "delete"), "own")
COUNT = "SELECT count(*) FROM touchpoints WHERE organization_id = $1"


async def timeline(api: Api, path: str, number: int, **asked: Any) -> list[dict[str, Any]]:
    """The entries of a timeline, once there are so many."""
    found: list[dict[str, Any]] = []
    async for _ in patiently():
        found = (await api.read(f"{path}/timeline", limit=200, **asked))["data"]
        if len(found) >= number:
            break
    assert len(found) == number, [one["topic"] for one in found]
    return found


@pytest.fixture
async def customer(client):
    company = await client.made("companies", {"name": "Example Industries"})
    contact = await client.made("contacts", {"last_name": "Person", "company_id": company["id"]})
    deal = await client.made(
        "deals", {"name": "Office", "contact_id": contact["id"], "amount": "100"}
    )
    return company, contact, deal


async def test_what_deals_and_people_have_is_on_the_timeline_of_their_company(
    client, worker, customer
):
    company, contact, deal = customer
    said = {"target": "contact", "record_id": contact["id"], "body": "Called back."}
    await client.made("comments", said)
    whole = await timeline(client, f"companies/{company['id']}", 2)
    assert [one["topic"] for one in whole] == ["comment.created", "deal.created"]
    assert [one["is_direct"] for one in whole] == [False, False]
    assert whole[1]["record"] | {"collection": "deals", "id": deal["id"], "name": "Office",
                                 "status": "open"} == whole[1]["record"]  # fmt: skip
    assert len(await timeline(client, f"contacts/{contact['id']}", 2)) == 2
    await timeline(client, f"deals/{deal['id']}", 1)
    path = f"companies/{company['id']}"
    assert await timeline(client, path, 0, rollup=False) == []
    (sold,) = await timeline(client, path, 1, department="sales")
    assert sold["topic"] == "deal.created"
    assert await timeline(client, path, 0, direction="in") == []
    # Page by page it is the same.
    first = await client.read(f"{path}/timeline", limit=1)
    second = await client.read(f"{path}/timeline", limit=1, cursor=first["next_cursor"])
    assert first["data"] + second["data"] == whole
    assert second["next_cursor"] is None
    answer = await client.get(f"/v1/{path}/timeline?direction=in&cursor={first['next_cursor']}")
    problem(answer, 422)
    document = """query($id: UUID!) { timeline(party: "company", id: $id) {
        data { topic record { id name } actor { kind } } nextCursor } }"""
    shown = (await client.data(document, id=company["id"]))["timeline"]
    assert [one["topic"] for one in shown["data"]] == [one["topic"] for one in whole]


async def test_calls_and_cases_are_on_it_with_their_departments(client, worker, customer):
    company, contact, deal = customer
    call = {"kind": "call", "subject": "Asked for a date", "direction": "inbound"}
    await client.made("activities", {**call, "status": "completed", "deal_id": deal["id"]})
    await client.made("activities", {**call, "status": "completed", "is_internal": True})
    case = await client.made("cases", {"subject": "It stands still", "contact_id": contact["id"]})
    solved = {"resolution": "Restarted."}
    answer = await client.post(f"/v1/cases/{case['id']}/resolve", json=solved)
    assert answer.status_code == 200, answer.text
    whole = await timeline(client, f"companies/{company['id']}", 4)
    told = [(one["topic"], one["department"], one["direction"]) for one in whole]
    assert told[:2] == [("case.resolved", "service", None), ("case.created", "service", None)]
    assert ("activity.logged", "sales", "in") in told[2:]
    assert len(await timeline(client, f"cases/{case['id']}", 2)) == 2
    task = {"subject": "Send the plan", "company_id": company["id"]}
    await client.made("tasks", task)
    # What a person of the company has is the company's, whichever sections are asked for.
    await client.made("cases", {"subject": "Again", "contact_id": contact["id"]})
    path = f"companies/{company['id']}/360"
    shown = await client.read(path, sections="open_tasks,open_cases")
    open_now = {
        one["name"]: [row["subject"] for row in one["data"]["data"]] for one in shown["sections"]
    }
    assert open_now == {"open_tasks": ["Send the plan"], "open_cases": ["Again"]}


async def test_whoever_took_part_has_it_on_their_timeline_once(client, worker, customer):
    company, contact, deal = customer
    elsewhere = await client.made("companies", {"name": "Another"})
    guest = await client.made("contacts", {"last_name": "Guest", "company_id": elsewhere["id"]})
    away = await client.made("contacts", {"last_name": "Away"})
    case = await client.made("cases", {"subject": "It stands still"})
    links = [
        {"target": "contact", "record_id": guest["id"], "role": "participant"},
        {"target": "contact", "record_id": guest["id"], "role": "organizer"},
        {"target": "contact", "record_id": contact["id"], "role": "participant"},
        {"target": "case", "record_id": case["id"]},
        {"target": "user", "record_id": (await member(client, "admin")).id},
    ]
    body = {"kind": "meeting", "subject": "All of them", "status": "completed", "links": links}
    made = await client.made("activities", {**body, "contact_id": contact["id"]})
    for path, number in (
        (f"contacts/{guest['id']}", 1),
        (f"companies/{elsewhere['id']}", 1),
        (f"cases/{case['id']}", 2),
        (f"contacts/{contact['id']}", 2),
        (f"companies/{company['id']}", 2),
        (f"deals/{deal['id']}", 1),
    ):
        found = await timeline(client, path, number)
        met = [one["is_direct"] for one in found if one["record"]["id"] == made["id"]]
        direct = not path.startswith("companies")
        assert met == ([] if path.startswith("deals") else [direct]), path
    assert await timeline(client, f"contacts/{away['id']}", 0) == []


async def test_each_sees_what_their_records_tell_and_pages_are_full(client, worker, customer):
    company, contact, _ = customer
    role = await custom_role(
        client,
        levels={"*": {"read": "all"}, "deals": OWN},
    )
    one, two = await member(client, role), await member(client, role)
    owned = {"contact_id": contact["id"]}
    for number in range(3):
        await client.made("deals", {"name": f"A{number}", "owner_id": one.id, **owned})
        await client.made("deals", {"name": f"B{number}", "owner_id": two.id, **owned})
    path = f"companies/{company['id']}"
    await timeline(client, path, 7)
    for who, letter in ((one, "A"), (two, "B")):
        page = await who.api.read(f"{path}/timeline", limit=2)
        names = [entry["record"]["name"] for entry in page["data"]]
        assert names == [f"{letter}2", f"{letter}1"]
        rest = await who.api.read(f"{path}/timeline", limit=2, cursor=page["next_cursor"])
        assert [entry["record"]["name"] for entry in rest["data"]] == [f"{letter}0"]
        assert rest["next_cursor"] is None


async def test_a_timeline_goes_with_merges_and_the_end_of_records(client, worker, customer):
    company, contact, deal = customer
    other = await client.made("contacts", {"last_name": "Person"})
    path = f"contacts/{other['id']}"
    await timeline(client, f"contacts/{contact['id']}", 1)
    body = {"winner_id": other["id"], "loser_ids": [contact["id"]]}
    merged = await client.post("/v1/contacts/merge", json=body)
    assert merged.status_code == 201, merged.text
    await timeline(client, path, 1)
    merges = (await client.read("merges"))["data"]
    undone = await client.post(f"/v1/merges/{merges[0]['id']}/undo")
    assert undone.status_code == 200, undone.text
    async for _ in patiently():
        if not (await client.read(f"{path}/timeline"))["data"]:
            break
    await timeline(client, f"contacts/{contact['id']}", 1)
    assert (await client.delete(f"/v1/deals/{deal['id']}")).status_code == 204
    assert await timeline(client, f"companies/{company['id']}", 0) == []
    assert (await client.delete(f"/v1/deals/{deal['id']}?purge=true")).status_code == 204


async def test_what_was_before_somebody_belonged_to_a_company_is_on_its_timeline(client, worker):
    contact = await client.made("contacts", {"last_name": "Person"})
    await client.made("deals", {"name": "Office", "contact_id": contact["id"]})
    await timeline(client, f"contacts/{contact['id']}", 1)
    company = await client.made("companies", {"name": "Example Industries"})
    await client.changed(f"contacts/{contact['id']}", {"company_id": company["id"]})
    await timeline(client, f"companies/{company['id']}", 1)


async def test_a_killed_worker_loses_and_repeats_nothing(client, org, owner, worker_process):
    contact = await client.made("contacts", {"last_name": "Person"})
    first = worker_process()
    deals = [{"name": f"Deal {n}", "contact_id": contact["id"]} for n in range(100)]
    for start in range(0, 100, 50):
        answer = await client.post("/v1/deals/bulk", json={"items": deals[start : start + 50]})
        assert answer.status_code == 200
        await asyncio.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    # What was read already is not read again; read anew from the beginning it changes nothing.
    worker_process()
    await timeline(client, f"contacts/{contact['id']}", 100)
    await owner.execute(
        "UPDATE touchpoint_states SET tx = 0, seq = 0 WHERE organization_id = $1", org.id
    )
    await client.made("deals", {"name": "Last", "contact_id": contact["id"]})
    await timeline(client, f"contacts/{contact['id']}", 101)
    assert await owner.fetchval(COUNT, org.id) == 101


async def test_off_it_is_not_there_and_goes_on_where_it_stood(client, worker, customer):
    company, contact, _ = customer
    await timeline(client, f"companies/{company['id']}", 1)
    for verb in ("disable", "enable"):
        answer = await client.post(f"/v1/modules/customers/{verb}")
        assert answer.status_code == 200, answer.text
        if verb == "disable":
            await client.made("deals", {"name": "Second", "contact_id": contact["id"]})
            problem(await client.get(f"/v1/companies/{company['id']}/timeline"), 404)
    await timeline(client, f"companies/{company['id']}", 2)
