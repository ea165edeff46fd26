"""A request reaches whoever somebody is, of whichever kind their records are."""

import io
import json
import zipfile
from uuid import uuid4

from crm_api.kit.crud.personal import Copies, Gone
from crm_api.kit.db.tx import unit_of_work
from crm_api.registry import MODULES
from support.clients import problem, tx_of
from support.members import custom_role, member

EMAIL, PHONE = "quendolina.zw@sample-host.example", "+49 30 90182099"
PERSON = {"first_name": "Quendolina", "last_name": "Zwirbelhuber", "email": EMAIL}


async def verified(client, target, id, kind="erasure"):
    """A request about a record, as it can be started."""
    body = {"kind": kind, "target": target, "record_id": id}
    made = await client.made("subject-requests", body)
    said = {"verification": "Saw a passport"}
    answer = await client.post(f"/v1/subject-requests/{made['id']}/verify", json=said)
    assert answer.status_code == 200, answer.text
    return made["id"]


async def erased(client, target, id):
    """Have somebody erased; what was done."""
    request = await verified(client, target, id)
    answer = await client.post(f"/v1/subject-requests/{request}/start")
    assert answer.status_code == 202, answer.text
    await client.ended(answer.json()["job_id"])
    return (await client.read(f"subject-requests/{request}"))["report"]


async def converted(client, **more):
    """A lead and the contact that it became."""
    user = await client.made("users", {"email": "rep@example.com", "name": "Sample Rep"})
    body = {**PERSON, "phone": PHONE, "owner_id": user["id"], **more}
    lead = await client.made("leads", body)
    answer = await client.post(f"/v1/leads/{lead['id']}/convert", json={})
    assert answer.status_code == 200, answer.text
    return lead["id"], answer.json()["contact_id"]


async def test_a_contact_is_erased_with_the_lead_that_it_was(client, worker):
    lead, contact = await converted(client)
    other = await client.made("leads", {"last_name": "Sibling", "email": EMAIL})
    report = await erased(client, "contact", contact)
    problem(await client.get(f"/v1/contacts/{contact}"), 404)
    problem(await client.get(f"/v1/leads/{lead}"), 404)
    assert (report["records"]["contact"], report["records"]["lead"]) == (1, 1)
    assert report["same_keys"] == [other["id"]]
    history = await client.read(f"leads/{lead}/history")
    assert history["data"][0]["type"] == "lead.erased"
    assert EMAIL not in str(history)


async def test_a_lead_is_erased_with_the_contact_that_it_became(client, worker):
    lead, contact = await converted(client)
    loser = await client.made("contacts", {"last_name": "Zwirbelhuber"})
    merge = {"winner_id": loser["id"], "loser_ids": [contact]}
    assert (await client.post("/v1/contacts/merge", json=merge)).status_code == 201
    report = await erased(client, "lead", lead)
    problem(await client.get(f"/v1/leads/{lead}"), 404)
    problem(await client.get(f"/v1/contacts/{loser['id']}"), 404)
    assert report["records"]["contact"] == 2
    assert report["same_keys"] == []


async def test_a_lead_is_erased_whatever_became_of_it(client, owner, worker):
    lead, _ = await converted(client)
    other = await client.made("leads", {**PERSON, "email": "other@sample-host.example"})
    said = {"reason": "Quendolina wants nothing"}
    answer = await client.post(f"/v1/leads/{other['id']}/disqualify", json=said)
    assert answer.status_code == 200, answer.text
    for id in (lead, other["id"]):
        await erased(client, "lead", id)
        row = await owner.fetchrow("SELECT leads::text AS said FROM leads WHERE id = $1", id)
        assert "Quendolina" not in row["said"]


async def test_whoever_was_erased_comes_back_as_no_kind_of_person(client, worker):
    person = {**PERSON, "phone": PHONE, "external_ids": {"hub": "4711"}}
    contact = (await client.made("contacts", person))["id"]
    await erased(client, "contact", contact)
    for body in ({"last_name": "New", "email": EMAIL}, {"last_name": "New", "phone": PHONE}):
        for kind in ("contacts", "leads"):
            problem(await client.post(f"/v1/{kind}", json=body), 409, "person_erased")
    # Another system may have the same number for a lead and a contact who are two.
    await client.made("leads", {"last_name": "New", "external_ids": {"hub": "4711"}})
    body = {"target": "lead", "email": EMAIL, "reason": "Signed up at the fair."}
    answer = await client.post("/v1/erasures/readmit", json=body)
    assert answer.json() == {"readmitted": 1}
    await client.made("leads", PERSON | {"phone": PHONE})
    await client.made("contacts", PERSON)
    problem(await client.post(f"/v1/contacts/{contact}/restore"), 409, "person_erased")


async def test_a_hold_of_one_kind_keeps_the_person(client, worker):
    lead, contact = await converted(client)
    hold = {"target": "lead", "record_id": lead, "reason": "Pending litigation"}
    await client.made("legal-holds", hold)
    request = await verified(client, "contact", contact)
    answer = await client.post(f"/v1/subject-requests/{request}/start")
    problem(answer, 409, "legal_hold")


async def test_whoever_erases_may_do_so_to_all_that_the_person_is(client, keyed, worker):
    _, contact = await converted(client)
    request = await verified(client, "contact", contact)
    scopes = ["privacy:read", "privacy:write", "privacy:purge", "contacts:read", "contacts:purge"]
    narrow = await keyed(*scopes)
    problem(await narrow.post(f"/v1/subject-requests/{request}/preview"), 403, "missing_right")
    wide = await keyed(*scopes, "leads:purge")
    answer = await wide.post(f"/v1/subject-requests/{request}/preview")
    assert answer.json()["records"]["lead"] == 1, answer.text


async def test_what_is_anonymised_for_its_age_is_that_kind_alone(client, owner, worker):
    lead, contact = await converted(client)
    sql = "UPDATE leads SET created_at = now() - make_interval(days => 9) WHERE id = $1"
    await owner.execute(sql, lead)
    policy = {"name": "Old", "target": "lead", "days": 1, "action": "anonymise"}
    made = await client.made("retention-policies", policy | {"counted_from": "created_at"})
    answer = await client.post(f"/v1/retention-policies/{made['id']}/run")
    done = await client.ended(answer.json()["job_id"])
    assert done["result"]["done"] == 1, done
    problem(await client.get(f"/v1/leads/{lead}"), 404)
    assert (await client.read(f"contacts/{contact}"))["id"] == contact


async def test_an_archive_is_whole_whatever_whoever_makes_it_sees(client, owner, org, worker):
    lead, contact = await converted(client)
    await client.changed(f"contacts/{contact}", {"birth_date": "1971-03-09"})
    sql = """INSERT INTO outreach_touches
        (organization_id, key, target, record_id, channel, purpose, at)
        VALUES ($1, $2, 'contact', $3, 'email', 'newsletter', now())"""
    await owner.execute(sql, org.id, uuid4(), contact)
    off = await client.post("/v1/modules/leads/disable", params={"cascade": "true"})
    assert off.status_code == 200, off.text
    role = await custom_role(
        client,
        levels={"contacts": {"read": "all"}},
        masks={"contact": {"hidden": ["birth_date"]}},
        permissions=["manage_privacy", "export"],
    )
    officer = (await member(client, role)).api
    request = await verified(client, "contact", contact, "access")
    answer = await officer.post(f"/v1/subject-requests/{request}/start")
    assert answer.status_code == 202, answer.text
    await client.ended(answer.json()["job_id"])
    answer = await officer.get(f"/v1/subject-requests/{request}/archive")
    assert answer.status_code == 200, answer.text
    archive = zipfile.ZipFile(io.BytesIO(answer.content))

    def rows(part):
        return [json.loads(line) for line in archive.read(f"{part}.ndjson").splitlines()]

    assert [row["birth_date"] for row in rows("contact")] == ["1971-03-09"]
    assert [row["id"] for row in rows("lead")] == [lead]
    (touch,) = rows("outreach_touches.outreach_touches")
    assert touch["purpose"] == "newsletter"
    assert "organization_id" not in touch


async def test_every_trace_hands_out_what_it_keeps_or_says_why_not(database, org):
    """Each can be asked, and none has been forgotten."""
    person = Gone(
        "contact",
        (uuid4(),),
        frozenset({("email", EMAIL)}),
        frozenset(),
        frozenset(),
        hashes={("email", EMAIL): "0" * 64},
    )
    for trace in (trace for module in MODULES for trace in module.traces):
        if isinstance(trace.collect, Copies):
            assert trace.collect.reason
            continue
        async with unit_of_work(tx_of(database, org)) as tx:
            await tx.learned.learn()
            found = await trace.collect(tx, person)
        assert found, trace.name
        assert all(not rows for rows in found.values()), trace.name


async def test_followers_who_see_their_own_are_told_of_whoever_was_erased(client, worker):
    own = dict.fromkeys(("read", "create", "update", "delete"), "own")
    rep = await member(client, await custom_role(client, levels={"contacts": own}))
    mine = (await rep.api.made("contacts", PERSON))["id"]
    page = {"next_cursor": None, "more": True}
    while page["more"]:
        after = {"after": page["next_cursor"]} if page["next_cursor"] else {}
        page = await rep.api.read("contacts/changes", **after)
    await erased(client, "contact", mine)
    page = await rep.api.read("contacts/changes", after=page["next_cursor"])
    assert [one["id"] for one in page["removed"]] == [mine]
    assert page["data"] == []
