"""Schedules of reports, and alerts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270221_report_watch"
down_revision = "20270220_first_responses"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()

DUE = """
    SELECT organization_id, id FROM {}
    WHERE next_at <= now() AND deleted_at IS NULL ORDER BY next_at LIMIT most
"""


def _entity(table: str, *own: sa.schema.SchemaItem) -> None:
    op.create_table(
        table,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        *own,
        Column("sharing", KEY, nullable=False),
        sa.CheckConstraint(
            "sharing IN ('private', 'organization')", name=op.f(f"ck_{table}_sharing")
        ),
        Column("version", sa.Integer(), nullable=False),
        Column("created_at", INSTANT, nullable=False),
        Column("updated_at", INSTANT, nullable=False),
        Column("created_by", ID, nullable=True),
        Column("updated_by", ID, nullable=True),
        Column("owner_id", ID, nullable=True),
        Column("custom", JSON, server_default=sa.text("'{}'"), nullable=False),
        Column("external_ids", JSON, server_default=sa.text("'{}'"), nullable=False),
        Column("deleted_at", INSTANT, nullable=True),
        Column("deleted_by", ID, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
    )
    for name in ("created_at", "updated_at", "sort_name"):
        _index(table, name, "id")
    _index(table, "owner_id", optional=True)
    ddl.protect(table)
    ddl.count_records(table)


def _index(table: str, *columns: str, optional: bool = False) -> None:
    short = columns[0].removeprefix("sort_").removesuffix("_at").removesuffix("_id")
    where = sa.text(f"{columns[0]} IS NOT NULL") if optional else None
    op.create_index(
        f"ix_{table}_{short}", table, ["organization_id", *columns], postgresql_where=where
    )


def upgrade() -> None:
    _schedules()
    _alerts()


def _schedules() -> None:
    _entity(
        "report_schedules",
        Column("report_id", ID, nullable=False),
        Column("parameters", JSON, nullable=False),
        Column("time_zone", KEY, nullable=False),
        Column("cron", KEY, nullable=True),
        Column("rule", KEY, nullable=True),
        Column("starts_on", sa.Date(), nullable=False),
        Column("at", KEY, nullable=True),
        Column("recipients", JSON, nullable=False),
        Column("condition", JSON, nullable=True),
        Column("actor", JSON, nullable=False),
        Column("format", KEY, nullable=True),
        Column("is_active", sa.Boolean(), nullable=False),
        Column("next_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "format IN ('csv', 'xlsx', 'pdf')", name=op.f("ck_report_schedules_format")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "report_id"],
            ["reports.organization_id", "reports.id"],
            name=op.f("fk_report_schedules_organization_id_report_id"),
        ),
    )
    _index("report_schedules", "report_id")
    _due("report_schedules", "crm_report_schedules_due", "schedule_id")
    op.create_table(
        "report_deliveries",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("schedule_id", ID, nullable=False),
        Column("occurrence_at", INSTANT, nullable=False),
        Column("recipient", KEY, nullable=False),
        Column("status", KEY, nullable=False),
        Column("reason", sa.Text(), nullable=True),
        Column("finished_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'sent', 'skipped', 'failed')",
            name=op.f("ck_report_deliveries_status"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "schedule_id"],
            ["report_schedules.organization_id", "report_schedules.id"],
            name=op.f("fk_report_deliveries_organization_id_schedule_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_report_deliveries")),
        # Each recipient is told once of an occurrence.
        sa.UniqueConstraint(
            "organization_id",
            "schedule_id",
            "occurrence_at",
            "recipient",
            name=op.f("uq_report_deliveries_recipient"),
        ),
    )
    ddl.protect("report_deliveries")


def _alerts() -> None:
    _entity(
        "alerts",
        Column("metric", KEY, nullable=False),
        Column("filter", JSON, nullable=False),
        Column("days", sa.Integer(), nullable=True),
        Column("method", KEY, nullable=False),
        Column("comparison", KEY, nullable=True),
        Column("threshold", sa.Numeric(), nullable=True),
        Column("clear_at", sa.Numeric(), nullable=True),
        Column("sensitivity", sa.Numeric(), nullable=False),
        Column("season", KEY, nullable=False),
        Column("every_minutes", sa.Integer(), nullable=False),
        Column("cooldown_minutes", sa.Integer(), nullable=False),
        Column("recipients", JSON, nullable=False),
        Column("is_active", sa.Boolean(), nullable=False),
        Column("actor", JSON, nullable=False),
        Column("state", KEY, nullable=False),
        Column("last_value", sa.Numeric(), nullable=True),
        Column("last_error", KEY, nullable=True),
        Column("checked_at", INSTANT, nullable=True),
        Column("raised_at", INSTANT, nullable=True),
        Column("told_at", INSTANT, nullable=True),
        Column("next_at", INSTANT, nullable=True),
        sa.CheckConstraint("method IN ('threshold', 'anomaly')", name=op.f("ck_alerts_method")),
        sa.CheckConstraint("season IN ('none', 'weekday')", name=op.f("ck_alerts_season")),
        sa.CheckConstraint("state IN ('clear', 'raised')", name=op.f("ck_alerts_state")),
    )
    _due("alerts", "crm_alerts_due", "alert_id")
    op.create_table(
        "alert_values",
        Column("organization_id", ID, nullable=False),
        Column("alert_id", ID, nullable=False),
        Column("at", INSTANT, nullable=False),
        Column("value", sa.Numeric(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "alert_id"],
            ["alerts.organization_id", "alerts.id"],
            name=op.f("fk_alert_values_organization_id_alert_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "alert_id", "at", name=op.f("pk_alert_values")),
    )
    ddl.protect("alert_values")


def _due(table: str, function: str, name: str) -> None:
    op.create_index(
        f"ix_{table}_due",
        table,
        ["next_at"],
        postgresql_where=sa.text("next_at IS NOT NULL AND deleted_at IS NULL"),
    )
    ddl.see_all(table, ddl.DEFINER, "SELECT")
    ddl.definer_function(
        f"{function}(most integer)", f"TABLE (organization_id uuid, {name} uuid)", DUE.format(table)
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_report_schedules_due, crm_alerts_due")
    for table in ("alert_values", "alerts", "report_deliveries", "report_schedules"):
        op.drop_table(table)
