"""Answers that are kept for requests that are sent again."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261128_kept_answers"
down_revision = "20261128_custom_fields"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")

# In batches, so that each stays within its time.
FORGET = """
    WITH old AS (
        SELECT organization_id, key FROM kept_answers
        WHERE created_at < now() - interval '48 hours' LIMIT 10000 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM kept_answers k USING old
        WHERE k.organization_id = old.organization_id AND k.key = old.key RETURNING 1
    )
    SELECT count(*) FROM gone
"""


def upgrade() -> None:
    op.create_table(
        "kept_answers",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("key", KEY, nullable=False),
        Column("fingerprint", KEY, nullable=False),
        Column("status", sa.SmallInteger(), nullable=False),
        Column("headers", JSONB(), nullable=False),
        Column("body", sa.Text(), nullable=True),
        Column("created_at", TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "key", name=op.f("pk_kept_answers")),
    )
    op.create_index("ix_kept_answers_created", "kept_answers", ["created_at"], unique=False)
    ddl.protect("kept_answers", rights="SELECT, INSERT, DELETE")
    ddl.see_all("kept_answers", ddl.DEFINER, "SELECT, UPDATE, DELETE")
    ddl.definer_function("crm_forget_answers()", "bigint", FORGET, changes=True)


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_forget_answers")
    op.drop_table("kept_answers")
