"""Attachments of records, and the files that they lead to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261223_files"
down_revision = "20261222_webhook_tallies"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()

# Those that are there: uploads until they are removed, exports until they expire, files until the
# last attachment is gone for good.
BYTES = """
    CREATE FUNCTION crm_file_bytes(organization uuid, moment timestamptz) RETURNS bigint
    LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
      SELECT ((SELECT coalesce(sum(size_bytes), 0) FROM imports i
               WHERE i.organization_id = organization AND i.deleted_at IS NULL
                 AND i.file_removed_at IS NULL)
            + (SELECT coalesce(sum(size_bytes), 0) FROM exports e
               WHERE e.organization_id = organization AND e.deleted_at IS NULL
                 AND e.expires_at > moment)
            + (SELECT coalesce(sum(size_bytes), 0) FROM files f
               WHERE f.organization_id = organization))::bigint
    $$
"""
CHECK = """
    CREATE OR REPLACE FUNCTION crm_check_files() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
    DECLARE
      most bigint := (SELECT file_bytes FROM organization_quotas q
                      WHERE q.organization_id = NEW.organization_id);
    BEGIN
      IF most IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('files:' || NEW.organization_id::text, 0));
        IF crm_file_bytes(NEW.organization_id, now()) > most THEN
          RAISE EXCEPTION 'file_bytes' USING ERRCODE = 'CRMQU', DETAIL = most::text;
        END IF;
      END IF;
      RETURN NULL;
    END $$
"""
CHECK_BEFORE = """
    CREATE OR REPLACE FUNCTION crm_check_files() RETURNS trigger LANGUAGE plpgsql
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
# Whatever ends an attachment, its file is looked at at once.
RELEASE = """
    CREATE FUNCTION crm_release_file() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
      UPDATE files SET keep_until = now()
      WHERE organization_id = OLD.organization_id AND id = OLD.file_id;
      RETURN NULL;
    END $$
"""


def upgrade() -> None:
    op.create_table(
        "files",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("filename", sa.Text(), nullable=True),
        Column("content_type", KEY, nullable=True),
        Column("size_bytes", sa.BigInteger(), nullable=True),
        Column("sha256", KEY, nullable=True),
        Column("owner_id", ID, nullable=True),
        Column("created_at", INSTANT, nullable=False),
        Column("keep_until", INSTANT, nullable=False),
        Column("is_doomed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_files")),
    )
    op.create_index("ix_files_keep", "files", ["keep_until"])
    op.create_table(
        "attachments",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("target", KEY, nullable=False),
        Column("record_id", ID, nullable=False),
        Column("file_id", ID, nullable=False),
        Column("filename", KEY, nullable=False),
        Column("content_type", KEY, nullable=False),
        Column("size_bytes", sa.BigInteger(), nullable=False),
        Column("sha256", KEY, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("version", sa.Integer(), nullable=False),
        Column("created_at", INSTANT, nullable=False),
        Column("updated_at", INSTANT, nullable=False),
        Column("created_by", ID, nullable=True),
        Column("updated_by", ID, nullable=True),
        Column("owner_id", ID, nullable=True),
        Column("custom", JSON, server_default=sa.text("'{}'"), nullable=False),
        Column("external_ids", JSON, server_default=sa.text("'{}'"), nullable=False),
        Column("deleted_at", INSTANT, nullable=True),
        Column("deleted_by", ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "file_id"],
            ["files.organization_id", "files.id"],
            name=op.f("fk_attachments_organization_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_attachments")),
    )
    op.create_index(
        "ix_attachments_created", "attachments", ["organization_id", "created_at", "id"]
    )
    op.create_index("ix_attachments_record", "attachments", ["organization_id", "record_id"])
    op.create_index("ix_attachments_file", "attachments", ["organization_id", "file_id"])
    op.create_index(
        "ix_attachments_owner",
        "attachments",
        ["organization_id", "owner_id"],
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index(
        "uq_attachments_organization_id_file_id",
        "attachments",
        ["organization_id", "file_id", "record_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    for table in ("files", "attachments"):
        ddl.protect(table)
    ddl.see_all("files", ddl.WORKER, "SELECT, UPDATE, DELETE")
    ddl.see_all("attachments", ddl.WORKER, "SELECT")
    op.execute(BYTES)
    op.execute(CHECK)
    op.execute(RELEASE)
    op.execute(
        "CREATE TRIGGER check_quota AFTER UPDATE OF size_bytes ON files FOR EACH ROW "
        "WHEN (NEW.size_bytes IS DISTINCT FROM OLD.size_bytes) EXECUTE FUNCTION crm_check_files()"
    )
    op.execute(
        "CREATE TRIGGER release_file AFTER DELETE ON attachments "
        "FOR EACH ROW EXECUTE FUNCTION crm_release_file()"
    )


def downgrade() -> None:
    op.execute(CHECK_BEFORE)
    for table in ("attachments", "files"):
        op.drop_table(table)
    op.execute("DROP FUNCTION crm_release_file, crm_file_bytes")
