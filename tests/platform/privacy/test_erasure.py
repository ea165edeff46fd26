"""Whoever is erased leaves nothing behind, anywhere."""

import asyncio
import json
from pathlib import Path

import pytest

from support.clients import pointers, problem
from support.waiting import patiently

FIRST, MIDDLE, LAST = "Quendolina", "Xerxova", "Zwirbelhuber"
OTHER_LAST = "Zwirbelhueber"
EMAIL, FORMER = "quendolina.zw@sample-host.example", "qzw.formerly@sample-host.example"
PHONE, DIGITS = "+49 30 90182099", "493090182099"
STREET, NOTE, SECRET = "17 Vexillology Row", "Likes quokka postcards", "wombat-9931"
BADGE, HUB = "badge-77118822", "hub-55667788"
MARKS = (
    FIRST,
    MIDDLE,
    LAST,
    OTHER_LAST,
    "quendolina.zw",
    "qzw.formerly",
    "90182099",
    "Vexillology",
    "quokka",
    SECRET,
    BADGE,
    HUB,
    "203.0.113.77",
    "Chief Zeppelin Officer",
)
PERSON = {
    "first_name": FIRST,
    "middle_name": MIDDLE,
    "last_name": LAST,
    "birth_date": "1971-03-09",
    "emails": [{"value": FORMER}],
    "phones": [{"value": PHONE}],
    "addresses": [{"street": STREET, "city": "Berlin"}],
    "description": NOTE,
    "title": "Chief Zeppelin Officer",
    "external_ids": {"hub": HUB},
}


async def requested(client, person, kind="erasure", **more):
    """A request that is verified."""
    made = await client.made("subject-requests", {"kind": kind, "record_id": person, **more})
    answer = await client.post(
        f"/v1/subject-requests/{made['id']}/verify", json={"verification": f"Saw {LAST}'s passport"}
    )
    assert answer.status_code == 200, answer.text
    return made["id"]


async def erased(client, person):
    """Have somebody erased; the request."""
    id = await requested(client, person)
    answer = await client.post(f"/v1/subject-requests/{id}/start")
    assert answer.status_code == 202, answer.text
    await client.ended(answer.json()["job_id"])
    return await client.read(f"subject-requests/{id}")


async def imported(client, rows):
    """Import a file of people; the finished import."""
    files = {"file": ("people.csv", "\n".join(rows).encode())}
    answer = await client.post("/v1/imports", files=files, data={"entity": "contact"})
    assert answer.status_code == 201, answer.text
    id = answer.json()["id"]
    answer = await client.post(f"/v1/imports/{id}/start")
    assert answer.status_code == 202, answer.text
    await client.ended(answer.json()["job_id"])
    return await client.read(f"imports/{id}")


async def found_in(owner, org, marks=MARKS):
    """Every column of every table in which the organization's rows hold a mark."""
    columns = await owner.fetch("""
        SELECT c.table_name AS t, c.column_name AS c, EXISTS (
            SELECT FROM information_schema.columns o WHERE o.table_schema = c.table_schema
            AND o.table_name = c.table_name AND o.column_name = 'organization_id') AS own
        FROM information_schema.columns c
        JOIN information_schema.tables USING (table_schema, table_name)
        WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
    """)
    found: set[tuple[str, str, str]] = set()
    for table, column, own in columns:
        text = f"""CASE WHEN pg_typeof("{column}") = 'bytea'::regtype
            THEN encode(convert_to("{column}"::text, 'UTF8'), 'escape') || "{column}"::text
            ELSE "{column}"::text END"""
        rows = await owner.fetch(
            f'SELECT DISTINCT mark FROM "{table}", unnest($1::text[]) AS mark '
            f"WHERE position(lower(mark) IN lower({text})) > 0"
            + (f" AND organization_id = '{org.id}'" if own else ""),
            list(marks),
        )
        found |= {(table, column, row["mark"]) for row in rows}
    return found


def files_with(directory: Path, org, marks=MARKS):
    """The files of an organization below a directory that hold a mark."""
    return [
        path
        for path in directory.rglob(f"{org.id}/*")
        if path.is_file() and any(mark.encode() in path.read_bytes() for mark in marks)
    ]


@pytest.fixture
async def touched(client, worker):
    """A person whom everything in the product has had to do with, and what else there is."""
    fields = [
        {"name": "hobby", "type": "text", "indexed": True, "searchable": True},
        {"name": "badge", "type": "text", "unique": True},
    ]
    for field in fields:
        await client.made("custom-fields", {"target": "contact", **field})
    await client.made(
        "custom-fields", {"target": "company", "name": "boss", "type": "relation",
                          "relates_to": "contact"}
    )  # fmt: skip
    company = await client.made("companies", {"name": "Example Works"})
    body = {**PERSON, "company_id": company["id"], "custom": {"hobby": SECRET, "badge": BADGE}}
    answer = await client.post("/v1/contacts", json=body, headers={"Idempotency-Key": "make"})
    assert answer.status_code == 201, answer.text
    person = answer.json()["id"]
    await client.changed(f"companies/{company['id']}", {"custom": {"boss": person}})
    await client.changed(f"contacts/{person}", {"emails": [{"value": EMAIL}]})
    document = """mutation ($id: UUID!, $input: ContactUpdateInput!) {
        updateContact(id: $id, input: $input) { lastName description } }"""
    answer = await client.post(
        "/graphql",
        json={
            "query": document,
            "variables": {"id": person, "input": {"description": f"{NOTE}, and stamps"}},
        },
        headers={"Idempotency-Key": "graph"},
    )
    assert "errors" not in answer.json(), answer.text
    loser = await client.made(
        "contacts", {"first_name": FIRST, "last_name": OTHER_LAST, "email": EMAIL}
    )
    check = await client.post(f"/v1/contacts/{person}/duplicates/check", json={})
    del check
    pair = {"record_ids": [person, (await client.made("contacts", {"last_name": LAST}))["id"]]}
    assert (await client.post("/v1/contacts/duplicates/dismiss", json=pair)).status_code == 200
    merge = {"winner_id": person, "loser_ids": [loser["id"]]}
    assert (await client.post("/v1/contacts/merge", json=merge)).status_code == 201
    await client.delete(f"/v1/contacts/{pair['record_ids'][1]}", params={"purge": "true"})
    await imported(
        client,
        [
            "First name,Last name,Email,Birth date",
            f"{FIRST},{LAST},{EMAIL},",
            f"{FIRST},{LAST},{EMAIL},never",
            "Somebody,Else,else@example.com,",
        ],
    )
    chosen = {"format": "ndjson", "filter": {"emails": {"has": EMAIL}}}
    answer = await client.post("/v1/contacts/export", json=chosen)
    await client.ended(answer.json()["job_id"])
    said = {"basis": "consent", "evidence": {"source": f"Call with {LAST}", "ip": "203.0.113.77"}}
    consent = {"record_id": person, "purpose": "newsletter", "channel": "email", **said}
    await client.made("consents", consent)
    await client.made("suppressions", {"value": EMAIL, "note": f"{FIRST} asked", "purpose": "ads"})
    bulk = {"filter": {"emails": {"has": EMAIL}}, "op": "update", "patch": {"tags": ["vip"]}}
    answer = await client.post("/v1/contacts/bulk-by-filter", json=bulk)
    del answer
    access = await requested(client, person, "access", requester=f"{FIRST} {LAST}")
    answer = await client.post(f"/v1/subject-requests/{access}/start")
    await client.ended(answer.json()["job_id"])
    return {"person": person, "loser": loser["id"], "company": company["id"]}


async def test_nothing_of_them_is_left_in_any_table_or_file(client, touched, owner, org, settings):
    person = touched["person"]
    before = {(table, mark) for table, _, mark in await found_in(owner, org)}
    tables = {table for table, _ in before}
    assert {
        "contacts",
        "employments",
        "events",
        "record_keys",
        "search_documents",
        "search_words",
        "custom_values",
        "kept_answers",
        "import_faults",
        "exports",
        "consents",
        "suppressions",
        "subject_requests",
    } <= tables
    # An upload, an export and an archive; the last is packed.
    assert len(files_with(settings.files_dir, org)) == 2
    assert list((settings.files_dir / "archives").rglob(f"{org.id}/*"))
    request = await erased(client, person)
    assert await found_in(owner, org) == set()
    async for _ in patiently():
        left = files_with(settings.files_dir, org)
        left += list((settings.files_dir / "archives").rglob(f"{org.id}/*"))
        if not left:
            break
    assert left == []
    report = request["report"]
    assert request["status"] == "completed"
    assert report["records"]["contact"] == 2
    assert report["records"]["employment"] == 1
    assert report["records"]["kept_answers"] >= 2
    assert report["records"]["imports"] >= 2
    assert report["records"]["exports"] == 1
    assert report["kept"]["consent"]["count"] == 1
    assert report["kept"]["company.custom.boss"]["count"] == 1


async def test_what_is_left_says_that_and_when(client, touched, owner):
    person = touched["person"]
    await erased(client, person)
    problem(await client.get(f"/v1/contacts/{person}"), 404)
    (left,) = (await client.read("contacts", deleted="only", limit=1))["data"][:1]
    rows = await client.read("contacts", deleted="only")
    (left,) = [row for row in rows["data"] if row["id"] == person]
    assert left["name"] == "(erased)"
    assert left["emails"] == []
    assert left["birth_date"] is None
    assert left["custom"] == {}
    history = await client.read(f"contacts/{person}/history")
    assert history["data"][0]["type"] == "contact.erased"
    problem(await client.get(f"/v1/contacts/{person}", params={"as_of": "@now"}), 404)
    company = await client.read(f"companies/{touched['company']}")
    assert company["custom"] == {"boss": person}
    changes = await client.read("contacts/changes")
    assert person not in {row["id"] for row in changes["data"]}


async def test_they_do_not_come_back_unasked(client, touched, owner, org):
    person = touched["person"]
    await erased(client, person)
    ways = [
        {"last_name": "Whoever", "email": EMAIL.upper()},
        {"last_name": "Whoever", "email": FORMER},
        {"last_name": "Whoever", "phone": "030 90182099"},
        {"last_name": "Whoever", "external_ids": {"hub": HUB}},
        {"first_name": FIRST, "middle_name": MIDDLE, "last_name": LAST, "birth_date": "1971-03-09"},
    ]
    for body in ways:
        problem(await client.post("/v1/contacts", json=body), 409, "person_erased")
    bulk = {"op": "create", "items": ways[:2]}
    answer = await client.post("/v1/contacts/bulk", params={"on_error": "skip"}, json=bulk)
    codes = {result["problem"]["code"] for result in answer.json()["results"]}
    assert codes == {"person_erased"}, answer.text
    somebody = await client.made("contacts", {"last_name": "Somebody"})
    answer = await client.patch(f"/v1/contacts/{somebody['id']}", json={"email": EMAIL})
    problem(answer, 409, "person_erased")
    problem(await client.post(f"/v1/contacts/{person}/restore"), 409, "person_erased")
    answer = await client.post("/v1/contacts/upsert", params={"match": "email"}, json=ways[0])
    problem(answer, 409, "person_erased")
    document = 'mutation { createContact(input: {email: "%s"}) { id } }' % EMAIL  # noqa: UP031
    errors = (await client.gql(document))["errors"]
    assert errors[0]["extensions"]["code"] == "person_erased"
    done = await imported(
        client,
        [
            "First name,Last name,Email",
            f"{FIRST},{LAST},{EMAIL}",
            "Somebody,New,new@example.com",
            f"{FIRST},{LAST},{FORMER}",
        ],
    )
    assert done["counts"] == {"create": 1, "update": 0, "unchanged": 0, "skip": 0, "error": 2}
    faults = (await client.get(f"/v1/imports/{done['id']}/errors")).text
    assert faults.count("person_erased") == 2
    assert not any(mark in faults for mark in MARKS)
    # Nothing but what the new file itself says, until its import goes.
    left = {(table, column) for table, column, _ in await found_in(owner, org)}
    assert left <= {("imports", "mapping"), ("events", "data")}


async def test_whoever_wants_to_comes_back(client, touched, keyed):
    person = touched["person"]
    await erased(client, person)
    body = {"email": EMAIL, "reason": "Signed up at the fair."}
    narrow = await keyed("privacy:write", "contacts:write")
    problem(await narrow.post("/v1/erasures/readmit", json=body), 403)
    answer = await client.post("/v1/erasures/readmit", params={"dry_run": "true"}, json=body)
    assert answer.json() == {"readmitted": 1}
    problem(await client.post("/v1/contacts", json={"email": EMAIL}), 409, "person_erased")
    answer = await client.post("/v1/erasures/readmit", json=body)
    assert answer.json() == {"readmitted": 1}
    await client.made("contacts", {"email": EMAIL, "phone": PHONE})
    problem(await client.post(f"/v1/contacts/{person}/restore"), 409, "person_erased")
    document = """mutation { readmitPerson(input: {phone: "+49 30 90182099", reason: "x"}) }"""
    assert await client.data(document) == {"readmitPerson": 0}
    answer = await client.post("/v1/erasures/readmit", json={"reason": "x"})
    problem(answer, 422)
    answer = await client.post("/v1/erasures/readmit", json={"reason": "x", "email": "no"})
    assert pointers(problem(answer, 422)) == ["/email"]


async def test_a_preview_counts_and_does_nothing(client, touched, owner, org):
    person = touched["person"]
    before = await found_in(owner, org)
    id = await requested(client, person)
    answer = await client.post(f"/v1/subject-requests/{id}/preview")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["records"]["contact"] == 2
    assert found["kept"]["consent"]["count"] == 1
    document = "mutation ($id: UUID!) { previewErasure(id: $id) { records kept sameKeys } }"
    told = (await client.data(document, id=id))["previewErasure"]
    assert told["records"]["contact"] == 2
    assert before <= await found_in(owner, org)
    answer = await client.post(f"/v1/subject-requests/{id}/start", params={"dry_run": "true"})
    assert answer.status_code == 202
    assert (await client.read(f"contacts/{person}"))["last_name"] == LAST
    await client.changed(f"contacts/{person}", {"title": "Still here"})


async def test_an_archive_holds_everything_there_is(client, touched, owner, org):
    import io
    import zipfile

    person = touched["person"]
    requests = await client.read(
        "subject-requests", **{"filter[kind]": "access", "filter[record_id]": person}
    )
    (request,) = requests["data"]
    assert request["status"] == "completed"
    answer = await client.get(f"/v1/subject-requests/{request['id']}/archive")
    assert answer.status_code == 200, answer.text
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    manifest = json.loads(archive.read("manifest.json"))
    assert manifest["person"] == person
    counts = {file["file"].removesuffix(".ndjson"): file["records"] for file in manifest["files"]}
    assert counts["contact"] == 2
    assert counts["employment"] == 1
    assert counts["consent"] == 1
    assert counts["merge"] == 1
    assert counts["company.boss"] == 1
    assert counts["history"] > 5
    assert request["report"]["records"] == counts
    text = b"".join(archive.read(name) for name in archive.namelist()).decode()
    for mark in (FIRST, LAST, "quendolina.zw", "qzw.formerly", "203.0.113.77", SECRET):
        assert mark in text, mark


async def test_an_update_that_races_leaves_nothing(client, worker, owner, org):
    """Writers go on as fast as they can while the person is erased."""
    person = (await client.made("contacts", PERSON))["id"]
    over = asyncio.Event()
    statuses: set[int] = set()

    async def write(number):
        turn = 0
        while not over.is_set():
            turn += 1
            body = {"description": f"{NOTE} {number} {turn}", "middle_name": MIDDLE}
            answer = await client.patch(f"/v1/contacts/{person}", json=body)
            statuses.add(answer.status_code)
            again = {"first_name": FIRST, "last_name": LAST, "email": EMAIL}
            answer = await client.post(
                "/v1/contacts/upsert", params={"match": "email"}, json={**again, "email": FORMER}
            )
            statuses.add(answer.status_code)
            await asyncio.sleep(0.01)

    writers = [asyncio.create_task(write(number)) for number in range(3)]
    await asyncio.sleep(0.2)
    await erased(client, person)
    over.set()
    await asyncio.gather(*writers)
    # 503: who waits too long for the lock is told to come again.
    assert statuses <= {200, 404, 409, 503}
    assert await found_in(owner, org) == set()


async def test_an_import_that_races_leaves_nothing(client, worker, owner, org, settings):
    person = (await client.made("contacts", PERSON))["id"]
    rows = [f"Somebody{n},Else{n},else{n}@example.com" for n in range(1500)]
    rows[1200:1200] = [f"{FIRST},{LAST},{FORMER}"] * 3
    files = {"file": ("people.csv", "\n".join(["First name,Last name,Email", *rows]).encode())}
    answer = await client.post("/v1/imports", files=files, data={"entity": "contact"})
    id = answer.json()["id"]
    job = (await client.post(f"/v1/imports/{id}/start")).json()["job_id"]
    await erased(client, person)
    await client.ended(job)
    assert await found_in(owner, org) == set()


async def test_a_legal_hold_keeps_them(client, worker, owner, org):
    person = (await client.made("contacts", PERSON))["id"]
    hold = await client.made("legal-holds", {"record_id": person, "reason": "Litigation"})
    id = await requested(client, person)
    for verb in ("start", "preview"):
        answer = await client.post(f"/v1/subject-requests/{id}/{verb}")
        problem(answer, 409, "legal_hold")
    answer = await client.delete(f"/v1/contacts/{person}", params={"purge": "true"})
    problem(answer, 409, "legal_hold")
    await client.changed(f"legal-holds/{hold['id']}", {"ends_on": "2026-01-01"})
    answer = await client.post(f"/v1/subject-requests/{id}/start")
    assert answer.status_code == 202
    await client.ended(answer.json()["job_id"])


async def test_stragglers_are_erased_later(client, worker, owner, org, world):
    """What a process that had not heard stored meanwhile goes as well."""
    from datetime import timedelta
    from uuid import UUID

    from crm_api.kit.clock import now
    from crm_api.kit.db.tx import unit_of_work
    from crm_api.platform.privacy.events import EraseStragglers
    from support.clients import tx_of

    person = (await client.made("contacts", PERSON))["id"]
    await erased(client, person)
    keys = await owner.fetch("DELETE FROM erased_keys RETURNING *")
    late = (await client.made("contacts", {"last_name": LAST, "email": EMAIL, "phone": PHONE}))[
        "id"
    ]
    await owner.executemany(
        "INSERT INTO erased_keys VALUES ($1, $2, $3, $4, $5)", [tuple(row) for row in keys]
    )
    async with unit_of_work(tx_of(world.database, org)) as tx:
        job = tx.enqueue(EraseStragglers(UUID(person), "contact", now() - timedelta(seconds=1)))
    done = await client.ended(str(job))
    assert done["result"] == {"erased": 1}
    problem(await client.get(f"/v1/contacts/{late}"), 404)
    assert await found_in(owner, org) == set()


async def test_whoever_shares_an_address_goes_on_to_have_it(client, worker):
    person = (await client.made("contacts", PERSON))["id"]
    other = await client.made("contacts", {"last_name": "Sibling", "email": FORMER})
    request = await erased(client, person)
    assert request["report"]["same_keys"] == [other["id"]]
    await client.changed(f"contacts/{other['id']}", {"title": "Still here"})
    await client.changed(f"contacts/{other['id']}", {"email": "own@example.com"})
    answer = await client.patch(f"/v1/contacts/{other['id']}", json={"email": FORMER})
    problem(answer, 409, "person_erased")


async def test_an_erasure_that_failed_is_begun_again_or_given_up(client, worker, owner):
    person = (await client.made("contacts", PERSON))["id"]
    id = await requested(client, person)
    started = (await client.post(f"/v1/subject-requests/{id}/start")).json()
    problem(await client.post(f"/v1/subject-requests/{id}/start"), 409, "wrong_state")
    answer = await client.delete(f"/v1/subject-requests/{id}", params={"purge": "true"})
    problem(answer, 409, "in_progress")
    answer = await client.post(f"/v1/jobs/{started['job_id']}/cancel")
    assert answer.json()["status"] == "cancelled", answer.text
    again = {"last_name": LAST, "email": FORMER}
    problem(await client.post("/v1/contacts", json=again), 409, "person_erased")
    answer = await client.post(f"/v1/subject-requests/{id}/reject", json={"rejection": "Mistake"})
    assert answer.json()["status"] == "rejected"
    await client.made("contacts", again)
    id = await requested(client, person)
    started = (await client.post(f"/v1/subject-requests/{id}/start")).json()
    await client.post(f"/v1/jobs/{started['job_id']}/cancel")
    answer = await client.post(f"/v1/subject-requests/{id}/start")
    await client.ended(answer.json()["job_id"])
    assert (await client.read(f"subject-requests/{id}"))["status"] == "completed"


async def test_a_purge_wipes_the_evidence_too(client, owner, org):
    person = (await client.made("contacts", {"last_name": "Person"}))["id"]
    said = {"basis": "consent", "evidence": {"source": "form", "ip": "203.0.113.77"}}
    body = {"record_id": person, "purpose": "ads", "channel": "post", **said}
    made = await client.made("consents", body)
    await client.delete(f"/v1/contacts/{person}", params={"purge": "true"})
    assert (await client.read(f"consents/{made['id']}"))["evidence"] == {}
    assert await found_in(owner, org, ["203.0.113.77"]) == set()


async def test_whoever_was_merged_meanwhile_is_erased_as_a_whole(client, worker, owner, org):
    person = (await client.made("contacts", PERSON))["id"]
    winner = (await client.made("contacts", {"last_name": OTHER_LAST, "email": EMAIL}))["id"]
    id = await requested(client, person)
    body = {"winner_id": winner, "loser_ids": [person]}
    assert (await client.post("/v1/contacts/merge", json=body)).status_code == 201
    started = (await client.post(f"/v1/subject-requests/{id}/start")).json()
    await client.ended(started["job_id"])
    assert await found_in(owner, org) == set()
    problem(await client.post("/v1/contacts", json={"email": EMAIL}), 409, "person_erased")


async def test_answers_about_others_are_still_kept(client, worker):
    person = (await client.made("contacts", PERSON))["id"]
    body = {"last_name": "Somebody", "addresses": [{"city": "Berlin"}]}
    headers = {"Idempotency-Key": "other"}
    first = await client.post("/v1/contacts", json=body, headers=headers)
    await erased(client, person)
    again = await client.post("/v1/contacts", json=body, headers=headers)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()


async def test_statistics_forget_what_only_they_were_called(client, worker, owner, org):
    person = (await client.made("contacts", PERSON))["id"]
    counts = {"last_name": {LAST.lower(): 2, "smith": 50}, "first_name": {FIRST.lower(): 40}}
    await owner.execute(
        "INSERT INTO duplicate_knowledge (organization_id, target, fields, frequencies, rate, "
        "records, position) VALUES ($1, 'contact', '{}', $2, 0.1, 2000, 0)",
        org.id,
        json.dumps(counts),
    )
    request = await erased(client, person)
    assert request["report"]["records"]["duplicates.knowledge"] == 1
    left = await owner.fetchval(
        "SELECT frequencies::text FROM duplicate_knowledge WHERE organization_id = $1", org.id
    )
    assert json.loads(left) == {"last_name": {"smith": 50}, "first_name": {FIRST.lower(): 40}}
