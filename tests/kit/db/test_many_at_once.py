"""What the planner makes of many rows that came just now, and of which it knows nothing yet."""

import asyncio
import json
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from crm_api.domains.leads.models import Lead
from crm_api.kit.crud.alike import _changing
from crm_api.kit.db.inserts import encoded
from crm_api.kit.db.tables import EventRow
from crm_api.kit.ids import new_id
from crm_api.platform.audit.sealing import _WAITING

ORG = UUID("01990000-0000-7000-8000-00000000000c")
NOW = datetime(2026, 5, 4, tzinfo=UTC)
LEADS = """
    INSERT INTO leads (organization_id, id, name, sort_name, last_name, emails, phones, addresses,
        tags, skills, utm, candidates, decision, status, hops, version, created_at, updated_at)
    SELECT $1, gen_random_uuid(), 'Person', 'person', 'Person', '[]', '[]', '[]', '[]', '[]', '{}',
        '[]', '{}', 'new', 0, 1, now(), now()
    FROM generate_series(1, $2::int) RETURNING id
"""
EVENTS = """
    INSERT INTO events (organization_id, id, type, entity, record_id, version, data, actor_kind,
        occurred_at)
    SELECT $1, gen_random_uuid(), 'lead.assigned', 'lead', gen_random_uuid(), 1, '{}', 'system',
        now() FROM generate_series(1, $2::int)
"""
FUNCTIONS = """
    SELECT proname, coalesce(proconfig, '{}') AS settings FROM pg_proc
    WHERE prosrc LIKE '%FROM events e%' AND prosrc LIKE '%pg_snapshot_xmin%'
"""


@pytest.fixture(scope="module")
async def fresh(servers):
    """A database that knows of 500 events and 10,000 leads, and has 20,000 more events."""
    name = f"fresh_{id(servers)}"
    connection = await asyncpg.connect(await asyncio.to_thread(servers.clone, name))
    ids = [row["id"] for row in await connection.fetch(LEADS, ORG, 10_000)]
    await connection.execute(EVENTS, ORG, 500)
    await connection.execute("ANALYZE leads; ANALYZE events")
    await connection.execute(EVENTS, ORG, 20_000)
    yield connection, ids
    await connection.close()
    await asyncio.to_thread(servers.drop, name)


def nodes(plan):
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


async def reads_of(connection, table, sql, args, role="crm_app"):
    """How a table is read by a statement: the ways and their conditions."""
    async with connection.transaction():
        await connection.execute(f"SET LOCAL ROLE {role}")
        await connection.execute("SELECT set_config('app.organization_id', $1, true)", str(ORG))
        rows = await connection.fetch(f"EXPLAIN (FORMAT JSON) {sql}", *args)
    plan = json.loads(rows[0][0])[0]["Plan"]
    found = [one for one in nodes(plan) if one.get("Relation Name") == table]
    return [(one["Node Type"], one.get("Index Cond", "")) for one in found]


async def test_many_that_change_are_looked_up(fresh):
    connection, ids = fresh
    some = ids[:1_000]
    event = {"type": "lead.assigned", "entity": "lead", "actor_kind": "system", "occurred_at": NOW}
    row = {**event, "id": new_id(), "record_id": some[0], "version": 2, "data": {}}
    args = (
        ORG,
        encoded(EventRow, [row], ORG),
        [new_id() for _ in some],
        some,
        [2] * 1_000,
        ["{}"] * 1_000,
        ["{}"] * 1_000,
        [new_id() for _ in some],
        "assigned",
        NOW,
        None,
    )
    sql = _changing(Lead, ("owner_id",), ("status", "updated_at", "updated_by"))
    reads = await reads_of(connection, "leads", sql, args)
    ((changed, _), (read, condition)) = reads
    assert (changed, read) == ("ModifyTable", "Index Scan")
    assert "(id = " in condition


async def test_what_is_to_be_sealed_is_looked_up(fresh):
    connection, _ = fresh
    ((read, condition),) = await reads_of(connection, "events", _WAITING, (), "crm_worker")
    assert read in {"Index Scan", "Index Only Scan"}
    assert "(organization_id = " in condition
    assert "ROW(tx, seq)" in condition


async def test_whoever_asks_for_news_reads_no_others(fresh):
    connection, _ = fresh
    rows = await connection.fetch(FUNCTIONS)
    assert len(rows) >= 11
    for row in rows:
        ways = {"enable_hashjoin=off", "enable_mergejoin=off"}
        assert ways <= set(row["settings"]), row["proname"]
