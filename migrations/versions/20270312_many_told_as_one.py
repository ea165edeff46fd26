"""A notification of many records knows the latest of them, not the last one alone."""

from alembic import op
from sqlalchemy import ARRAY, Column, Uuid

revision = "20270312_many_told_as_one"
down_revision = "20270311_merged_audiences"
branch_labels = None
depends_on = None

TABLE, INDEX = "notifications", "ix_notifications_many"


def upgrade() -> None:
    op.add_column(TABLE, Column("other_ids", ARRAY(Uuid()), nullable=True))
    with op.get_context().autocommit_block():
        # One that was broken off is there, and good for nothing.
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")
        op.execute(
            f"CREATE INDEX CONCURRENTLY {INDEX} ON {TABLE} (organization_id) "
            "WHERE other_ids IS NOT NULL"
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")
    op.drop_column(TABLE, "other_ids")
