"""Packs that were applied."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261210_packs"
down_revision = "20261209_custom_objects"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")


def upgrade() -> None:
    op.create_table(
        "pack_applications",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("pack", KEY, nullable=False),
        Column("pack_version", sa.Integer(), nullable=False),
        Column("status", KEY, nullable=False),
        Column("steps", JSON, nullable=False),
        Column("rolled_back_at", INSTANT, nullable=True),
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
            "status IN ('applied', 'rolled_back')", name=op.f("ck_pack_applications_status")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_pack_applications")),
    )
    op.create_index(
        "ix_pack_applications_pack", "pack_applications", ["organization_id", "pack", "id"]
    )
    op.create_index(
        "ix_pack_applications_created",
        "pack_applications",
        ["organization_id", "created_at", "id"],
    )
    ddl.protect("pack_applications")


def downgrade() -> None:
    op.drop_table("pack_applications")
