"""Who is kept from being reached: suppressions have a reason of their own, journeys a campaign."""

import sqlalchemy as sa
from alembic import op

from crm_api.kit.db import ddl

revision = "20270315_who_is_reached"
down_revision = "20270314_lists_that_count"
branch_labels = None
depends_on = None

MEMBERS = "campaign_members"
ADDRESS, SEGMENT = "suppressed", "suppressed_segment"
JOURNEYS, RUNS = "journeys", "journey_runs"
INDEX, KEY = "ix_journeys_campaign", "fk_journeys_organization_id_campaign_id"
REASON = "ck_journey_runs_leave_reason"
LEFT = "'exit_rule', 'left_segment', 'unsubscribed', 'removed', 'stopped', 'error', 'endless'"


def _rename(before: str, after: str) -> None:
    said = '"excluded_reason": "{}"'
    with ddl.rows_of_all(MEMBERS):
        op.execute(
            f"UPDATE {MEMBERS} SET excluded_reason = '{after}' WHERE excluded_reason = '{before}'"
        )
        op.execute(
            f"UPDATE {MEMBERS} SET frozen_as = replace(frozen_as::text, "
            f"'{said.format(before)}', '{said.format(after)}')::jsonb "
            f"WHERE frozen_as IS NOT NULL"
        )


def _reasons(listed: str) -> None:
    op.drop_constraint(op.f(REASON), RUNS)
    op.create_check_constraint(op.f(REASON), RUNS, f"leave_reason IN ({listed})")


def upgrade() -> None:
    _rename(ADDRESS, SEGMENT)
    _reasons(f"{LEFT}, 'held_out'")
    op.add_column(JOURNEYS, sa.Column("campaign_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f(KEY),
        JOURNEYS,
        "campaigns",
        ["organization_id", "campaign_id"],
        ["organization_id", "id"],
    )
    with op.get_context().autocommit_block():
        # One that was broken off is there, and good for nothing.
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")
        op.execute(
            f"CREATE INDEX CONCURRENTLY {INDEX} ON {JOURNEYS} (organization_id, campaign_id) "
            "WHERE campaign_id IS NOT NULL"
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")
    op.drop_constraint(op.f(KEY), JOURNEYS)
    op.drop_column(JOURNEYS, "campaign_id")
    with ddl.rows_of_all(RUNS):
        op.execute(f"UPDATE {RUNS} SET leave_reason = 'removed' WHERE leave_reason = 'held_out'")
    _reasons(LEFT)
    _rename(SEGMENT, ADDRESS)
