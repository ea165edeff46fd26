"""What people are to each other."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270304_contact_relationships"
down_revision = "20270303_consents_of_merged"
branch_labels = None
depends_on = None

INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TABLE = "contact_relationships"
KINDS = (
    "'reports_to', 'assists', 'influences', 'advises', 'referred', 'partner', 'spouse', "
    "'parent', 'sibling', 'friend', 'other'"
)


def upgrade() -> None:
    op.create_table(
        TABLE,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("contact_id", ID, nullable=False),
        Column("related_contact_id", ID, nullable=False),
        Column("kind", KEY, nullable=False),
        Column("strength", sa.Integer(), nullable=True),
        Column("note", KEY, nullable=True),
        Column("started_on", sa.Date(), nullable=True),
        Column("ended_on", sa.Date(), nullable=True),
        Column("version", sa.Integer(), nullable=False),
        Column("created_at", INSTANT, nullable=False),
        Column("updated_at", INSTANT, nullable=False),
        Column("created_by", ID, nullable=True),
        Column("updated_by", ID, nullable=True),
        Column("owner_id", ID, nullable=True),
        Column("custom", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        Column("external_ids", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        Column("deleted_at", INSTANT, nullable=True),
        Column("deleted_by", ID, nullable=True),
        sa.CheckConstraint(f"kind IN ({KINDS})", name=op.f("ck_contact_relationships_kind")),
        sa.CheckConstraint(
            "related_contact_id <> contact_id OR deleted_at IS NOT NULL",
            name=op.f("ck_contact_relationships_not_to_oneself"),
        ),
        sa.CheckConstraint(
            "strength BETWEEN 1 AND 5", name=op.f("ck_contact_relationships_strength")
        ),
        sa.CheckConstraint(
            "ended_on >= started_on", name=op.f("ck_contact_relationships_ends_after_start")
        ),
        *(
            sa.ForeignKeyConstraint(
                ["organization_id", column],
                ["contacts.organization_id", "contacts.id"],
                name=op.f(f"fk_contact_relationships_organization_id_{column}"),
            )
            for column in ("contact_id", "related_contact_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_contact_relationships")),
    )
    op.create_index(f"ix_{TABLE}_created", TABLE, ["organization_id", "created_at", "id"])
    op.create_index(f"ix_{TABLE}_contact", TABLE, ["organization_id", "contact_id"])
    op.create_index(f"ix_{TABLE}_related_contact", TABLE, ["organization_id", "related_contact_id"])
    op.create_index(
        f"uq_{TABLE}_current",
        TABLE,
        ["organization_id", "contact_id", "related_contact_id", "kind"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND ended_on IS NULL"),
    )
    ddl.protect(TABLE)


def downgrade() -> None:
    op.drop_table(TABLE)
