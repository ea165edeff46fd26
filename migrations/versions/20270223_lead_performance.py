"""Pools that share leads out by performance."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

from crm_api.kit.db import ddl

revision = "20270223_lead_performance"
down_revision = "20270222_territories"
branch_labels = None
depends_on = None

POOLS = "lead_pools"
STRATEGY, EXPLORATION = f"ck_{POOLS}_strategy", f"ck_{POOLS}_exploration"
BEFORE = "strategy IN ('round_robin', 'least_loaded')"
AFTER = "strategy IN ('round_robin', 'least_loaded', 'performance')"


def upgrade() -> None:
    op.add_column(
        POOLS, Column("exploration", sa.Integer(), server_default=sa.text("10"), nullable=False)
    )
    op.alter_column(POOLS, "exploration", server_default=None)
    op.create_check_constraint(op.f(EXPLORATION), POOLS, "exploration BETWEEN 1 AND 100")
    op.drop_constraint(op.f(STRATEGY), POOLS)
    op.create_check_constraint(op.f(STRATEGY), POOLS, AFTER)


def downgrade() -> None:
    # The weights that members were given by hand count again.
    with ddl.rows_of_all(POOLS):
        op.execute(f"UPDATE {POOLS} SET strategy = 'round_robin' WHERE strategy = 'performance'")
    op.drop_constraint(op.f(STRATEGY), POOLS)
    op.create_check_constraint(op.f(STRATEGY), POOLS, BEFORE)
    op.drop_column(POOLS, "exploration")
