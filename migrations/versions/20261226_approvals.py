"""Approvals: policies, requests, and who stands in for whom."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261226_approvals"
down_revision = "20261225_automation"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TABLES = ("approval_policies", "approvals", "approval_delegations")


def _stamps() -> list[Column]:
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


def _key(column: str, table: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", column],
        [f"{target}.organization_id", f"{target}.id"],
        name=op.f(f"fk_{table}_organization_id_{column}"),
    )


def upgrade() -> None:
    op.create_table(
        "approval_policies",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("target", KEY, nullable=False),
        Column("purpose", KEY, nullable=False),
        Column("filter", JSON, nullable=False),
        Column("priority", sa.Integer(), nullable=False),
        Column("material_fields", JSON, nullable=False),
        Column("submitter_may_approve", sa.Boolean(), nullable=False),
        Column("steps", JSON, nullable=False),
        Column("is_active", sa.Boolean(), nullable=False),
        *_stamps(),
        sa.CheckConstraint(
            "priority BETWEEN 0 AND 10000", name=op.f("ck_approval_policies_priority")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_approval_policies")),
    )
    op.create_index(
        "ix_approval_policies_target",
        "approval_policies",
        ["organization_id", "target", "priority", "id"],
    )
    for name, column in (("created", "created_at"), ("name", "sort_name")):
        op.create_index(
            f"ix_approval_policies_{name}", "approval_policies", ["organization_id", column, "id"]
        )
    op.create_table(
        "approvals",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("target", KEY, nullable=False),
        Column("record_id", ID, nullable=False),
        Column("record_version", sa.Integer(), nullable=False),
        Column("policy_id", ID, nullable=False),
        Column("policy_version", sa.Integer(), nullable=False),
        Column("policy_name", KEY, nullable=False),
        Column("purpose", KEY, nullable=False),
        Column("status", KEY, nullable=False),
        Column("reason", KEY, nullable=True),
        Column("comment", sa.Text(), nullable=True),
        Column("material_fields", JSON, nullable=False),
        Column("salt", KEY, nullable=False),
        Column("content_hash", KEY, nullable=False),
        Column("submitter_may_approve", sa.Boolean(), nullable=False),
        Column("steps", JSON, nullable=False),
        Column("step", sa.Integer(), nullable=True),
        Column("decisions", JSON, nullable=False),
        Column("waiting_for", JSON, nullable=False),
        Column("due_at", INSTANT, nullable=True),
        Column("ended_at", INSTANT, nullable=True),
        *_stamps(),
        sa.CheckConstraint(
            "status IN ('pending', 'approved', 'rejected', 'recalled', 'expired', 'voided')",
            name=op.f("ck_approvals_status"),
        ),
        _key("policy_id", "approvals", "approval_policies"),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_approvals")),
    )
    op.create_index("ix_approvals_created", "approvals", ["organization_id", "created_at", "id"])
    op.create_index("ix_approvals_record", "approvals", ["organization_id", "record_id", "id"])
    op.create_index(
        "uq_approvals_live",
        "approvals",
        ["organization_id", "record_id", "policy_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('pending', 'approved')"),
    )
    op.create_index("ix_approvals_policy", "approvals", ["organization_id", "policy_id"])
    op.create_table(
        "approval_delegations",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("user_id", ID, nullable=False),
        Column("delegate_id", ID, nullable=False),
        Column("starts_at", INSTANT, nullable=False),
        Column("ends_at", INSTANT, nullable=True),
        Column("reason", KEY, nullable=True),
        *_stamps(),
        sa.CheckConstraint(
            "user_id <> delegate_id", name=op.f("ck_approval_delegations_not_oneself")
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_approval_delegations_in_order")),
        _key("user_id", "approval_delegations", "users"),
        _key("delegate_id", "approval_delegations", "users"),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_approval_delegations")),
    )
    op.create_index(
        "ix_approval_delegations_created",
        "approval_delegations",
        ["organization_id", "created_at", "id"],
    )
    for who in ("user", "delegate"):
        op.create_index(
            f"ix_approval_delegations_{who}",
            "approval_delegations",
            ["organization_id", f"{who}_id"],
        )
    for table in TABLES:
        ddl.protect(table)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
