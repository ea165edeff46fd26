"""Files that wait behind links: what is in them, how long they stay, and what ends them."""

import asyncio
import csv
import io
import json
import os
import time
from datetime import timedelta

import openpyxl
import time_machine

from crm_api.kit import clock
from crm_api.kit.files.local import LocalFiles
from crm_api.kit.files.sweeping import YOUNG
from crm_api.kit.query.cursor import seal
from crm_api.platform.exports.downloads import remove_files
from crm_api.platform.exports.service import _CONTEXT
from support.clients import problem
from support.exports import begun, downloaded, ended, exported
from support.waiting import patiently

FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "'=1+1", "''@x", "'quoted'", '="a",b']


def files_of(settings, org):
    return sorted((settings.files_dir / "exports").glob(f"{org.id}/*"))


async def test_no_cell_is_a_formula_and_imports_read_them_as_they_were(client, other, worker):
    await client.made("custom-fields", {"target": "contact", "name": "a", "type": "text"})
    for turn, text in enumerate(FORMULAS):
        body = {"last_name": text, "email": f"p{turn}@example.com", "phone": f"+49 30 9018{turn}0"}
        await client.made("contacts", {**body, "tags": [text, "x"], "custom": {"a": text}})
    fields = ["last_name", "email", "phone", "tags", "custom"]
    answer = await exported(client, "contacts", fields=fields, sort=["created_at"])
    rows = list(csv.reader(io.StringIO(answer.content.decode())))[1:]
    dangerous = [
        cell for row in rows for cell in row if cell[:1] in {"=", "+", "-", "@", "\t", "\r"}
    ]
    # Numbers alone are no formulas.
    assert dangerous == [f"+4930 9018{turn}0".replace(" ", "") for turn in range(len(FORMULAS))]
    assert [row[0] for row in rows][:3] == ["'=1+1", "'+cmd|' /C calc'!A0", "'-2+3"]
    files = {"file": ("people.csv", answer.content)}
    made = (await other.post("/v1/imports", files=files, data={"entity": "contact"})).json()
    started = (await other.post(f"/v1/imports/{made['id']}/start")).json()
    async for _ in patiently():
        if (await other.read(f"jobs/{started['job_id']}"))["status"] == "succeeded":
            break
    imported = (await other.read("contacts", sort="email", limit=50))["data"]
    assert [row["last_name"] for row in imported] == FORMULAS
    sheet = await exported(client, "contacts", format="xlsx", fields=fields, sort=["created_at"])
    book = openpyxl.load_workbook(io.BytesIO(sheet.content))
    cells = [row[0] for row in list(book.active.iter_rows())[1:]]
    assert [cell.value for cell in cells] == FORMULAS
    assert {cell.data_type for cell in cells} == {"s"}


async def test_a_default_export_can_be_imported_again(client, other, worker):
    await client.made("companies", {"name": "Example", "domains": ["example.com"]})
    person = {
        "first_name": "Sample",
        "last_name": "Person",
        "emails": [{"value": "sample@example.com"}],
        "phones": [{"value": "+49 30 901820"}],
        "birth_date": "1980-02-29",
        "title": "Buyer",
        "tags": ["first", "second"],
        "source": "fair",
        "description": "Two\nlines",
    }
    await client.made("contacts", person)
    answer = await exported(client, "contacts")
    files = {"file": ("people.csv", answer.content)}
    made = (await other.post("/v1/imports", files=files, data={"entity": "contact"})).json()
    started = (await other.post(f"/v1/imports/{made['id']}/start")).json()
    async for _ in patiently():
        job = await other.read(f"jobs/{started['job_id']}")
        if job["status"] == "succeeded":
            break
    assert job["result"]["counts"]["create"] == 1, (job, made["mapping"])
    (found,) = (await other.read("contacts"))["data"]
    for name in ("first_name", "last_name", "birth_date", "title", "tags", "source", "description"):
        assert found[name] == person[name]
    assert (found["email"], found["phone"]) == ("sample@example.com", "+4930901820")


async def test_csv_in_the_dialect_that_was_asked_for(client, worker):
    await client.made("contacts", {"last_name": 'Ä;"b"\n'})
    answer = await exported(
        client, "contacts", fields=["last_name", "version"], delimiter=";", bom=True
    )
    assert answer.content == '\ufefflast_name;version\r\n"Ä;""b""";1\r\n'.encode()
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="contacts-')
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-store"


async def test_numbers_and_days_of_a_sheet_lose_nothing(client, worker):
    await client.made("companies", {"name": "A", "annual_revenue": "1234.5", "currency": "EUR"})
    big = "99999999999999.9999"
    company = {"name": "B", "annual_revenue": big, "currency": "EUR", "founded_on": "1999-12-31"}
    await client.made("companies", company)
    fields = ["name", "annual_revenue", "founded_on", "custom"]
    answer = await exported(client, "companies", format="xlsx", fields=fields, sort=["name"])
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    rows = list(book.active.iter_rows(min_row=2, values_only=True))
    assert rows[0][1] == 1234.5
    assert rows[1][1] == big
    assert rows[1][2].date().isoformat() == "1999-12-31"


async def test_custom_fields_are_columns_of_their_own(client, keyed, worker):
    for name, type, more in (
        ("size", "integer", {}),
        ("price", "money", {"currency": "EUR"}),
        ("pay", "decimal", {"visible_to": ["pay:read"]}),
    ):
        field = {"target": "contact", "name": name, "type": type, **more}
        await client.made("custom-fields", field)
    custom = {"size": 7, "price": "9.5", "pay": "1000"}
    await client.made("contacts", {"last_name": "Person", "custom": custom})
    fields = ["last_name", "custom.size", "custom.price", "custom.pay", "custom"]
    answer = await exported(client, "contacts", format="ndjson", fields=fields)
    price = {"amount": "9.50", "currency": "EUR"}
    assert json.loads(answer.content) == {
        "last_name": "Person",
        "custom.size": 7,
        "custom.price": price,
        "custom.pay": "1000",
        "custom": {"size": 7, "price": price, "pay": "1000"},
    }
    # Without a word about them, all that may be seen.
    blind = await keyed("contacts:*", "exports:*")
    row = json.loads((await exported(blind, "contacts", format="ndjson")).content)
    assert {name for name in row if name.startswith("custom")} == {"custom.size", "custom.price"}
    row = json.loads(
        (await exported(blind, "contacts", format="ndjson", fields=["custom"])).content
    )
    assert row == {"custom": {"size": 7, "price": price}}
    body = {"format": "csv", "fields": ["custom.pay"]}
    problem(await blind.post("/v1/contacts/export", json=body), 403)


async def test_a_link_opens_one_file_for_a_while(client, other, org, settings, database, worker):
    await client.made("contacts", {"last_name": "Person"})
    started = await begun(client, "contacts", fields=["last_name"])
    assert (await client.read(f"exports/{started['export']['id']}"))["rows"] in {None, 1}
    done = await ended(client, started["export"]["id"])
    url = done["download_url"]
    assert (await downloaded(client, url)).content == b"last_name\r\nPerson\r\n"
    token = url.rpartition("/")[2]
    for wrong in (token[:-2] + "AA", token[1:], "x", "%00", "ü"):
        answer = await downloaded(client, f"/public/exports/{wrong}")
        problem(answer, 404, "invalid_link")
    # Other tokens of the service are no links.
    cursor = (await client.read("views", limit=1))["next_cursor"] or seal(
        database.signing_key, b"12345678", [1]
    )
    problem(await downloaded(client, f"/public/exports/{cursor}"), 404, "invalid_link")
    with time_machine.travel(clock.now() + timedelta(hours=1, seconds=1), tick=True):
        problem(await downloaded(client, url), 404, "expired_link")
        again = (await client.read(f"exports/{done['id']}"))["download_url"]
        assert (await downloaded(client, again)).status_code == 200
    with time_machine.travel(clock.now() + timedelta(hours=25), tick=True):
        later = await client.read(f"exports/{done['id']}")
        assert (later["status"], later["download_url"]) == ("expired", None)
        long = seal(database.signing_key, _CONTEXT, [str(org.id), done["id"], 2**33])
        problem(await downloaded(client, f"/public/exports/{long}"), 404, "file_gone")
    problem(await other.get(f"/v1/exports/{done['id']}"), 404)
    assert (await other.read("exports"))["data"] == []


async def test_expired_files_and_those_of_dead_tries_are_removed(
    client, org, settings, database, worker
):
    first = await ended(client, (await begun(client, "contacts"))["export"]["id"])
    second = await ended(client, (await begun(client, "contacts"))["export"]["id"])
    orphan = (settings.files_dir / "exports") / str(org.id) / ("f" * 32)
    orphan.write_text("half")
    assert len(files_of(settings, org)) == 3
    await remove_files(database, LocalFiles(settings.files_dir))
    assert len(files_of(settings, org)) == 3
    past = time.time() - YOUNG.total_seconds() - 60
    for path in files_of(settings, org):
        os.utime(path, (past, past))
    await remove_files(database, LocalFiles(settings.files_dir))
    assert len(files_of(settings, org)) == 2
    await client.delete(f"/v1/exports/{first['id']}")
    problem(await downloaded(client, first["download_url"]), 404, "file_gone")
    async for _ in patiently():
        if len(files_of(settings, org)) == 1:
            break
    with time_machine.travel(clock.now() + timedelta(hours=25), tick=True):
        await remove_files(database, LocalFiles(settings.files_dir))
    assert files_of(settings, org) == []
    problem(await downloaded(client, second["download_url"]), 404, "file_gone")


async def test_what_happened_is_written_down(client, worker):
    body = {"filter": {"lifecycle": "lead"}, "fields": ["id"]}
    done = await ended(client, (await begun(client, "contacts", **body))["export"]["id"])
    created, completed = await client.told(done["id"], 2, types="export.*")
    assert created["type"] == "export.created"
    assert created["data"]["filters"] == [body["filter"]]
    assert created["data"]["fields"] == ["id"]
    assert created["actor"]["id"] == done["created_by"]
    assert completed["type"] == "export.completed"
    assert completed["data"]["rows"] == done["rows"]


async def test_a_rehearsal_begins_nothing(client, worker):
    answer = await client.post("/v1/contacts/export", params={"dry_run": "true"}, json={})
    assert answer.status_code == 202
    assert (await client.read("exports"))["data"] == []
    problem(await client.get(f"/v1/exports/{answer.json()['export']['id']}"), 404)


async def test_a_job_that_is_cancelled_leaves_nothing(client, org, settings):
    started = await begun(client, "contacts")
    await client.post(f"/v1/jobs/{started['job_id']}/cancel")
    found = await client.read(f"exports/{started['export']['id']}")
    assert (found["status"], found["download_url"]) == ("cancelled", None)
    assert files_of(settings, org) == []


MANY = """
    INSERT INTO contacts (organization_id, id, name, sort_name, last_name, lifecycle, tags, emails,
        phones, addresses, version, created_at, updated_at, custom, external_ids)
    SELECT $1, gen_random_uuid(), 'Person ' || n, 'person ' || n, 'Person ' || n, 'lead', '[]',
        '[]', '[]', '[]', 1, now(), now(), '{}', '{}' FROM generate_series(1, $2) n
"""


async def test_a_killed_worker_leaves_no_half_file(client, org, owner, settings, worker_process):
    await owner.execute(MANY, org.id, 60_000)
    started = await begun(client, "contacts", fields=["id", "last_name"])
    async with owner.acquire() as holder, holder.transaction():
        # However fast it writes, it cannot say that it is done.
        of_export = "SELECT FROM exports WHERE id = $1 FOR NO KEY UPDATE"
        await holder.execute(of_export, started["export"]["id"])
        first = worker_process()
        async for _ in patiently(0.01):
            done = (await client.read(f"jobs/{started['job_id']}"))["progress"]["done"]
            written = files_of(settings, org)
            if written and (done or written[0].stat().st_size):
                break
        first.kill()
        first.wait()
    assert (await client.read(f"exports/{started['export']['id']}"))["download_url"] is None
    worker_process()
    done = await ended(client, started["export"]["id"])
    answer = await downloaded(client, done["download_url"])
    ids = {row["id"] for row in csv.DictReader(io.StringIO(answer.text))}
    assert len(ids) == 60_000 == done["rows"]


async def test_a_file_is_of_one_moment(client, org, owner, worker):
    """Every name changes many times while the file is written; the file has seen one of them."""
    await owner.execute(MANY, org.id, 30_000)
    stop = asyncio.Event()

    async def rename() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            await owner.execute(
                "UPDATE contacts SET title = $2 WHERE organization_id = $1", org.id, str(turn)
            )

    renaming = asyncio.create_task(rename())
    try:
        answer = await exported(client, "contacts", fields=["id", "title"], format="ndjson")
    finally:
        stop.set()
        await renaming
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert len({row["id"] for row in rows}) == len(rows) == 30_000
    assert len({row["title"] for row in rows}) == 1


async def test_a_running_export_can_be_cancelled(client, org, owner, settings, worker_process):
    await owner.execute(MANY, org.id, 60_000)
    worker_process()
    started = await begun(client, "contacts", format="xlsx")
    async for _ in patiently(0.02):
        job = await client.read(f"jobs/{started['job_id']}")
        if job["progress"]["done"]:
            break
    assert job["progress"]["total"] == 60_000
    await client.post(f"/v1/jobs/{started['job_id']}/cancel")
    await ended(client, started["export"]["id"], "cancelled")
    assert files_of(settings, org) == []


async def test_a_sheet_that_is_too_long_says_so(client, worker, monkeypatch):
    from crm_api.platform.exports import jobs

    monkeypatch.setattr(jobs, "MAX_SHEET_ROWS", 1)
    for name in ("One", "Two"):
        await client.made("contacts", {"last_name": name})
    started = await begun(client, "contacts", format="xlsx")
    await ended(client, started["export"]["id"], "failed")
    job = await client.read(f"jobs/{started['job_id']}")
    assert job["error"]["code"] == "too_many_rows"
