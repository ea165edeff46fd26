"""Automation: rules, their versions and states, runs and their steps."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261225_automation"
down_revision = "20261224_notifications"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
HORIZON = sa.text("(pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1)")
SNAPSHOT = sa.text("(pg_current_snapshot()::text)")
TABLES = (
    "automations",
    "automation_versions",
    "automation_states",
    "automation_runs",
    "automation_steps",
)

# In no order, so that those which cannot go on do not stand before the others.
NEWS = """
    SELECT s.organization_id, s.automation_id FROM automation_states s
    JOIN automations a ON a.organization_id = s.organization_id AND a.id = s.automation_id
    WHERE s.listens AND a.status = 'active' AND a.deleted_at IS NULL AND EXISTS (
        SELECT FROM events e WHERE e.organization_id = s.organization_id
            AND (e.tx, e.seq) > (s.tx, s.seq)
            AND e.tx < pg_snapshot_xmin(pg_current_snapshot())::text::bigint)
    ORDER BY random() LIMIT most
"""
DUE = """
    SELECT s.organization_id, s.automation_id FROM automation_states s
    JOIN automations a ON a.organization_id = s.organization_id AND a.id = s.automation_id
    WHERE s.next_at <= now() AND a.status = 'active' AND a.deleted_at IS NULL
    ORDER BY random() LIMIT most
"""
# Runs whose job ended without them: given up, or cancelled from outside.
STRANDED = """
    SELECT r.organization_id, r.id FROM automation_runs r
    JOIN jobs j ON j.organization_id = r.organization_id AND j.id = r.job_id
    WHERE r.status IN ('queued', 'running', 'waiting')
        AND j.status IN ('succeeded', 'failed', 'cancelled')
    LIMIT most
"""
FORGET = """
    WITH old AS (
        SELECT organization_id, id FROM automation_runs
        WHERE finished_at < now() - interval '30 days' LIMIT most),
    steps AS (
        DELETE FROM automation_steps s USING old
        WHERE s.organization_id = old.organization_id AND s.run_id = old.id),
    gone AS (
        DELETE FROM automation_runs r USING old
        WHERE r.organization_id = old.organization_id AND r.id = old.id RETURNING 1)
    SELECT count(*) FROM gone
"""


def upgrade() -> None:
    op.create_table(
        "automations",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("trigger", JSON, nullable=False),
        Column("condition", JSON, nullable=False),
        Column("steps", JSON, nullable=False),
        Column("status", KEY, nullable=False),
        Column("paused_reason", KEY, nullable=True),
        Column("published_version", sa.Integer(), nullable=True),
        Column("target", KEY, nullable=True),
        Column("actor", JSON, nullable=True),
        Column("hook_id", ID, nullable=True),
        Column("version", sa.Integer(), nullable=False),
        Column("created_at", INSTANT, nullable=False),
        Column("updated_at", INSTANT, nullable=False),
        Column("created_by", ID, nullable=True),
        Column("updated_by", ID, nullable=True),
        Column("owner_id", ID, nullable=True),
        Column("custom", JSON, server_default=sa.text("'{}'"), nullable=False),
        Column("external_ids", JSON, server_default=sa.text("'{}'"), nullable=False),
        Column("deleted_at", INSTANT, nullable=True),
        Column("deleted_by", ID, nullable=True),
        sa.CheckConstraint(
            "status IN ('draft', 'active', 'paused')", name=op.f("ck_automations_status")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_automations")),
    )
    for name, column in (("created", "created_at"), ("name", "sort_name")):
        op.create_index(f"ix_automations_{name}", "automations", ["organization_id", column, "id"])
    op.create_table(
        "automation_versions",
        Column("organization_id", ID, nullable=False),
        Column("automation_id", ID, nullable=False),
        Column("number", sa.Integer(), nullable=False),
        Column("trigger", JSON, nullable=False),
        Column("condition", JSON, nullable=False),
        Column("steps", JSON, nullable=False),
        Column("published_at", INSTANT, nullable=False),
        Column("published_by", ID, nullable=True),
        sa.PrimaryKeyConstraint(
            "organization_id", "automation_id", "number", name=op.f("pk_automation_versions")
        ),
    )
    op.create_table(
        "automation_states",
        Column("organization_id", ID, nullable=False),
        Column("automation_id", ID, nullable=False),
        Column("listens", sa.Boolean(), nullable=False),
        Column("since", INSTANT, nullable=True),
        Column("next_at", INSTANT, nullable=True),
        Column("turns", sa.Integer(), server_default=sa.text("0"), nullable=False),
        Column("tx", sa.BigInteger(), server_default=HORIZON, nullable=False),
        Column("seq", sa.BigInteger(), server_default=sa.text(str(2**63 - 1)), nullable=False),
        Column("begun", KEY, server_default=SNAPSHOT, nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "automation_id", name=op.f("pk_automation_states")
        ),
    )
    op.create_index(
        "ix_automation_states_next",
        "automation_states",
        ["next_at"],
        postgresql_where=sa.text("next_at IS NOT NULL"),
    )
    op.create_table(
        "automation_runs",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("automation_id", ID, nullable=False),
        Column("version", sa.Integer(), nullable=False),
        Column("key", KEY, nullable=False),
        Column("entity", KEY, nullable=True),
        Column("record_id", ID, nullable=True),
        Column("event_id", ID, nullable=True),
        Column("depth", sa.SmallInteger(), nullable=False),
        Column("actor", JSON, nullable=True),
        Column("status", KEY, nullable=False),
        Column("place", JSON, nullable=True),
        Column("steps_taken", sa.Integer(), nullable=False),
        Column("results", JSON, nullable=False),
        Column("input", JSON, nullable=True),
        Column("job_id", ID, nullable=False),
        Column("wake_at", INSTANT, nullable=True),
        Column("error", JSON, nullable=True),
        Column("created_at", INSTANT, nullable=False),
        Column("finished_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', "
            "'stopped')",
            name=op.f("ck_automation_runs_status"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_automation_runs")),
    )
    op.create_index(
        "uq_automation_runs_key",
        "automation_runs",
        ["organization_id", "automation_id", "key"],
        unique=True,
    )
    op.create_index(
        "ix_automation_runs_log", "automation_runs", ["organization_id", "automation_id", "id"]
    )
    op.create_index(
        "ix_automation_runs_record",
        "automation_runs",
        ["organization_id", "record_id"],
        postgresql_where=sa.text("record_id IS NOT NULL"),
    )
    op.create_index(
        "ix_automation_runs_under_way",
        "automation_runs",
        ["organization_id", "job_id"],
        postgresql_where=sa.text("status IN ('queued', 'running', 'waiting')"),
    )
    op.create_index("ix_automation_runs_age", "automation_runs", ["finished_at"])
    op.create_table(
        "automation_steps",
        Column("organization_id", ID, nullable=False),
        Column("run_id", ID, nullable=False),
        Column("number", sa.Integer(), nullable=False),
        Column("place", KEY, nullable=False),
        Column("action", KEY, nullable=False),
        Column("name", KEY, nullable=True),
        Column("outcome", KEY, nullable=False),
        Column("result", JSON, nullable=False),
        Column("error", JSON, nullable=True),
        Column("taken_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "run_id", "number", name=op.f("pk_automation_steps")
        ),
    )
    for table in TABLES:
        ddl.protect(table)
    ddl.see_all("automations", ddl.DEFINER, "SELECT")
    ddl.see_all("automation_states", ddl.DEFINER, "SELECT")
    ddl.see_all("automation_runs", ddl.DEFINER, "SELECT, DELETE")
    ddl.see_all("automation_steps", ddl.DEFINER, "SELECT, DELETE")
    ddl.see_all("jobs", ddl.DEFINER, "SELECT")
    for name, body in (("with_news", NEWS), ("due", DUE)):
        ddl.definer_function(
            f"crm_automations_{name}(most integer)",
            "TABLE (organization_id uuid, automation_id uuid)",
            body,
        )
    ddl.definer_function(
        "crm_stranded_runs(most integer)", "TABLE (organization_id uuid, run_id uuid)", STRANDED
    )
    ddl.definer_function("crm_forget_runs(most integer)", "bigint", FORGET, changes=True)


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION crm_forget_runs, crm_stranded_runs, crm_automations_due, "
        "crm_automations_with_news"
    )
    op.execute(f"DROP POLICY {ddl.DEFINER} ON jobs")
    op.execute(f"REVOKE SELECT ON jobs FROM {ddl.DEFINER}")
    for table in reversed(TABLES):
        op.drop_table(table)
