"""Attempts of webhooks summed up, and what shows how jobs fare."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261222_webhook_tallies"
down_revision = "20261222_traces"
branch_labels = None
depends_on = None

ID = sa.Uuid()
KEY = ["organization_id", "webhook_id", "at", "latency_class"]


def upgrade() -> None:
    op.create_table(
        "webhook_tallies",
        Column("organization_id", ID, nullable=False),
        Column("webhook_id", ID, nullable=False),
        Column("at", TIMESTAMP(timezone=True), nullable=False),
        Column("latency_class", sa.SmallInteger(), nullable=False),
        Column("succeeded", sa.Integer(), nullable=False),
        Column("failed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(*KEY, name=op.f("pk_webhook_tallies")),
    )
    op.create_index("ix_webhook_tallies_age", "webhook_tallies", ["at"])
    ddl.protect("webhook_tallies", rights="SELECT, DELETE")
    ddl.see_all("webhook_tallies", ddl.WORKER, "SELECT, INSERT, UPDATE, DELETE")
    ddl.see_all("schedules", ddl.DEFINER, "SELECT")
    ddl.definer_function("crm_worker_seen()", "timestamptz", "SELECT max(last_at) FROM schedules")
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_jobs_failed",
            "jobs",
            ["organization_id", "finished_at"],
            postgresql_where=sa.text("status = 'failed'"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    op.drop_index("ix_jobs_failed", "jobs")
    op.execute("DROP FUNCTION crm_worker_seen")
    op.execute(f"DROP POLICY {ddl.DEFINER} ON schedules")
    op.execute(f"REVOKE SELECT ON schedules FROM {ddl.DEFINER}")
    op.drop_table("webhook_tallies")
