"""Reports are read from a replica where there is one, and nothing else is."""

from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest

from crm_api.main import create_app
from support.clients import Api, problem
from support.reporting import measure
from support.working import at_work

COUNT = {"source": "company", "measures": [measure("count")]}
NOWHERE = "postgresql://nobody@127.0.0.1:1/nowhere"


@pytest.fixture
async def replica(servers):
    """A server that takes no writes and has not heard of the organization yet."""
    name = f"replica_{uuid4().hex[:12]}"
    url = servers.clone(name)
    owner = await asyncpg.connect(url)
    await owner.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    await owner.close()
    yield url
    servers.drop(name)


@asynccontextmanager
async def served(settings, org, **given):
    """A client of a service with other settings."""
    app = create_app(settings.model_copy(update=given))
    async with app.router.lifespan_context(app), Api(app, org.token) as api:
        yield api


def numbers(answer):
    return [row["values"]["count"] for row in answer["rows"]]


async def test_reports_are_as_late_as_the_replica(client, org, settings, replica):
    await client.made("companies", {"name": "A"})
    async with served(settings, org, replica_url=replica) as late:
        assert len((await late.read("companies"))["data"]) == 1
        asked = await late.post("/v1/reports/run", json=COUNT)
        assert (asked.status_code, numbers(asked.json())) == (200, [0])
        await late.made("companies", {"name": "B"})
        assert len((await late.read("companies"))["data"]) == 2
    assert numbers((await client.post("/v1/reports/run", json=COUNT)).json()) == [2]


async def test_what_the_replica_did_not_know_is_asked_again(client, worker_settings, replica):
    await client.made("companies", {"name": "A"})
    report = await client.made("reports", {"name": "Companies", "definition": COUNT})
    path = f"/v1/reports/{report['id']}/run"
    async with at_work(worker_settings.model_copy(update={"replica_url": replica})):
        begun = (await client.post(path, json={})).json()
        await client.ended(begun["job_id"])
        found = await client.read(f"report-runs/{begun['run']['id']}/rows")
        assert [row["values"]["count"] for row in found["data"]] == [0]
    async with at_work(worker_settings):
        again = (await client.post(path, json={})).json()
        assert not again["is_cached"]
        await client.ended(again["job_id"])
        found = await client.read(f"report-runs/{again['run']['id']}/rows")
        assert [row["values"]["count"] for row in found["data"]] == [1]


async def test_without_its_replica_the_rest_goes_on(client, org, settings):
    await client.made("companies", {"name": "A"})
    async with served(settings, org, replica_url=NOWHERE) as left:
        problem(await left.post("/v1/reports/run", json=COUNT), 503)
        assert len((await left.read("companies"))["data"]) == 1
        assert (await left.get("/readyz")).status_code == 200
