"""Bookings that are held for a deal or a project, of cases, and what is taken in a window."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

revision = "20270131_holds"
down_revision = "20270126_booking_links"
branch_labels = None
depends_on = None

ALLOCATIONS = "booking_allocations"
LASTS = "is_active AND ends_at - starts_at"
DAY = "interval '1 day'"


def upgrade() -> None:
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
