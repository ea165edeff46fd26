"""Where a job goes on, and how many records one request may change in an organization."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261128_bulk"
down_revision = "20261128_purges"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", Column("state", JSONB(), nullable=True))
    op.add_column(
        "organizations", Column("bulk_limit", sa.Integer(), nullable=False, server_default="100000")
    )


def downgrade() -> None:
    op.drop_column("organizations", "bulk_limit")
    op.drop_column("jobs", "state")
