"""With whom records are shared, and whose they are."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261213_sharing"
down_revision = "20261212_roles"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")
OWNED = ("companies", "contacts", "custom_records", "exports", "imports", "merges")


def upgrade() -> None:
    op.create_table(
        "record_access",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("principal_id", sa.Uuid(), nullable=False),
        Column("entity", KEY, nullable=False),
        Column("record_id", sa.Uuid(), nullable=False),
        Column("source_id", sa.Uuid(), nullable=False),
        Column("writes", sa.Boolean(), nullable=False),
        Column("expires_at", TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint(
            "organization_id",
            "principal_id",
            "entity",
            "record_id",
            "source_id",
            name=op.f("pk_record_access"),
        ),
    )
    op.create_index(
        "ix_record_access_record",
        "record_access",
        ["organization_id", "record_id", "principal_id"],
    )
    op.create_index("ix_record_access_source", "record_access", ["organization_id", "source_id"])
    ddl.protect("record_access")
    with op.get_context().autocommit_block():
        for table in OWNED:
            # One that was broken off is there, and good for nothing.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS ix_{table}_owner")
            op.create_index(
                f"ix_{table}_owner",
                table,
                ["organization_id", "owner_id"],
                postgresql_where=sa.text("owner_id IS NOT NULL"),
                postgresql_concurrently=True,
            )


def downgrade() -> None:
    for table in OWNED:
        op.drop_index(f"ix_{table}_owner", table)
    op.drop_table("record_access")
