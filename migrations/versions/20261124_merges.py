"""Merges, and where the ids of merged records lead."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261124_merges"
down_revision = "20261124_import_undoing"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")


def upgrade() -> None:
    op.create_table(
        "merges",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("target", KEY, nullable=False),
        Column("winner_id", sa.Uuid(), nullable=False),
        Column("loser_ids", JSON, nullable=False),
        Column("status", KEY, nullable=False),
        Column("fields", JSON, nullable=False),
        Column("moved", JSON, nullable=False),
        Column("undone_at", INSTANT, nullable=True),
        Column("undone_by", sa.Uuid(), nullable=True),
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
        sa.CheckConstraint("status IN ('done', 'undone')", name=op.f("ck_merges_status")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_merges")),
    )
    op.create_index(
        "ix_merges_created", "merges", ["organization_id", "created_at", "id"], unique=False
    )
    op.create_index("ix_merges_winner", "merges", ["organization_id", "winner_id"], unique=False)
    op.create_table(
        "record_redirects",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("record_id", sa.Uuid(), nullable=False),
        Column("entity", KEY, nullable=False),
        Column("target_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "record_id", name=op.f("pk_record_redirects")),
    )
    ddl.protect("merges")
    ddl.protect("record_redirects")


def downgrade() -> None:
    op.drop_table("record_redirects")
    op.drop_table("merges")
