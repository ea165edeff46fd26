"""Channels, conversations and the messages in them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270118_conversations"
down_revision = "20270117_project_costs"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TABLES = ("channels", "conversations", "messages")


def upgrade() -> None:
    op.create_table(
        "channels",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("kind", KEY, nullable=False),
        Column("addresses", JSON, nullable=False),
        Column("is_active", sa.Boolean(), nullable=False),
        Column("opens_cases", sa.Boolean(), nullable=False),
        Column("case_kind", KEY, nullable=False),
        Column("case_priority", KEY, nullable=False),
        Column("case_team_id", ID, nullable=True),
        Column("case_owner_id", ID, nullable=True),
        Column("acknowledges", sa.Boolean(), nullable=False),
        Column("acknowledgement", KEY, nullable=True),
        Column("hourly_limit", sa.Integer(), nullable=False),
        Column("secrets", KEY, nullable=True),
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
            "case_kind IN ('question', 'incident', 'problem', 'request', 'complaint')",
            name=op.f("ck_channels_case_kind"),
        ),
        sa.CheckConstraint(
            "case_priority IN ('low', 'normal', 'high', 'urgent')",
            name=op.f("ck_channels_case_priority"),
        ),
        sa.CheckConstraint(
            "kind <> 'email' OR addresses <> '[]'", name=op.f("ck_channels_addresses")
        ),
        sa.CheckConstraint(
            "kind IN ('email', 'sms', 'whatsapp', 'chat', 'other')", name=op.f("ck_channels_kind")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "case_owner_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_channels_organization_id_case_owner_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "case_team_id"],
            ["teams.organization_id", "teams.id"],
            name=op.f("fk_channels_organization_id_case_team_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_channels")),
    )
    op.create_index(
        "ix_channels_case_owner",
        "channels",
        ["organization_id", "case_owner_id"],
        unique=False,
        postgresql_where=sa.text("case_owner_id IS NOT NULL"),
    )
    op.create_index(
        "ix_channels_case_team",
        "channels",
        ["organization_id", "case_team_id"],
        unique=False,
        postgresql_where=sa.text("case_team_id IS NOT NULL"),
    )
    op.create_index(
        "ix_channels_created", "channels", ["organization_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_channels_name", "channels", ["organization_id", "sort_name", "id"], unique=False
    )
    op.create_index(
        "ix_channels_updated", "channels", ["organization_id", "updated_at", "id"], unique=False
    )
    op.create_table(
        "conversations",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("subject", KEY, nullable=False),
        Column("tags", JSON, nullable=False),
        Column("status", KEY, nullable=False),
        Column("channel_id", ID, nullable=True),
        Column("company_id", ID, nullable=True),
        Column("contact_id", ID, nullable=True),
        Column("case_id", ID, nullable=True),
        Column("team_id", ID, nullable=True),
        Column("counterpart", KEY, nullable=True),
        Column("thread_subject", KEY, nullable=True),
        Column("message_count", sa.Integer(), nullable=False),
        Column("last_message_at", INSTANT, nullable=True),
        Column("last_inbound_at", INSTANT, nullable=True),
        Column("last_outbound_at", INSTANT, nullable=True),
        Column("is_unread", sa.Boolean(), nullable=False),
        Column("needs_answer", sa.Boolean(), nullable=False),
        Column("closed_at", INSTANT, nullable=True),
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
            "(status = 'closed') = (closed_at IS NOT NULL)", name=op.f("ck_conversations_closed_at")
        ),
        sa.CheckConstraint(
            "status IN ('open', 'pending', 'closed')", name=op.f("ck_conversations_status")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "case_id"],
            ["cases.organization_id", "cases.id"],
            name=op.f("fk_conversations_organization_id_case_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "channel_id"],
            ["channels.organization_id", "channels.id"],
            name=op.f("fk_conversations_organization_id_channel_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_conversations_organization_id_company_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_conversations_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "team_id"],
            ["teams.organization_id", "teams.id"],
            name=op.f("fk_conversations_organization_id_team_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_conversations")),
    )
    op.create_index(
        "ix_conversations_case",
        "conversations",
        ["organization_id", "case_id"],
        unique=False,
        postgresql_where=sa.text("case_id IS NOT NULL"),
    )
    op.create_index(
        "ix_conversations_channel",
        "conversations",
        ["organization_id", "channel_id"],
        unique=False,
        postgresql_where=sa.text("channel_id IS NOT NULL"),
    )
    op.create_index(
        "ix_conversations_company",
        "conversations",
        ["organization_id", "company_id"],
        unique=False,
        postgresql_where=sa.text("company_id IS NOT NULL"),
    )
    op.create_index(
        "ix_conversations_contact",
        "conversations",
        ["organization_id", "contact_id"],
        unique=False,
        postgresql_where=sa.text("contact_id IS NOT NULL"),
    )
    op.create_index(
        "ix_conversations_created",
        "conversations",
        ["organization_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_conversations_last_message",
        "conversations",
        ["organization_id", "last_message_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_conversations_owner",
        "conversations",
        ["organization_id", "owner_id"],
        unique=False,
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index(
        "ix_conversations_status",
        "conversations",
        ["organization_id", "status", "id"],
        unique=False,
    )
    op.create_index(
        "ix_conversations_team",
        "conversations",
        ["organization_id", "team_id"],
        unique=False,
        postgresql_where=sa.text("team_id IS NOT NULL"),
    )
    op.create_index(
        "ix_conversations_thread",
        "conversations",
        ["organization_id", "counterpart", "thread_subject", "last_message_at"],
        unique=False,
        postgresql_where=sa.text("counterpart IS NOT NULL"),
    )
    op.create_index(
        "ix_conversations_updated",
        "conversations",
        ["organization_id", "updated_at", "id"],
        unique=False,
    )
    op.create_table(
        "messages",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("conversation_id", ID, nullable=False),
        Column("channel_id", ID, nullable=True),
        Column("channel", KEY, nullable=False),
        Column("direction", KEY, nullable=False),
        Column("kind", KEY, nullable=False),
        Column("status", KEY, nullable=False),
        Column("at", INSTANT, nullable=False),
        Column("dated_at", INSTANT, nullable=True),
        Column("subject", KEY, nullable=True),
        Column("body", sa.Text(), nullable=True),
        Column("from_address", KEY, nullable=True),
        Column("from_name", KEY, nullable=True),
        Column("from_key", KEY, nullable=True),
        Column("recipients", JSON, nullable=False),
        Column("company_id", ID, nullable=True),
        Column("contact_id", ID, nullable=True),
        Column("candidates", JSON, nullable=False),
        Column("is_auto_reply", sa.Boolean(), nullable=False),
        Column("message_id", KEY, nullable=True),
        Column("in_reply_to", KEY, nullable=True),
        Column("references", JSON, nullable=False),
        Column("identity", KEY, nullable=False),
        Column("bounced_id", ID, nullable=True),
        Column("purpose", KEY, nullable=True),
        Column("is_answer", sa.Boolean(), nullable=False),
        Column("attempts", sa.Integer(), nullable=False),
        Column("sent_at", INSTANT, nullable=True),
        Column("failure", KEY, nullable=True),
        Column("reasons", JSON, nullable=False),
        Column("notes", JSON, nullable=False),
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
            "(direction = 'inbound') = (status = 'received')", name=op.f("ck_messages_received")
        ),
        sa.CheckConstraint(
            "(status = 'failed') = (failure IS NOT NULL)", name=op.f("ck_messages_failure")
        ),
        sa.CheckConstraint(
            "direction IN ('inbound', 'outbound')", name=op.f("ck_messages_direction")
        ),
        sa.CheckConstraint(
            "kind IN ('message', 'auto_reply', 'bounce', 'list')", name=op.f("ck_messages_kind")
        ),
        sa.CheckConstraint(
            "status IN ('received', 'queued', 'sent', 'failed')", name=op.f("ck_messages_status")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "bounced_id"],
            ["messages.organization_id", "messages.id"],
            name=op.f("fk_messages_organization_id_bounced_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "channel_id"],
            ["channels.organization_id", "channels.id"],
            name=op.f("fk_messages_organization_id_channel_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_messages_organization_id_company_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_messages_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "conversation_id"],
            ["conversations.organization_id", "conversations.id"],
            name=op.f("fk_messages_organization_id_conversation_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_messages")),
    )
    op.create_index("ix_messages_at", "messages", ["organization_id", "at", "id"], unique=False)
    op.create_index(
        "ix_messages_bounced",
        "messages",
        ["organization_id", "bounced_id"],
        unique=False,
        postgresql_where=sa.text("bounced_id IS NOT NULL"),
    )
    op.create_index(
        "ix_messages_channel",
        "messages",
        ["organization_id", "channel_id"],
        unique=False,
        postgresql_where=sa.text("channel_id IS NOT NULL"),
    )
    op.create_index(
        "ix_messages_company",
        "messages",
        ["organization_id", "company_id"],
        unique=False,
        postgresql_where=sa.text("company_id IS NOT NULL"),
    )
    op.create_index(
        "ix_messages_contact",
        "messages",
        ["organization_id", "contact_id"],
        unique=False,
        postgresql_where=sa.text("contact_id IS NOT NULL"),
    )
    op.create_index(
        "ix_messages_conversation",
        "messages",
        ["organization_id", "conversation_id"],
        unique=False,
        postgresql_where=None,
    )
    op.create_index(
        "ix_messages_created", "messages", ["organization_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_messages_from",
        "messages",
        ["organization_id", "from_key", "created_at"],
        unique=False,
        postgresql_where=sa.text("from_key IS NOT NULL"),
    )
    op.create_index(
        "ix_messages_owner",
        "messages",
        ["organization_id", "owner_id"],
        unique=False,
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index(
        "ix_messages_updated", "messages", ["organization_id", "updated_at", "id"], unique=False
    )
    op.create_index(
        "uq_messages_organization_id_identity",
        "messages",
        ["organization_id", "identity"],
        unique=True,
    )
    for table in TABLES:
        ddl.protect(table)
        ddl.count_records(table)
    ddl.see_all("channels", ddl.ROTATOR, "SELECT (organization_id, id, secrets), UPDATE (secrets)")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
