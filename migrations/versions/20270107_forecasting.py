"""Daily snapshots of deals, forecasts with what was said of them, and goals."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270107_forecasting"
down_revision = "20270106_deal_people"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TABLES = ("deal_snapshots", "deal_snapshot_days", "forecasts", "forecast_entries", "goals")
NEXT_DUE = """
    SELECT o.id, o.time_zone FROM organizations o
    WHERE o.id > after_organization
        AND EXISTS (SELECT FROM deals d WHERE d.organization_id = o.id)
        AND NOT EXISTS (SELECT FROM deal_snapshot_days s WHERE s.organization_id = o.id
            AND s.day = (now() AT TIME ZONE o.time_zone)::date)
    ORDER BY o.id LIMIT most
"""
# A goal is looked at till a day after its last one, so that nothing of that day is missed.
GOALS_DUE = """
    SELECT g.organization_id, g.id FROM goals g JOIN organizations o ON o.id = g.organization_id
    WHERE g.deleted_at IS NULL AND jsonb_array_length(g.milestones) > 0
        AND NOT g.milestones <@ g.reached
        AND (now() AT TIME ZONE o.time_zone)::date BETWEEN g.starts_on AND g.ends_on + 1
        AND (g.organization_id, g.id) > (after_organization, after_goal)
    ORDER BY g.organization_id, g.id LIMIT most
"""


def upgrade() -> None:
    op.create_table(
        "deal_snapshots",
        Column("organization_id", ID, nullable=False),
        Column("day", sa.Date(), nullable=False),
        Column("deal_id", ID, nullable=False),
        Column("pipeline_id", ID, nullable=False),
        Column("stage_id", ID, nullable=False),
        Column("owner_id", ID, nullable=True),
        Column("amount", sa.BigInteger(), nullable=True),
        Column("base_amount", sa.BigInteger(), nullable=True),
        Column("closes_on", sa.Date(), nullable=True),
        Column("probability", sa.Integer(), nullable=False),
        Column("status", KEY, nullable=False),
        Column("currency", KEY, nullable=False),
        Column("base_currency", KEY, nullable=False),
        Column("forecast_category", KEY, nullable=False),
        sa.CheckConstraint(
            "forecast_category IN ('pipeline', 'best_case', 'commit', 'omitted', 'closed')",
            name=op.f("ck_deal_snapshots_forecast_category"),
        ),
        sa.CheckConstraint(
            "status IN ('open', 'won', 'lost')", name=op.f("ck_deal_snapshots_status")
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "day", "deal_id", name=op.f("pk_deal_snapshots")
        ),
    )
    op.create_index(
        "ix_deal_snapshots_deal", "deal_snapshots", ["organization_id", "deal_id", "day"]
    )
    op.create_table(
        "deal_snapshot_days",
        Column("organization_id", ID, nullable=False),
        Column("day", sa.Date(), nullable=False),
        Column("taken_at", INSTANT, nullable=False),
        Column("deals", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "day", name=op.f("pk_deal_snapshot_days")),
    )
    _forecasts()
    _goals()
    for table in TABLES:
        # What was said stays as it was said.
        rights = (
            "SELECT, INSERT" if table == "forecast_entries" else "SELECT, INSERT, UPDATE, DELETE"
        )
        ddl.protect(table, rights=rights)
    ddl.count_records("goals")
    for table in ("deal_snapshot_days", "goals"):
        ddl.see_all(table, ddl.DEFINER, "SELECT")
    ddl.definer_function(
        "crm_snapshots_due(after_organization uuid, most integer)",
        "TABLE (organization_id uuid, time_zone text)",
        NEXT_DUE,
    )
    ddl.definer_function(
        "crm_goals_due(after_organization uuid, after_goal uuid, most integer)",
        "TABLE (organization_id uuid, goal_id uuid)",
        GOALS_DUE,
    )


def _forecasts() -> None:
    op.create_table(
        "forecasts",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("kind", KEY, nullable=False),
        Column("starts_on", sa.Date(), nullable=False),
        Column("ends_on", sa.Date(), nullable=False),
        Column("node_kind", KEY, nullable=False),
        Column("node_id", ID, nullable=False),
        Column("status", KEY, nullable=False),
        Column("version", sa.Integer(), nullable=False),
        Column("updated_at", INSTANT, nullable=False),
        Column("updated_by", ID, nullable=True),
        sa.CheckConstraint("kind IN ('month', 'quarter')", name=op.f("ck_forecasts_kind")),
        sa.CheckConstraint(
            "node_kind IN ('organization', 'team', 'user')", name=op.f("ck_forecasts_node_kind")
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'submitted', 'locked')", name=op.f("ck_forecasts_status")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_forecasts")),
        sa.UniqueConstraint(
            "organization_id",
            "kind",
            "starts_on",
            "node_id",
            name=op.f("uq_forecasts_organization_id_kind_starts_on_node_id"),
        ),
    )
    op.create_table(
        "forecast_entries",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("forecast_id", ID, nullable=False),
        Column("layer", KEY, nullable=False),
        Column("commit_amount", sa.BigInteger(), nullable=False),
        Column("best_case_amount", sa.BigInteger(), nullable=True),
        Column("currency", KEY, nullable=False),
        Column("comment", sa.Text(), nullable=True),
        Column("made_at", INSTANT, nullable=False),
        Column("made_by", ID, nullable=True),
        sa.CheckConstraint(
            "layer IN ('system', 'owner', 'manager')", name=op.f("ck_forecast_entries_layer")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_forecast_entries")),
    )
    op.create_index(
        "ix_forecast_entries_forecast",
        "forecast_entries",
        ["organization_id", "forecast_id", "made_at"],
    )


def _goals() -> None:
    op.create_table(
        "goals",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("metric", KEY, nullable=False),
        Column("starts_on", sa.Date(), nullable=False),
        Column("ends_on", sa.Date(), nullable=False),
        Column("target", sa.BigInteger(), nullable=False),
        Column("user_id", ID, nullable=True),
        Column("team_id", ID, nullable=True),
        Column("pipeline_id", ID, nullable=True),
        Column("description", sa.Text(), nullable=True),
        Column("milestones", JSON, nullable=False),
        Column("reached", JSON, nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
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
        sa.CheckConstraint(
            "metric IN ('won_amount', 'won_count', 'new_deals')", name=op.f("ck_goals_metric")
        ),
        sa.CheckConstraint("target > 0", name=op.f("ck_goals_target")),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_goals_ends_after_start")),
        sa.CheckConstraint("user_id IS NULL OR team_id IS NULL", name=op.f("ck_goals_one_node")),
        *(
            sa.ForeignKeyConstraint(
                ["organization_id", f"{name}_id"],
                [f"{name}s.organization_id", f"{name}s.id"],
                name=op.f(f"fk_goals_organization_id_{name}_id"),
            )
            for name in ("user", "team", "pipeline")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_goals")),
    )
    for name, column in (
        ("created", "created_at"),
        ("updated", "updated_at"),
        ("name", "sort_name"),
        ("starts_on", "starts_on"),
    ):
        op.create_index(f"ix_goals_{name}", "goals", ["organization_id", column, "id"])
    for name in ("owner", "user", "team", "pipeline"):
        op.create_index(
            f"ix_goals_{name}",
            "goals",
            ["organization_id", f"{name}_id"],
            postgresql_where=sa.text(f"{name}_id IS NOT NULL"),
        )


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_goals_due, crm_snapshots_due")
    for table in reversed(TABLES):
        op.drop_table(table)
