"""Expenses of projects, their risks, and status reports."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270117_project_costs"
down_revision = "20270116_work"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TABLES = ("expenses", "status_reports", "delivery_links")


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


def of_project(table: str) -> sa.ForeignKeyConstraint:
    """A reference to the project."""
    return sa.ForeignKeyConstraint(
        ["organization_id", "project_id"],
        ["projects.organization_id", "projects.id"],
        name=op.f(f"fk_{table}_organization_id_project_id"),
    )


def order(table: str, *columns: str) -> None:
    """The orders in which a list is read."""
    for column in columns:
        name = column.removesuffix("_at")
        op.create_index(f"ix_{table}_{name}", table, ["organization_id", column, "id"])


def upgrade() -> None:
    op.add_column("projects", Column("risks", JSON, server_default=sa.text("'[]'"), nullable=False))
    op.alter_column("projects", "risks", server_default=None)
    op.create_table(
        "expenses",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("project_id", ID, nullable=False),
        Column("task_id", ID, nullable=True),
        Column("day", sa.Date(), nullable=False),
        Column("kind", KEY, nullable=False),
        Column("note", KEY, nullable=True),
        Column("amount", sa.BigInteger(), nullable=False),
        Column("currency", KEY, nullable=False),
        Column("project_amount", sa.BigInteger(), nullable=False),
        Column("is_billable", sa.Boolean(), nullable=False),
        Column("status", KEY, nullable=False),
        Column("decided_at", INSTANT, nullable=True),
        Column("rejection_reason", KEY, nullable=True),
        *stamps(),
        sa.CheckConstraint("amount > 0", name=op.f("ck_expenses_amount")),
        sa.CheckConstraint(
            "kind IN ('travel', 'lodging', 'material', 'subcontractor', 'licence', 'other')",
            name=op.f("ck_expenses_kind"),
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'submitted', 'approved', 'rejected')",
            name=op.f("ck_expenses_status"),
        ),
        of_project("expenses"),
        sa.ForeignKeyConstraint(
            ["organization_id", "task_id"],
            ["project_tasks.organization_id", "project_tasks.id"],
            name=op.f("fk_expenses_organization_id_task_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_expenses")),
    )
    order("expenses", "created_at", "updated_at", "day", "status")
    op.create_index("ix_expenses_project", "expenses", ["organization_id", "project_id"])
    for column in ("task_id", "owner_id"):
        op.create_index(
            f"ix_expenses_{column.removesuffix('_id')}",
            "expenses",
            ["organization_id", column],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    op.create_table(
        "status_reports",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("project_id", ID, nullable=False),
        Column("since", sa.Date(), nullable=False),
        Column("until", sa.Date(), nullable=False),
        Column("health", KEY, nullable=False),
        Column("summary", sa.Text(), nullable=False),
        Column("next_steps", sa.Text(), nullable=True),
        Column("figures", JSON, nullable=False),
        Column("risks", JSON, nullable=False),
        *stamps(),
        sa.CheckConstraint("until >= since", name=op.f("ck_status_reports_until")),
        of_project("status_reports"),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_status_reports")),
    )
    order("status_reports", "created_at", "updated_at", "until")
    op.create_index(
        "ix_status_reports_project", "status_reports", ["organization_id", "project_id"]
    )
    op.create_table(
        "delivery_links",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("project_id", ID, nullable=False),
        Column("contact_id", ID, nullable=True),
        Column("label", KEY, nullable=True),
        Column("expires_at", INSTANT, nullable=False),
        Column("revoked_at", INSTANT, nullable=True),
        Column("first_viewed_at", INSTANT, nullable=True),
        Column("secret_hash", KEY, nullable=False),
        *stamps(),
        of_project("delivery_links"),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_delivery_links_organization_id_contact_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_delivery_links")),
    )
    order("delivery_links", "created_at", "updated_at", "expires_at")
    op.create_index(
        "ix_delivery_links_project", "delivery_links", ["organization_id", "project_id"]
    )
    op.create_index(
        "ix_delivery_links_contact",
        "delivery_links",
        ["organization_id", "contact_id"],
        postgresql_where=sa.text("contact_id IS NOT NULL"),
    )
    op.create_table(
        "delivery_visits",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("project_id", ID, nullable=False),
        Column("link_id", ID, nullable=False),
        Column("deliverable_id", ID, nullable=True),
        Column("did", KEY, nullable=False),
        Column("name", KEY, nullable=True),
        Column("at", INSTANT, nullable=False),
        Column("address", KEY, nullable=True),
        Column("user_agent", KEY, nullable=True),
        sa.CheckConstraint(
            "did IN ('read', 'page', 'accepted', 'rejected')", name=op.f("ck_delivery_visits_did")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_delivery_visits")),
    )
    for column in ("link_id", "project_id"):
        op.create_index(
            f"ix_delivery_visits_{column.removesuffix('_id')}",
            "delivery_visits",
            ["organization_id", column, "id"],
        )
    ddl.protect("delivery_visits")
    for table in TABLES:
        ddl.protect(table)
        ddl.count_records(table)


def downgrade() -> None:
    op.drop_table("delivery_visits")
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_column("projects", "risks")
