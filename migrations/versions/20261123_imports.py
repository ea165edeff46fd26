"""Imports and the mistakes in their files."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261123_imports"
down_revision = "20261123_foundation"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")


def upgrade() -> None:
    op.create_table(
        "imports",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("target", KEY, nullable=False),
        Column("filename", sa.Text(), nullable=False),
        Column("size_bytes", sa.BigInteger(), nullable=False),
        Column("stored_as", KEY, nullable=False),
        Column("status", KEY, nullable=False),
        Column("format", JSON, nullable=False),
        Column("mapping", JSON, nullable=False),
        Column("options", JSON, nullable=False),
        Column("rows", sa.Integer(), nullable=False),
        Column("position", sa.Integer(), nullable=False),
        Column("counts", JSON, nullable=False),
        Column("job_id", sa.Uuid(), nullable=True),
        Column("failure", JSON, nullable=True),
        Column("validated_at", INSTANT, nullable=True),
        Column("started_at", INSTANT, nullable=True),
        Column("finished_at", INSTANT, nullable=True),
        Column("version", sa.Integer(), nullable=False),
        Column("created_at", INSTANT, nullable=False),
        Column("updated_at", INSTANT, nullable=False),
        Column("created_by", sa.Uuid(), nullable=True),
        Column("updated_by", sa.Uuid(), nullable=True),
        Column("owner_id", sa.Uuid(), nullable=True),
        Column("custom", JSON, server_default=sa.text("'{}'"), nullable=False),
        Column("external_ids", JSON, server_default=sa.text("'{}'"), nullable=False),
        Column("deleted_at", INSTANT, nullable=True),
        Column("deleted_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "status IN ('uploaded', 'validating', 'validated', 'running', 'completed', 'reverting', 'reverted', 'failed', 'cancelled')",
            name=op.f("ck_imports_status"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_imports")),
    )
    op.create_index(
        "ix_imports_created", "imports", ["organization_id", "created_at", "id"], unique=False
    )
    op.create_table(
        "import_faults",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("import_id", sa.Uuid(), nullable=False),
        Column("row", sa.Integer(), nullable=False),
        Column("number", sa.Integer(), nullable=False),
        Column("column", sa.Text(), nullable=True),
        Column("code", KEY, nullable=False),
        Column("message", sa.Text(), nullable=False),
        Column("value", sa.Text(), nullable=True),
        Column("cells", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "import_id"],
            ["imports.organization_id", "imports.id"],
            name=op.f("fk_import_faults_organization_id_import_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "import_id", "row", "number", name=op.f("pk_import_faults")
        ),
    )
    ddl.protect("imports")
    ddl.protect("import_faults")


def downgrade() -> None:
    op.drop_table("import_faults")
    op.drop_table("imports")
