"""Rules that share records."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261213_rules"
down_revision = "20261213_shares"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
PRINCIPALS = ("user", "team", "role")


def upgrade() -> None:
    op.create_table(
        "sharing_rules",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("target", KEY, nullable=False),
        Column("filter", JSON, nullable=False),
        *(Column(f"{who}_id", sa.Uuid(), nullable=True) for who in PRINCIPALS),
        Column("access", KEY, nullable=False),
        Column("is_active", sa.Boolean(), nullable=False),
        Column("time_zone", KEY, nullable=False),
        Column("applied_at", INSTANT, nullable=True),
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
        sa.CheckConstraint("access IN ('read', 'write')", name=op.f("ck_sharing_rules_access")),
        sa.CheckConstraint(
            "num_nonnulls(user_id, team_id, role_id) = 1", name=op.f("ck_sharing_rules_with_one")
        ),
        *(
            sa.ForeignKeyConstraint(
                ["organization_id", f"{who}_id"],
                [f"{who}s.organization_id", f"{who}s.id"],
                name=op.f(f"fk_sharing_rules_organization_id_{who}_id"),
            )
            for who in PRINCIPALS
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_sharing_rules")),
    )
    for name, column in (("created", "created_at"), ("name", "sort_name")):
        op.create_index(
            f"ix_sharing_rules_{name}", "sharing_rules", ["organization_id", column, "id"]
        )
    for who in PRINCIPALS:
        op.create_index(
            f"ix_sharing_rules_{who}",
            "sharing_rules",
            ["organization_id", f"{who}_id"],
            postgresql_where=sa.text(f"{who}_id IS NOT NULL"),
        )
    ddl.protect("sharing_rules")


def downgrade() -> None:
    with ddl.rows_of_all("record_access", "sharing_rules"):
        op.execute("DELETE FROM record_access WHERE source_id IN (SELECT id FROM sharing_rules)")
    op.drop_table("sharing_rules")
