"""What names a measure of a standard report that was renamed names it anew."""

from alembic import op

from crm_api.kit.db import ddl

revision = "20270318_renamed_measures"
down_revision = "20270317_recycled_leads"
branch_labels = None
depends_on = None

TABLES = ("report_schedules", "dashboards")
OLD = "win_rate"
NEW = {"lead_source_revenue": "won_share", "product_performance": "acceptance"}
SCHEDULES = """
    UPDATE report_schedules SET condition = jsonb_set(condition, '{{measure}}', '"{new}"')
    WHERE standard_report = '{report}' AND condition ->> 'measure' = '{old}'
"""
TILES = """
    UPDATE dashboards SET tiles = (
        SELECT jsonb_agg(CASE WHEN tile @> '{named}' THEN jsonb_set(tile, '{{measure}}', '"{new}"')
            ELSE tile END ORDER BY place)
        FROM jsonb_array_elements(tiles) WITH ORDINALITY AS t (tile, place))
    WHERE tiles @> '[{named}]'
"""


def _rename(report: str, old: str, new: str) -> None:
    named = f'{{"standard_report": "{report}", "measure": "{old}"}}'
    for statement in (SCHEDULES, TILES):
        op.execute(statement.format(report=report, old=old, new=new, named=named))


def upgrade() -> None:
    with ddl.rows_of_all(*TABLES):
        for report, new in NEW.items():
            _rename(report, OLD, new)


def downgrade() -> None:
    with ddl.rows_of_all(*TABLES):
        for report, new in NEW.items():
            _rename(report, new, OLD)
