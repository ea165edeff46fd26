"""Pools of resources, the types of bookings, and of which type a booking is."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270123_booking_types"
down_revision = "20270122_scheduling"
branch_labels = None
depends_on = None

POOLS, TYPES = "resource_pools", "booking_types"
JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
CHECKS = {
    POOLS: {},
    TYPES: {
        "status": "status IN ('active', 'inactive')",
        "assignment": "assignment IN ('round_robin', 'least_loaded', 'collective', 'specific')",
        "buffers": "buffer_before >= 0 AND buffer_after >= 0",
        "slot_step": "slot_step > 0",
        "most_per_day": "most_per_day > 0",
        "currency": "price IS NULL OR currency IS NOT NULL",
    },
}
REFERENCES = {POOLS: {}, TYPES: {"calendar_id": "working_calendars"}}


def stamps() -> list[Column]:
    return [
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
    ]


def made(table: str, *columns: Column) -> None:
    op.create_table(
        table,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("description", sa.Text(), nullable=True),
        *columns,
        *stamps(),
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
    for column in (*REFERENCES[table], "owner_id"):
        op.create_index(
            f"ix_{table}_{column.removesuffix('_id')}",
            table,
            ["organization_id", column],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    for column in ("created_at", "updated_at", "sort_name"):
        name = column.removeprefix("sort_").removesuffix("_at")
        op.create_index(f"ix_{table}_{name}", table, ["organization_id", column, "id"])
    ddl.count_records(table)


def make_types() -> None:
    made(
        TYPES,
        Column("key", KEY, nullable=False),
        Column("status", KEY, nullable=False),
        Column("durations", JSON, nullable=False),
        Column("buffer_before", sa.Integer(), nullable=False),
        Column("buffer_after", sa.Integer(), nullable=False),
        Column("slot_step", sa.Integer(), nullable=False),
        Column("time_zone", KEY, nullable=False),
        Column("calendar_id", ID, nullable=True),
        Column("minimum_notice", sa.Integer(), nullable=False),
        Column("horizon_days", sa.Integer(), nullable=False),
        Column("most_per_day", sa.Integer(), nullable=True),
        Column("requirements", JSON, nullable=False),
        Column("assignment", KEY, nullable=False),
        Column("price", sa.BigInteger(), nullable=True),
        Column("currency", KEY, nullable=True),
        Column("cancellation_notice", sa.Integer(), nullable=True),
        Column("hold_minutes", sa.Integer(), nullable=True),
    )
    op.create_index(
        "uq_booking_types_organization_id_key",
        TYPES,
        ["organization_id", "key"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def refer() -> None:
    op.add_column("bookings", Column("booking_type_id", ID, nullable=True))
    op.create_foreign_key(
        op.f("fk_bookings_organization_id_booking_type_id"),
        "bookings",
        TYPES,
        ["organization_id", "booking_type_id"],
        ["organization_id", "id"],
    )
    with op.get_context().autocommit_block():
        for name, columns in (
            ("ix_bookings_booking_type", ["organization_id", "booking_type_id"]),
            ("ix_bookings_type_start", ["organization_id", "booking_type_id", "starts_at"]),
        ):
            op.create_index(
                name,
                "bookings",
                columns,
                postgresql_where=sa.text("booking_type_id IS NOT NULL"),
                postgresql_concurrently=True,
                if_not_exists=True,
            )
        op.create_index(
            "ix_booking_allocations_during",
            "booking_allocations",
            ["organization_id", sa.text("tstzrange(starts_at, ends_at)")],
            postgresql_using="gist",
            postgresql_where=sa.text("is_active"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def upgrade() -> None:
    made(POOLS, Column("members", JSON, nullable=False))
    make_types()
    refer()


def downgrade() -> None:
    op.drop_index("ix_booking_allocations_during", "booking_allocations")
    op.drop_column("bookings", "booking_type_id")
    for table in (TYPES, POOLS):
        op.drop_table(table)
