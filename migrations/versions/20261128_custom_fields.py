"""Definitions of custom fields, what they say, and the index of their values."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261128_custom_fields"
down_revision = "20261127_views"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
TYPES = (
    "text",
    "integer",
    "decimal",
    "money",
    "date",
    "datetime",
    "bool",
    "select",
    "multiselect",
    "url",
    "email",
    "phone",
    "relation",
)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # One that was broken off is there, and good for nothing.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS uq_record_keys_custom")
        op.create_index(
            "uq_record_keys_custom",
            "record_keys",
            ["organization_id", "entity", "kind", "value"],
            unique=True,
            postgresql_where=sa.text("starts_with(kind, 'custom.')"),
            postgresql_concurrently=True,
        )
    op.create_table(
        "custom_fields",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("target", KEY, nullable=False),
        Column("name", KEY, nullable=False),
        Column("label", KEY, nullable=False),
        Column("type", KEY, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("position", sa.SmallInteger(), nullable=False),
        Column("options", JSON, nullable=False),
        Column("required", sa.Boolean(), nullable=False),
        Column("unique", sa.Boolean(), nullable=False),
        Column("indexed", sa.Boolean(), nullable=False),
        Column("indexed_at", INSTANT, nullable=True),
        Column("searchable", sa.Boolean(), nullable=False),
        Column("archived", sa.Boolean(), nullable=False),
        Column("default", JSON, nullable=True),
        Column("visible_to", JSON, nullable=False),
        Column("currency", KEY, nullable=True),
        Column("relates_to", KEY, nullable=True),
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
            "type IN (" + ", ".join(f"'{kind}'" for kind in TYPES) + ")",
            name=op.f("ck_custom_fields_type"),
        ),
        sa.CheckConstraint("name ~ '^[a-z][a-z0-9_]{0,62}$'", name=op.f("ck_custom_fields_name")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_custom_fields")),
    )
    op.create_index(
        "uq_custom_fields_organization_id_name",
        "custom_fields",
        ["organization_id", "target", "name"],
        unique=True,
    )
    op.create_index(
        "ix_custom_fields_created", "custom_fields", ["organization_id", "created_at", "id"]
    )
    op.create_table(
        "custom_schemas",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("version", sa.BigInteger(), nullable=False),
        Column("snapshot", JSON, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_custom_schemas")),
    )
    op.create_table(
        "custom_values",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("record_id", sa.Uuid(), nullable=False),
        Column("field_id", sa.Uuid(), nullable=False),
        Column("place", sa.SmallInteger(), nullable=False),
        Column("text", KEY, nullable=True),
        Column("number", sa.BigInteger(), nullable=True),
        Column("reference", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint(
            "organization_id", "record_id", "field_id", "place", name=op.f("pk_custom_values")
        ),
    )
    for column in ("text", "number", "reference"):
        op.create_index(
            f"ix_custom_values_{column}",
            "custom_values",
            ["organization_id", "field_id", column, "record_id"],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    for table in ("custom_fields", "custom_schemas", "custom_values"):
        ddl.protect(table)


def downgrade() -> None:
    op.drop_index("uq_record_keys_custom", "record_keys")
    op.drop_table("custom_values")
    op.drop_table("custom_schemas")
    op.drop_table("custom_fields")
