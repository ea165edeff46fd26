"""Reminders of planned activities."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270121_activity_reminders"
down_revision = "20270120_sequences"
branch_labels = None
depends_on = None

TABLE = "activities"
REMINDED = """
    SELECT a.organization_id, a.id FROM activities a
    WHERE a.status = 'planned' AND a.deleted_at IS NULL AND a.timer_started_at IS NULL
        AND a.remind_at <= now() AND a.starts_at >= now() - interval '1 hour'
        AND (a.alerts ->> 'reminded')::timestamptz IS DISTINCT FROM a.remind_at
        AND (a.organization_id, a.id) > (after_organization, after_activity)
    ORDER BY a.organization_id, a.id LIMIT most
"""


def upgrade() -> None:
    op.add_column(TABLE, Column("remind_minutes", sa.Integer(), nullable=True))
    op.add_column(TABLE, Column("remind_at", TIMESTAMP(timezone=True), nullable=True))
    alerts = Column("alerts", JSONB(), server_default=sa.text("'{}'"), nullable=False)
    op.add_column(TABLE, alerts)
    op.create_check_constraint(op.f(f"ck_{TABLE}_remind_minutes"), TABLE, "remind_minutes >= 0")
    op.create_index(
        "ix_activities_remind",
        TABLE,
        ["remind_at"],
        postgresql_where=sa.text("status = 'planned' AND deleted_at IS NULL"),
    )
    ddl.see_all(TABLE, ddl.DEFINER, "SELECT")
    ddl.definer_function(
        "crm_activities_reminded(after_organization uuid, after_activity uuid, most integer)",
        "TABLE (organization_id uuid, activity_id uuid)",
        REMINDED,
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_activities_reminded")
    op.execute(f"DROP POLICY {ddl.DEFINER} ON {TABLE}")
    op.execute(f"REVOKE SELECT ON {TABLE} FROM {ddl.DEFINER}")
    for column in ("alerts", "remind_at", "remind_minutes"):
        op.drop_column(TABLE, column)
