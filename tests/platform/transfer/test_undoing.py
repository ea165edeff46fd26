"""Undoing an import: in pages, in parts, and what is refused once it has begun."""

from uuid import UUID

import pytest

from crm_api.api.services import open_database
from crm_api.kit.db.database import WORKER_ROLE
from crm_api.kit.files.local import LocalFiles
from crm_api.kit.jobs import JobContext, LeaseLost
from crm_api.platform.jobs.queue import JobQueue
from crm_api.platform.transfer import revert
from crm_api.platform.transfer.events import RunImport
from crm_api.platform.transfer.jobs import revert_import, run_import
from support.clients import problem
from support.waiting import patiently


@pytest.fixture
async def queue(settings):
    shared = open_database(settings, WORKER_ROLE)
    yield JobQueue(shared)
    await shared.close()


@pytest.mark.parametrize("page", [1, 3, 500])
async def test_each_record_is_put_back_once(files, client, worker, csv_of, monkeypatch, page):
    monkeypatch.setattr(revert, "PAGE", page)
    old = await client.made("contacts", {"last_name": "Old", "email": "0@example.com"})
    rows = [[f"Name {n}", f"{n % 3}@example.com", f"Works {n % 2}"] for n in range(9)]
    record = await files.imported(csv_of(["Last Name", "Email", "Company Name"], *rows))
    assert record["counts"] == {"create": 2, "update": 7, "unchanged": 0, "skip": 0, "error": 0}
    feed = await client.told(record["id"], 26, by="cause_id")
    touched = {e["record_id"] for e in feed}
    result = await files.done(record["id"], "revert")
    assert result["kept"] == 0
    assert sum(result.values()) == len(touched)
    assert await files.all("companies") == []
    (left,) = await files.all("contacts")
    assert (left["id"], left["last_name"]) == (old["id"], "Old")
    assert (await client.read(f"imports/{record['id']}"))["undone"] == result


async def test_undoing_goes_on_where_it_was_stopped(files, client, worker, csv_of, monkeypatch):
    monkeypatch.setattr(revert, "PAGE", 2)
    old = [
        await client.made("contacts", {"last_name": "Old", "email": f"{n}@example.com"})
        for n in range(20)
    ]
    rows = [[f"Name {n}", f"{n}@example.com"] for n in range(300)]
    record = await files.imported(csv_of(["Last Name", "Email"], *rows))
    at = f"/v1/imports/{record['id']}"
    tags = {(await client.get(at)).headers["etag"]}
    job = await files.begin(record["id"], "revert")
    async for _ in patiently(0.01):
        answer = await client.get(at)
        tags.add(answer.headers["etag"])
        if answer.json()["undone"]["removed"] > 20:
            break
    assert len(tags) > 2
    await client.post(f"/v1/jobs/{job}/cancel")
    await files.wait(job, "cancelled")
    part = (await client.read(f"imports/{record['id']}"))["undone"]
    assert 0 < part["removed"] < 280
    for verb in ("start", "validate"):
        problem(await client.post(f"{at}/{verb}"), 409, "undoing_begun")
    problem(await client.patch(at, json={"options": {"tags": ["x"]}}), 409, "undoing_begun")
    refused = await client.gql(
        "mutation($id: UUID!) { startImport(id: $id) { jobId } }", id=record["id"]
    )
    assert refused["errors"][0]["extensions"]["code"] == "undoing_begun"
    result = await files.done(record["id"], "revert")
    assert result == {"removed": 280, "restored": 20, "kept": 0}
    assert (await client.read(f"imports/{record['id']}"))["status"] == "reverted"
    assert {c["id"] for c in await files.all("contacts")} == {c["id"] for c in old}
    assert {c["last_name"] for c in await files.all("contacts")} == {"Old"}


async def test_a_revert_that_was_cancelled_before_its_first_step_can_be_asked_for_again(
    files, client, csv_of, queue, org, database, settings
):
    async def carry_out(runner, verb):
        job = await queue.claim(org.id, UUID(await files.begin(record["id"], verb)))
        context = JobContext(database, job.actor, job, LocalFiles(settings.files_dir))
        result = await runner.run(context, runner.message(UUID(record["id"])))
        await queue.succeed(job, result)

    record = await files.made(csv_of(["Last Name"], ["A"]))
    at = f"/v1/imports/{record['id']}"
    await carry_out(run_import, "start")
    job_id = await files.begin(record["id"], "revert")
    problem(await client.post(f"{at}/revert"), 409, "wrong_state")
    await client.post(f"/v1/jobs/{job_id}/cancel")
    for verb in ("start", "validate"):
        found = problem(await client.post(f"{at}/{verb}"), 409, "undoing_begun")
        assert "revert it" in found["detail"]
    await carry_out(revert_import, "revert")
    now = await client.read(f"imports/{record['id']}")
    assert (now["status"], now["undone"]["removed"]) == ("reverted", 1)


async def test_who_lost_the_lease_does_not_end_the_import(
    files, client, csv_of, database, settings, owner, queue, org
):
    record = await files.made(csv_of(["Last Name"], ["A"]))
    job_id = UUID(await files.begin(record["id"], "start"))
    held = await queue.claim(org.id, job_id)
    # The worker hangs until its lease has run out, and another one takes the job over.
    await owner.execute(
        "UPDATE jobs SET status = 'queued', lease_token = NULL WHERE id = $1", job_id
    )
    taken = await queue.claim(org.id, job_id)
    assert held is not None
    assert taken is not None
    (file,) = (settings.files_dir / "imports" / str(org.id)).iterdir()
    away = file.rename(file.with_suffix(".away"))
    message = RunImport(UUID(record["id"]))
    # Without its file the straggler would write `failed`.
    with pytest.raises(LeaseLost):
        await run_import.run(
            JobContext(database, held.actor, held, LocalFiles(settings.files_dir)), message
        )
    now = await client.read(f"imports/{record['id']}")
    assert (now["status"], now["failure"], now["version"]) == ("running", None, 2)
    away.rename(file)
    await run_import.run(
        JobContext(database, taken.actor, taken, LocalFiles(settings.files_dir)), message
    )
    assert (await client.read(f"imports/{record['id']}"))["status"] == "completed"


async def test_what_others_have_come_to_need_stays(files, client, worker, csv_of):
    rows = [[name] for name in ("Employer", "Buyer", "Top", "Free")]
    record = await files.imported(csv_of(["Company Name"], *rows), entity="company")
    made = {c["name"]: c["id"] for c in await files.all("companies")}
    await client.made("contacts", {"last_name": "A", "company_id": made["Employer"]})
    await client.made("deals", {"name": "D", "company_id": made["Buyer"]})
    await client.made("companies", {"name": "Below", "parent_id": made["Top"]})
    result = await files.done(record["id"], "revert")
    assert result == {"removed": 1, "restored": 0, "kept": 3}
    assert {c["name"] for c in await files.all("companies")} == {
        *("Employer", "Buyer", "Top", "Below")
    }


async def test_people_with_deals_stay_with_their_companies(files, client, worker, csv_of):
    rows = [["Sold", "Works"], ["Called", ""], ["Alone", "Else"]]
    record = await files.imported(csv_of(["Last Name", "Company Name"], *rows))
    made = {c["last_name"]: c["id"] for c in await files.all("contacts")}
    await client.made("deals", {"name": "D", "contact_id": made["Sold"]})
    await client.made("tasks", {"subject": "Call", "contact_id": made["Called"]})
    result = await files.done(record["id"], "revert")
    assert result["kept"] >= 3
    assert {c["last_name"] for c in await files.all("contacts")} == {"Sold", "Called"}
    assert [c["name"] for c in await files.all("companies")] == ["Works"]


@pytest.mark.parametrize("page", [1, 500])
async def test_a_hierarchy_of_a_file_goes_as_a_whole_or_from_what_stays_upwards(
    files, client, worker, csv_of, monkeypatch, page
):
    monkeypatch.setattr(revert, "PAGE", page)
    columns = ["Company Name", "Parent Company"]
    for needed, left in ((None, set[str]()), ("Child", {"Child", "Middle", "Top"})):
        rows = [["Top", ""], ["Middle", "Top"], ["Child", "Middle"], ["Other", "Top"]]
        record = await files.imported(csv_of(columns, *rows), entity="company")
        made = {c["name"]: c["id"] for c in await files.all("companies")}
        if needed is not None:
            await client.made("contacts", {"last_name": "A", "company_id": made[needed]})
        await files.done(record["id"], "revert")
        assert {c["name"] for c in await files.all("companies")} == left


async def test_putting_back_makes_no_circle(files, client, worker, csv_of):
    old = await client.made("companies", {"name": "P"})
    moved = await client.made("companies", {"name": "X", "parent_id": old["id"]})
    record = await files.imported(
        csv_of(["Company Name", "Parent Company"], ["X", "Q"]), entity="company"
    )
    await client.changed(f"companies/{old['id']}", {"parent_id": moved["id"]})
    result = await files.done(record["id"], "revert")
    assert result == {"removed": 0, "restored": 0, "kept": 2}
    parents = {c["name"]: c["parent_id"] for c in await files.all("companies")}
    assert parents["P"] == moved["id"]
    assert parents["X"] not in {None, old["id"]}
