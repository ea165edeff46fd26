"""Recurring bookings, and the list of those who wait for a time."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270124_booking_series"
down_revision = "20270122_scheduling"
branch_labels = None
depends_on = None

SERIES, BOOKINGS = "booking_series", "bookings"
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
REFERENCES = {SERIES: {**ABOUT, "parent_id": SERIES}}
CHECKS = {
    SERIES: {
        "status": "status IN ('active', 'cancelled')",
        "on_conflict": "on_conflict IN ('refuse', 'skip')",
        "duration_minutes": "duration_minutes > 0",
        "buffers": "buffer_before >= 0 AND buffer_after >= 0",
    },
}
INDEXES = {SERIES: (*ABOUT, "parent_id", "owner_id")}
ORDERS = {SERIES: ("created_at", "updated_at", "starts_local")}


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


def upgrade() -> None:
    make_series()


def downgrade() -> None:
    for column in ("series_id", "occurrence", "is_detached"):
        op.drop_column(BOOKINGS, column)
    op.drop_table(SERIES)
