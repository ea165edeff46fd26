"""Duplicates, the rules about them, and what records have taught."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261207_duplicates"
down_revision = "20261206_modules"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
# OFFSET 0: the words come first, and with them their index.
WORDED = """
    SELECT DISTINCT found.record_id FROM unnest(queries) asked (query), LATERAL (
        SELECT hit.record_id FROM (
            SELECT d.organization_id, d.entity, d.record_id FROM search_documents d
            WHERE d.words @@ asked.query OFFSET 0) hit
        WHERE hit.organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
          AND hit.entity = wanted_entity
        LIMIT most) found
"""
# Providers that take several spellings of one address (kit/values/email.py).
MAILBOXES = """
    INSERT INTO record_keys (organization_id, entity, kind, value, record_id)
    SELECT DISTINCT organization_id, entity, 'mailbox', box, record_id FROM (
        SELECT organization_id, entity, record_id, value,
            CASE WHEN domain = 'gmail.com' THEN replace(split_part(name, '+', 1), '.', '')
                 WHEN domain = ANY('{outlook.com,hotmail.com,live.com,fastmail.com,proton.me,
                     protonmail.com,pm.me,icloud.com}') THEN split_part(name, '+', 1)
                 ELSE name END || '@' || domain AS box
        FROM (
            SELECT *, split_part(value, '@', 1) AS name,
                CASE split_part(value, '@', 2) WHEN 'googlemail.com' THEN 'gmail.com'
                    WHEN 'me.com' THEN 'icloud.com' WHEN 'mac.com' THEN 'icloud.com'
                    ELSE split_part(value, '@', 2) END AS domain
            FROM record_keys WHERE kind = 'email') keys) boxes
    WHERE box <> value AND box !~ '^@'
"""
TAX_IDS = """
    INSERT INTO record_keys (organization_id, entity, kind, value, record_id)
    SELECT organization_id, 'company', 'tax', key, id FROM (
        SELECT organization_id, id, lower(regexp_replace(tax_id, '[^A-Za-z0-9]', '', 'g')) AS key
        FROM companies WHERE tax_id IS NOT NULL AND deleted_at IS NULL) taxed
    WHERE key <> ''
"""


def _stamps() -> list[Column]:
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


def upgrade() -> None:
    op.create_table(
        "duplicates",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("target", KEY, nullable=False),
        Column("first_id", sa.Uuid(), nullable=False),
        Column("second_id", sa.Uuid(), nullable=False),
        Column("status", KEY, nullable=False),
        Column("band", KEY, nullable=False),
        Column("score", sa.Integer(), nullable=False),
        Column("weight", sa.Integer(), nullable=False),
        Column("reasons", JSON, nullable=False),
        Column("merge_id", sa.Uuid(), nullable=True),
        Column("decided_at", INSTANT, nullable=True),
        Column("decided_by", sa.Uuid(), nullable=True),
        Column("seen_at", INSTANT, nullable=False),
        *_stamps(),
        sa.CheckConstraint(
            "status IN ('open', 'merged', 'not_duplicate')", name=op.f("ck_duplicates_status")
        ),
        sa.CheckConstraint(
            "band IN ('certain', 'probable', 'possible')", name=op.f("ck_duplicates_band")
        ),
        sa.CheckConstraint("first_id < second_id", name=op.f("ck_duplicates_ordered")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_duplicates")),
    )
    own = "organization_id"
    op.create_index(
        "uq_duplicates_pair", "duplicates", [own, "target", "first_id", "second_id"], unique=True
    )
    op.create_index("ix_duplicates_second", "duplicates", [own, "target", "second_id"])
    op.create_index("ix_duplicates_weight", "duplicates", [own, "target", "status", "weight", "id"])
    op.create_index("ix_duplicates_created", "duplicates", [own, "created_at", "id"])
    op.create_table(
        "duplicate_policies",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("target", KEY, nullable=False),
        Column("action", KEY, nullable=False),
        Column("certain", sa.Integer(), nullable=False),
        Column("probable", sa.Integer(), nullable=False),
        Column("possible", sa.Integer(), nullable=False),
        Column("unique", JSON, nullable=False),
        Column("weights", JSON, nullable=False),
        Column("custom_fields", JSON, nullable=False),
        Column("scan_every_hours", sa.Integer(), nullable=True),
        *_stamps(),
        sa.CheckConstraint(
            "action IN ('allow', 'warn', 'block')", name=op.f("ck_duplicate_policies_action")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_duplicate_policies")),
    )
    op.create_index(
        "uq_duplicate_policies_target", "duplicate_policies", [own, "target"], unique=True
    )
    op.create_table(
        "duplicate_knowledge",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("target", KEY, nullable=False),
        Column("fields", JSON, nullable=False),
        Column("frequencies", JSON, nullable=False),
        Column("rate", sa.Float(), nullable=False),
        Column("records", sa.Integer(), nullable=False),
        Column("learnt_at", INSTANT, nullable=True),
        Column("scanned_to", INSTANT, nullable=True),
        Column("job_id", sa.Uuid(), nullable=True),
        Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "target", name=op.f("pk_duplicate_knowledge")),
    )
    for table in ("duplicates", "duplicate_policies", "duplicate_knowledge"):
        ddl.protect(table)
    ddl.definer_function(
        "crm_worded(wanted_entity text, queries tsquery[], most bigint)",
        "TABLE (record_id uuid)",
        WORDED,
        # A query in a variable is estimated blindly, and the limit then makes reading all look cheap.
        settings={"enable_seqscan": "off"},
    )
    op.create_index("ix_record_redirects_target", "record_redirects", [own, "target_id"])
    with ddl.rows_of_all("record_keys", "companies"):
        op.execute(MAILBOXES)
        op.execute(TAX_IDS)


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_worded")
    with ddl.rows_of_all("record_keys"):
        op.execute("DELETE FROM record_keys WHERE kind IN ('mailbox', 'tax')")
    op.drop_index("ix_record_redirects_target", "record_redirects")
    for table in ("duplicate_knowledge", "duplicate_policies", "duplicates"):
        op.drop_table(table)
