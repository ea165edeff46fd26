"""Addresses are suppressed from which mail comes back again and again."""

from alembic import op

from crm_api.kit.db import ddl

revision = "20270320_soft_bounces"
down_revision = "20270318_renamed_measures"
branch_labels = None
depends_on = None

TABLE, REASON = "suppressions", "ck_suppressions_reason"
BEFORE = "'unsubscribed', 'complaint', 'hard_bounce', 'do_not_call', 'legal', 'manual'"
# What comes back for good is the nearest that there was.
BECOME = "UPDATE suppressions SET reason = 'hard_bounce' WHERE reason = 'soft_bounces'"


def upgrade() -> None:
    ddl.replace_check(TABLE, REASON, f"reason IN ({BEFORE}, 'soft_bounces')")


def downgrade() -> None:
    with ddl.rows_of_all(TABLE):
        op.execute(BECOME)
    ddl.replace_check(TABLE, REASON, f"reason IN ({BEFORE})")
