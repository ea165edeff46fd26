"""Projects with their templates, tasks, deliverables and times."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270109_projects"
down_revision = "20270108_orders"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TABLES = ("project_templates", "projects", "project_tasks", "deliverables", "time_entries")


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
        "project_templates",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("key", KEY, nullable=True),
        Column("description", sa.Text(), nullable=True),
        Column("product_ids", JSON, nullable=False),
        Column("tasks", JSON, nullable=False),
        Column("is_active", sa.Boolean(), nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        *stamps(),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_project_templates")),
    )
    op.create_index(
        "ix_project_templates_created", "project_templates", ["organization_id", "created_at", "id"]
    )
    op.create_index(
        "ix_project_templates_name", "project_templates", ["organization_id", "sort_name", "id"]
    )
    op.create_index(
        "ix_project_templates_updated", "project_templates", ["organization_id", "updated_at", "id"]
    )
    op.create_index(
        "uq_project_templates_organization_id_key",
        "project_templates",
        ["organization_id", "key"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND key IS NOT NULL"),
    )
    op.create_table(
        "projects",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("company_id", ID, nullable=True),
        Column("deal_id", ID, nullable=True),
        Column("order_id", ID, nullable=True),
        Column("calendar_id", ID, nullable=True),
        Column("status", KEY, nullable=False),
        Column("starts_on", sa.Date(), nullable=False),
        Column("finishes_at", INSTANT, nullable=True),
        Column("baseline_at", INSTANT, nullable=True),
        Column("baseline_finishes_at", INSTANT, nullable=True),
        Column("currency", KEY, nullable=False),
        Column("revenue", sa.BigInteger(), nullable=True),
        Column("cost_budget", sa.BigInteger(), nullable=True),
        Column("closed_at", INSTANT, nullable=True),
        Column("close_comment", KEY, nullable=True),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("tags", JSON, nullable=False),
        Column("source", KEY, nullable=True),
        Column("description", sa.Text(), nullable=True),
        *stamps(),
        sa.CheckConstraint(
            "status IN ('planned', 'active', 'on_hold', 'completed', 'accepted', 'cancelled')",
            name=op.f("ck_projects_status"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "calendar_id"],
            ["working_calendars.organization_id", "working_calendars.id"],
            name=op.f("fk_projects_organization_id_calendar_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_projects_organization_id_company_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "deal_id"],
            ["deals.organization_id", "deals.id"],
            name=op.f("fk_projects_organization_id_deal_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "order_id"],
            ["orders.organization_id", "orders.id"],
            name=op.f("fk_projects_organization_id_order_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_projects")),
    )
    op.create_index(
        "ix_projects_calendar",
        "projects",
        ["organization_id", "calendar_id"],
        postgresql_where=sa.text("calendar_id IS NOT NULL"),
    )
    op.create_index(
        "ix_projects_company",
        "projects",
        ["organization_id", "company_id"],
        postgresql_where=sa.text("company_id IS NOT NULL"),
    )
    op.create_index("ix_projects_created", "projects", ["organization_id", "created_at", "id"])
    op.create_index(
        "ix_projects_deal",
        "projects",
        ["organization_id", "deal_id"],
        postgresql_where=sa.text("deal_id IS NOT NULL"),
    )
    op.create_index("ix_projects_finishes", "projects", ["organization_id", "finishes_at", "id"])
    op.create_index("ix_projects_name", "projects", ["organization_id", "sort_name", "id"])
    op.create_index(
        "ix_projects_order",
        "projects",
        ["organization_id", "order_id"],
        postgresql_where=sa.text("order_id IS NOT NULL"),
    )
    op.create_index(
        "ix_projects_owner",
        "projects",
        ["organization_id", "owner_id"],
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index("ix_projects_starts_on", "projects", ["organization_id", "starts_on", "id"])
    op.create_index("ix_projects_status", "projects", ["organization_id", "status", "id"])
    op.create_index("ix_projects_updated", "projects", ["organization_id", "updated_at", "id"])
    op.create_index(
        "uq_projects_organization_id_order_id",
        "projects",
        ["organization_id", "order_id"],
        unique=True,
        postgresql_where=sa.text("order_id IS NOT NULL AND deleted_at IS NULL"),
    )
    op.create_table(
        "project_tasks",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("project_id", ID, nullable=False),
        Column("parent_id", ID, nullable=True),
        Column("kind", KEY, nullable=False),
        Column("key", KEY, nullable=True),
        Column("description", sa.Text(), nullable=True),
        Column("position", sa.Integer(), nullable=False),
        Column("role", KEY, nullable=True),
        Column("minutes", sa.Integer(), nullable=False),
        Column("estimate_minutes", sa.Integer(), nullable=True),
        Column("calendar_id", ID, nullable=True),
        Column("constraint_kind", KEY, nullable=False),
        Column("constraint_at", INSTANT, nullable=True),
        Column("dependencies", JSON, nullable=False),
        Column("checklist", JSON, nullable=False),
        Column("percent", sa.Integer(), nullable=False),
        Column("starts_at", INSTANT, nullable=True),
        Column("finishes_at", INSTANT, nullable=True),
        Column("total_float", sa.Integer(), nullable=True),
        Column("is_critical", sa.Boolean(), nullable=False),
        Column("baseline_starts_at", INSTANT, nullable=True),
        Column("baseline_finishes_at", INSTANT, nullable=True),
        Column("billing_percent", sa.BigInteger(), nullable=True),
        Column("accepted_at", INSTANT, nullable=True),
        Column("billing_due_at", INSTANT, nullable=True),
        Column("billing_amount", sa.BigInteger(), nullable=True),
        Column("billed_at", INSTANT, nullable=True),
        Column("billing_reference", KEY, nullable=True),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        *stamps(),
        sa.CheckConstraint(
            "(constraint_kind = 'asap') = (constraint_at IS NULL)",
            name=op.f("ck_project_tasks_constraint_at"),
        ),
        sa.CheckConstraint(
            "billing_percent IS NULL OR (kind = 'milestone' AND billing_percent > 0 AND billing_percent <= 100000000)",
            name=op.f("ck_project_tasks_billing_percent"),
        ),
        sa.CheckConstraint(
            "constraint_kind IN ('asap', 'snet', 'fnlt', 'must')",
            name=op.f("ck_project_tasks_constraint_kind"),
        ),
        sa.CheckConstraint(
            "kind IN ('task', 'milestone', 'phase')", name=op.f("ck_project_tasks_kind")
        ),
        sa.CheckConstraint(
            "billing_due_at IS NOT NULL OR billed_at IS NULL",
            name=op.f("ck_project_tasks_billed_at"),
        ),
        sa.CheckConstraint("minutes >= 0", name=op.f("ck_project_tasks_minutes")),
        sa.CheckConstraint("percent BETWEEN 0 AND 100", name=op.f("ck_project_tasks_percent")),
        sa.ForeignKeyConstraint(
            ["organization_id", "calendar_id"],
            ["working_calendars.organization_id", "working_calendars.id"],
            name=op.f("fk_project_tasks_organization_id_calendar_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "parent_id"],
            ["project_tasks.organization_id", "project_tasks.id"],
            name=op.f("fk_project_tasks_organization_id_parent_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name=op.f("fk_project_tasks_organization_id_project_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_project_tasks")),
    )
    op.create_index(
        "ix_project_tasks_calendar",
        "project_tasks",
        ["organization_id", "calendar_id"],
        postgresql_where=sa.text("calendar_id IS NOT NULL"),
    )
    op.create_index(
        "ix_project_tasks_created", "project_tasks", ["organization_id", "created_at", "id"]
    )
    op.create_index(
        "ix_project_tasks_finishes", "project_tasks", ["organization_id", "finishes_at", "id"]
    )
    op.create_index(
        "ix_project_tasks_name", "project_tasks", ["organization_id", "sort_name", "id"]
    )
    op.create_index(
        "ix_project_tasks_owner",
        "project_tasks",
        ["organization_id", "owner_id"],
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index(
        "ix_project_tasks_parent",
        "project_tasks",
        ["organization_id", "parent_id"],
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.create_index(
        "ix_project_tasks_project",
        "project_tasks",
        ["organization_id", "project_id", "position", "id"],
    )
    op.create_index(
        "ix_project_tasks_starts", "project_tasks", ["organization_id", "starts_at", "id"]
    )
    op.create_index(
        "ix_project_tasks_updated", "project_tasks", ["organization_id", "updated_at", "id"]
    )
    op.create_table(
        "deliverables",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("project_id", ID, nullable=False),
        Column("milestone_id", ID, nullable=True),
        Column("line_id", ID, nullable=True),
        Column("description", sa.Text(), nullable=True),
        Column("quantity", sa.BigInteger(), nullable=False),
        Column("due_on", sa.Date(), nullable=True),
        Column("is_mandatory", sa.Boolean(), nullable=False),
        Column("status", KEY, nullable=False),
        Column("delivered_quantity", sa.BigInteger(), nullable=False),
        Column("delivered_on", sa.Date(), nullable=True),
        Column("decided_at", INSTANT, nullable=True),
        Column("decided_by", KEY, nullable=True),
        Column("rejection_reasons", JSON, nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        *stamps(),
        sa.CheckConstraint(
            "(status IN ('accepted', 'rejected')) = (decided_at IS NOT NULL)",
            name=op.f("ck_deliverables_decided_at"),
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'submitted', 'accepted', 'rejected')",
            name=op.f("ck_deliverables_status"),
        ),
        sa.CheckConstraint(
            "delivered_quantity >= 0", name=op.f("ck_deliverables_delivered_quantity")
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_deliverables_quantity")),
        sa.ForeignKeyConstraint(
            ["organization_id", "milestone_id"],
            ["project_tasks.organization_id", "project_tasks.id"],
            name=op.f("fk_deliverables_organization_id_milestone_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name=op.f("fk_deliverables_organization_id_project_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_deliverables")),
    )
    op.create_index(
        "ix_deliverables_created", "deliverables", ["organization_id", "created_at", "id"]
    )
    op.create_index("ix_deliverables_due_on", "deliverables", ["organization_id", "due_on", "id"])
    op.create_index(
        "ix_deliverables_milestone",
        "deliverables",
        ["organization_id", "milestone_id"],
        postgresql_where=sa.text("milestone_id IS NOT NULL"),
    )
    op.create_index("ix_deliverables_name", "deliverables", ["organization_id", "sort_name", "id"])
    op.create_index(
        "ix_deliverables_project",
        "deliverables",
        ["organization_id", "project_id"],
        postgresql_where=None,
    )
    op.create_index("ix_deliverables_status", "deliverables", ["organization_id", "status", "id"])
    op.create_index(
        "ix_deliverables_updated", "deliverables", ["organization_id", "updated_at", "id"]
    )
    op.create_table(
        "time_entries",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("project_id", ID, nullable=False),
        Column("task_id", ID, nullable=True),
        Column("day", sa.Date(), nullable=False),
        Column("minutes", sa.Integer(), nullable=False),
        Column("note", KEY, nullable=True),
        Column("is_billable", sa.Boolean(), nullable=False),
        Column("rate", sa.BigInteger(), nullable=True),
        Column("cost_rate", sa.BigInteger(), nullable=True),
        Column("status", KEY, nullable=False),
        Column("decided_at", INSTANT, nullable=True),
        Column("rejection_reason", KEY, nullable=True),
        *stamps(),
        sa.CheckConstraint(
            "status IN ('draft', 'submitted', 'approved', 'rejected')",
            name=op.f("ck_time_entries_status"),
        ),
        sa.CheckConstraint("minutes BETWEEN 1 AND 1440", name=op.f("ck_time_entries_minutes")),
        sa.ForeignKeyConstraint(
            ["organization_id", "project_id"],
            ["projects.organization_id", "projects.id"],
            name=op.f("fk_time_entries_organization_id_project_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "task_id"],
            ["project_tasks.organization_id", "project_tasks.id"],
            name=op.f("fk_time_entries_organization_id_task_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_time_entries")),
    )
    op.create_index(
        "ix_time_entries_created", "time_entries", ["organization_id", "created_at", "id"]
    )
    op.create_index("ix_time_entries_day", "time_entries", ["organization_id", "day", "id"])
    op.create_index(
        "ix_time_entries_owner",
        "time_entries",
        ["organization_id", "owner_id"],
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index(
        "ix_time_entries_project",
        "time_entries",
        ["organization_id", "project_id"],
        postgresql_where=None,
    )
    op.create_index("ix_time_entries_status", "time_entries", ["organization_id", "status", "id"])
    op.create_index(
        "ix_time_entries_task",
        "time_entries",
        ["organization_id", "task_id"],
        postgresql_where=sa.text("task_id IS NOT NULL"),
    )
    op.create_index(
        "ix_time_entries_updated", "time_entries", ["organization_id", "updated_at", "id"]
    )
    for table in TABLES:
        ddl.protect(table)
        ddl.count_records(table)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
