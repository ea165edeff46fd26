"""Bookings that are held for a deal or a project, of cases, and what is taken in a window."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

from crm_api.kit.db import ddl

revision = "20270131_holds"
down_revision = "20270130_attendees"
branch_labels = None
depends_on = None

BOOKINGS, ALLOCATIONS = "bookings", "booking_allocations"
HELD = "ck_bookings_hold_expires_at"
ENDS = "status <> 'held' OR hold_expires_at IS NOT NULL"
LASTS = "is_active AND ends_at - starts_at"
DAY = "interval '1 day'"
KEYS = """
    INSERT INTO record_keys (organization_id, entity, kind, value, record_id)
    SELECT DISTINCT b.organization_id, 'booking', 'resource', r ->> 'resource_id', b.id
    FROM bookings b, jsonb_array_elements(b.resources) r WHERE b.deleted_at IS NULL
    ON CONFLICT DO NOTHING
"""


def reserve() -> None:
    op.add_column(BOOKINGS, Column("reserved_for", sa.Text(collation="C"), nullable=True))
    op.add_column(BOOKINGS, Column("case_id", sa.Uuid(), nullable=True))
    for name, rule in (
        ("reserved_for", "reserved_for IN ('deal', 'project')"),
        ("reserved_for_deal", "reserved_for <> 'deal' OR deal_id IS NOT NULL"),
        ("reserved_for_project", "reserved_for <> 'project' OR project_id IS NOT NULL"),
    ):
        op.create_check_constraint(op.f(f"ck_bookings_{name}"), BOOKINGS, rule)
    op.drop_constraint(op.f(HELD), BOOKINGS)
    op.create_check_constraint(op.f(HELD), BOOKINGS, f"{ENDS} OR reserved_for IS NOT NULL")
    op.create_foreign_key(
        op.f("fk_bookings_organization_id_case_id"),
        BOOKINGS,
        "cases",
        ["organization_id", "case_id"],
        ["organization_id", "id"],
    )
    op.create_index(
        "ix_bookings_case",
        BOOKINGS,
        ["organization_id", "case_id"],
        postgresql_where=sa.text("case_id IS NOT NULL"),
    )


def upgrade() -> None:
    reserve()
    with ddl.rows_of_all(BOOKINGS, "record_keys"):
        op.execute(KEYS)
    # Overlapping is no leakproof operator, so row-level security never let it be asked by an index.
    op.drop_index("ix_booking_allocations_during", ALLOCATIONS)
    op.create_index(
        "ix_booking_allocations_short",
        ALLOCATIONS,
        ["organization_id", "ends_at"],
        postgresql_where=sa.text(f"{LASTS} <= {DAY}"),
    )
    op.create_index(
        "ix_booking_allocations_long",
        ALLOCATIONS,
        ["organization_id", "resource_id", "ends_at"],
        postgresql_where=sa.text(f"{LASTS} > {DAY}"),
    )


def downgrade() -> None:
    for name in ("long", "short"):
        op.drop_index(f"ix_booking_allocations_{name}", ALLOCATIONS)
    op.create_index(
        "ix_booking_allocations_during",
        ALLOCATIONS,
        ["organization_id", sa.text("tstzrange(starts_at, ends_at)")],
        postgresql_using="gist",
        postgresql_where=sa.text("is_active"),
    )
    # What is held without an end is not known before.
    with ddl.rows_of_all(BOOKINGS, "record_keys"):
        op.execute(
            "UPDATE bookings SET hold_expires_at = starts_at WHERE status = 'held'"
            " AND hold_expires_at IS NULL"
        )
        op.execute("DELETE FROM record_keys WHERE entity = 'booking' AND kind = 'resource'")
    op.drop_constraint(op.f(HELD), BOOKINGS)
    for name in ("case_id", "reserved_for"):
        op.drop_column(BOOKINGS, name)
    op.create_check_constraint(op.f(HELD), BOOKINGS, ENDS)
