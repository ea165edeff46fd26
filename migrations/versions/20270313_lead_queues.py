"""Pools whose members take leads themselves."""

from alembic import op

from crm_api.kit.db import ddl

revision = "20270313_lead_queues"
down_revision = "20270312_many_told_as_one"
branch_labels = None
depends_on = None

POOLS, LEADS, INDEX = "lead_pools", "leads", "ix_leads_queued"
STRATEGY = f"ck_{POOLS}_strategy"
BEFORE = "strategy IN ('round_robin', 'least_loaded', 'performance')"
AFTER = "strategy IN ('round_robin', 'least_loaded', 'performance', 'queue')"


def upgrade() -> None:
    op.drop_constraint(op.f(STRATEGY), POOLS)
    op.create_check_constraint(op.f(STRATEGY), POOLS, AFTER)
    with op.get_context().autocommit_block():
        # One that was broken off is there, and good for nothing.
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")
        op.execute(
            f"CREATE INDEX CONCURRENTLY {INDEX} ON {LEADS} "
            "(organization_id, pool_id, score DESC NULLS LAST, waits_since, id) "
            "WHERE unassigned_reason = 'queued' AND deleted_at IS NULL"
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")
    # What waits in a queue is given by turns again, with the next change of a rule or pool.
    with ddl.rows_of_all(POOLS, LEADS):
        op.execute(f"UPDATE {POOLS} SET strategy = 'round_robin' WHERE strategy = 'queue'")
        op.execute(
            f"UPDATE {LEADS} SET unassigned_reason = NULL, pool_id = NULL "
            "WHERE unassigned_reason = 'queued'"
        )
    op.drop_constraint(op.f(STRATEGY), POOLS)
    op.create_check_constraint(op.f(STRATEGY), POOLS, BEFORE)
