"""Deals with their moves, and the pipelines, stages and reasons that they go by."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270104_deals"
down_revision = "20270103_quote_reminders"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TABLES = ("pipelines", "stages", "loss_reasons", "deals", "deal_moves")


def stamps() -> list[Column]:
    """The columns that every record has after its own."""
    return [
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
    ]


def upgrade() -> None:
    op.create_table(
        "pipelines",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("key", KEY, nullable=True),
        Column("description", sa.Text(), nullable=True),
        Column("currency", KEY, nullable=True),
        Column("graph", KEY, nullable=False),
        Column("is_default", sa.Boolean(), nullable=False),
        Column("is_archived", sa.Boolean(), nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        *stamps(),
        sa.CheckConstraint(
            "NOT (is_default AND is_archived)",
            name=op.f("ck_pipelines_default_is_open"),
        ),
        sa.CheckConstraint(
            "graph IN ('strict', 'forward_only', 'free')",
            name=op.f("ck_pipelines_graph"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_pipelines")),
    )
    op.create_index("ix_pipelines_created", "pipelines", ["organization_id", "created_at", "id"])
    op.create_index("ix_pipelines_name", "pipelines", ["organization_id", "sort_name", "id"])
    op.create_index("ix_pipelines_updated", "pipelines", ["organization_id", "updated_at", "id"])
    op.create_index(
        "uq_pipelines_organization_id_is_default",
        "pipelines",
        ["organization_id"],
        unique=True,
        postgresql_where=sa.text("is_default AND deleted_at IS NULL"),
    )
    op.create_index(
        "uq_pipelines_organization_id_key",
        "pipelines",
        ["organization_id", "key"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND key IS NOT NULL"),
    )
    op.create_table(
        "stages",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("pipeline_id", ID, nullable=False),
        Column("kind", KEY, nullable=False),
        Column("position", sa.Integer(), nullable=False),
        Column("probability", sa.Integer(), nullable=False),
        Column("forecast_category", KEY, nullable=False),
        Column("rotting_days", sa.Integer(), nullable=True),
        Column("required_fields", JSON, nullable=False),
        Column("entry_criteria", JSON, nullable=False),
        Column("exit_criteria", JSON, nullable=False),
        Column("checklist", JSON, nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        *stamps(),
        sa.CheckConstraint(
            "forecast_category IN ('pipeline', 'best_case', 'commit', 'omitted', 'closed')",
            name=op.f("ck_stages_forecast_category"),
        ),
        sa.CheckConstraint(
            "kind IN ('open', 'won', 'lost')",
            name=op.f("ck_stages_kind"),
        ),
        sa.CheckConstraint(
            "probability BETWEEN 0 AND 100",
            name=op.f("ck_stages_probability"),
        ),
        sa.CheckConstraint(
            "rotting_days > 0",
            name=op.f("ck_stages_rotting_days"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "pipeline_id"],
            ["pipelines.organization_id", "pipelines.id"],
            name=op.f("fk_stages_organization_id_pipeline_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_stages")),
    )
    op.create_index("ix_stages_created", "stages", ["organization_id", "created_at", "id"])
    op.create_index("ix_stages_name", "stages", ["organization_id", "sort_name", "id"])
    op.create_index(
        "ix_stages_pipeline", "stages", ["organization_id", "pipeline_id", "position", "id"]
    )
    op.create_index("ix_stages_position", "stages", ["organization_id", "position", "id"])
    op.create_index("ix_stages_updated", "stages", ["organization_id", "updated_at", "id"])
    op.create_index(
        "uq_stages_organization_id_pipeline_id",
        "stages",
        ["organization_id", "pipeline_id", "id"],
        unique=True,
    )
    op.create_index(
        "uq_stages_organization_id_won",
        "stages",
        ["organization_id", "pipeline_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'won' AND deleted_at IS NULL"),
    )
    op.create_table(
        "loss_reasons",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("key", KEY, nullable=True),
        Column("description", sa.Text(), nullable=True),
        Column("position", sa.Integer(), nullable=False),
        Column("is_active", sa.Boolean(), nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        *stamps(),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_loss_reasons")),
    )
    op.create_index(
        "ix_loss_reasons_created", "loss_reasons", ["organization_id", "created_at", "id"]
    )
    op.create_index("ix_loss_reasons_name", "loss_reasons", ["organization_id", "sort_name", "id"])
    op.create_index(
        "ix_loss_reasons_position", "loss_reasons", ["organization_id", "position", "id"]
    )
    op.create_index(
        "ix_loss_reasons_updated", "loss_reasons", ["organization_id", "updated_at", "id"]
    )
    op.create_index(
        "uq_loss_reasons_organization_id_key",
        "loss_reasons",
        ["organization_id", "key"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND key IS NOT NULL"),
    )
    op.create_table(
        "deals",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("company_id", ID, nullable=True),
        Column("contact_id", ID, nullable=True),
        Column("pipeline_id", ID, nullable=False),
        Column("stage_id", ID, nullable=False),
        Column("status", KEY, nullable=False),
        Column("amount", sa.BigInteger(), nullable=True),
        Column("currency", KEY, nullable=False),
        Column("expected_amount", sa.BigInteger(), nullable=True),
        Column("base_amount", sa.BigInteger(), nullable=True),
        Column("base_currency", KEY, nullable=False),
        Column("closes_on", sa.Date(), nullable=True),
        Column("next_step", KEY, nullable=True),
        Column("next_step_on", sa.Date(), nullable=True),
        Column("probability_override", sa.Integer(), nullable=True),
        Column("probability", sa.Integer(), nullable=False),
        Column("forecast_override", KEY, nullable=True),
        Column("forecast_category", KEY, nullable=False),
        Column("checked", JSON, nullable=False),
        Column("loss_reason_id", ID, nullable=True),
        Column("close_comment", KEY, nullable=True),
        Column("stage_entered_at", INSTANT, nullable=False),
        Column("closed_at", INSTANT, nullable=True),
        Column("rank", KEY, nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("tags", JSON, nullable=False),
        Column("source", KEY, nullable=True),
        Column("description", sa.Text(), nullable=True),
        *stamps(),
        sa.CheckConstraint(
            "(status = 'open') = (closed_at IS NULL)",
            name=op.f("ck_deals_closed_at"),
        ),
        sa.CheckConstraint(
            "forecast_category IN ('pipeline', 'best_case', 'commit', 'omitted', 'closed')",
            name=op.f("ck_deals_forecast_category"),
        ),
        sa.CheckConstraint(
            "(status = 'lost') = (loss_reason_id IS NOT NULL)",
            name=op.f("ck_deals_loss_reason_id"),
        ),
        sa.CheckConstraint(
            "probability BETWEEN 0 AND 100",
            name=op.f("ck_deals_probability"),
        ),
        sa.CheckConstraint(
            "probability_override BETWEEN 0 AND 100",
            name=op.f("ck_deals_probability_override"),
        ),
        sa.CheckConstraint(
            "status IN ('open', 'won', 'lost')",
            name=op.f("ck_deals_status"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_deals_organization_id_company_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_deals_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "loss_reason_id"],
            ["loss_reasons.organization_id", "loss_reasons.id"],
            name=op.f("fk_deals_organization_id_loss_reason_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "pipeline_id"],
            ["pipelines.organization_id", "pipelines.id"],
            name=op.f("fk_deals_organization_id_pipeline_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "pipeline_id", "stage_id"],
            ["stages.organization_id", "stages.pipeline_id", "stages.id"],
            name=op.f("fk_deals_organization_id_stage_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_deals")),
    )
    op.create_index("ix_deals_amount", "deals", ["organization_id", "amount", "id"])
    op.create_index("ix_deals_base_amount", "deals", ["organization_id", "base_amount", "id"])
    op.create_index("ix_deals_closes_on", "deals", ["organization_id", "closes_on", "id"])
    op.create_index(
        "ix_deals_company",
        "deals",
        ["organization_id", "company_id"],
        postgresql_where=sa.text("company_id IS NOT NULL"),
    )
    op.create_index(
        "ix_deals_contact",
        "deals",
        ["organization_id", "contact_id"],
        postgresql_where=sa.text("contact_id IS NOT NULL"),
    )
    op.create_index("ix_deals_created", "deals", ["organization_id", "created_at", "id"])
    op.create_index(
        "ix_deals_loss_reason",
        "deals",
        ["organization_id", "loss_reason_id"],
        postgresql_where=sa.text("loss_reason_id IS NOT NULL"),
    )
    op.create_index("ix_deals_name", "deals", ["organization_id", "sort_name", "id"])
    op.create_index(
        "ix_deals_owner",
        "deals",
        ["organization_id", "owner_id"],
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index("ix_deals_pipeline", "deals", ["organization_id", "pipeline_id", "stage_id"])
    op.create_index("ix_deals_stage", "deals", ["organization_id", "stage_id", "rank", "id"])
    op.create_index("ix_deals_status", "deals", ["organization_id", "status", "id"])
    op.create_index("ix_deals_updated", "deals", ["organization_id", "updated_at", "id"])
    op.create_table(
        "deal_moves",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("deal_id", ID, nullable=False),
        Column("verb", KEY, nullable=False),
        Column("from_stage_id", ID, nullable=False),
        Column("to_stage_id", ID, nullable=False),
        Column("entered_at", INSTANT, nullable=False),
        Column("seconds", sa.BigInteger(), nullable=False),
        Column("comment", KEY, nullable=True),
        *stamps(),
        sa.CheckConstraint(
            "seconds >= 0",
            name=op.f("ck_deal_moves_seconds"),
        ),
        sa.CheckConstraint(
            "verb IN ('moved', 'won', 'lost', 'reopened')",
            name=op.f("ck_deal_moves_verb"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "deal_id"],
            ["deals.organization_id", "deals.id"],
            name=op.f("fk_deal_moves_organization_id_deal_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "from_stage_id"],
            ["stages.organization_id", "stages.id"],
            name=op.f("fk_deal_moves_organization_id_from_stage_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "to_stage_id"],
            ["stages.organization_id", "stages.id"],
            name=op.f("fk_deal_moves_organization_id_to_stage_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_deal_moves")),
    )
    op.create_index("ix_deal_moves_created", "deal_moves", ["organization_id", "created_at", "id"])
    op.create_index("ix_deal_moves_deal", "deal_moves", ["organization_id", "deal_id"])
    op.create_index("ix_deal_moves_from_stage", "deal_moves", ["organization_id", "from_stage_id"])
    op.create_index("ix_deal_moves_to_stage", "deal_moves", ["organization_id", "to_stage_id"])
    for table in TABLES:
        ddl.protect(table)
    for table in ("pipelines", "stages", "loss_reasons", "deals"):
        ddl.count_records(table)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
