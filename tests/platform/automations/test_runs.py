"""Runs: what begins them, what their steps do, and what the log says of it."""

import asyncio
import re
from uuid import UUID

import pytest

from crm_api.domains.deals.jobs import tell_of_rotting
from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.ids import new_id
from crm_api.platform.automations.service import MOST_ROUNDS
from support.clients import problem
from support.inboxes import inbox
from support.letters import arrived
from support.members import member, team
from support.receivers import receiving
from support.rules import TAG
from support.selling import deal, pipeline
from support.waiting import patiently

pytestmark = pytest.mark.usefixtures("worker")
PERSON = {"last_name": "Person"}


async def tags_of(client, person):
    return (await client.read(f"contacts/{person['id']}"))["tags"]


async def test_an_event_begins_one_run(client, rules):
    await client.made("contacts", {"last_name": "Before"})
    id = await rules.active(
        {"action": "create", "entity": "company", "name": "made", "data": {
            "name": {"$ref": "record.last_name"}, "source": {"$ref": "event.type"}}},
        {"action": "update", "patch": {"source": {"$ref": "steps.made.id"}}},
        TAG,
        condition={"lifecycle": "customer"},
    )  # fmt: skip
    await client.made("contacts", PERSON)
    person = await client.made("contacts", {**PERSON, "lifecycle": "customer"})
    (run,) = await rules.ended(id)
    assert (run["entity"], run["record_id"], run["depth"], run["version"]) == (
        "contact", person["id"], 0, 1,
    )  # fmt: skip
    assert [(s["place"], s["action"], s["outcome"]) for s in run["log"]] == [
        ("/steps/0", "create", "done"),
        ("/steps/1", "update", "done"),
        ("/steps/2", "update", "done"),
    ]
    (company,) = (await client.read("companies"))["data"]
    assert (company["name"], company["source"]) == ("Person", "contact.created")
    now = await client.read(f"contacts/{person['id']}")
    assert (now["source"], now["tags"]) == (company["id"], ["new"])
    caused = await client.told(run["id"], 3, by="cause_id")
    assert [event["type"] for event in caused] == [
        "company.created", "contact.updated", "contact.updated",
    ]  # fmt: skip


async def test_changes_of_fields(client, rules):
    change = {"type": "field_changed", "entity": "contact", "fields": ["lifecycle"]}
    entered = await rules.active(TAG, trigger={**change, "after": ["customer"], "on_create": True})
    left = await rules.active({"action": "stop"}, trigger={**change, "before": ["lead"]})
    fresh = await client.made("contacts", {**PERSON, "lifecycle": "customer"})
    person = await client.made("contacts", {**PERSON, "lifecycle": "lead"})
    await client.changed(f"contacts/{person['id']}", {"source": "elsewhere"})
    await client.changed(f"contacts/{person['id']}", {"lifecycle": "customer"})
    runs = await rules.ended(entered, 2)
    assert [run["record_id"] for run in runs] == [fresh["id"], person["id"]]
    (run,) = await rules.ended(left)
    assert run["record_id"] == person["id"]


async def test_events_that_name_a_field_are_no_changes_of_it(client, rules, owner, database):
    where = await pipeline(client, New={"rotting_days": 7}, Offer={})
    stage = {"type": "field_changed", "entity": "deal", "fields": ["stage_id"]}
    entered = await rules.active(
        {"action": "stop"}, trigger={**stage, "after": [where["New"]], "on_create": True}
    )
    stood = await deal(client, where)
    await owner.execute(
        "UPDATE deals SET rots_at = now() - interval '1 day' WHERE id = $1", UUID(stood["id"])
    )
    await tell_of_rotting(database, None)
    told = [event["type"] for event in await client.told(stood["id"], 2)]
    assert told == ["deal.created", "deal.rotting"]
    later = await deal(client, where)
    runs = await rules.ended(entered, 2)
    assert [run["record_id"] for run in runs] == [stood["id"], later["id"]]


async def test_a_band_is_changed_once(client, rules):
    rule = {"name": "Bank", "category": "fit", "points": 80}
    await client.made("lead-score-rules", {**rule, "filter": {"industry": {"eq": "bank"}}})
    band = {"type": "field_changed", "entity": "lead", "fields": ["band"], "after": ["hot"]}
    hot = await rules.active({"action": "stop"}, trigger=band)
    leads = [await client.made("leads", PERSON) for _ in range(2)]
    for lead in leads:
        await client.changed(f"leads/{lead['id']}", {"industry": "bank"})
    told = [event["type"] for event in await client.told(leads[0]["id"], 4)]
    assert "lead.band_changed" in told
    runs = await rules.ended(hot, 2)
    assert [run["record_id"] for run in runs] == [lead["id"] for lead in leads]


async def test_branches_and_ends(client, rules):
    id = await rules.active(
        {
            "action": "branch",
            "if": {"lifecycle": "customer"},
            "then": [{"action": "update", "patch": {"tags": ["customer"]}}, {"action": "stop"}],
            "else": [{"action": "update", "patch": {"tags": ["other"]}}],
        },
        {"action": "update", "patch": {"source": "went on"}},
    )
    one = await client.made("contacts", {**PERSON, "lifecycle": "customer"})
    two = await client.made("contacts", {**PERSON, "lifecycle": "lead"})
    runs = {run["record_id"]: run for run in await rules.ended(id, 2)}
    assert [s["place"] for s in runs[one["id"]]["log"]] == [
        "/steps/0", "/steps/0/then/0", "/steps/0/then/1",
    ]  # fmt: skip
    assert [s["place"] for s in runs[two["id"]]["log"]] == [
        "/steps/0",
        "/steps/0/else/0",
        "/steps/1",
    ]
    assert [await tags_of(client, one), await tags_of(client, two)] == [["customer"], ["other"]]


async def test_waiting_costs_nobody_anything(client, rules, owner):
    id = await rules.active({"action": "wait", "duration": "2d"}, TAG)
    person = await client.made("contacts", PERSON)
    run = await rules.until(id, "waiting")
    assert run["wake_at"] is not None
    assert await tags_of(client, person) == []
    # Two days later.
    await owner.execute(
        "UPDATE jobs SET run_at = now() WHERE status = 'queued' AND args ->> 'run_id' = $1",
        run["id"],
    )
    (run,) = await rules.ended(id)
    assert [step["outcome"] for step in run["log"]] == ["waiting", "done"]
    assert await tags_of(client, person) == ["new"]


async def test_what_waits_can_be_ended(client, rules):
    id = await rules.active({"action": "wait", "duration": "2d"}, TAG)
    await client.made("contacts", PERSON)
    run = await rules.until(id, "waiting")
    answer = await client.post(f"/v1/automation-runs/{run['id']}/cancel")
    assert answer.json()["status"] == "cancelled"
    problem(await client.post(f"/v1/automation-runs/{run['id']}/cancel"), 409, "run_ended")
    jobs = (await client.read("jobs"))["data"]
    assert not [job for job in jobs if job["status"] == "queued"]


async def test_turns_are_taken(client, rules):
    people = [await member(client, "sales_rep") for _ in range(3)]
    group = await team(client, *people)
    id = await rules.active({"action": "assign", "team_id": group})
    made = [await client.made("contacts", PERSON) for _ in range(6)]
    await rules.ended(id, 6)
    owners = [(await client.read(f"contacts/{one['id']}"))["owner_id"] for one in made]
    assert sorted(owners) == sorted([one.id for one in people] * 2)


async def test_members_are_told(client, rules, settings):
    keeper = await member(client, "sales_rep")
    id = await rules.active(
        {"action": "notify", "owner": True, "subject": "{{ record.last_name }} is here",
         "text": "Since {{ record.created_at }}."},
    )  # fmt: skip
    await client.made("contacts", {"last_name": "Émile", "owner_id": keeper.id})
    await client.made("contacts", PERSON)
    runs = await rules.ended(id, 2)
    assert [run["log"][0]["outcome"] for run in runs] == ["done", "skipped"]
    assert runs[0]["log"][0]["result"] == {"users": [keeper.id]}
    email = (await client.read(f"users/{keeper.id}"))["email"]
    said = ""
    async for _ in patiently():
        letters = arrived(settings.mail_outbox, email)
        said = "".join(letter.get_body(("plain",)).get_content() for letter in letters)
        if "is here" in said:
            break
    assert said.count("Émile is here") == 1
    assert "Since 20" in said
    (told,) = [one for one in await inbox(keeper.api, 2) if one["kind"] == "notice"]
    assert (told["title"], told["record"]["id"]) == ("Émile is here", runs[0]["record_id"])
    assert told["text"].startswith("Since 20")
    # What is told stands nowhere else: others see the record's history.
    history = await client.get(f"/v1/contacts/{runs[0]['record_id']}/history")
    assert "notice.sent" in history.text
    assert "is here" not in history.text
    await client.delete(f"/v1/contacts/{runs[0]['record_id']}?purge=true")
    assert await inbox(keeper.api, 0) == []


async def test_people_are_written_to_if_the_gate_allows(client, anonymous, rules, settings):
    id = await rules.active(
        {"action": "mail", "purpose": "newsletter", "subject": "Hello {{ record.first_name }}",
         "text": "Welcome."},
    )  # fmt: skip
    address = "reached@example.com"
    body = {"first_name": "Ada", "last_name": "Person", "emails": [{"value": address}]}
    person = await client.made("contacts", body)
    (run,) = await rules.ended(id)
    assert run["log"][0]["outcome"] == "skipped"
    assert run["log"][0]["result"] == {"reasons": ["no_consent"]}
    consent = {
        "record_id": person["id"], "purpose": "newsletter", "channel": "email",
        "basis": "consent", "evidence": {"source": "form"},
    }  # fmt: skip
    answer = await client.post("/v1/consents", json=consent)
    assert answer.status_code == 201, answer.text
    await rules.act(id, "run", {"record_ids": [person["id"]]}, 202)
    runs = await rules.ended(id, 2)
    assert runs[1]["log"][0]["outcome"] == "done"
    await client.idle()
    letters = [path.read_text() for path in settings.mail_outbox.glob("*.eml")]
    (letter,) = [letter for letter in letters if f"To: {address}" in letter]
    assert "Subject: Hello Ada" in letter
    # What they agreed to they take back by one click (RFC 8058).
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in letter
    link = re.search(r"List-Unsubscribe: <(\S+)>", letter)
    assert link is not None
    assert letter.count(link[1]) == 2
    path = "/public/" + link[1].partition("/public/")[2]
    for wrong in (path.replace("newsletter", "offers"), path.replace("optout_", "optout_x")):
        assert (await anonymous.post(wrong)).status_code in {404, 422}
    assert (await anonymous.get(path)).status_code == 200
    asked = {"channel": "email", "purpose": "newsletter", "record_id": person["id"]}
    body = {"items": [asked]}
    answer = await client.post("/v1/outreach/check", json=body)
    assert answer.json()["data"][0]["allowed"]
    assert (await anonymous.post(path)).status_code == 200
    answer = await client.post("/v1/outreach/check", json=body)
    assert answer.json()["data"][0]["reasons"] == ["suppressed", "withdrawn"]


async def test_endpoints_are_told(client, rules):
    async with receiving() as receiver:
        hook = await client.made("webhooks", {"url": receiver.url, "topics": ["company.deleted"]})
        id = await rules.active(
            {"action": "webhook", "webhook_id": hook["id"],
             "data": {"who": {"$ref": "record.last_name"}, "what": "created"}},
        )  # fmt: skip
        person = await client.made("contacts", PERSON)
        await receiver.have(1)
        (run,) = await rules.ended(id)
    (got,) = receiver.got
    assert got.event["type"] == "webhook.called"
    assert (got.event["record_id"], got.event["cause_id"]) == (person["id"], run["id"])
    assert got.event["data"]["data"] == {"who": "Person", "what": "created"}
    assert got.id == run["log"][0]["result"]["event_id"]


async def test_calls_from_outside(client, anonymous, rules):
    id = await rules.active(
        {"action": "create", "entity": "contact", "match": "email",
         "data": {"last_name": {"$ref": "input.name"}, "emails": [{"value": {"$ref": "input.mail"}}]}},
        trigger={"type": "webhook"},
    )  # fmt: skip
    path = (await rules.act(id, "rotate-hook"))["path"]
    sent = {"name": "Caller", "mail": "caller@example.com"}
    answers = await asyncio.gather(
        *(anonymous.post(path, json=sent, headers={"Webhook-Id": "m1"}) for _ in range(5))
    )
    assert [a.status_code for a in answers] == [202] * 5
    assert len({a.json()["run_id"] for a in answers}) == 1
    assert sorted(a.json()["is_repeated"] for a in answers) == [False, True, True, True, True]
    await rules.ended(id)
    await anonymous.post(path, json={**sent, "name": "Changed"})
    await rules.ended(id, 2)
    (person,) = (await client.read("contacts"))["data"]
    assert person["last_name"] == "Changed"
    problem(await anonymous.post(path, json=[1]), 422)
    problem(
        await anonymous.post(path, content=b"{", headers={"Content-Type": "application/json"}), 400
    )
    problem(await anonymous.post(path, json={"long": "x" * 70_000}), 413)
    problem(await anonymous.post(path[:-4] + "AAAA", json=sent), 404, "invalid_link")
    await rules.act(id, "rotate-hook")
    problem(await anonymous.post(path, json=sent), 404, "invalid_link")


async def test_asked_for_it_acts_for_whoever_asks(client, rules, keyed):
    id = await rules.active(TAG, trigger={"type": "manual", "entity": "contact"})
    person = await client.made("contacts", PERSON)
    weak = await keyed("automations:write", "contacts:read")
    answer = await weak.post(f"/v1/automations/{id}/run", json={"record_ids": [person["id"]]})
    assert answer.status_code == 202, answer.text
    (run,) = await rules.ended(id, status="failed")
    assert run["error"]["code"] == "insufficient_scope"
    assert await tags_of(client, person) == []
    reader = await keyed("automations:read", "contacts:write")
    problem(await reader.post(f"/v1/automations/{id}/run", json={"record_ids": []}), 403)


async def test_what_failed_goes_on_where_it_did(client, rules):
    company = await client.made("companies", {"name": "Before"})
    id = await rules.active(
        TAG,
        {"action": "update", "entity": "company", "id": company["id"], "patch": {"name": "After"}},
    )
    await client.delete(f"/v1/companies/{company['id']}")
    person = await client.made("contacts", PERSON)
    (run,) = await rules.ended(id, status="failed")
    assert run["error"]["code"] == "not_found"
    assert [(s["place"], s["outcome"]) for s in run["log"]] == [
        ("/steps/0", "done"), ("/steps/1", "failed"),
    ]  # fmt: skip
    assert await tags_of(client, person) == ["new"]
    (told,) = await client.told(id, 1, types="automation.run_failed")
    assert told["data"] == {"run_id": run["id"], "record_id": person["id"], "code": "not_found"}
    await client.post(f"/v1/companies/{company['id']}/restore")
    answer = await client.post(f"/v1/automation-runs/{run['id']}/retry")
    assert answer.status_code == 200, answer.text
    (run,) = await rules.ended(id)
    assert [(s["number"], s["place"], s["outcome"]) for s in run["log"]][2:] == [
        (3, "/steps/1", "done")
    ]
    assert (await client.read(f"companies/{company['id']}"))["name"] == "After"
    problem(await client.post(f"/v1/automation-runs/{run['id']}/retry"), 409, "run_not_failed")


async def test_they_do_not_cause_each_other_without_end(client, rules):
    """Two rules that undo each other come to an end, which is told."""
    change = {"type": "field_changed", "entity": "contact", "fields": ["source"]}
    ids = [
        await rules.active(
            {"action": "update", "patch": {"source": to}}, trigger={**change, "after": [of]}
        )
        for of, to in (("ping", "pong"), ("pong", "ping"))
    ]
    person = await client.made("contacts", PERSON)
    await client.changed(f"contacts/{person['id']}", {"source": "ping"})
    async for _ in patiently():
        runs = sorted(
            [run for id in ids for run in await rules.runs(id)], key=lambda run: run["depth"]
        )
        if len(runs) == 7 and all(run["finished_at"] for run in runs):
            break
    assert [run["depth"] for run in runs] == list(range(7))
    assert [run["status"] for run in runs] == ["succeeded"] * 6 + ["stopped"]
    assert runs[-1]["error"]["code"] == "too_deep"
    (told,) = await client.told(runs[-1]["automation_id"], 1, types="automation.run_stopped")
    assert told["data"]["run_id"] == runs[-1]["id"]


async def test_what_comes_back_from_outside_ends_as_well(client, anonymous, rules):
    """A rule that calls an endpoint which leads to the rule's own address."""
    async with receiving() as receiver:
        hook = await client.made("webhooks", {"url": receiver.url, "topics": ["contact.purged"]})
        trigger = {"type": "webhook"}
        id = await rules.active({"action": "webhook", "webhook_id": hook["id"]}, trigger=trigger)
        path, came = (await rules.act(id, "rotate-hook"))["path"], {}
        for depth in range(6):
            answer = await anonymous.post(path, json={}, headers=came)
            assert answer.json()["is_repeated"] is False
            run = (await rules.ended(id, depth + 1))[-1]
            assert run["depth"] == depth
            came = {"Webhook-Id": (await receiver.have(depth + 1))[depth].id}
        stopped = (await anonymous.post(path, json={}, headers=came)).json()["run_id"]
        run = await client.read(f"automation-runs/{stopped}")
        assert (run["status"], run["depth"], run["error"]["code"]) == ("stopped", 6, "too_deep")
        (told,) = await client.told(id, 1, types="automation.run_stopped")
        assert told["data"]["run_id"] == stopped
        # Of the same call again nothing comes, and one from elsewhere begins at the top.
        again = (await anonymous.post(path, json={}, headers=came)).json()
        assert again == {"run_id": stopped, "is_repeated": True}
        other = (await anonymous.post(path, json={}, headers={"Webhook-Id": str(new_id())})).json()
        assert (await client.read(f"automation-runs/{other['run_id']}"))["depth"] == 0


async def test_what_journeys_cause_ends_as_well(client, rules, tx_of, org):
    """Whatever changes a record between two runs of a rule, these have an end."""
    change = {"type": "field_changed", "entity": "contact", "fields": ["source"]}
    id = await rules.active({"action": "stop"}, trigger=change)
    person, other = [await client.made("contacts", PERSON) for _ in range(2)]
    for number in range(MOST_ROUNDS + 2):
        async with unit_of_work(tx_of(org)) as tx:
            contacts = service_of(tx, "contact")
            current = await contacts.locked(UUID(person["id"]))
            with tx.caused_by(new_id()):
                await contacts.change(current, {"source": f"Round {number}"})
    await client.changed(f"contacts/{other['id']}", {"source": "Elsewhere"})
    async for _ in patiently():
        runs = await rules.runs(id, limit=200)
        if len(runs) == MOST_ROUNDS + 3 and all(run["finished_at"] for run in runs):
            break
    stopped = [run for run in runs if run["status"] == "stopped"]
    assert [run["record_id"] for run in stopped] == [person["id"]] * 2
    assert {run["error"]["code"] for run in stopped} == {"too_deep"}
    assert {run["status"] for run in runs if run["record_id"] == other["id"]} == {"succeeded"}


async def test_in_the_bin_nothing_runs(client, rules):
    id = await rules.active({"action": "wait", "duration": "1d"}, TAG)
    await client.made("contacts", PERSON)
    await rules.until(id, "waiting")
    assert (await client.delete(f"/v1/automations/{id}")).status_code == 204
    await client.made("contacts", PERSON)
    (run,) = await rules.runs(id)
    assert run["status"] == "cancelled"


async def test_paused_it_begins_nothing_and_resumed_it_begins_anew(client, rules):
    id = await rules.active(TAG)
    await rules.act(id, "pause", {})
    await client.made("contacts", {"last_name": "Missed"})
    await rules.act(id, "resume")
    person = await client.made("contacts", PERSON)
    (run,) = await rules.ended(id)
    assert run["record_id"] == person["id"]
