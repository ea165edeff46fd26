"""Custom objects, and the records of all of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261209_custom_objects"
down_revision = "20261208_computed_fields"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")


def upgrade() -> None:
    op.create_table(
        "custom_objects",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("key", KEY, nullable=False),
        Column("label", KEY, nullable=False),
        Column("plural_label", KEY, nullable=False),
        Column("name_label", KEY, nullable=False),
        Column("description", sa.Text(), nullable=True),
        *_common(),
        sa.CheckConstraint("key ~ '^[a-z][a-z0-9_]{0,39}$'", name=op.f("ck_custom_objects_key")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_custom_objects")),
    )
    op.create_index(
        "uq_custom_objects_organization_id_key",
        "custom_objects",
        ["organization_id", "key"],
        unique=True,
    )
    op.create_index(
        "ix_custom_objects_created", "custom_objects", ["organization_id", "created_at", "id"]
    )
    op.create_table(
        "custom_records",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("object", KEY, nullable=False),
        *_common(),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_custom_records")),
    )
    for name, column in (
        ("created", "created_at"),
        ("updated", "updated_at"),
        ("name", "sort_name"),
    ):
        op.create_index(
            f"ix_custom_records_{name}",
            "custom_records",
            ["organization_id", "object", column, "id"],
        )
    ddl.protect("custom_objects")
    ddl.protect("custom_records")


def downgrade() -> None:
    op.drop_table("custom_records")
    op.drop_table("custom_objects")


def _common() -> list[Column]:
    return [
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
    ]
