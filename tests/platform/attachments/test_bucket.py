"""The product with its files in a bucket: API and worker share no disk."""

import asyncio
import hashlib
import io
import os
import zipfile

import pytest

from crm_api import worker as job_worker
from crm_api.kit.files.objects import PART
from crm_api.main import create_app
from support.clients import Api
from support.stores import ACCESS_KEY, REGION, SECRET_KEY, serving


@pytest.fixture
async def store():
    async with serving() as found:
        yield found
        assert found.refused == []


def machine(settings, store, folder):
    return settings.model_copy(
        update={
            "data_dir": folder,
            "files_bucket": store.bucket,
            "files_endpoint": store.url,
            "files_region": REGION,
            "files_access_key": ACCESS_KEY,
            "files_secret_key": SECRET_KEY,
        }
    )


@pytest.fixture
async def api(settings, store, tmp_path, org):
    app = create_app(machine(settings, store, tmp_path / "api"))
    async with app.router.lifespan_context(app), Api(app, org.token) as found:
        yield found


@pytest.fixture
async def far_worker(worker_settings, store, tmp_path, api):
    stop = asyncio.Event()
    own = machine(worker_settings, store, tmp_path / "worker")
    running = asyncio.create_task(job_worker.run(own, stop=stop))
    yield
    stop.set()
    await running


async def test_attachments_are_in_the_bucket(api, store):
    contact = await api.made("contacts", {"last_name": "Person"})
    at = f"/v1/contacts/{contact['id']}/attachments"
    content = os.urandom(2 * PART + 1_000)

    async def chunks():
        for start in range(0, len(content), 65_536):
            yield content[start : start + 65_536]

    answer = await api.post(f"{at}?filename=large.bin", content=chunks())
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["sha256"] == hashlib.sha256(content).hexdigest()
    assert store.largest == PART
    (key,) = store.objects
    assert key.startswith("attachments/")
    found = await api.get(f"/v1/attachments/{made['id']}/content")
    assert found.content == content
    part = await api.get(
        f"/v1/attachments/{made['id']}/content", headers={"Range": "bytes=9000000-9000099"}
    )
    assert (part.status_code, part.content) == (206, content[9_000_000:9_000_100])
    refused = await api.post(at, content=chunks(), params={"sha256": "0" * 64})
    assert refused.status_code == 422
    assert (list(store.objects), store.uploads) == ([key], {})


async def test_a_store_that_is_away_is_no_failure_of_the_service(api, store):
    contact = await api.made("contacts", {"last_name": "Person"})
    at = f"/v1/contacts/{contact['id']}/attachments"
    store.broken = 1_000
    answer = await api.post(at, content=b"x")
    assert (answer.status_code, answer.json()["code"]) == (503, "files_unavailable")
    store.broken = 0
    assert (await api.post(at, content=b"x")).status_code == 201


@pytest.mark.usefixtures("far_worker")
async def test_imports_exports_and_archives_need_no_common_disk(api, store, tmp_path):
    files = {"file": ("people.csv", b"Last name,Email\nPerson,person@example.com\n", "text/csv")}
    answer = await api.post("/v1/imports", files=files, data={"entity": "contact"})
    assert answer.status_code == 201, answer.text
    at = f"/v1/imports/{answer.json()['id']}"
    for verb in ("validate", "start"):
        started = await api.post(f"{at}/{verb}")
        assert started.status_code == 202, started.text
        await api.ended(started.json()["job_id"])
    (person,) = (await api.read("contacts"))["data"]
    await api.post(f"/v1/contacts/{person['id']}/attachments?filename=a.txt", content=b"an offer")

    begun = (await api.post("/v1/contacts/export", json={"format": "xlsx"})).json()
    await api.ended(begun["job_id"])
    export = await api.read(f"exports/{begun['export']['id']}")
    sheet = await api.get(export["download_url"])
    assert sheet.content.startswith(b"PK")
    assert len(sheet.content) == export["size_bytes"]

    asked = await api.made("subject-requests", {"kind": "access", "record_id": person["id"]})
    at = f"/v1/subject-requests/{asked['id']}"
    await api.post(f"{at}/verify", json={"verification": "Called back."})
    await api.ended((await api.post(f"{at}/start")).json()["job_id"])
    answer = await api.get(f"{at}/archive")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert "contact.ndjson" in archive.namelist()
        assert any(name.endswith("/a.txt") for name in archive.namelist())
    shelves = {key.partition("/")[0] for key in store.objects}
    assert shelves == {"imports", "exports", "archives", "attachments"}
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left == [], "nothing is kept on a disk of this machine"
