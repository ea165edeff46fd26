"""Cases, and how soon they are answered."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270111_cases"
down_revision = "20270110_activities"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TABLES = ("sla_policies", "cases")
# Where an organization says nothing it is a week; where it says null they stay.
RESOLVED = """
    SELECT c.organization_id, c.id FROM cases c
    LEFT JOIN organization_states s ON s.organization_id = c.organization_id
    WHERE c.status = 'resolved' AND c.deleted_at IS NULL
        AND c.resolved_at <= now() - interval '1 day'
        AND c.resolved_at + make_interval(days => CASE
            WHEN s.snapshot #> '{casework,auto_close_days}' IS NULL THEN 7
            ELSE (s.snapshot #>> '{casework,auto_close_days}')::integer END) <= now()
        AND (c.organization_id, c.id) > (after_organization, after_case)
    ORDER BY c.organization_id, c.id LIMIT most
"""


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
        "sla_policies",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("position", sa.Integer(), nullable=False),
        Column("is_active", sa.Boolean(), nullable=False),
        Column("filter", JSON, nullable=False),
        Column("targets", JSON, nullable=False),
        Column("calendar_id", ID, nullable=True),
        Column("pause_statuses", JSON, nullable=False),
        Column("escalations", JSON, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        *stamps(),
        sa.ForeignKeyConstraint(
            ["organization_id", "calendar_id"],
            ["working_calendars.organization_id", "working_calendars.id"],
            name=op.f("fk_sla_policies_organization_id_calendar_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_sla_policies")),
    )
    op.create_index(
        "ix_sla_policies_calendar",
        "sla_policies",
        ["organization_id", "calendar_id"],
        postgresql_where=sa.text("calendar_id IS NOT NULL"),
    )
    op.create_index(
        "ix_sla_policies_created", "sla_policies", ["organization_id", "created_at", "id"]
    )
    op.create_index("ix_sla_policies_name", "sla_policies", ["organization_id", "sort_name", "id"])
    op.create_index(
        "ix_sla_policies_position", "sla_policies", ["organization_id", "position", "id"]
    )
    op.create_index(
        "ix_sla_policies_updated", "sla_policies", ["organization_id", "updated_at", "id"]
    )
    op.create_table(
        "cases",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("number", KEY, nullable=False),
        Column("subject", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("kind", KEY, nullable=False),
        Column("channel", KEY, nullable=False),
        Column("status", KEY, nullable=False),
        Column("priority", KEY, nullable=False),
        Column("impact", KEY, nullable=True),
        Column("urgency", KEY, nullable=True),
        Column("severity", KEY, nullable=True),
        Column("company_id", ID, nullable=True),
        Column("contact_id", ID, nullable=True),
        Column("product_id", ID, nullable=True),
        Column("order_id", ID, nullable=True),
        Column("project_id", ID, nullable=True),
        Column("deliverable_id", ID, nullable=True),
        Column("team_id", ID, nullable=True),
        Column("parent_id", ID, nullable=True),
        Column("follows_id", ID, nullable=True),
        Column("root_cause", KEY, nullable=True),
        Column("resolution", KEY, nullable=True),
        Column("resolved_at", INSTANT, nullable=True),
        Column("closed_at", INSTANT, nullable=True),
        Column("reopened", sa.Integer(), nullable=False),
        Column("clocks", JSON, nullable=False),
        Column("next_due_at", INSTANT, nullable=True),
        Column("escalation_level", sa.Integer(), nullable=False),
        Column("is_escalated", sa.Boolean(), nullable=False),
        Column("score", sa.Integer(), nullable=True),
        Column("score_comment", KEY, nullable=True),
        Column("scored_at", INSTANT, nullable=True),
        *stamps(),
        sa.CheckConstraint(
            "channel IN ('email', 'phone', 'web', 'chat', 'portal', 'other')",
            name=op.f("ck_cases_channel"),
        ),
        sa.CheckConstraint("impact IN ('low', 'medium', 'high')", name=op.f("ck_cases_impact")),
        sa.CheckConstraint(
            "kind IN ('question', 'incident', 'problem', 'request', 'complaint')",
            name=op.f("ck_cases_kind"),
        ),
        sa.CheckConstraint(
            "priority IN ('low', 'normal', 'high', 'urgent')", name=op.f("ck_cases_priority")
        ),
        sa.CheckConstraint(
            "severity IN ('minor', 'major', 'critical')", name=op.f("ck_cases_severity")
        ),
        sa.CheckConstraint(
            "status IN ('new', 'assigned', 'in_progress', 'waiting_customer', 'resolved', 'closed')",
            name=op.f("ck_cases_status"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('resolved', 'closed') OR resolution IS NOT NULL",
            name=op.f("ck_cases_resolution"),
        ),
        sa.CheckConstraint("urgency IN ('low', 'medium', 'high')", name=op.f("ck_cases_urgency")),
        sa.CheckConstraint(
            "parent_id <> id AND follows_id <> id", name=op.f("ck_cases_not_its_own")
        ),
        sa.CheckConstraint("score BETWEEN 1 AND 5", name=op.f("ck_cases_score")),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_cases_organization_id_company_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_cases_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "deliverable_id"],
            ["deliverables.organization_id", "deliverables.id"],
            name=op.f("fk_cases_organization_id_deliverable_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "follows_id"],
            ["cases.organization_id", "cases.id"],
            name=op.f("fk_cases_organization_id_follows_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "order_id"],
            ["orders.organization_id", "orders.id"],
            name=op.f("fk_cases_organization_id_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "parent_id"],
            ["cases.organization_id", "cases.id"],
            name=op.f("fk_cases_organization_id_parent_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "product_id"],
            ["products.organization_id", "products.id"],
            name=op.f("fk_cases_organization_id_product_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name=op.f("fk_cases_organization_id_project_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "team_id"],
            ["teams.organization_id", "teams.id"],
            name=op.f("fk_cases_organization_id_team_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_cases")),
    )
    op.create_index(
        "ix_cases_company",
        "cases",
        ["organization_id", "company_id"],
        postgresql_where=sa.text("company_id IS NOT NULL"),
    )
    op.create_index(
        "ix_cases_contact",
        "cases",
        ["organization_id", "contact_id"],
        postgresql_where=sa.text("contact_id IS NOT NULL"),
    )
    op.create_index("ix_cases_created", "cases", ["organization_id", "created_at", "id"])
    op.create_index(
        "ix_cases_deliverable",
        "cases",
        ["organization_id", "deliverable_id"],
        postgresql_where=sa.text("deliverable_id IS NOT NULL"),
    )
    op.create_index(
        "ix_cases_follows",
        "cases",
        ["organization_id", "follows_id"],
        postgresql_where=sa.text("follows_id IS NOT NULL"),
    )
    op.create_index("ix_cases_name", "cases", ["organization_id", "sort_name", "id"])
    op.create_index("ix_cases_next_due", "cases", ["organization_id", "next_due_at", "id"])
    op.create_index("ix_cases_number", "cases", ["organization_id", "number", "id"])
    op.create_index(
        "ix_cases_order",
        "cases",
        ["organization_id", "order_id"],
        postgresql_where=sa.text("order_id IS NOT NULL"),
    )
    op.create_index(
        "ix_cases_owner",
        "cases",
        ["organization_id", "owner_id"],
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index(
        "ix_cases_parent",
        "cases",
        ["organization_id", "parent_id"],
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.create_index(
        "ix_cases_product",
        "cases",
        ["organization_id", "product_id"],
        postgresql_where=sa.text("product_id IS NOT NULL"),
    )
    op.create_index(
        "ix_cases_project",
        "cases",
        ["organization_id", "project_id"],
        postgresql_where=sa.text("project_id IS NOT NULL"),
    )
    op.create_index(
        "ix_cases_resolved",
        "cases",
        ["resolved_at"],
        postgresql_where=sa.text("status = 'resolved' AND deleted_at IS NULL"),
    )
    op.create_index("ix_cases_status", "cases", ["organization_id", "status", "id"])
    op.create_index(
        "ix_cases_team",
        "cases",
        ["organization_id", "team_id"],
        postgresql_where=sa.text("team_id IS NOT NULL"),
    )
    op.create_index("ix_cases_updated", "cases", ["organization_id", "updated_at", "id"])
    op.create_index(
        "uq_cases_organization_id_number", "cases", ["organization_id", "number"], unique=True
    )
    for table in TABLES:
        ddl.protect(table)
        ddl.count_records(table)
    ddl.see_all("cases", ddl.DEFINER, "SELECT")
    ddl.definer_function(
        "crm_cases_resolved(after_organization uuid, after_case uuid, most integer)",
        "TABLE (organization_id uuid, case_id uuid)",
        RESOLVED,
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_cases_resolved")
    for table in reversed(TABLES):
        op.drop_table(table)
