"""Outside providers of logins, what they are linked to, and which logins have come back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261216_identity_providers"
down_revision = "20261215_privacy"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
TABLES = ("identity_providers", "outside_logins", "spent_flows")


def upgrade() -> None:
    op.create_table(
        "identity_providers",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("name", KEY, nullable=False),
        Column("issuer", KEY, nullable=False),
        Column("client_id", KEY, nullable=False),
        Column("client_secret", KEY, nullable=True),
        Column("redirect_uris", JSON, nullable=False),
        Column("email_domains", JSON, nullable=False),
        Column("admits", sa.Boolean(), nullable=False),
        Column("is_active", sa.Boolean(), nullable=False),
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
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_identity_providers")),
    )
    op.create_index(
        "ix_identity_providers_created",
        "identity_providers",
        ["organization_id", "created_at", "id"],
    )
    op.create_table(
        "outside_logins",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("provider_id", sa.Uuid(), nullable=False),
        Column("user_id", sa.Uuid(), nullable=False),
        Column("issuer", KEY, nullable=False),
        Column("subject", KEY, nullable=False),
        Column("email", KEY, nullable=True),
        Column("created_at", INSTANT, nullable=False),
        Column("used_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_outside_logins")),
        sa.UniqueConstraint(
            "organization_id",
            "provider_id",
            "issuer",
            "subject",
            name=op.f("uq_outside_logins_organization_id_provider_id_issuer_subject"),
        ),
    )
    op.create_index("ix_outside_logins_user", "outside_logins", ["organization_id", "user_id"])
    op.create_table(
        "spent_flows",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("until", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_spent_flows")),
    )
    op.create_index("ix_spent_flows_until", "spent_flows", ["organization_id", "until"])
    for table in TABLES:
        ddl.protect(table)
    ddl.see_all(
        "identity_providers",
        ddl.ROTATOR,
        "SELECT (organization_id, id, client_secret), UPDATE (client_secret)",
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
