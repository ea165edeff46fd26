"""Recipes of automatic proposals."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270102_recipes"
down_revision = "20270101_quote_links"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TABLE = "proposal_recipes"


def upgrade() -> None:
    op.create_table(
        TABLE,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("status", KEY, nullable=False),
        Column("target", KEY, nullable=False),
        Column("condition", JSON, nullable=False),
        Column("needs", JSON, nullable=False),
        Column("priority", sa.Integer(), nullable=False),
        Column("sections", JSON, nullable=False),
        Column("tiers", JSON, nullable=False),
        Column("language", KEY, nullable=True),
        Column("valid_days", sa.Integer(), nullable=True),
        Column("introduction", KEY, nullable=True),
        Column("closing", KEY, nullable=True),
        Column("clauses", JSON, nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
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
        sa.CheckConstraint(
            "status IN ('draft', 'active', 'archived')", name=op.f("ck_proposal_recipes_status")
        ),
        sa.CheckConstraint(
            "target IN ('company', 'contact')", name=op.f("ck_proposal_recipes_target")
        ),
        sa.CheckConstraint("valid_days > 0", name=op.f("ck_proposal_recipes_valid_days")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_proposal_recipes")),
    )
    for name, column in (
        ("created", "created_at"),
        ("updated", "updated_at"),
        ("name", "sort_name"),
        ("priority", "priority"),
    ):
        op.create_index(f"ix_{TABLE}_{name}", TABLE, ["organization_id", column, "id"])
    op.create_index(
        f"ix_{TABLE}_active",
        TABLE,
        ["organization_id", "priority", "id"],
        postgresql_where=sa.text("status = 'active' AND deleted_at IS NULL"),
    )
    ddl.protect(TABLE)
    ddl.count_records(TABLE)


def downgrade() -> None:
    op.drop_table(TABLE)
