"""Saved views."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261127_views"
down_revision = "20261127_exports"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")


def upgrade() -> None:
    op.create_table(
        "views",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("target", KEY, nullable=False),
        Column("name", KEY, nullable=False),
        Column("filter", JSON, nullable=False),
        Column("sort", JSON, nullable=False),
        Column("fields", JSON, nullable=False),
        Column("include", JSON, nullable=False),
        Column("sharing", KEY, nullable=False),
        Column("is_pinned", sa.Boolean(), nullable=False),
        Column("is_default", sa.Boolean(), nullable=False),
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
        sa.CheckConstraint("sharing IN ('private', 'organization')", name=op.f("ck_views_sharing")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_views")),
    )
    op.create_index("ix_views_created", "views", ["organization_id", "created_at", "id"])
    op.create_index("ix_views_updated", "views", ["organization_id", "updated_at", "id"])
    op.create_index(
        "uq_views_organization_id_target",
        "views",
        ["organization_id", "target"],
        unique=True,
        postgresql_where=sa.text("is_default AND sharing = 'organization' AND deleted_at IS NULL"),
    )
    op.create_index(
        "uq_views_organization_id_owner_id",
        "views",
        ["organization_id", "target", "owner_id"],
        unique=True,
        postgresql_where=sa.text("is_default AND sharing = 'private' AND deleted_at IS NULL"),
    )
    ddl.protect("views")


def downgrade() -> None:
    op.drop_table("views")
