"""Schedules and runs of standard reports, beside those of saved ones."""

import sqlalchemy as sa
from alembic import op

from crm_api.kit.db import ddl

revision = "20270309_standard_schedules"
down_revision = "20270308_reverse_relations"
branch_labels = None
depends_on = None

SCHEDULES, RUNS = "report_schedules", "report_runs"
ONE_REPORT = "ck_report_schedules_one_report"
# Schedules of standard reports, which were none before, with what is looked up of them.
FORGET_KEYS = """
    DELETE FROM record_keys k USING report_schedules s
    WHERE k.organization_id = s.organization_id AND k.record_id = s.id AND s.report_id IS NULL
"""
FORGET = "DELETE FROM report_schedules WHERE report_id IS NULL"


def upgrade() -> None:
    for table in (SCHEDULES, RUNS):
        name = sa.Column("standard_report", sa.Text(collation="C"), nullable=True)
        op.add_column(table, name)
    op.alter_column(SCHEDULES, "report_id", nullable=True)
    op.create_check_constraint(
        op.f(ONE_REPORT), SCHEDULES, "num_nonnulls(report_id, standard_report) = 1"
    )


def downgrade() -> None:
    """Schedules of standard reports are destroyed, with their deliveries; runs stay, as results of
    nothing that is saved.
    """
    # The owner of the tables changes them for all organizations, and sees them only so.
    with ddl.rows_of_all(SCHEDULES, "record_keys"):
        op.execute(FORGET_KEYS)
        op.execute(FORGET)
    op.drop_constraint(op.f(ONE_REPORT), SCHEDULES, type_="check")
    op.alter_column(SCHEDULES, "report_id", nullable=False)
    for table in (SCHEDULES, RUNS):
        op.drop_column(table, "standard_report")
