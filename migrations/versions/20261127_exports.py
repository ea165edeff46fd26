"""Exports."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261127_exports"
down_revision = "20261126_organization_settings"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")


def upgrade() -> None:
    op.create_table(
        "exports",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("target", KEY, nullable=False),
        Column("format", KEY, nullable=False),
        Column("filters", JSON, nullable=False),
        Column("sort", JSON, nullable=False),
        Column("fields", JSON, nullable=False),
        Column("deleted", KEY, nullable=True),
        Column("delimiter", KEY, nullable=False),
        Column("bom", sa.Boolean(), nullable=False),
        Column("filename", sa.Text(), nullable=False),
        Column("job_id", sa.Uuid(), nullable=False),
        Column("rows", sa.BigInteger(), nullable=True),
        Column("size_bytes", sa.BigInteger(), nullable=True),
        Column("stored_as", KEY, nullable=True),
        Column("finished_at", INSTANT, nullable=True),
        Column("expires_at", INSTANT, nullable=True),
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
        sa.CheckConstraint("format IN ('csv', 'ndjson', 'xlsx')", name=op.f("ck_exports_format")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_exports")),
    )
    op.create_index("ix_exports_created", "exports", ["organization_id", "created_at", "id"])
    ddl.protect("exports")


def downgrade() -> None:
    op.drop_table("exports")
