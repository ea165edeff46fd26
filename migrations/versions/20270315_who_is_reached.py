"""Who is kept from being reached: suppressions have a reason of their own, journeys a campaign."""

from alembic import op

from crm_api.kit.db import ddl

revision = "20270315_who_is_reached"
down_revision = "20270314_lists_that_count"
branch_labels = None
depends_on = None

MEMBERS = "campaign_members"
RENAMED = {"suppressed": "suppressed_segment"}
BACK = {"suppressed_segment": "suppressed", "held_out_above": "excluded_segment"}
JOURNEYS, RUNS = "journeys", "journey_runs"
INDEX, KEY = "ix_journeys_campaign", "fk_journeys_organization_id_campaign_id"
REASON = f"ck_{RUNS}_leave_reason"
LEFT = "'exit_rule', 'left_segment', 'unsubscribed', 'removed', 'stopped', 'error', 'endless'"


def _rename(before: str, after: str) -> None:
    was, said = (f'"excluded_reason": "{reason}"' for reason in (before, after))
    op.execute(
        f"UPDATE {MEMBERS} SET frozen_as = replace(frozen_as::text, '{was}', '{said}')::jsonb, "
        f"excluded_reason = CASE excluded_reason WHEN '{before}' THEN '{after}' "
        "ELSE excluded_reason END "
        f"WHERE excluded_reason = '{before}' OR strpos(frozen_as::text, '{was}') > 0"
    )


def upgrade() -> None:
    # Each of these by itself, so that nobody waits for the longest; what was broken off is tried
    # again from the first.
    with op.get_context().autocommit_block():
        with ddl.rows_of_all(MEMBERS):
            for before, after in RENAMED.items():
                _rename(before, after)
        op.execute(f"ALTER TABLE {JOURNEYS} ADD COLUMN IF NOT EXISTS campaign_id uuid")
        # One that was broken off is there, and good for nothing.
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")
        op.execute(
            f"CREATE INDEX CONCURRENTLY {INDEX} ON {JOURNEYS} (organization_id, campaign_id) "
            "WHERE campaign_id IS NOT NULL"
        )
    ddl.replace_check(RUNS, REASON, f"leave_reason IN ({LEFT}, 'held_out')")
    op.create_foreign_key(
        op.f(KEY),
        JOURNEYS,
        "campaigns",
        ["organization_id", "campaign_id"],
        ["organization_id", "id"],
    )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")
        with ddl.rows_of_all(MEMBERS, RUNS):
            for before, after in BACK.items():
                _rename(before, after)
            op.execute(
                f"UPDATE {RUNS} SET leave_reason = 'removed' WHERE leave_reason = 'held_out'"
            )
    ddl.replace_check(RUNS, REASON, f"leave_reason IN ({LEFT})")
    op.drop_constraint(op.f(KEY), JOURNEYS)
    op.drop_column(JOURNEYS, "campaign_id")
