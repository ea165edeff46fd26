"""What somebody did is read off indexes alone, which know what was taken back."""

from alembic import op

revision = "20270307_behaviour_index_only"
down_revision = "20270306_tallies"
branch_labels = None
depends_on = None

TABLE = "behaviour_events"
INDEXES = {
    "ix_behaviour_events_contact": ("organization_id", "contact_id", "name", "occurred_at"),
    "ix_behaviour_events_name": ("organization_id", "name", "occurred_at", "contact_id"),
}


def upgrade() -> None:
    for name in INDEXES:
        _replace(name, " INCLUDE (deleted_at)")


def downgrade() -> None:
    for name in INDEXES:
        _replace(name, "")


def _replace(name: str, more: str) -> None:
    """The new one is there before the old one goes."""
    made, columns = f"{name}_new", ", ".join(INDEXES[name])
    with op.get_context().autocommit_block():
        # One that was broken off is there, and good for nothing.
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {made}")
        op.execute(f"CREATE INDEX CONCURRENTLY {made} ON {TABLE} ({columns}){more}")
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute(f"ALTER INDEX {made} RENAME TO {name}")
