"""When the records were made that are shared, for lists by age."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "20270224_shared_by_age"
down_revision = "20270223_lead_performance"
branch_labels = None
depends_on = None

TABLE, COLUMN = "record_access", "record_created_at"
OWNED = """
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
    AND NOT c.relispartition
    AND a.attname IN ('organization_id', 'id', 'owner_id', 'created_at') AND NOT a.attisdropped
    GROUP BY c.relname HAVING count(*) = 4 ORDER BY c.relname
"""


def upgrade() -> None:
    op.add_column(TABLE, Column(COLUMN, TIMESTAMP(timezone=True), nullable=True))
    owned = [row[0] for row in op.get_bind().execute(sa.text(OWNED))]
    for table in (TABLE, *owned):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    for table in owned:
        op.execute(
            f"UPDATE {TABLE} a SET {COLUMN} = r.created_at FROM {table} r "
            "WHERE r.organization_id = a.organization_id AND r.id = a.record_id "
            f"AND a.{COLUMN} IS NULL"
        )
    # What is left shares records that are gone for good.
    op.execute(f"DELETE FROM {TABLE} WHERE {COLUMN} IS NULL")
    for table in (TABLE, *owned):
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.alter_column(TABLE, COLUMN, nullable=False)


def downgrade() -> None:
    op.drop_column(TABLE, COLUMN)
