"""What `GET /v1/system/status`, its twin and the gauges say of work in the background."""

import asyncio
import json
import socket
from uuid import UUID

import asyncpg
import httpx
import pytest

from crm_api.api.services import open_database
from crm_api.kit import measuring
from crm_api.kit.db.database import WORKER_ROLE
from crm_api.kit.db.tx import Tx
from crm_api.kit.jobs import Workplace
from crm_api.kit.measuring import Measure, Measuring
from crm_api.kit.meters import Gauge
from crm_api.platform.jobs.standing import measured_jobs
from crm_api.platform.webhooks.standing import measured_webhooks
from crm_api.platform.webhooks.tallies import BOUNDS, class_of, percentile
from support.clients import problem
from support.members import custom_role, member
from support.receivers import receiving
from support.waiting import patiently

DOCUMENT = """{ systemStatus {
    feed { oldestHeldAt lagS }
    jobs { failed workerSeenAt lanes { lane queued running oldestDueAt lagS } }
    webhooks { oldestEventAt lagS endpoints {
        webhookId status waiting sending oldestDueAt lagS failingSince lastSuccessAt
        lastHour { attempts succeeded failed successShare latencyP50Ms latencyP95Ms }
        lastDay { attempts succeeded failed successShare latencyP50Ms latencyP95Ms } } } } }"""
JOB = """
    INSERT INTO jobs (organization_id, id, kind, args, status, run_at, lane, attempts, max_attempts,
        cancel_requested, progress_done, actor, created_at)
    SELECT $1, gen_random_uuid(), 'none', '{}', $2, now() + $3::int * interval '1 second', $4, 0, 5,
        false, 0, '{}', now()
    FROM generate_series(1, $5::int)
"""


async def status(client):
    return await client.read("system/status")


async def until(client, passes):
    for _ in range(400):
        found = await status(client)
        if passes(found):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(found)


async def test_nothing_has_happened_yet(client):
    found = await status(client)
    assert [lane["lane"] for lane in found["jobs"]["lanes"]] == ["interactive", "default", "bulk"]
    assert all(
        (lane["queued"], lane["running"], lane["oldest_due_at"], lane["lag_s"]) == (0, 0, None, 0)
        for lane in found["jobs"]["lanes"]
    )
    assert found["jobs"]["failed"] == 0
    assert found["webhooks"] == {"oldest_event_at": None, "lag_s": 0.0, "endpoints": []}


async def test_lanes_tell_what_waits_and_what_failed(client, other, owner, org, other_org):
    for own, times in ((org.id, 1), (other_org.id, 50)):
        await owner.execute(JOB, own, "queued", -100, "bulk", 3 * times)
        await owner.execute(JOB, own, "queued", 3600, "bulk", 2 * times)
        await owner.execute(JOB, own, "running", -5, "interactive", times)
        await owner.execute(JOB, own, "failed", -5, "default", 4 * times)
        await owner.execute(JOB, own, "succeeded", -5, "default", times)
    found = (await status(client))["jobs"]
    interactive, default, bulk = found["lanes"]
    assert (bulk["queued"], bulk["running"]) == (5, 0)
    assert 100 <= bulk["lag_s"] < 200
    assert (interactive["queued"], interactive["running"]) == (0, 1)
    assert (default["queued"], default["oldest_due_at"]) == (0, None)
    assert found["failed"] == 4
    assert (await status(other))["jobs"]["lanes"][2]["queued"] == 250
    await owner.execute("DELETE FROM jobs WHERE kind = 'none'")


async def test_endpoints_tell_how_they_are_reached_by_both_faces(worker, client, other):
    async with receiving() as good, receiving(answer=lambda _: 500) as bad:
        ids = {}
        for name, receiver in (("good", good), ("bad", bad)):
            body = {"url": receiver.url, "topics": ["contact.*"]}
            ids[name] = (await client.made("webhooks", body))["id"]
        for n in range(3):
            await client.made("contacts", {"last_name": f"Person {n}"})

        def of(found, name):
            return next(e for e in found["webhooks"]["endpoints"] if e["webhook_id"] == ids[name])

        found = await until(
            client,
            lambda f: (
                of(f, "good")["last_hour"]["attempts"] == 3
                and of(f, "bad")["last_hour"]["attempts"] >= 3
            ),
        )
        hour = of(found, "good")["last_hour"]
        assert (hour["succeeded"], hour["failed"], hour["success_share"]) == (3, 0, 1.0)
        assert 0 <= hour["latency_p50_ms"] <= hour["latency_p95_ms"] < 30_000
        assert of(found, "good")["last_day"] == hour
        assert of(found, "good")["last_success_at"]
        trouble = of(found, "bad")
        assert trouble["last_hour"]["success_share"] == 0.0
        assert trouble["waiting"] == 3
        assert trouble["failing_since"]
        assert found["webhooks"]["lag_s"] == 0.0
        assert found["jobs"]["worker_seen_at"]
        twin = (await client.data(DOCUMENT))["systemStatus"]["webhooks"]["endpoints"]
        assert {e["webhookId"]: e["lastDay"]["succeeded"] for e in twin} == {
            ids["good"]: 3,
            ids["bad"]: 0,
        }
        assert (await status(other))["webhooks"]["endpoints"] == []
        # What is in the bin is nobody's trouble.
        await client.delete(f"/v1/webhooks/{ids['good']}")
        assert [e["webhook_id"] for e in (await status(client))["webhooks"]["endpoints"]] == [
            ids["bad"]
        ]


async def test_what_nobody_takes_up_is_told(client, owner, org):
    """Without a worker the relay stands still, and what an open transaction holds shows too."""
    await client.made("webhooks", {"url": "https://example.com/", "topics": ["*"]})
    async with owner.acquire() as connection, connection.transaction():
        await connection.fetchval("SELECT pg_current_xact_id()")
        contact = await client.made("contacts", {"last_name": "Person"})
        found = await status(client)
        assert found["webhooks"]["oldest_event_at"]
        assert found["feed"]["oldest_held_at"]
        assert contact["created_at"] >= found["feed"]["oldest_held_at"]
    await owner.execute(
        "UPDATE events SET occurred_at = now() - interval '1 hour' WHERE organization_id = $1",
        org.id,
    )
    found = await until(client, lambda f: f["feed"]["oldest_held_at"] is None)
    assert 3600 <= found["webhooks"]["lag_s"] < 3700
    assert found["feed"]["lag_s"] == 0


async def test_only_who_runs_the_organization_sees_it(client, keyed, anonymous):
    problem(await anonymous.get("/v1/system/status"), 401)
    problem(await (await keyed("jobs:read")).get("/v1/system/status"), 403, "insufficient_scope")
    assert (await (await keyed("system:read")).get("/v1/system/status")).status_code == 200
    levels = {"*": dict.fromkeys(("read", "create", "update", "delete"), "all")}
    plain = await member(client, await custom_role(client, levels=levels))
    problem(await plain.api.get("/v1/system/status"), 403, "missing_right")
    assert "errors" in await plain.api.gql(DOCUMENT)
    chief = await member(
        client, await custom_role(client, levels=levels, permissions=["manage_settings"])
    )
    assert (await chief.api.get("/v1/system/status")).status_code == 200
    problem(await client.get("/v1/system/status?organization_id=1"), 422)


def test_percentiles_are_as_near_as_their_classes():
    taken = [n * 7 % 4_000 for n in range(1_000)]
    counts = {}
    for ms in taken:
        counts[class_of(ms)] = counts.get(class_of(ms), 0) + 1
    for share in (0.5, 0.95):
        exact = sorted(taken)[int(share * len(taken))]
        assert percentile(counts, share) == pytest.approx(exact, rel=0.2)
    assert percentile({}, 0.5) is None
    assert percentile({len(BOUNDS): 3}, 0.5) == BOUNDS[-1]
    assert percentile({0: 1}, 0.95) <= BOUNDS[0]


async def test_gauges_know_every_organization(settings, owner, org, other_org):
    shared = open_database(settings, WORKER_ROLE)
    try:
        before = {_key(labels): value for value, labels in (await measured_jobs(shared))["depth"]}
        for own in (org.id, other_org.id):
            await owner.execute(JOB, own, "queued", -5_000, "interactive", 7)
        found = await measured_jobs(shared)
        after = {_key(labels): value for value, labels in found["depth"]}
        waiting = _key({"lane": "interactive", "state": "queued"})
        assert after[waiting] - before[waiting] == 14
        lags = {labels["lane"]: value for value, labels in found["lag"]}
        assert lags["interactive"] >= 5_000
        await owner.execute(
            "INSERT INTO webhook_tallies SELECT $1, gen_random_uuid(), now(), 3, 1, 1000 + n "
            "FROM generate_series(1, 150) n",
            org.id,
        )
        recent = (await measured_webhooks(shared))["recent"]
        assert len(recent) == 200
        assert max(value for value, labels in recent if labels["outcome"] == "failed") == 1150
        assert all(labels.keys() == {"webhook", "outcome"} for _, labels in recent)
    finally:
        await shared.close()
        await owner.execute("DELETE FROM jobs WHERE kind = 'none'")
        await owner.execute("DELETE FROM webhook_tallies WHERE organization_id = $1", org.id)


def _key(labels):
    return tuple(sorted(labels.items()))


async def test_nothing_is_measured_that_nobody_reads(monkeypatch):
    asked = []

    async def take(_shared):
        asked.append(1)
        return {"one": [(float(len(asked)), {})]}

    gauge = Gauge("crm.test", "For a test.")
    watcher = Measuring(Measure({"one": gauge}, take), Workplace(None, None, lambda: None))
    await watcher.look()
    assert not asked
    assert list(gauge._observe(None)) == []
    await watcher.look()
    await watcher.look()
    assert [o.value for o in gauge._observe(None)] == [1.0]
    await watcher.look()
    assert len(asked) == 1  # it is too early
    monkeypatch.setattr(measuring, "EVERY_S", 0.0)
    await watcher.look()
    assert [o.value for o in gauge._observe(None)] == [2.0]


@pytest.mark.timeout(300)
async def test_a_worker_shows_them_to_prometheus(worker_process, client, org, owner):
    # A hundred endpoints are shown, those first that fail most: none of other tests.
    await owner.execute("DELETE FROM webhook_tallies")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with receiving(answer=lambda _: 500) as receiver:
        hook = await client.made("webhooks", {"url": receiver.url, "topics": ["contact.*"]})
        await client.made("contacts", {"last_name": "Person"})
        worker_process(CRM_METRICS_PORT=str(port))
        await receiver.have(1)
        wanted = {
            ("crm_webhooks_recent", f'webhook="{hook["id"]}"', 'outcome="failed"'),
            ("crm_jobs_depth", 'lane="bulk"', 'state="queued"'),
            ("crm_jobs_lag_seconds", 'lane="default"'),
            ("crm_relay_lag_seconds",),
        }
        async with httpx.AsyncClient(trust_env=False) as prometheus:
            async for _ in patiently():
                text = (await prometheus.get(f"http://127.0.0.1:{port}/metrics")).text
                lines = [line for line in text.splitlines() if not line.startswith("#")]
                lacking = {
                    parts
                    for parts in wanted
                    if not any(all(part in line for part in parts) for line in lines)
                }
                if not lacking:
                    break
        assert str(org.id) not in text


FILL = (
    """INSERT INTO jobs (organization_id, id, kind, args, status, run_at, lane, attempts,
        max_attempts, cancel_requested, progress_done, actor, created_at)
    SELECT $1, gen_random_uuid(), 'x', '{}', CASE WHEN g % 100 = 0 THEN 'failed' WHEN g % 5000 = 1
        THEN 'running' WHEN g % 4 = 0 THEN 'queued' ELSE 'succeeded' END, now() - g * interval '1 s',
        CASE g % 3 WHEN 0 THEN 'interactive' WHEN 1 THEN 'default' ELSE 'bulk' END,
        0, 5, false, 0, '{}', now() FROM generate_series(1, $2::int) g""",
    """INSERT INTO webhooks (organization_id, id, url, topics, filter, fields, payload, status,
        in_order, concurrency, rate, header_names, secrets, actor, version, created_at, updated_at)
    SELECT $1, '01990000-0000-7000-8000-00000000000c', 'https://example.com', '[]', '{}', '[]',
        'full', 'enabled', false, 5, 20, '[]', '', '{}', 1, now(), now() WHERE $2::int > 0""",
    """INSERT INTO webhook_states (organization_id, webhook_id, tx, seq)
    SELECT $1, '01990000-0000-7000-8000-00000000000c', 0, 0 WHERE $2::int > 0""",
    """INSERT INTO webhook_deliveries (organization_id, id, webhook_id, event_id, type, record_id,
        is_test, status, attempts, tries, run_at, created_at)
    SELECT $1, gen_random_uuid(), '01990000-0000-7000-8000-00000000000c', gen_random_uuid(), 'x',
        gen_random_uuid(), false, CASE WHEN g % 10 = 0 THEN 'pending' ELSE 'succeeded' END, 1, 1,
        now() - g * interval '1 s', now() FROM generate_series(1, $2::int) g""",
    """INSERT INTO events (organization_id, id, type, entity, record_id, version, data, actor_kind,
        occurred_at)
    SELECT $1, gen_random_uuid(), 'contact.created', 'contact', gen_random_uuid(), 1, '{}', 'key',
        now() FROM generate_series(1, $2::int) g""",
)
LARGE = {"jobs", "webhook_deliveries", "events"}


def nodes(plan):
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def read_of(node):
    """How many rows of a table a node has read."""
    rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    rows += node.get("Rows Removed by Index Recheck", 0)
    return rows * node["Actual Loops"]


async def test_it_costs_the_same_whatever_waits(servers, monkeypatch, client, org, settings):
    """Of 60,000 jobs, deliveries and events, beside as many of others, what is counted is read."""
    sent = []
    fetch = Tx.fetch

    async def recorded(self, sql, *args):
        sent.append((sql, args))
        return await fetch(self, sql, *args)

    await client.made("webhooks", {"url": "https://example.com/", "topics": ["*"]})
    monkeypatch.setattr(Tx, "fetch", recorded)
    await status(client)
    monkeypatch.undo()
    shared = open_database(settings, WORKER_ROLE)
    ask = type(shared).ask

    async def noted(self, sql, *args):
        sent.append((sql, args))
        return await ask(self, sql, *args)

    monkeypatch.setattr(type(shared), "ask", noted)
    await measured_jobs(shared)
    await measured_webhooks(shared)
    monkeypatch.undo()
    await shared.close()
    seen = [found for found in sent if any(f" {table} " in found[0] for table in LARGE)]
    assert len(seen) >= 6
    url = await asyncio.to_thread(servers.clone, "status_plans")
    connection = await asyncpg.connect(url)
    try:
        big = UUID("01990000-0000-7000-8000-00000000000a")
        for tenant, rows in ((big, 60_000), (UUID(int=7), 60_000)):
            for fill in FILL:
                statement = await connection.prepare(fill)
                await statement.fetch(tenant, rows)
        await connection.execute("VACUUM ANALYZE")
        most = 1_000
        for sql, args in seen:
            given = [
                big if arg == org.id else (most if arg in (10_000, 100_000) else arg)
                for arg in args
            ]
            role = "crm_app" if org.id in args else "crm_worker"
            async with connection.transaction():
                await connection.execute(f"SET LOCAL ROLE {role}")
                await connection.execute(
                    "SELECT set_config('app.organization_id', $1, true)", str(big)
                )
                rows = await connection.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *given)
            for node in nodes(json.loads(rows[0][0])[0]["Plan"]):
                if node.get("Relation Name") in LARGE:
                    assert node["Node Type"] not in {"Seq Scan", "Parallel Seq Scan"}, (sql, node)
                    assert read_of(node) <= 3 * most + 200, json.dumps(node)
    finally:
        await connection.close()
        await asyncio.to_thread(servers.drop, "status_plans")
