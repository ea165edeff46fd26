"""Recurring bookings, and the list of those who wait for a time."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270124_booking_series"
down_revision = "20270123_booking_types"
branch_labels = None
depends_on = None

SERIES, BOOKINGS = "booking_series", "bookings"
ENTRIES, STATES = "waitlist_entries", "waitlist_states"
JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
ABOUT = {
    "company_id": "companies",
    "contact_id": "contacts",
    "deal_id": "deals",
    "project_id": "projects",
}
WAITING_FOR = ("company_id", "contact_id", "deal_id")
REFERENCES = {
    SERIES: {**ABOUT, "parent_id": SERIES},
    ENTRIES: {**{name: ABOUT[name] for name in WAITING_FOR}, "booking_id": BOOKINGS},
}
CHECKS = {
    SERIES: {
        "status": "status IN ('active', 'cancelled')",
        "on_conflict": "on_conflict IN ('refuse', 'skip')",
        "duration_minutes": "duration_minutes > 0",
        "buffers": "buffer_before >= 0 AND buffer_after >= 0",
    },
    ENTRIES: {
        "status": "status IN ('waiting', 'offered', 'booked', 'expired', 'cancelled')",
        "match": "match IN ('all', 'any')",
        "ends_after_start": "window_ends_at > window_starts_at",
        "minutes": "duration_minutes > 0 AND offer_minutes > 0",
        "booking_id": "status <> 'offered' OR booking_id IS NOT NULL",
    },
}
INDEXES = {
    SERIES: (*ABOUT, "parent_id", "owner_id"),
    ENTRIES: (*WAITING_FOR, "booking_id", "owner_id"),
}
ORDERS = {
    SERIES: ("created_at", "updated_at", "starts_local"),
    ENTRIES: ("created_at", "updated_at", "window_starts_at"),
}
HORIZON = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
# In no order, so that those which cannot go on do not stand before the others.
NEWS = f"""
    SELECT s.organization_id FROM waitlist_states s
    WHERE EXISTS (
        SELECT FROM events e WHERE e.organization_id = s.organization_id
            AND (e.tx, e.seq) > (s.tx, s.seq) AND e.tx < {HORIZON})
    ORDER BY random() LIMIT most
"""
# Who waits for what cannot come any more.
DUE = """
    SELECT w.organization_id, w.id FROM waitlist_entries w
    WHERE w.status = 'waiting' AND w.deleted_at IS NULL
        AND w.window_ends_at - make_interval(mins => w.duration_minutes) <= now()
        AND (w.organization_id, w.id) > (after_organization, after_entry)
    ORDER BY w.organization_id, w.id LIMIT most
"""


def made(table: str, *columns: Column) -> None:
    op.create_table(
        table,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        *columns,
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
            sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))
            for name, condition in CHECKS[table].items()
        ),
        *(
            sa.ForeignKeyConstraint(
                ["organization_id", column],
                [f"{target}.organization_id", f"{target}.id"],
                name=op.f(f"fk_{table}_organization_id_{column}"),
            )
            for column, target in REFERENCES[table].items()
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
    )
    ddl.protect(table)
    for column in INDEXES[table]:
        refer(table, column)
    for column in ORDERS[table]:
        name = column.removesuffix("_at")
        op.create_index(f"ix_{table}_{name}", table, ["organization_id", column, "id"])
    ddl.count_records(table)


def refer(table: str, column: str) -> None:
    op.create_index(
        f"ix_{table}_{column.removesuffix('_id')}",
        table,
        ["organization_id", column],
        postgresql_where=sa.text(f"{column} IS NOT NULL"),
    )


def make_series() -> None:
    made(
        SERIES,
        Column("title", KEY, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("status", KEY, nullable=False),
        Column("rule", KEY, nullable=False),
        Column("starts_local", KEY, nullable=False),
        Column("time_zone", KEY, nullable=False),
        Column("duration_minutes", sa.Integer(), nullable=False),
        Column("buffer_before", sa.Integer(), nullable=False),
        Column("buffer_after", sa.Integer(), nullable=False),
        Column("exceptions", JSON, nullable=False),
        Column("resources", JSON, nullable=False),
        Column("ignores_calendars", sa.Boolean(), nullable=False),
        Column("on_conflict", KEY, nullable=False),
        Column("skipped", JSON, nullable=False),
        *(Column(name, ID, nullable=True) for name in (*ABOUT, "parent_id")),
    )
    op.add_column(BOOKINGS, Column("series_id", ID, nullable=True))
    op.add_column(BOOKINGS, Column("occurrence", KEY, nullable=True))
    op.add_column(
        BOOKINGS,
        Column("is_detached", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.alter_column(BOOKINGS, "is_detached", server_default=None)
    op.create_foreign_key(
        op.f("fk_bookings_organization_id_series_id"),
        BOOKINGS,
        SERIES,
        ["organization_id", "series_id"],
        ["organization_id", "id"],
    )
    op.create_check_constraint(
        op.f("ck_bookings_occurrence"), BOOKINGS, "series_id IS NULL OR occurrence IS NOT NULL"
    )
    refer(BOOKINGS, "series_id")


def make_waitlist() -> None:
    made(
        ENTRIES,
        Column("title", KEY, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("status", KEY, nullable=False),
        Column("match", KEY, nullable=False),
        Column("resources", JSON, nullable=False),
        Column("window_starts_at", INSTANT, nullable=False),
        Column("window_ends_at", INSTANT, nullable=False),
        Column("duration_minutes", sa.Integer(), nullable=False),
        Column("priority", sa.Integer(), nullable=False),
        Column("offer_minutes", sa.Integer(), nullable=False),
        *(Column(name, ID, nullable=True) for name in (*WAITING_FOR, "booking_id")),
        Column("offered_at", INSTANT, nullable=True),
        Column("decided_at", INSTANT, nullable=True),
    )
    op.create_index(
        "ix_waitlist_entries_waiting",
        ENTRIES,
        ["organization_id", sa.text("priority DESC"), "created_at", "id"],
        postgresql_where=sa.text("status = 'waiting' AND deleted_at IS NULL"),
    )
    op.create_table(
        STATES,
        Column("organization_id", ID, nullable=False),
        Column("tx", sa.BigInteger(), server_default=sa.text(f"({HORIZON} - 1)"), nullable=False),
        Column(
            "seq", sa.BigInteger(), server_default=sa.text("9223372036854775807"), nullable=False
        ),
        Column(
            "begun", KEY, server_default=sa.text("(pg_current_snapshot()::text)"), nullable=False
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f(f"pk_{STATES}")),
    )
    ddl.protect(STATES)
    for table in (STATES, ENTRIES):
        ddl.see_all(table, ddl.DEFINER, "SELECT")
    ddl.definer_function("crm_organizations_with_waitlist_news(most integer)", "SETOF uuid", NEWS)
    ddl.definer_function(
        "crm_waitlist_due(after_organization uuid, after_entry uuid, most integer)",
        "TABLE (organization_id uuid, entry_id uuid)",
        DUE,
    )


def upgrade() -> None:
    make_series()
    make_waitlist()


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_waitlist_due, crm_organizations_with_waitlist_news")
    op.drop_table(STATES)
    op.drop_table(ENTRIES)
    for column in ("series_id", "occurrence", "is_detached"):
        op.drop_column(BOOKINGS, column)
    op.drop_table(SERIES)
