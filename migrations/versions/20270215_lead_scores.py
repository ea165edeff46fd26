"""Scores of leads: points that fade, are capped and count events; models that are learned."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270215_lead_scores"
down_revision = "20270214_lead_grounds"
branch_labels = None
depends_on = None

LEADS, RULES, MODELS = "leads", "lead_score_rules", "lead_score_models"
PREDICTIONS, STATES = "lead_predictions", "lead_score_states"
JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
HORIZON = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
NEWS = f"""
    SELECT s.organization_id FROM lead_score_states s
    WHERE EXISTS (
        SELECT FROM events e WHERE e.organization_id = s.organization_id
            AND (e.tx, e.seq) > (s.tx, s.seq) AND e.tx < {HORIZON})
    ORDER BY random() LIMIT most
"""
# Those whose scores have not aged since the last midnight of theirs.
DUE = """
    SELECT s.organization_id FROM lead_score_states s
    JOIN organizations o ON o.id = s.organization_id
    WHERE s.organization_id > after_organization
        AND (s.aged_on IS NULL OR s.aged_on < (now() AT TIME ZONE o.time_zone)::date)
    ORDER BY s.organization_id LIMIT most
"""
# Rules that are there may go by what is told elsewhere than in leads, or by the clock.
FOLLOWED = f"""
    INSERT INTO {STATES} (organization_id)
    SELECT DISTINCT organization_id FROM {RULES} WHERE filter <> '{{}}' AND deleted_at IS NULL
"""
BANDS = """
    UPDATE leads SET
        band = CASE WHEN score >= 75 THEN 'hot' WHEN score >= 50 THEN 'warm'
            WHEN score >= 25 THEN 'cool' WHEN score >= 0 THEN 'cold' END,
        grade = substr('DCBA', 1 + least(fit_score / 25, 3), 1)
            || substr('4321', 1 + least(engagement_score / 25, 3), 1)
    WHERE score IS NOT NULL
"""
LEAD_CHECKS = {
    "band": "band IN ('hot', 'warm', 'cool', 'cold')",
    "probability": "probability BETWEEN 0 AND 100",
}
RULE_CHECKS = {
    "category": "category IN ('fit', 'engagement', 'negative')",
    "negative": "category <> 'negative' OR points <= 0",
    "cap": "cap IS NULL OR (cap BETWEEN 1 AND 100 AND event IS NOT NULL)",
    "half_life_days": "half_life_days BETWEEN 1 AND 3650",
    "decays_by": "decays_by IS NULL OR (half_life_days IS NOT NULL AND event IS NULL)",
}
MODEL_CHECKS = {
    "kind": "kind IN ('logistic', 'naive_bayes')",
    "status": "status IN ('training', 'insufficient_data', 'draft', 'shadow', 'active', 'retired')",
    "window_days": "window_days BETWEEN 30 AND 3650",
    "stale_days": "stale_days BETWEEN 1 AND 3650",
}


def checked(table: str, checks: dict[str, str]) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))
        for name, condition in checks.items()
    ]


def widen() -> None:
    for name in ("negative_score", "probability"):
        op.add_column(LEADS, Column(name, sa.Integer(), nullable=True))
    for name in ("band", "grade"):
        op.add_column(LEADS, Column(name, KEY, nullable=True))
    with ddl.rows_of_all(LEADS):
        op.execute(BANDS)
    for name, condition in LEAD_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_{LEADS}_{name}"), LEADS, condition)
    op.add_column(RULES, Column("event", JSON, nullable=True))
    for name in ("cap", "half_life_days"):
        op.add_column(RULES, Column(name, sa.Integer(), nullable=True))
    op.add_column(RULES, Column("decays_by", KEY, nullable=True))
    op.drop_constraint(op.f(f"ck_{RULES}_category"), RULES)
    for name, condition in RULE_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_{RULES}_{name}"), RULES, condition)


def make_models() -> None:
    op.create_table(
        MODELS,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("kind", KEY, nullable=False),
        Column("window_days", sa.Integer(), nullable=False),
        Column("stale_days", sa.Integer(), nullable=True),
        Column("description", sa.Text(), nullable=True),
        Column("status", KEY, nullable=False),
        Column("trained_from", INSTANT, nullable=True),
        Column("trained_to", INSTANT, nullable=True),
        Column("converted_count", sa.Integer(), nullable=True),
        Column("lost_count", sa.Integer(), nullable=True),
        Column("metrics", JSON, nullable=False),
        Column("job_id", ID, nullable=True),
        Column("activated_at", INSTANT, nullable=True),
        Column("weights", JSON, nullable=False),
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
        *checked(MODELS, MODEL_CHECKS),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{MODELS}")),
    )
    ddl.protect(MODELS)
    for name, column in (
        ("created", "created_at"),
        ("updated", "updated_at"),
        ("name", "sort_name"),
    ):
        op.create_index(f"ix_{MODELS}_{name}", MODELS, ["organization_id", column, "id"])
    op.create_index(
        f"ix_{MODELS}_owner",
        MODELS,
        ["organization_id", "owner_id"],
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index(
        f"uq_{MODELS}_in_use",
        MODELS,
        ["organization_id", "status"],
        unique=True,
        postgresql_where=sa.text("status IN ('shadow', 'active') AND deleted_at IS NULL"),
    )
    ddl.count_records(MODELS)


def make_predictions() -> None:
    op.create_table(
        PREDICTIONS,
        Column("organization_id", ID, nullable=False),
        Column("lead_id", ID, nullable=False),
        Column("model_id", ID, nullable=False),
        Column("probability", sa.Float(53), nullable=False),
        Column("factors", JSON, nullable=False),
        Column("input_hash", KEY, nullable=False),
        Column("predicted_at", INSTANT, nullable=False),
        *checked(PREDICTIONS, {"probability": "probability BETWEEN 0 AND 1"}),
        sa.PrimaryKeyConstraint(
            "organization_id", "lead_id", "model_id", name=op.f(f"pk_{PREDICTIONS}")
        ),
    )
    op.create_index(f"ix_{PREDICTIONS}_model", PREDICTIONS, ["organization_id", "model_id"])
    ddl.protect(PREDICTIONS)


def make_states() -> None:
    op.create_table(
        STATES,
        Column("organization_id", ID, nullable=False),
        Column("aged_on", sa.Date(), nullable=True),
        Column("tx", sa.BigInteger(), server_default=sa.text(f"({HORIZON} - 1)"), nullable=False),
        Column(
            "seq", sa.BigInteger(), server_default=sa.text("9223372036854775807"), nullable=False
        ),
        Column(
            "begun", KEY, server_default=sa.text("(pg_current_snapshot()::text)"), nullable=False
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f(f"pk_{STATES}")),
    )
    with ddl.rows_of_all(RULES):
        op.execute(FOLLOWED)
    ddl.protect(STATES)
    ddl.see_all(STATES, ddl.DEFINER, "SELECT")
    ddl.definer_function("crm_organizations_with_score_news(most integer)", "SETOF uuid", NEWS)
    ddl.definer_function(
        "crm_lead_scores_due(after_organization uuid, most integer)", "SETOF uuid", DUE
    )


def upgrade() -> None:
    widen()
    make_models()
    make_predictions()
    make_states()
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_leads_probability",
            LEADS,
            ["organization_id", "probability", "id"],
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_leads_probability", LEADS, postgresql_concurrently=True)
    op.execute("DROP FUNCTION crm_organizations_with_score_news, crm_lead_scores_due")
    for table in (STATES, PREDICTIONS, MODELS):
        op.drop_table(table)
    # What the schema before knew is all that can stay.
    with ddl.rows_of_all(RULES):
        op.execute(f"DELETE FROM {RULES} WHERE category = 'negative'")
    for name in RULE_CHECKS:
        op.drop_constraint(op.f(f"ck_{RULES}_{name}"), RULES)
    op.create_check_constraint(
        op.f(f"ck_{RULES}_category"), RULES, "category IN ('fit', 'engagement')"
    )
    for name in ("event", "cap", "half_life_days", "decays_by"):
        op.drop_column(RULES, name)
    for name in LEAD_CHECKS:
        op.drop_constraint(op.f(f"ck_{LEADS}_{name}"), LEADS)
    for name in ("negative_score", "probability", "band", "grade"):
        op.drop_column(LEADS, name)
