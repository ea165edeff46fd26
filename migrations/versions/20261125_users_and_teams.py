"""Users, teams and who belongs to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261125_users_and_teams"
down_revision = "20261124_merges"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
TABLES = ("users", "teams", "team_members")


def stamps() -> list[Column]:
    return [
        Column("version", sa.Integer(), nullable=False),
        Column("created_at", INSTANT, nullable=False),
        Column("updated_at", INSTANT, nullable=False),
        Column("created_by", sa.Uuid(), nullable=True),
        Column("updated_by", sa.Uuid(), nullable=True),
        Column("owner_id", sa.Uuid(), nullable=True),
        Column("custom", JSON, server_default=sa.text("'{}'"), nullable=False),
        Column("external_ids", JSON, server_default=sa.text("'{}'"), nullable=False),
        Column("deleted_at", INSTANT, nullable=True),
        Column("deleted_by", sa.Uuid(), nullable=True),
    ]


def upgrade() -> None:
    op.create_table(
        "users",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("email", KEY, nullable=False),
        Column("status", KEY, nullable=False),
        Column("language", KEY, nullable=True),
        Column("time_zone", KEY, nullable=True),
        *stamps(),
        sa.CheckConstraint(
            "status IN ('invited', 'active', 'suspended')", name=op.f("ck_users_status")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_users")),
    )
    op.create_table(
        "teams",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("parent_id", sa.Uuid(), nullable=True),
        Column("description", sa.Text(), nullable=True),
        *stamps(),
        sa.CheckConstraint("parent_id <> id", name=op.f("ck_teams_not_its_own_parent")),
        sa.ForeignKeyConstraint(
            ["organization_id", "parent_id"],
            ["teams.organization_id", "teams.id"],
            name=op.f("fk_teams_organization_id_parent_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_teams")),
    )
    op.create_table(
        "team_members",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("team_id", sa.Uuid(), nullable=False),
        Column("user_id", sa.Uuid(), nullable=False),
        Column("is_lead", sa.Boolean(), nullable=False),
        *stamps(),
        sa.ForeignKeyConstraint(
            ["organization_id", "team_id"],
            ["teams.organization_id", "teams.id"],
            name=op.f("fk_team_members_organization_id_team_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_team_members_organization_id_user_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_team_members")),
    )
    for table in TABLES:
        op.create_index(f"ix_{table}_created", table, ["organization_id", "created_at", "id"])
        ddl.protect(table)
    for table in ("users", "teams"):
        op.create_index(f"ix_{table}_name", table, ["organization_id", "sort_name", "id"])
    op.create_index(
        "ix_teams_parent",
        "teams",
        ["organization_id", "parent_id"],
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.create_index("ix_team_members_user", "team_members", ["organization_id", "user_id"])
    op.create_index(
        "uq_users_organization_id_email",
        "users",
        ["organization_id", "email"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_team_members_once",
        "team_members",
        ["organization_id", "team_id", "user_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
