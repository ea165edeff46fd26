"""The trace of the request that something comes from, with events and jobs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

revision = "20261222_traces"
down_revision = "20261221_lanes"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")


def upgrade() -> None:
    for table in ("events", "jobs"):
        op.add_column(table, Column("trace", KEY, nullable=True))


def downgrade() -> None:
    for table in ("events", "jobs"):
        op.drop_column(table, "trace")
