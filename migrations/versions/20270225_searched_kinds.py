"""Which kinds of records an organization has that are found by words."""

from alembic import op

revision = "20270225_searched_kinds"
down_revision = "20270224_shared_by_age"
branch_labels = None
depends_on = None

TABLE, INDEX = "search_documents", "ix_search_documents_kinds"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # One that was broken off is there, and good for nothing.
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")
        op.create_index(INDEX, TABLE, ["organization_id", "entity"], postgresql_concurrently=True)


def downgrade() -> None:
    op.drop_index(INDEX, TABLE)
