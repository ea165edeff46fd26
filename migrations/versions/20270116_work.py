"""The secret addresses at which calendars read agendas."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270116_work"
down_revision = "20270115_commitments"
branch_labels = None
depends_on = None

TABLE = "calendar_feeds"
INSTANT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        TABLE,
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("user_id", sa.Uuid(), nullable=False),
        Column("secret_hash", sa.Text(collation="C"), nullable=False),
        Column("created_at", INSTANT, nullable=False),
        Column("last_used_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_calendar_feeds")),
    )
    op.create_index(
        "uq_calendar_feeds_organization_id_user_id",
        TABLE,
        ["organization_id", "user_id"],
        unique=True,
    )
    ddl.protect(TABLE)


def downgrade() -> None:
    op.drop_table(TABLE)
