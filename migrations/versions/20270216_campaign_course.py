"""Campaigns are approved, launched when due, and decide their experiments by a rule."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270216_campaign_course"
down_revision = "20270215_lead_scores"
branch_labels = None
depends_on = None

JSON = JSONB()
OLD = "'draft', 'scheduled', 'running', 'paused', 'completed', 'archived', 'cancelled'"
STATUSES = (
    "'draft', 'in_approval', 'approved', 'scheduled', 'running', 'paused', 'completed', "
    "'archived', 'cancelled'"
)
# Transition tables are seen once for a statement, so that a million members cost one look.
STAYS = """
    CREATE FUNCTION crm_audience_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM (SELECT DISTINCT organization_id, campaign_id FROM added) a
            JOIN campaigns c ON c.organization_id = a.organization_id AND c.id = a.campaign_id
            WHERE c.frozen_at IS NOT NULL
        ) THEN
            RAISE EXCEPTION 'the audience is frozen' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END $$
"""


def _statuses(listed: str) -> None:
    name = op.f("ck_campaigns_status")
    op.drop_constraint(name, "campaigns")
    op.create_check_constraint(name, "campaigns", f"status IN ({listed})")


def _drafts(listed: str) -> None:
    """Have campaigns that stand at what is no more be drafts."""
    with ddl.rows_of_all("campaigns"):
        op.execute(f"UPDATE campaigns SET status = 'draft' WHERE status IN ({listed})")


def upgrade() -> None:
    # No time was kept with them.
    _drafts("'scheduled'")
    op.add_column("campaigns", sa.Column("launch_at", TIMESTAMP(timezone=True)))
    op.add_column(
        "campaigns",
        sa.Column("segment_pins", JSON, server_default=sa.text("'[]'"), nullable=False),
    )
    op.add_column("campaigns", sa.Column("stop_rule", JSON))
    op.add_column("campaigns", sa.Column("decision", JSON))
    op.create_check_constraint(
        op.f("ck_campaigns_launch_at"),
        "campaigns",
        "status <> 'scheduled' OR launch_at IS NOT NULL",
    )
    _statuses(STATUSES)
    # A column that tells what became of a member is granted by whoever adds it.
    op.execute(f"REVOKE UPDATE ON campaign_members FROM {ddl.APP}")
    op.execute(STAYS)
    op.execute(
        "CREATE TRIGGER audience_stays AFTER INSERT ON campaign_members "
        "REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION crm_audience_stays()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER audience_stays ON campaign_members")
    op.execute("DROP FUNCTION crm_audience_stays")
    op.execute(f"GRANT UPDATE ON campaign_members TO {ddl.APP}")
    _drafts("'in_approval', 'approved'")
    _statuses(OLD)
    op.drop_constraint(op.f("ck_campaigns_launch_at"), "campaigns")
    for name in ("decision", "stop_rule", "segment_pins", "launch_at"):
        op.drop_column("campaigns", name)
