"""Consents, suppressions, requests of people, holds, retention, and the hashes of the erased."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261215_privacy"
down_revision = "20261214_audit"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
OWN = "organization_id"
# Where secrets are kept: the key of their row, and the column.
SEALED = {
    "accounts": ("id", "totp_secret"),
    "signing_keys": ("id", "private"),
    "hash_keys": (OWN, "secret"),
}
RECORDS = (
    "retention_policies",
    "legal_holds",
    "subject_requests",
    "suppressions",
    "consents",
    "consent_texts",
)
CHANNELS = "('email', 'sms', 'phone', 'messenger', 'post')"
BASES = (
    "('consent', 'contract', 'legal_obligation', 'vital_interest', 'public_task', "
    "'legitimate_interest')"
)
SUPPRESSED_FOR = "('unsubscribed', 'complaint', 'hard_bounce', 'do_not_call', 'legal', 'manual')"
# The application can only add to consents; of somebody who is erased the evidence goes.
ERASE_EVIDENCE = """
    UPDATE consents SET evidence = '{}'
    WHERE organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
    AND record_id = ANY(ids) AND evidence <> '{}' RETURNING id
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


def _identified() -> list[Column]:
    return [Column(OWN, sa.Uuid(), nullable=False), Column("id", sa.Uuid(), nullable=False)]


def _ordered(table: str, *columns: str) -> None:
    for column in columns:
        name = column.removeprefix("sort_").removesuffix("_at")
        op.create_index(f"ix_{table}_{name}", table, [OWN, column, "id"])


def upgrade() -> None:
    op.create_table(
        "hash_keys",
        Column(OWN, sa.Uuid(), nullable=False),
        Column("secret", KEY, nullable=False),
        sa.PrimaryKeyConstraint(OWN, name=op.f("pk_hash_keys")),
    )
    op.create_table(
        "erased_keys",
        Column(OWN, sa.Uuid(), nullable=False),
        Column("entity", KEY, nullable=False),
        Column("hash", KEY, nullable=False),
        Column("record_id", sa.Uuid(), nullable=False),
        Column("erased_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint(OWN, "entity", "hash", name=op.f("pk_erased_keys")),
    )
    op.create_index("ix_erased_keys_record", "erased_keys", [OWN, "record_id"])
    _outreach()
    _privacy()
    for table in RECORDS:
        # What somebody decided stays as it is.
        ddl.protect(table, **({"rights": "SELECT, INSERT"} if table == "consents" else {}))
    for table in ("hash_keys", "erased_keys"):
        ddl.protect(
            table, rights="SELECT, INSERT, DELETE" if table == "erased_keys" else "SELECT, INSERT"
        )
    ddl.see_all("consents", ddl.DEFINER, "SELECT, UPDATE")
    ddl.create_role(ddl.ROTATOR)
    for table, (key, column) in SEALED.items():
        rights = f"SELECT ({key}, {column}), UPDATE ({column})"
        ddl.see_all(table, ddl.ROTATOR, rights)
    ddl.definer_function(
        "crm_erase_evidence(ids uuid[])", "SETOF uuid", ERASE_EVIDENCE, changes=True
    )


def _outreach() -> None:
    op.create_table(
        "consent_texts",
        *_identified(),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("purpose", KEY, nullable=False),
        Column("language", KEY, nullable=True),
        Column("body", KEY, nullable=False),
        Column("description", sa.Text(), nullable=True),
        *_stamps(),
        sa.PrimaryKeyConstraint(OWN, "id", name=op.f("pk_consent_texts")),
    )
    _ordered("consent_texts", "created_at", "sort_name")
    op.create_table(
        "consents",
        *_identified(),
        Column("target", KEY, nullable=False),
        Column("record_id", sa.Uuid(), nullable=False),
        Column("purpose", KEY, nullable=False),
        Column("channel", KEY, nullable=False),
        Column("state", KEY, nullable=False),
        Column("basis", KEY, nullable=True),
        Column("text_id", sa.Uuid(), nullable=True),
        Column("at", INSTANT, nullable=False),
        Column("expires_at", INSTANT, nullable=True),
        Column("evidence", JSON, nullable=False),
        Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        *_stamps(),
        sa.CheckConstraint(f"channel IN {CHANNELS}", name=op.f("ck_consents_channel")),
        sa.CheckConstraint(
            "state IN ('granted', 'denied', 'withdrawn')", name=op.f("ck_consents_state")
        ),
        sa.CheckConstraint(f"basis IN {BASES}", name=op.f("ck_consents_basis")),
        sa.CheckConstraint(
            "state <> 'granted' OR basis IS NOT NULL", name=op.f("ck_consents_granted_by")
        ),
        sa.ForeignKeyConstraint(
            [OWN, "text_id"],
            ["consent_texts.organization_id", "consent_texts.id"],
            name=op.f("fk_consents_organization_id_text_id"),
        ),
        sa.PrimaryKeyConstraint(OWN, "id", name=op.f("pk_consents")),
    )
    _ordered("consents", "created_at")
    op.create_index(
        "ix_consents_text",
        "consents",
        [OWN, "text_id"],
        postgresql_where=sa.text("text_id IS NOT NULL"),
    )
    op.create_index(
        "ix_consents_effective",
        "consents",
        [OWN, "record_id", "purpose", "channel", sa.text("at DESC"), sa.text("seq DESC")],
    )
    op.create_table(
        "suppressions",
        *_identified(),
        Column("kind", KEY, nullable=False),
        Column("value", KEY, nullable=True),
        Column("value_hash", KEY, nullable=False),
        Column("reason", KEY, nullable=False),
        Column("purpose", KEY, nullable=True),
        Column("channel", KEY, nullable=True),
        Column("expires_at", INSTANT, nullable=True),
        Column("note", KEY, nullable=True),
        *_stamps(),
        sa.CheckConstraint(
            "kind IN ('email', 'phone', 'domain')", name=op.f("ck_suppressions_kind")
        ),
        sa.CheckConstraint(f"reason IN {SUPPRESSED_FOR}", name=op.f("ck_suppressions_reason")),
        sa.CheckConstraint(f"channel IN {CHANNELS}", name=op.f("ck_suppressions_channel")),
        sa.PrimaryKeyConstraint(OWN, "id", name=op.f("pk_suppressions")),
    )
    _ordered("suppressions", "created_at")
    op.create_index(
        "uq_suppressions_value",
        "suppressions",
        [
            OWN,
            "value_hash",
            sa.text("coalesce(purpose, '')"),
            sa.text("coalesce(channel, '')"),
        ],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _privacy() -> None:
    op.create_table(
        "subject_requests",
        *_identified(),
        Column("kind", KEY, nullable=False),
        Column("target", KEY, nullable=False),
        Column("record_id", sa.Uuid(), nullable=False),
        Column("status", KEY, nullable=False),
        Column("requester", KEY, nullable=True),
        Column("note", KEY, nullable=True),
        Column("received_through", KEY, nullable=False),
        Column("received_at", INSTANT, nullable=False),
        Column("due_on", sa.Date(), nullable=False),
        Column("extension", KEY, nullable=True),
        Column("verification", KEY, nullable=True),
        Column("verified_at", INSTANT, nullable=True),
        Column("rejection", KEY, nullable=True),
        Column("started_at", INSTANT, nullable=True),
        Column("completed_at", INSTANT, nullable=True),
        Column("report", JSON, nullable=True),
        Column("job_id", sa.Uuid(), nullable=True),
        Column("stored_as", KEY, nullable=True),
        Column("expires_at", INSTANT, nullable=True),
        *_stamps(),
        sa.CheckConstraint("kind IN ('access', 'erasure')", name=op.f("ck_subject_requests_kind")),
        sa.CheckConstraint(
            "status IN ('received', 'verified', 'in_progress', 'completed', 'rejected')",
            name=op.f("ck_subject_requests_status"),
        ),
        sa.CheckConstraint(
            "received_through IN ('email', 'letter', 'phone', 'in_person', 'web', 'other')",
            name=op.f("ck_subject_requests_received_through"),
        ),
        sa.PrimaryKeyConstraint(OWN, "id", name=op.f("pk_subject_requests")),
    )
    _ordered("subject_requests", "created_at")
    op.create_index("ix_subject_requests_record", "subject_requests", [OWN, "record_id"])
    op.create_table(
        "legal_holds",
        *_identified(),
        Column("target", KEY, nullable=False),
        Column("record_id", sa.Uuid(), nullable=False),
        Column("reason", KEY, nullable=False),
        Column("ends_on", sa.Date(), nullable=True),
        *_stamps(),
        sa.PrimaryKeyConstraint(OWN, "id", name=op.f("pk_legal_holds")),
    )
    _ordered("legal_holds", "created_at")
    op.create_index("ix_legal_holds_record", "legal_holds", [OWN, "record_id"])
    op.create_table(
        "retention_policies",
        *_identified(),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("target", KEY, nullable=False),
        Column("filter", JSON, nullable=False),
        Column("days", sa.Integer(), nullable=False),
        Column("counted_from", KEY, nullable=False),
        Column("action", KEY, nullable=False),
        Column("is_active", sa.Boolean(), nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("last_run_at", INSTANT, nullable=True),
        Column("last_result", JSON, nullable=True),
        *_stamps(),
        sa.CheckConstraint(
            "counted_from IN ('created_at', 'updated_at', 'deleted_at')",
            name=op.f("ck_retention_policies_counted_from"),
        ),
        sa.CheckConstraint(
            "action IN ('delete', 'purge', 'anonymise')", name=op.f("ck_retention_policies_action")
        ),
        sa.PrimaryKeyConstraint(OWN, "id", name=op.f("pk_retention_policies")),
    )
    _ordered("retention_policies", "created_at", "sort_name")


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_erase_evidence")
    for table, (key, column) in SEALED.items():
        op.execute(f"DROP POLICY {ddl.ROTATOR} ON {table}")
        op.execute(
            f"REVOKE SELECT ({key}, {column}), UPDATE ({column}) ON {table} FROM {ddl.ROTATOR}"
        )
    for table in (*RECORDS, "erased_keys", "hash_keys"):
        op.drop_table(table)
