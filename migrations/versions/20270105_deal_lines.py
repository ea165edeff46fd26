"""Lines of deals, and what pipelines and stages ask of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270105_deal_lines"
down_revision = "20270104_deals"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")
NOTHING = sa.text("'[]'")
# Those that are given by whoever writes a row.
GIVEN = {
    "pipelines": ("next_step_policy", "win_needs", "reopen_needs_reason"),
    "stages": ("required_artefacts",),
    "deals": ("amount_mode", "lines", "push_count"),
}
CHECKS = (
    ("pipelines", "next_step_policy", "next_step_policy IN ('off', 'moves', 'writes')"),
    ("pipelines", "win_needs", "win_needs IN ('nothing', 'accepted_quote')"),
    ("stages", "wip_limit", "wip_limit > 0"),
    ("deals", "amount_mode", "amount_mode IN ('manual', 'lines')"),
)
OPEN = "status = 'open' AND deleted_at IS NULL"
STALE = """
    UPDATE deals SET rots_at = deals.stage_entered_at + make_interval(days => s.rotting_days)
    FROM stages s WHERE s.organization_id = deals.organization_id AND s.id = deals.stage_id
        AND s.kind = 'open' AND s.rotting_days IS NOT NULL
"""
NEXT = """
    AND (d.organization_id, d.id) > (after_organization, after_deal)
    ORDER BY d.organization_id, d.id LIMIT most
"""
ROTTING = f"""
    SELECT d.organization_id, d.id FROM deals d
    WHERE d.status = 'open' AND d.deleted_at IS NULL AND d.rots_at <= now()
        AND (d.alerts ->> 'rotting')::timestamptz IS DISTINCT FROM d.stage_entered_at
    {NEXT}
"""
OVERDUE = f"""
    SELECT d.organization_id, d.id FROM deals d JOIN organizations o ON o.id = d.organization_id
    WHERE d.status = 'open' AND d.deleted_at IS NULL
        AND d.closes_on < (now() AT TIME ZONE o.time_zone)::date
        AND d.alerts ->> 'overdue' IS DISTINCT FROM d.closes_on::text
    {NEXT}
"""
# Sales managers may reopen deals: in new organizations by what these begin with, too.
BEGIN = """
    DO $do$ BEGIN EXECUTE replace(
        pg_get_functiondef('crm_begin_roles'::regproc), '{before}', '{after}');
    END $do$
"""
BEFORE, AFTER = '"merge"]', '"merge", "reopen_deals"]'
MANAGERS = "key = 'sales_manager' AND permissions @> '[\"merge\"]'"
PLACE = "(after_organization uuid, after_deal uuid, most integer)"
DUE = "TABLE (organization_id uuid, deal_id uuid)"


def added() -> dict[str, tuple[Column, ...]]:
    """The new columns of each table."""
    return {
        "pipelines": (
            Column("next_step_policy", KEY, server_default="off", nullable=False),
            Column("win_needs", KEY, server_default="nothing", nullable=False),
            Column("reopen_needs_reason", sa.Boolean(), server_default=sa.false(), nullable=False),
        ),
        "stages": (
            Column("required_artefacts", JSONB(), server_default=NOTHING, nullable=False),
            Column("approval_purpose", KEY, nullable=True),
            Column("wip_limit", sa.Integer(), nullable=True),
        ),
        "deals": (
            Column("amount_mode", KEY, server_default="manual", nullable=False),
            Column("lines", JSONB(), server_default=NOTHING, nullable=False),
            Column("one_time", sa.BigInteger(), nullable=True),
            Column("mrr", sa.BigInteger(), nullable=True),
            Column("tcv", sa.BigInteger(), nullable=True),
            Column("rots_at", TIMESTAMP(timezone=True), nullable=True),
            Column("push_count", sa.Integer(), server_default="0", nullable=False),
            Column("alerts", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        ),
    }


def upgrade() -> None:
    for table, columns in added().items():
        for column in columns:
            op.add_column(table, column)
        for name in GIVEN[table]:
            op.alter_column(table, name, server_default=None)
    for table, name, rule in CHECKS:
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)
    with ddl.rows_of_all("deals", "stages"):
        op.execute(STALE)
    op.execute(BEGIN.format(before=BEFORE, after=AFTER))
    change_managers("permissions || '[\"reopen_deals\"]'")
    where = sa.text(OPEN)
    op.create_index("ix_deals_rots_at", "deals", ["rots_at"], postgresql_where=where)
    op.create_index("ix_deals_overdue", "deals", ["closes_on"], postgresql_where=where)
    ddl.see_all("deals", ddl.DEFINER, "SELECT")
    ddl.definer_function(f"crm_deals_rotting{PLACE}", DUE, ROTTING)
    ddl.definer_function(f"crm_deals_overdue{PLACE}", DUE, OVERDUE)


def change_managers(permissions: str) -> None:
    """Have the sales managers of all organizations hold others."""
    with ddl.rows_of_all("roles"):
        op.execute(f"UPDATE roles SET permissions = {permissions} WHERE {MANAGERS}")


def downgrade() -> None:
    change_managers("permissions - 'reopen_deals'")
    op.execute(BEGIN.format(before=AFTER, after=BEFORE))
    for name in ("overdue", "rotting"):
        op.execute(f"DROP FUNCTION crm_deals_{name}")
    op.execute(f'DROP POLICY {ddl.DEFINER} ON "deals"')
    op.execute(f'REVOKE SELECT ON "deals" FROM {ddl.DEFINER}')
    for name in ("overdue", "rots_at"):
        op.drop_index(f"ix_deals_{name}", "deals")
    for table, name, _ in CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    for table, columns in added().items():
        for column in reversed(columns):
            op.drop_column(table, column.name)
