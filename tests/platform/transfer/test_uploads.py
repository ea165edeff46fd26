"""Uploaded files: how long they stay, and what an import can do without its own."""

import os
from uuid import uuid4

import pytest

from crm_api.kit.files.local import LocalFiles
from crm_api.kit.files.sweeping import YOUNG
from crm_api.platform.transfer.uploads import remove_orphans
from support.clients import problem
from support.waiting import patiently


@pytest.fixture
def folder(settings, org):
    return settings.files_dir / "imports" / str(org.id)


def names(folder):
    return {path.name for path in folder.iterdir()}


def age(path):
    then = path.stat().st_mtime - YOUNG.total_seconds() - 60
    os.utime(path, (then, then))


async def until_empty(folder):
    async for _ in patiently():
        if not names(folder):
            return


async def test_the_file_goes_with_its_import(files, client, worker, csv_of, folder):
    record = await files.made(csv_of(["Last Name"], ["A"]))
    assert record["file_removed_at"] is None
    assert len(names(folder)) == 1
    assert (await client.delete(f"/v1/imports/{record['id']}")).status_code == 204
    await until_empty(folder)
    at = f"/v1/imports/{record['id']}"
    restored = await client.post(f"{at}/restore")
    assert restored.status_code == 200, restored.text
    assert restored.json()["file_removed_at"] is not None
    for verb in ("start", "validate"):
        found = problem(await client.post(f"{at}/{verb}"), 409, "file_gone")
        assert "send it again" in found["detail"]
    assert (await client.delete(at)).status_code == 204
    graph = await client.data(
        "mutation($id: UUID!) { restoreImport(id: $id) { id } }", id=record["id"]
    )
    assert graph == {"restoreImport": {"id": record["id"]}}


async def test_what_is_imported_can_be_undone_without_the_file(
    files, client, worker, csv_of, folder
):
    record = await files.imported(csv_of(["Last Name"], ["A"]))
    await client.delete(f"/v1/imports/{record['id']}")
    await until_empty(folder)
    assert len(await files.all("contacts")) == 1
    await client.post(f"/v1/imports/{record['id']}/restore")
    assert (await files.done(record["id"], "revert"))["removed"] == 1


async def test_a_delete_that_does_not_commit_keeps_the_file(files, client, csv_of, folder):
    record = await files.made(csv_of(["Last Name"], ["A"]))
    problem(await client.delete(f"/v1/imports/{record['id']}", headers={"If-Match": '"9"'}), 412)
    answer = await client.delete(f"/v1/imports/{record['id']}?dry_run=true")
    assert answer.status_code == 204
    assert (await client.read("jobs"))["data"] == []
    assert len(names(folder)) == 1


async def test_orphans_are_swept(files, client, csv_of, database, settings, folder):
    used = await files.made(csv_of(["Last Name"], ["A"]))
    (kept,) = folder.iterdir()
    old, young, foreign = folder / uuid4().hex, folder / uuid4().hex, folder / "README"
    unknown = settings.files_dir / "imports" / str(uuid4()) / uuid4().hex
    unknown.parent.mkdir()
    for path in (old, young, foreign, unknown):
        path.write_text("rows")
    for path in (old, foreign, unknown, kept):
        age(path)
    await remove_orphans(database, LocalFiles(settings.files_dir))
    assert names(folder) == {kept.name, young.name, "README"}
    assert unknown.exists(), "of another database, perhaps"
    # The job that should remove a deleted import's file was lost.
    await client.delete(f"/v1/imports/{used['id']}")
    await remove_orphans(database, LocalFiles(settings.files_dir))
    assert names(folder) == {young.name, "README"}
    unknown.unlink()


async def test_workers_sweep_when_it_is_time(folder, files, csv_of, owner, worker_process):
    await files.made(csv_of(["Last Name"], ["A"]))
    old = folder / uuid4().hex
    old.write_text("rows")
    age(old)
    await owner.execute(
        "UPDATE schedules SET next_at = now(), lease_token = NULL, lease_until = NULL "
        "WHERE name = 'imports.remove_orphans'"
    )
    worker_process()
    async for _ in patiently():
        if not old.exists():
            break
    assert len(names(folder)) == 1


async def test_no_files_are_nothing_to_sweep(database, tmp_path):
    await remove_orphans(database, LocalFiles(tmp_path / "nowhere"))
