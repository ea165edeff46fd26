"""Sequences, their versions, and those who go through them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270120_sequences"
down_revision = "20270119_sla_clocks"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TABLES = (
    *("sequences", "sequence_versions", "sequence_states"),
    *("sequence_enrolments", "sequence_step_runs"),
)
HORIZON = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
DUE = """
    SELECT organization_id, id FROM sequence_enrolments
    WHERE status = 'active' AND next_at <= now() AND deleted_at IS NULL
    ORDER BY next_at LIMIT most
"""
# In no order, so that those which cannot go on do not stand before the others.
NEWS = f"""
    SELECT s.organization_id FROM sequence_states s
    WHERE EXISTS (
        SELECT FROM events e WHERE e.organization_id = s.organization_id
            AND (e.tx, e.seq) > (s.tx, s.seq) AND e.tx < {HORIZON})
    ORDER BY random() LIMIT most
"""


def upgrade() -> None:
    op.create_table(
        "sequences",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("purpose", KEY, nullable=False),
        Column("channel_id", ID, nullable=True),
        Column("status", KEY, nullable=False),
        Column("send_window", JSON, nullable=True),
        Column("reply_scope", KEY, nullable=False),
        Column("auto_reply_days", sa.Integer(), nullable=True),
        Column("goal", JSON, nullable=False),
        Column("daily_limit", sa.Integer(), nullable=True),
        Column("sender_daily_limit", sa.Integer(), nullable=True),
        Column("steps", JSON, nullable=False),
        Column("published_version", sa.Integer(), nullable=True),
        Column("tags", JSON, nullable=False),
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
            "(status = 'draft') = (published_version IS NULL) OR status = 'archived'",
            name=op.f("ck_sequences_published_version"),
        ),
        sa.CheckConstraint(
            "reply_scope IN ('contact', 'thread')", name=op.f("ck_sequences_reply_scope")
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'active', 'paused', 'archived')", name=op.f("ck_sequences_status")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "channel_id"],
            ["channels.organization_id", "channels.id"],
            name=op.f("fk_sequences_organization_id_channel_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_sequences")),
    )
    op.create_index(
        "ix_sequences_channel",
        "sequences",
        ["organization_id", "channel_id"],
        unique=False,
        postgresql_where=sa.text("channel_id IS NOT NULL"),
    )
    op.create_index(
        "ix_sequences_created", "sequences", ["organization_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_sequences_name", "sequences", ["organization_id", "sort_name", "id"], unique=False
    )
    op.create_index(
        "ix_sequences_owner",
        "sequences",
        ["organization_id", "owner_id"],
        unique=False,
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index(
        "ix_sequences_updated", "sequences", ["organization_id", "updated_at", "id"], unique=False
    )
    op.create_table(
        "sequence_versions",
        Column("organization_id", ID, nullable=False),
        Column("sequence_id", ID, nullable=False),
        Column("number", sa.Integer(), nullable=False),
        Column("steps", JSON, nullable=False),
        Column("published_at", INSTANT, nullable=False),
        Column("published_by", ID, nullable=True),
        sa.PrimaryKeyConstraint(
            "organization_id", "sequence_id", "number", name=op.f("pk_sequence_versions")
        ),
    )
    op.create_table(
        "sequence_states",
        Column("organization_id", ID, nullable=False),
        Column(
            "tx",
            sa.BigInteger(),
            server_default=sa.text("(pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1)"),
            nullable=False,
        ),
        Column(
            "seq", sa.BigInteger(), server_default=sa.text("9223372036854775807"), nullable=False
        ),
        Column(
            "begun", KEY, server_default=sa.text("(pg_current_snapshot()::text)"), nullable=False
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_sequence_states")),
    )
    op.create_table(
        "sequence_enrolments",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("target", KEY, nullable=False),
        Column("sequence_id", ID, nullable=False),
        Column("contact_id", ID, nullable=False),
        Column("deal_id", ID, nullable=True),
        Column("sender_id", ID, nullable=True),
        Column("note", KEY, nullable=True),
        Column("ends_on_reply", sa.Boolean(), nullable=False),
        Column("status", KEY, nullable=False),
        Column("exit_reason", KEY, nullable=True),
        Column("exit_detail", KEY, nullable=True),
        Column("sequence_version", sa.Integer(), nullable=True),
        Column("place", JSON, nullable=True),
        Column("step", KEY, nullable=True),
        Column("round", sa.SmallInteger(), nullable=False),
        Column("next_at", INSTANT, nullable=True),
        Column("waiting_for", KEY, nullable=True),
        Column("reasons", JSON, nullable=False),
        Column("conversation_id", ID, nullable=True),
        Column("message_id", ID, nullable=True),
        Column("task_id", ID, nullable=True),
        Column("ended_at", INSTANT, nullable=True),
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
            "(status IN ('active', 'paused')) = (ended_at IS NULL)",
            name=op.f("ck_sequence_enrolments_ended_at"),
        ),
        sa.CheckConstraint(
            "(status IN ('exited', 'failed')) = (exit_reason IS NOT NULL)",
            name=op.f("ck_sequence_enrolments_reason_of_end"),
        ),
        sa.CheckConstraint(
            "exit_reason IN ('replied', 'bounced', 'unsubscribed', 'suppressed', 'no_consent', 'unreachable', 'deal_won', 'goal_met', 'removed', 'archived', 'template', 'not_sent', 'error')",
            name=op.f("ck_sequence_enrolments_exit_reason"),
        ),
        sa.CheckConstraint(
            "status = 'active' OR next_at IS NULL", name=op.f("ck_sequence_enrolments_next_at")
        ),
        sa.CheckConstraint(
            "status IN ('active', 'paused', 'finished', 'exited', 'failed')",
            name=op.f("ck_sequence_enrolments_status"),
        ),
        sa.CheckConstraint("target IN ('contact')", name=op.f("ck_sequence_enrolments_target")),
        sa.CheckConstraint(
            "waiting_for IN ('time', 'window', 'limit', 'gate', 'message', 'task', 'out_of_office', 'sequence')",
            name=op.f("ck_sequence_enrolments_waiting_for"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_sequence_enrolments_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "deal_id"],
            ["deals.organization_id", "deals.id"],
            name=op.f("fk_sequence_enrolments_organization_id_deal_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "sender_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_sequence_enrolments_organization_id_sender_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "sequence_id"],
            ["sequences.organization_id", "sequences.id"],
            name=op.f("fk_sequence_enrolments_organization_id_sequence_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_sequence_enrolments")),
    )
    op.create_index(
        "ix_sequence_enrolments_contact",
        "sequence_enrolments",
        ["organization_id", "contact_id"],
        unique=False,
        postgresql_where=None,
    )
    op.create_index(
        "ix_sequence_enrolments_conversation",
        "sequence_enrolments",
        ["organization_id", "conversation_id"],
        unique=False,
        postgresql_where=sa.text("conversation_id IS NOT NULL"),
    )
    op.create_index(
        "ix_sequence_enrolments_created",
        "sequence_enrolments",
        ["organization_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_sequence_enrolments_deal",
        "sequence_enrolments",
        ["organization_id", "deal_id"],
        unique=False,
        postgresql_where=sa.text("deal_id IS NOT NULL"),
    )
    op.create_index(
        "ix_sequence_enrolments_due",
        "sequence_enrolments",
        ["next_at"],
        unique=False,
        postgresql_where=sa.text(
            "status = 'active' AND next_at IS NOT NULL AND deleted_at IS NULL"
        ),
    )
    op.create_index(
        "ix_sequence_enrolments_next",
        "sequence_enrolments",
        ["organization_id", "next_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_sequence_enrolments_owner",
        "sequence_enrolments",
        ["organization_id", "owner_id"],
        unique=False,
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index(
        "ix_sequence_enrolments_sender",
        "sequence_enrolments",
        ["organization_id", "sender_id"],
        unique=False,
        postgresql_where=sa.text("sender_id IS NOT NULL"),
    )
    op.create_index(
        "ix_sequence_enrolments_sequence",
        "sequence_enrolments",
        ["organization_id", "sequence_id"],
        unique=False,
        postgresql_where=None,
    )
    op.create_index(
        "ix_sequence_enrolments_updated",
        "sequence_enrolments",
        ["organization_id", "updated_at", "id"],
        unique=False,
    )
    op.create_index(
        "uq_sequence_enrolments_organization_id_contact_id",
        "sequence_enrolments",
        ["organization_id", "sequence_id", "contact_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('active', 'paused') AND deleted_at IS NULL"),
    )
    op.create_table(
        "sequence_step_runs",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("sequence_id", ID, nullable=False),
        Column("version", sa.Integer(), nullable=False),
        Column("enrolment_id", ID, nullable=False),
        Column("place", KEY, nullable=False),
        Column("round", sa.SmallInteger(), nullable=False),
        Column("action", KEY, nullable=False),
        Column("outcome", KEY, nullable=False),
        Column("sender_id", ID, nullable=True),
        Column("message_id", ID, nullable=True),
        Column("task_id", ID, nullable=True),
        Column("variant", sa.SmallInteger(), nullable=True),
        Column("reasons", JSON, nullable=False),
        Column("result", JSON, nullable=False),
        Column("taken_at", INSTANT, nullable=False),
        Column("ended_at", INSTANT, nullable=True),
        Column("replied_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "outcome IN ('queued', 'sent', 'waiting', 'done', 'skipped', 'postponed', 'withdrawn', 'failed')",
            name=op.f("ck_sequence_step_runs_outcome"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_sequence_step_runs")),
    )
    op.create_index(
        "ix_sequence_step_runs_mails",
        "sequence_step_runs",
        ["organization_id", "sequence_id", "taken_at"],
        unique=False,
        postgresql_where=sa.text("action = 'mail'"),
    )
    op.create_index(
        "ix_sequence_step_runs_message",
        "sequence_step_runs",
        ["organization_id", "message_id"],
        unique=False,
        postgresql_where=sa.text("message_id IS NOT NULL"),
    )
    op.create_index(
        "ix_sequence_step_runs_sender",
        "sequence_step_runs",
        ["organization_id", "sender_id", "taken_at"],
        unique=False,
        postgresql_where=sa.text("action = 'mail'"),
    )
    op.create_index(
        "ix_sequence_step_runs_sequence",
        "sequence_step_runs",
        ["organization_id", "sequence_id", "version"],
        unique=False,
    )
    op.create_index(
        "ix_sequence_step_runs_task",
        "sequence_step_runs",
        ["organization_id", "task_id"],
        unique=False,
        postgresql_where=sa.text("task_id IS NOT NULL"),
    )
    op.create_index(
        "uq_sequence_step_runs_organization_id_place",
        "sequence_step_runs",
        ["organization_id", "enrolment_id", "place", "round"],
        unique=True,
    )
    for table in TABLES:
        ddl.protect(table)
    for table in ("sequences", "sequence_enrolments"):
        ddl.count_records(table)
    for table in ("sequence_states", "sequence_enrolments"):
        ddl.see_all(table, ddl.DEFINER, "SELECT")
    ddl.definer_function("crm_organizations_with_sequence_news(most integer)", "SETOF uuid", NEWS)
    ddl.definer_function(
        "crm_sequence_steps_due(most integer)",
        "TABLE (organization_id uuid, enrolment_id uuid)",
        DUE,
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_sequence_steps_due, crm_organizations_with_sequence_news")
    for table in reversed(TABLES):
        op.drop_table(table)
