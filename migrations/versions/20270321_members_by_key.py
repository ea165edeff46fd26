"""Members of campaigns are found by their key alone, so that freezing them writes less."""

from alembic import op

revision = "20270321_members_by_key"
down_revision = "20270320_soft_bounces"
branch_labels = None
depends_on = None

INDEX = "ix_campaign_members_reached"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        # One that was broken off is there, and good for nothing.
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")
        op.execute(
            f"CREATE INDEX CONCURRENTLY {INDEX} ON campaign_members "
            "(organization_id, campaign_id, variant, contact_id) "
            "WHERE excluded_reason IS NULL AND NOT is_holdout"
        )
