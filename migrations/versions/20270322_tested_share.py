"""Experiments are made with a part of an audience; the others wait for what is decided."""

import sqlalchemy as sa
from alembic import op

revision = "20270322_tested_share"
down_revision = "20270321_members_by_key"
branch_labels = None
depends_on = None

TABLE, NAME = "campaigns", "test_percent"


def upgrade() -> None:
    op.add_column(TABLE, sa.Column(NAME, sa.Integer(), server_default="100", nullable=False))
    op.create_check_constraint(op.f(f"ck_{TABLE}_{NAME}"), TABLE, f"{NAME} BETWEEN 1 AND 100")


def downgrade() -> None:
    op.drop_column(TABLE, NAME)
