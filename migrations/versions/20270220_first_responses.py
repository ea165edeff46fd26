"""When cases were first answered, for reports."""

import sqlalchemy as sa
from alembic import op

from crm_api.kit.db import ddl

revision = "20270220_first_responses"
down_revision = "20270217_attribution"
branch_labels = None
depends_on = None

# What is known of a case from before its course was kept is when it was resolved.
KNOWN = """
    UPDATE cases SET first_responded_at = CASE WHEN sla_track = '{}' THEN resolved_at
        ELSE (sla_track #>> '{asks,0,2}')::timestamptz END
    WHERE sla_track <> '{}' OR resolved_at IS NOT NULL
"""


def upgrade() -> None:
    column = sa.Column("first_responded_at", sa.DateTime(timezone=True), nullable=True)
    op.add_column("cases", column)
    # Else its owner sees no rows, unless that is a superuser.
    with ddl.rows_of_all("cases"):
        op.execute(KNOWN)


def downgrade() -> None:
    op.drop_column("cases", "first_responded_at")
