"""How many bytes of files an organization may have stored."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

revision = "20261217_quotas_of_files"
down_revision = "20261216_identity_providers"
branch_labels = None
depends_on = None

# In the database, so that no way to a file goes past it; whoever adds one at the same time waits.
CHECK = """
    CREATE FUNCTION crm_check_files() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
    DECLARE
      most bigint := (SELECT file_bytes FROM organization_quotas q
                      WHERE q.organization_id = NEW.organization_id);
    BEGIN
      IF most IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('files:' || NEW.organization_id::text, 0));
        IF (SELECT coalesce(sum(size_bytes), 0) FROM imports i
            WHERE i.organization_id = NEW.organization_id AND i.deleted_at IS NULL
              AND i.file_removed_at IS NULL)
         + (SELECT coalesce(sum(size_bytes), 0) FROM exports e
            WHERE e.organization_id = NEW.organization_id AND e.deleted_at IS NULL
              AND e.expires_at > now()) > most THEN
          RAISE EXCEPTION 'file_bytes' USING ERRCODE = 'CRMQU', DETAIL = most::text;
        END IF;
      END IF;
      RETURN NULL;
    END $$
"""


def upgrade() -> None:
    op.add_column("organization_quotas", Column("file_bytes", sa.BigInteger(), nullable=True))
    op.create_check_constraint(
        op.f("ck_organization_quotas_file_bytes"), "organization_quotas", "file_bytes > 0"
    )
    op.execute(CHECK)
    op.execute(
        "CREATE TRIGGER check_quota AFTER INSERT ON imports "
        "FOR EACH ROW EXECUTE FUNCTION crm_check_files()"
    )
    op.execute(
        "CREATE TRIGGER check_quota AFTER UPDATE OF size_bytes ON exports FOR EACH ROW "
        "WHEN (NEW.size_bytes IS DISTINCT FROM OLD.size_bytes) EXECUTE FUNCTION crm_check_files()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER check_quota ON imports")
    op.execute("DROP TRIGGER check_quota ON exports")
    op.execute("DROP FUNCTION crm_check_files")
    op.drop_column("organization_quotas", "file_bytes")
