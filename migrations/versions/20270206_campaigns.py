"""Campaigns, and who is in the audience of each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270206_campaigns"
down_revision = "20270203_message_recipients"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
CAMPAIGNS, MEMBERS = "campaigns", "campaign_members"
CHECKS = {
    "level": "level IN ('programme', 'campaign', 'tactic')",
    "kind": "kind IN ('email', 'sms', 'call', 'event', 'web', 'ads', 'print', 'social', "
    "'direct_mail', 'partner', 'other')",
    "status": "status IN ('draft', 'scheduled', 'running', 'paused', 'completed', 'archived', "
    "'cancelled')",
    "channel": "channel IN ('email', 'sms', 'phone', 'messenger', 'post')",
    "ends_on": "ends_on >= starts_on",
    "parent": "level <> 'programme' OR parent_id IS NULL",
    "holdout_percent": "holdout_percent BETWEEN 0 AND 90",
    "purpose": "(channel IS NULL) = (purpose IS NULL)",
}


def some(kind: sa.types.TypeEngine, *names: str, nullable: bool = True) -> list[Column]:
    return [Column(name, kind, nullable=nullable) for name in names]


def campaigns() -> None:
    own = "organization_id"
    op.create_table(
        CAMPAIGNS,
        *some(ID, own, "id", nullable=False),
        *some(KEY, "name", "sort_name", "level", "kind", "status", nullable=False),
        *some(ID, "parent_id"),
        *some(KEY, "objective", "hypothesis"),
        *some(sa.Text(), "description"),
        *some(sa.Date(), "starts_on", "ends_on"),
        *some(KEY, "currency", "channel", "purpose"),
        *some(JSON, "include_segment_ids", "exclude_segment_ids", nullable=False),
        *some(sa.Integer(), "holdout_percent", nullable=False),
        *some(JSON, "variants", nullable=False),
        *some(INSTANT, "frozen_at", "launched_at", "ended_at"),
        *some(sa.Integer(), "member_count", "holdout_count", "excluded_count", nullable=False),
        *some(sa.Integer(), "version", nullable=False),
        *some(INSTANT, "created_at", "updated_at", nullable=False),
        *some(ID, "created_by", "updated_by", "owner_id"),
        Column("custom", JSON, server_default=sa.text("'{}'"), nullable=False),
        Column("external_ids", JSON, server_default=sa.text("'{}'"), nullable=False),
        *some(INSTANT, "deleted_at"),
        *some(ID, "deleted_by"),
        *(
            sa.CheckConstraint(condition, name=op.f(f"ck_{CAMPAIGNS}_{name}"))
            for name, condition in CHECKS.items()
        ),
        sa.ForeignKeyConstraint(
            [own, "parent_id"],
            [f"{CAMPAIGNS}.{own}", f"{CAMPAIGNS}.id"],
            name=op.f(f"fk_{CAMPAIGNS}_organization_id_parent_id"),
        ),
        sa.PrimaryKeyConstraint(own, "id", name=op.f(f"pk_{CAMPAIGNS}")),
    )
    for column in ("created_at", "updated_at", "sort_name"):
        name = column.removeprefix("sort_").removesuffix("_at")
        op.create_index(f"ix_{CAMPAIGNS}_{name}", CAMPAIGNS, [own, column, "id"])
    for column in ("parent_id", "owner_id"):
        op.create_index(
            f"ix_{CAMPAIGNS}_{column.removesuffix('_id')}",
            CAMPAIGNS,
            [own, column],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )


def members() -> None:
    own = "organization_id"
    op.create_table(
        MEMBERS,
        *some(ID, own, "campaign_id", "contact_id", nullable=False),
        *some(KEY, "variant"),
        *some(sa.Boolean(), "is_holdout", nullable=False),
        *some(KEY, "excluded_reason"),
        *some(INSTANT, "frozen_at", nullable=False),
        sa.CheckConstraint(
            "excluded_reason IS NULL OR (variant IS NULL AND NOT is_holdout)",
            name=op.f(f"ck_{MEMBERS}_excluded"),
        ),
        sa.CheckConstraint("NOT is_holdout OR variant IS NULL", name=op.f(f"ck_{MEMBERS}_holdout")),
        sa.PrimaryKeyConstraint(own, "campaign_id", "contact_id", name=op.f(f"pk_{MEMBERS}")),
    )
    op.create_index(f"ix_{MEMBERS}_contact", MEMBERS, [own, "contact_id"])
    op.create_index(
        f"ix_{MEMBERS}_reached",
        MEMBERS,
        [own, "campaign_id", "variant", "contact_id"],
        postgresql_where=sa.text("excluded_reason IS NULL AND NOT is_holdout"),
    )


def upgrade() -> None:
    campaigns()
    members()
    for table in (CAMPAIGNS, MEMBERS):
        ddl.protect(table)
    ddl.count_records(CAMPAIGNS)


def downgrade() -> None:
    op.drop_table(MEMBERS)
    op.drop_table(CAMPAIGNS)
