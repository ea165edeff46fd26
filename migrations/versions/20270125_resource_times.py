"""Conflicts of bookings, the calendar feeds of resources, and what they are busy with elsewhere."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270125_resource_times"
down_revision = "20270124_booking_series"
branch_labels = None
depends_on = None

FEEDS, CALENDARS, SPANS = "resource_feeds", "busy_calendars", "busy_spans"
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()


def made(table: str, *columns: Column | sa.Constraint) -> None:
    op.create_table(
        table,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
    )
    ddl.protect(table)


def upgrade() -> None:
    op.add_column(
        "bookings", Column("conflicts", JSONB(), server_default=sa.text("'[]'"), nullable=False)
    )
    op.add_column("bookings", Column("conflicted_at", INSTANT, nullable=True))
    op.create_index(
        "ix_bookings_conflicted",
        "bookings",
        ["organization_id", "conflicted_at", "id"],
        postgresql_where=sa.text("conflicted_at IS NOT NULL"),
    )
    made(
        FEEDS,
        Column("resource_id", ID, nullable=False),
        Column("secret_hash", KEY, nullable=False),
        Column("tells_titles", sa.Boolean(), nullable=False),
        Column("created_at", INSTANT, nullable=False),
        Column("last_used_at", INSTANT, nullable=True),
    )
    op.create_index(
        f"uq_{FEEDS}_organization_id_resource_id",
        FEEDS,
        ["organization_id", "resource_id"],
        unique=True,
    )
    made(
        CALENDARS,
        Column("resource_id", ID, nullable=False),
        Column("imported_at", INSTANT, nullable=False),
        Column("starts_at", INSTANT, nullable=False),
        Column("ends_at", INSTANT, nullable=False),
        Column("events", sa.Integer(), nullable=False),
        Column("spans", sa.Integer(), nullable=False),
    )
    op.create_index(
        f"uq_{CALENDARS}_organization_id_resource_id",
        CALENDARS,
        ["organization_id", "resource_id"],
        unique=True,
    )
    made(
        SPANS,
        Column("resource_id", ID, nullable=False),
        Column("starts_at", INSTANT, nullable=False),
        Column("ends_at", INSTANT, nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name=op.f(f"ck_{SPANS}_ends_after_start")),
    )
    op.create_index(f"ix_{SPANS}_resource", SPANS, ["organization_id", "resource_id", "ends_at"])


def downgrade() -> None:
    for table in (SPANS, CALENDARS, FEEDS):
        op.drop_table(table)
    op.drop_index("ix_bookings_conflicted", "bookings")
    op.drop_column("bookings", "conflicted_at")
    op.drop_column("bookings", "conflicts")
