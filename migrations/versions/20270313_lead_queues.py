"""Pools whose members take leads themselves, and rules that lead to who had the last one."""

from alembic import op

from crm_api.kit.db import ddl

revision = "20270313_lead_queues"
down_revision = "20270312_many_told_as_one"
branch_labels = None
depends_on = None

POOLS, RULES, LEADS = "lead_pools", "lead_rules", "leads"
INDEX = "ix_leads_queued"
STRATEGY, TARGET = f"ck_{POOLS}_strategy", f"ck_{RULES}_target"
BEFORE = "strategy IN ('round_robin', 'least_loaded', 'performance')"
AFTER = "strategy IN ('round_robin', 'least_loaded', 'performance', 'queue')"
TARGETS = "target IN ('pool', 'user', 'existing_owner', 'territory')"
TARGETS_AFTER = "target IN ('pool', 'user', 'existing_owner', 'previous_owner', 'territory')"


def upgrade() -> None:
    op.drop_constraint(op.f(STRATEGY), POOLS)
    op.create_check_constraint(op.f(STRATEGY), POOLS, AFTER)
    op.drop_constraint(op.f(TARGET), RULES)
    op.create_check_constraint(op.f(TARGET), RULES, TARGETS_AFTER)
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
    with ddl.rows_of_all(POOLS, LEADS, RULES):
        op.execute(
            f"UPDATE {RULES} SET target = 'existing_owner', is_active = false "
            "WHERE target = 'previous_owner'"
        )
        op.execute(f"UPDATE {POOLS} SET strategy = 'round_robin' WHERE strategy = 'queue'")
        op.execute(
            f"UPDATE {LEADS} SET unassigned_reason = NULL, pool_id = NULL "
            "WHERE unassigned_reason = 'queued'"
        )
    op.drop_constraint(op.f(TARGET), RULES)
    op.create_check_constraint(op.f(TARGET), RULES, TARGETS)
    op.drop_constraint(op.f(STRATEGY), POOLS)
    op.create_check_constraint(op.f(STRATEGY), POOLS, BEFORE)
