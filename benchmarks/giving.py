"""What PostgreSQL alone needs to write what a distribution has written: the limit of its speed.

The very same rows, prepared in tables, go again into leads, assignments, members of lists and
events with their indexes and keys, under row-level security, in as many transactions. Nothing is
decided, nothing made in Python, and nobody else wants the database meanwhile.
"""

import asyncio
import time
from typing import Any

import asyncpg

from benchmarks import cpu
from benchmarks.stage import Stage
from crm_api.kit.db.database import APP_ROLE

SLICE = 5_000
_LEADS = """
    CREATE TABLE given_leads AS SELECT id, owner_id, pool_id, assigned_at, respond_by, due_at,
        version, updated_at,
        (row_number() OVER (ORDER BY score DESC NULLS LAST, id) - 1) / {slice} AS part
    FROM leads WHERE owner_id IS NOT NULL
"""
_OTHERS = {
    "lead_assignments": "JOIN given_leads l ON l.id = t.lead_id",
    "prospect_members": "JOIN given_leads l ON l.id = t.lead_id AND t.status = 'given'",
    "events": """JOIN (SELECT id, part FROM given_leads UNION ALL
        SELECT id, part FROM given_lead_assignments UNION ALL
        SELECT id, part FROM given_prospect_members) l ON l.id = t.record_id
        AND t.type IN ('lead.assigned', 'lead_assignment.created', 'prospect_member.given')""",
}
_AS_BEFORE = """
    TRUNCATE lead_assignments, events, event_seals;
    UPDATE leads SET owner_id = NULL, pool_id = NULL, status = 'new', assigned_at = NULL,
        respond_by = NULL, due_at = NULL, version = version - 1;
    UPDATE prospect_members SET status = 'listed', user_id = NULL, given_at = NULL, run = 0,
        version = version - 1 WHERE status = 'given'
"""
_LOCK = """
    SELECT id FROM leads WHERE organization_id = $1
        AND id = ANY(ARRAY(SELECT id FROM given_leads WHERE part = $2)) ORDER BY id
    FOR NO KEY UPDATE
"""
_GIVE = """
    UPDATE leads l SET owner_id = g.owner_id, pool_id = g.pool_id, status = 'assigned',
        assigned_at = g.assigned_at, respond_by = g.respond_by, due_at = g.due_at,
        version = g.version, updated_at = g.updated_at
    FROM given_leads g WHERE l.organization_id = $1 AND l.id = g.id AND g.part = $2
"""
_TICK = """
    UPDATE prospect_members m SET status = 'given', user_id = g.user_id, given_at = g.given_at,
        run = g.run, version = g.version, updated_at = g.updated_at
    FROM given_prospect_members g WHERE m.organization_id = $1 AND m.id = g.id AND g.part = $2
"""
_WRITTEN = """
    SELECT string_agg(format('%I', attname), ', ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = ''
        AND NOT (attrelid = 'events'::regclass AND attname = 'tx')
"""


def again(stage: Stage) -> tuple[float, float]:
    """Seconds that it takes to write once more what has just been given, and of processors."""
    return asyncio.run(_again(stage))


async def _again(stage: Stage) -> tuple[float, float]:
    connection = await asyncpg.connect(stage.dsn)
    try:
        await _prepare(connection)
        parts = await connection.fetchval("SELECT max(part) + 1 FROM given_leads")
        named = {name: await connection.fetchval(_WRITTEN, name) for name in _OTHERS}
        inserts = [
            f"INSERT INTO {name} ({named[name]}) SELECT {named[name]} FROM given_{name} "
            f"WHERE organization_id = $1 AND part = $2 ORDER BY {order}"
            for name, order in (("lead_assignments", "lead_id"), ("events", "seq"))
        ]
        await connection.execute(f"SET ROLE {APP_ROLE}")
        setting = "SELECT set_config('app.organization_id', $1, false)"
        await connection.fetchval(setting, str(stage.organization_id))
        used, begun = cpu.of_family(stage.postgres_pid), time.monotonic()
        for part in range(parts):
            async with connection.transaction():
                # What refers to leads goes first: one that has changed is looked for twice.
                for sql in (_LOCK, inserts[0], _GIVE, _TICK, inserts[1]):
                    await connection.execute(sql, stage.organization_id, part)
        seconds = time.monotonic() - begun
        return seconds, (cpu.of_family(stage.postgres_pid) - used) / 1e9
    finally:
        await connection.close()


async def _prepare(connection: Any) -> None:
    await connection.execute(_LEADS.format(slice=SLICE))
    for name, joined in _OTHERS.items():
        sql = f"CREATE TABLE given_{name} AS SELECT t.*, l.part FROM {name} t {joined}"
        await connection.execute(sql)
    await connection.execute(_AS_BEFORE)
    for name in ("leads", *_OTHERS):
        await connection.execute(f"CREATE INDEX ON given_{name} (part, id)")
        await connection.execute(f"VACUUM (FULL, ANALYZE) {name}")
        await connection.execute(f"ANALYZE given_{name}")
        await connection.execute(f"GRANT SELECT ON given_{name} TO {APP_ROLE}")
