"""Rules that name somebody ask them to respond in time."""

import sqlalchemy as sa
from alembic import op

revision = "20270314_named_respond"
down_revision = "20270313_lead_queues"
branch_labels = None
depends_on = None

TABLE, COLUMN = "lead_rules", "response_minutes"
CHECK = f"ck_{TABLE}_{COLUMN}"


def upgrade() -> None:
    op.add_column(TABLE, sa.Column(COLUMN, sa.Integer(), nullable=True))
    op.create_check_constraint(
        op.f(CHECK),
        TABLE,
        f"{COLUMN} IS NULL OR ({COLUMN} > 0 AND target <> 'pool')",
    )


def downgrade() -> None:
    op.drop_constraint(op.f(CHECK), TABLE)
    op.drop_column(TABLE, COLUMN)
