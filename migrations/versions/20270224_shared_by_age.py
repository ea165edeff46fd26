"""When the records were made that are shared, for lists by age."""

from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "20270224_shared_by_age"
down_revision = "20270223_lead_performance"
branch_labels = None
depends_on = None

TABLE, COLUMN = "record_access", "record_created_at"
# Of every table of records that somebody owns; what is left shares records that are gone for good.
FILL = f"""
    DO $$
    DECLARE owned text;
    BEGIN
      ALTER TABLE {TABLE} NO FORCE ROW LEVEL SECURITY;
      FOR owned IN
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
          AND NOT c.relispartition AND NOT a.attisdropped
          AND a.attname IN ('organization_id', 'id', 'owner_id', 'created_at')
        GROUP BY c.relname HAVING count(*) = 4 ORDER BY c.relname
      LOOP
        EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', owned);
        EXECUTE format('UPDATE {TABLE} a SET {COLUMN} = r.created_at FROM %I r '
          'WHERE r.organization_id = a.organization_id AND r.id = a.record_id '
          'AND a.{COLUMN} IS NULL', owned);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', owned);
      END LOOP;
      DELETE FROM {TABLE} WHERE {COLUMN} IS NULL;
      ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY;
    END $$
"""


def upgrade() -> None:
    op.add_column(TABLE, Column(COLUMN, TIMESTAMP(timezone=True), nullable=True))
    op.execute(FILL)
    op.alter_column(TABLE, COLUMN, nullable=False)


def downgrade() -> None:
    op.drop_column(TABLE, COLUMN)
