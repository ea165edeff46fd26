"""Attendees of bookings, and what each of them was told."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270130_attendees"
down_revision = "20270129_prospects"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
ATTENDEES, INVITATIONS = "booking_attendees", "attendee_invitations"
CHECKS = {
    "role": "role IN ('required', 'optional')",
    "reply": "reply IN ('needs_action', 'accepted', 'declined', 'tentative')",
    "replied_via": "replied_via IN ('booking', 'api', 'email')",
    "somebody": "num_nonnulls(contact_id, user_id, email_key) > 0",
    "one_person": "contact_id IS NULL OR user_id IS NULL",
}
TARGETS = {"booking_id": "bookings", "contact_id": "contacts", "user_id": "users"}


def upgrade() -> None:
    op.create_table(
        ATTENDEES,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("booking_id", ID, nullable=False),
        Column("contact_id", ID, nullable=True),
        Column("user_id", ID, nullable=True),
        Column("name", KEY, nullable=True),
        Column("email", KEY, nullable=True),
        Column("email_key", KEY, nullable=True),
        Column("role", KEY, nullable=False),
        Column("reply", KEY, nullable=False),
        Column("replied_at", INSTANT, nullable=True),
        Column("replied_via", KEY, nullable=True),
        Column("comment", KEY, nullable=True),
        Column("is_booker", sa.Boolean(), nullable=False),
        Column("replied_sequence", sa.Integer(), nullable=True),
        Column("sealed_link", KEY, nullable=True),
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
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_{ATTENDEES}_{name}"))
            for name, rule in CHECKS.items()
        ),
        *(
            sa.ForeignKeyConstraint(
                ["organization_id", name],
                [f"{target}.organization_id", f"{target}.id"],
                name=op.f(f"fk_{ATTENDEES}_organization_id_{name}"),
            )
            for name, target in TARGETS.items()
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{ATTENDEES}")),
    )
    for name in ("created", "updated"):
        columns = ["organization_id", f"{name}_at", "id"]
        op.create_index(f"ix_{ATTENDEES}_{name}", ATTENDEES, columns)
    op.create_index(f"ix_{ATTENDEES}_booking", ATTENDEES, ["organization_id", "booking_id"])
    for name in ("contact_id", "user_id", "owner_id", "email_key"):
        op.create_index(
            f"ix_{ATTENDEES}_{name.removesuffix('_id')}",
            ATTENDEES,
            ["organization_id", name],
            postgresql_where=sa.text(f"{name} IS NOT NULL"),
        )
    ddl.protect(ATTENDEES)
    ddl.see_all(
        ATTENDEES, ddl.ROTATOR, "SELECT (organization_id, id, sealed_link), UPDATE (sealed_link)"
    )
    ddl.count_records(ATTENDEES)
    _invitations()


def _invitations() -> None:
    op.create_table(
        INVITATIONS,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("attendee_id", ID, nullable=False),
        Column("number", sa.Integer(), nullable=False),
        Column("method", KEY, nullable=False),
        Column("sequence", sa.Integer(), nullable=False),
        Column("starts_at", INSTANT, nullable=False),
        Column("ends_at", INSTANT, nullable=False),
        Column("title", sa.Text(), nullable=False),
        Column("location", sa.Text(), nullable=True),
        Column("uninvites", sa.Boolean(), nullable=False),
        Column("told_at", INSTANT, nullable=False),
        Column("message_id", ID, nullable=True),
        Column("conversation_id", ID, nullable=True),
        Column("refused", KEY, nullable=True),
        sa.CheckConstraint(
            "method IN ('REQUEST', 'CANCEL')", name=op.f(f"ck_{INVITATIONS}_method")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{INVITATIONS}")),
    )
    op.create_index(
        f"uq_{INVITATIONS}_attendee_number",
        INVITATIONS,
        ["organization_id", "attendee_id", "number"],
        unique=True,
    )
    op.create_index(
        f"ix_{INVITATIONS}_message",
        INVITATIONS,
        ["organization_id", "message_id"],
        postgresql_where=sa.text("message_id IS NOT NULL"),
    )
    ddl.protect(INVITATIONS)


def downgrade() -> None:
    op.drop_table(INVITATIONS)
    op.drop_table(ATTENDEES)
