"""Records of other kinds that standard reports are of: one is made of each, and copied by SQL."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from benchmarks.serving import Server, asked
from benchmarks.stage import Stage

PRODUCTS, LINES = 1_000, 3
PROJECTS, ASSIGNMENTS = 2_000, 20_000
"""Reports are of so many at the most."""
_INDEXES = """
    SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = $1
        AND indexname NOT LIKE 'pk_%' AND indexname NOT LIKE 'uq_%'
"""
# Not `(jsonb_populate_record(…)).*`, which is called for each column.
_COPIES = """
    INSERT INTO {table}
    SELECT made.* FROM {table} r CROSS JOIN generate_series(1, $3::int) n
        CROSS JOIN LATERAL (SELECT now() - make_interval(mins => n * 577 % 525600) AS at) a {beside}
        CROSS JOIN LATERAL jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid(),
            'created_at', at, 'updated_at', at, {values})) AS made
    WHERE r.organization_id = $1 AND r.id = $2
"""
_OWNER = "'owner_id', ('0190000000007000b' || lpad(to_hex(n % 50), 15, '0'))::uuid"
_SOLD = f"""
    {_OWNER}, 'number', 'B-' || n, 'lines', (SELECT jsonb_agg(line ||
        jsonb_build_object('product_id', ($4::text[])[1 + (n * 31 + k * 211) % cardinality($4)],
            'discount_percent', n % 3 * 10))
        FROM jsonb_array_elements(r.lines) WITH ORDINALITY AS l (line, k))
"""
# Half of the leads became customers, of deals of which a quarter was won.
_SAID: Mapping[str, str] = {
    "products": "'sku', 'SKU-' || n, 'name', 'Product ' || n",
    "orders": f"{_SOLD}, 'status', 'confirmed', 'confirmed_at', at",
    "quotes": f"""{_SOLD}, 'status', (ARRAY['accepted', 'declined', 'sent'])[1 + n % 3],
        'sent_at', at + make_interval(hours => n % 99),
        'decided_at', CASE WHEN n % 3 < 2 THEN at + interval '5 days' END""",
    "cases": """'number', 'B-' || n, 'sla_policy_id', $4::uuid,
        'priority', (ARRAY['low', 'normal', 'high', 'urgent'])[1 + n % 4],
        'first_responded_at', at + make_interval(mins => n % 999),
        'resolved_at', at + make_interval(hours => n % 99),
        'sla_state', (ARRAY['met', 'breached', 'running'])[1 + n % 3]""",
    "leads": f"""{_OWNER}, 'source', (ARRAY['web', 'event', 'partner'])[1 + n % 3],
        'medium', (ARRAY['email', 'search', 'social', 'print'])[1 + n % 4],
        'assigned_at', at, 'responded_at', at + make_interval(mins => n % 999), 'waits_since', NULL,
        'deal_id', d.id, 'contact_id', d.contact_id, 'converted_at', d.created_at,
        'status', CASE WHEN d.id IS NULL THEN 'new' ELSE 'converted' END""",
    "projects": f"""{_OWNER}, 'name', 'Project ' || n, 'status', 'completed', 'closed_at', at,
        'revenue', 10000000""",
    "time_entries": f"""{_OWNER}, 'project_id', d.id, 'status', 'approved', 'day', at::date,
        'minutes', 1 + n % 480, 'is_billable', n % 4 > 0, 'cost_rate', 400000""",
}
_BESIDE: Mapping[str, str] = {
    "leads": """
        LEFT JOIN (SELECT id, contact_id, created_at, row_number() OVER (ORDER BY id) AS place
            FROM deals WHERE organization_id = $1) d ON n % 2 = 0 AND d.place = n / 2
    """,
    "time_entries": """
        JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS number
            FROM projects WHERE organization_id = $1) d ON d.place = n % d.number
    """,
}
_ASSIGNMENTS = """
    INSERT INTO lead_assignments (organization_id, id, lead_id, user_id, pool_id, kind, hop,
        decision, version, created_at, updated_at)
    SELECT $1, gen_random_uuid(), id, ($2::uuid[])[1 + row_number() OVER () % cardinality($2)],
        $3, 'rule', 0, '{}', 1, created_at, created_at
    FROM leads WHERE organization_id = $1 AND status = 'new' LIMIT $4
"""
_USERS = """
    INSERT INTO users (organization_id, id, name, sort_name, email, status, version, created_at,
        updated_at)
    SELECT $1, gen_random_uuid(), 'Rep ' || n, 'rep ' || n, 'rep' || n || '@example.com', 'active',
        1, now(), now()
    FROM generate_series(1, 20) n RETURNING id::text
"""
# As they are written down when leads are captured.
_LEADS_TOUCHED = """
    INSERT INTO campaign_touches (organization_id, source, source_id, kind, person_id, person_kind,
        campaign_id, occurred_at)
    SELECT $1, 'lead', id, 'lead', id, 'lead',
        ($2::uuid[])[1 + (hashtext(id::text) & 2147483647) % cardinality($2)],
        coalesce(converted_at - interval '10 days', created_at)
    FROM leads WHERE organization_id = $1
"""


def fill(stage: Stage, server: Server, records: int, campaigns: list[str]) -> None:
    """So many orders, quotes, cases, leads and entries of time, with what they need."""

    def made(path: str, **body: Any) -> str:
        return asked(stage, server, "POST", f"/v1/{path}", json.dumps(body).encode())["id"]

    def copied(table: str, id: str, number: int, *args: Any) -> None:
        sql = _COPIES.format(table=table, values=_SAID[table], beside=_BESIDE.get(table, ""))
        refilled(stage, table, sql, UUID(id), number, *args)

    priced = {"list_price": "100", "cost": "40", "currency": "EUR"}
    product = made("products", sku="SKU", name="P", type="good", status="active", **priced)
    copied("products", product, PRODUCTS)
    products = [str(row["id"]) for row in stage.query("SELECT id FROM products ORDER BY sku")]
    company = str(stage.query("SELECT id FROM companies LIMIT 1")[0]["id"])
    lines = [{"product_id": product, "quantity": "2"}] * LINES
    sold = {"company_id": company, "currency": "EUR", "lines": lines}
    copied("orders", made("orders", **sold), records, products)
    copied("quotes", made("quotes", **sold), records, products)
    hour = {"target": "first_response", "priority": "normal", "minutes": 60}
    policy = made("sla-policies", name="All", targets=[hour])
    copied("cases", made("cases", subject="Case"), records, policy)
    copied("leads", made("leads", last_name="Person", company_name="Example"), records)
    refilled(stage, "campaign_touches", _LEADS_TOUCHED, campaigns)
    users = [row["id"] for row in stage.query(_USERS, stage.organization_id)]
    pool = made("lead-pools", name="Sales", members=[{"user_id": user} for user in users])
    refilled(stage, "lead_assignments", _ASSIGNMENTS, users, UUID(pool), ASSIGNMENTS)
    project = made("projects", name="Project", starts_on="2026-01-01")
    copied("projects", project, PROJECTS - 1)
    entry = made("time-entries", project_id=project, day="2026-01-02", minutes=60)
    copied("time_entries", entry, records)


def refilled(stage: Stage, table: str, sql: str, *args: Any) -> None:
    """Have a statement fill a table, whose indexes are made after."""
    indexes = stage.query(_INDEXES, table)
    stage.query(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    for index, _ in indexes:
        stage.query(f'DROP INDEX "{index}"')
    stage.query(sql, stage.organization_id, *args)
    for _, definition in indexes:
        stage.query(definition)
    stage.query(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
    stage.query(f"VACUUM ANALYZE {table}")
