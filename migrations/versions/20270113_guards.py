"""Guards of outreach, and how often people were reached."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270113_guards"
down_revision = "20270111_cases"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
# A rule looks back 366 days at most.
FORGET = """
    WITH gone AS (
        DELETE FROM outreach_touches WHERE (organization_id, key) IN (
            SELECT organization_id, key FROM outreach_touches
            WHERE at < now() - interval '400 days' LIMIT most)
        RETURNING 1)
    SELECT count(*) FROM gone
"""


def upgrade() -> None:
    op.create_table(
        "guard_rules",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("is_active", sa.Boolean(), nullable=False),
        Column("subject", KEY, nullable=False),
        Column("channels", JSON, nullable=False),
        Column("purposes", JSON, nullable=False),
        Column("filter", JSON, nullable=False),
        Column("most", sa.Integer(), nullable=True),
        Column("days", sa.Integer(), nullable=True),
        Column("effect", KEY, nullable=False),
        Column("message", KEY, nullable=True),
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
            "subject IN ('contact', 'company')", name=op.f("ck_guard_rules_subject")
        ),
        sa.CheckConstraint(
            "effect IN ('block', 'warn', 'require_approval')", name=op.f("ck_guard_rules_effect")
        ),
        sa.CheckConstraint("(most IS NULL) = (days IS NULL)", name=op.f("ck_guard_rules_cap")),
        sa.CheckConstraint("most > 0 AND days BETWEEN 1 AND 366", name=op.f("ck_guard_rules_most")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_guard_rules")),
    )
    for name, column in (("created", "created_at"), ("name", "sort_name")):
        op.create_index(f"ix_guard_rules_{name}", "guard_rules", ["organization_id", column, "id"])
    op.create_table(
        "outreach_touches",
        Column("organization_id", ID, nullable=False),
        Column("key", ID, nullable=False),
        Column("target", KEY, nullable=False),
        Column("record_id", ID, nullable=False),
        Column("company_id", ID, nullable=True),
        Column("channel", KEY, nullable=False),
        Column("purpose", KEY, nullable=False),
        Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "key", name=op.f("pk_outreach_touches")),
    )
    op.create_index(
        "ix_outreach_touches_record", "outreach_touches", ["organization_id", "record_id", "at"]
    )
    op.create_index(
        "ix_outreach_touches_company",
        "outreach_touches",
        ["organization_id", "company_id", "at"],
        postgresql_where=sa.text("company_id IS NOT NULL"),
    )
    op.create_index("ix_outreach_touches_age", "outreach_touches", ["at"])
    for table in ("guard_rules", "outreach_touches"):
        ddl.protect(table)
    ddl.count_records("guard_rules")
    ddl.see_all("outreach_touches", ddl.DEFINER, "SELECT, DELETE")
    ddl.definer_function("crm_forget_touches(most integer)", "bigint", FORGET, changes=True)


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_forget_touches")
    op.drop_table("outreach_touches")
    op.drop_table("guard_rules")
