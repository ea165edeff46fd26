"""Jobs that write what matches change no more than was counted."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from crm_api import worker as job_worker
from crm_api.platform.batching import jobs

PATH = "/v1/contacts/bulk/by-filter"
LEADS = {"lifecycle": {"eq": "lead"}}


@asynccontextmanager
async def working(settings):
    """Jobs are carried out while this lasts."""
    stop = asyncio.Event()
    running = asyncio.create_task(job_worker.run(settings, stop=stop))
    yield
    stop.set()
    await running


@pytest.fixture
async def asked(client):
    """A job that is to bin two leads, and a customer that becomes a lead before it begins."""
    rows = [
        await client.made("contacts", {"last_name": f"Person {n}", "lifecycle": lifecycle})
        for n, lifecycle in enumerate(("lead", "lead", "customer"))
    ]
    body = {"filter": LEADS, "action": "delete", "expected_count": 2}
    answer = await client.post(PATH, json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()["job_id"], rows


async def test_what_came_to_match_since_ends_the_job(client, asked, worker_settings):
    job_id, rows = asked
    await client.changed(f"contacts/{rows[2]['id']}", {"lifecycle": "lead"})
    async with working(worker_settings):
        job = await client.ended(job_id, "failed")
    assert job["error"]["code"] == "count_differs"
    assert (job["error"]["count"], job["error"]["expected_count"]) == (3, 2)
    assert len((await client.read("contacts"))["data"]) == 3


async def test_a_limit_that_was_lowered_since_ends_the_job(
    client, asked, worker_settings, world, org
):
    job_id, _ = asked
    await world.owner.execute("UPDATE organizations SET bulk_limit = 1 WHERE id = $1", org.id)
    async with working(worker_settings):
        job = await client.ended(job_id, "failed")
    assert job["error"]["code"] == "too_many_records"
    assert len((await client.read("contacts"))["data"]) == 3


async def test_what_was_made_since_is_not_meant(client, asked, worker_settings):
    job_id, rows = asked
    made = await client.made("contacts", {"last_name": "Later", "lifecycle": "lead"})
    async with working(worker_settings):
        job = await client.ended(job_id)
    assert job["result"]["counts"] == {"deleted": 2}
    left = {row["id"] for row in (await client.read("contacts"))["data"]}
    assert left == {rows[2]["id"], made["id"]}


async def test_what_comes_to_match_meanwhile_is_left(client, asked, worker_settings, monkeypatch):
    """As many as were counted are changed, whatever else fits the filter by then."""
    job_id, rows = asked
    monkeypatch.setattr(jobs, "CHUNK", 1)
    counted = jobs.count_of

    async def counted_before(*args):
        found = await counted(*args)
        await client.changed(f"contacts/{rows[2]['id']}", {"lifecycle": "lead"})
        return found

    monkeypatch.setattr(jobs, "count_of", counted_before)
    async with working(worker_settings):
        job = await client.ended(job_id)
    assert job["result"]["counts"] == {"deleted": 2}
    assert [row["id"] for row in (await client.read("contacts"))["data"]] == [rows[2]["id"]]
