"""Lanes and order of jobs, and what is done from time to time."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261221_lanes"
down_revision = "20261220_webhooks"
branch_labels = None
depends_on = None

INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")


def upgrade() -> None:
    op.add_column("jobs", Column("lane", KEY, server_default=sa.text("'default'"), nullable=False))
    op.add_column("jobs", Column("order_key", KEY, nullable=True))
    op.create_check_constraint(
        op.f("ck_jobs_lane"), "jobs", "lane IN ('interactive', 'default', 'bulk')"
    )
    with op.get_context().autocommit_block():
        for name, columns, where in (
            ("turn", ["lane", "organization_id", "run_at", "id"], "status = 'queued'"),
            (
                "order",
                ["organization_id", "order_key", "id"],
                "status IN ('queued', 'running') AND order_key IS NOT NULL",
            ),
        ):
            op.create_index(
                f"ix_jobs_{name}",
                "jobs",
                columns,
                postgresql_where=sa.text(where),
                postgresql_concurrently=True,
                if_not_exists=True,
            )
    op.create_table(
        "schedules",
        Column("name", KEY, nullable=False),
        Column("every_s", sa.Integer(), nullable=False),
        Column("next_at", INSTANT, nullable=False),
        Column("lease_token", sa.Uuid(), nullable=True),
        Column("lease_until", INSTANT, nullable=True),
        Column("last_at", INSTANT, nullable=True),
        Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schedules")),
    )
    ddl.protect_by("schedule", "schedules", "name", rights="SELECT")
    ddl.see_all("schedules", ddl.WORKER, "SELECT, INSERT, UPDATE")


def downgrade() -> None:
    op.drop_table("schedules")
    op.drop_index("ix_jobs_order", "jobs")
    op.drop_index("ix_jobs_turn", "jobs")
    op.drop_constraint(op.f("ck_jobs_lane"), "jobs")
    op.drop_column("jobs", "order_key")
    op.drop_column("jobs", "lane")
