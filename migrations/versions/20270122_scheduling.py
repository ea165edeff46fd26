"""Resources, bookings, and the time that bookings take of resources."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, ExcludeConstraint

from crm_api.kit.db import ddl

revision = "20270122_scheduling"
down_revision = "20270121_activity_reminders"
branch_labels = None
depends_on = None

RESOURCES, BOOKINGS, ALLOCATIONS = "resources", "bookings", "booking_allocations"
JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
REFERENCES = {
    RESOURCES: {"calendar_id": "working_calendars", "user_id": "users"},
    BOOKINGS: {
        "company_id": "companies",
        "contact_id": "contacts",
        "deal_id": "deals",
        "project_id": "projects",
    },
    ALLOCATIONS: {},
}
CHECKS = {
    RESOURCES: {
        "kind": "kind IN ('person', 'room', 'equipment', 'vehicle', 'licence')",
        "status": "status IN ('active', 'inactive')",
        "capacity": "capacity > 0",
        "user_id": "user_id IS NULL OR kind = 'person'",
    },
    BOOKINGS: {
        "status": "status IN ('held', 'confirmed', 'checked_in', 'completed', 'cancelled', "
        "'no_show', 'expired')",
        "ends_after_start": "ends_at > starts_at",
        "buffers": "buffer_before >= 0 AND buffer_after >= 0",
        "hold_expires_at": "status <> 'held' OR hold_expires_at IS NOT NULL",
    },
    ALLOCATIONS: {
        "ends_after_start": "ends_at > starts_at",
        "quantity": "quantity > 0",
        "is_exclusive": "NOT is_exclusive OR quantity = 1",
    },
}
INDEXES = {
    RESOURCES: ("calendar_id", "owner_id"),
    BOOKINGS: ("company_id", "contact_id", "deal_id", "project_id", "owner_id"),
}
ORDERS = {
    RESOURCES: ("created_at", "updated_at", "sort_name"),
    BOOKINGS: ("created_at", "updated_at", "starts_at"),
}
# Holds whose time is over: free already, and not yet told of.
DUE = """
    SELECT b.organization_id, b.id FROM bookings b
    WHERE b.status = 'held' AND b.deleted_at IS NULL AND b.hold_expires_at <= now()
        AND (b.organization_id, b.id) > (after_organization, after_booking)
    ORDER BY b.organization_id, b.id LIMIT most
"""


def made(table: str, *columns: Column) -> None:
    op.create_table(
        table,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        *columns,
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


def index(table: str) -> None:
    for column in INDEXES[table]:
        op.create_index(
            f"ix_{table}_{column.removesuffix('_id')}",
            table,
            ["organization_id", column],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    for column in ORDERS[table]:
        name = column.removeprefix("sort_").removesuffix("_at")
        op.create_index(f"ix_{table}_{name}", table, ["organization_id", column, "id"])
    ddl.count_records(table)


def make_resources() -> None:
    made(
        RESOURCES,
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("kind", KEY, nullable=False),
        Column("status", KEY, nullable=False),
        Column("capacity", sa.Integer(), nullable=False),
        Column("attributes", JSON, nullable=False),
        Column("skills", JSON, nullable=False),
        Column("location", KEY, nullable=True),
        Column("time_zone", KEY, nullable=True),
        Column("calendar_id", ID, nullable=True),
        Column("cost_per_hour", sa.BigInteger(), nullable=True),
        Column("user_id", ID, nullable=True),
        Column("description", sa.Text(), nullable=True),
        *stamps(),
    )
    index(RESOURCES)
    op.create_index(
        "uq_resources_organization_id_user_id",
        RESOURCES,
        ["organization_id", "user_id"],
        unique=True,
        postgresql_where=sa.text("user_id IS NOT NULL AND deleted_at IS NULL"),
    )


def make_bookings() -> None:
    made(
        BOOKINGS,
        Column("title", KEY, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("status", KEY, nullable=False),
        Column("starts_at", INSTANT, nullable=False),
        Column("ends_at", INSTANT, nullable=False),
        Column("buffer_before", sa.Integer(), nullable=False),
        Column("buffer_after", sa.Integer(), nullable=False),
        Column("resources", JSON, nullable=False),
        Column("ignores_calendars", sa.Boolean(), nullable=False),
        Column("hold_expires_at", INSTANT, nullable=True),
        Column("company_id", ID, nullable=True),
        Column("contact_id", ID, nullable=True),
        Column("deal_id", ID, nullable=True),
        Column("project_id", ID, nullable=True),
        Column("sequence", sa.Integer(), nullable=False),
        Column("cancel_reason", KEY, nullable=True),
        Column("decided_at", INSTANT, nullable=True),
        *stamps(),
    )
    index(BOOKINGS)
    op.create_index("ix_bookings_status", BOOKINGS, ["organization_id", "status", "id"])
    op.create_index(
        "ix_bookings_held",
        BOOKINGS,
        ["hold_expires_at"],
        postgresql_where=sa.text("status = 'held' AND deleted_at IS NULL"),
    )
    ddl.see_all(BOOKINGS, ddl.DEFINER, "SELECT")
    ddl.definer_function(
        "crm_bookings_due(after_organization uuid, after_booking uuid, most integer)",
        "TABLE (organization_id uuid, booking_id uuid)",
        DUE,
    )


def make_allocations() -> None:
    made(
        ALLOCATIONS,
        Column("booking_id", ID, nullable=False),
        Column("resource_id", ID, nullable=False),
        Column("starts_at", INSTANT, nullable=False),
        Column("ends_at", INSTANT, nullable=False),
        Column("quantity", sa.Integer(), nullable=False),
        Column("is_exclusive", sa.Boolean(), nullable=False),
        Column("is_active", sa.Boolean(), nullable=False),
        Column("hold_expires_at", INSTANT, nullable=True),
        ExcludeConstraint(
            (sa.column("organization_id"), "="),
            (sa.column("resource_id"), "="),
            (sa.text("tstzrange(starts_at, ends_at)"), "&&"),
            name="ex_booking_allocations_overlap",
            using="gist",
            where=sa.text("is_active AND is_exclusive"),
        ),
    )
    op.create_index(
        "ix_booking_allocations_booking", ALLOCATIONS, ["organization_id", "booking_id"]
    )
    op.create_index(
        "ix_booking_allocations_resource",
        ALLOCATIONS,
        ["organization_id", "resource_id", "ends_at"],
    )


def upgrade() -> None:
    make_resources()
    make_bookings()
    make_allocations()


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_bookings_due")
    for table in (ALLOCATIONS, BOOKINGS, RESOURCES):
        op.drop_table(table)
