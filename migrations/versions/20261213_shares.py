"""Shares of single records."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261213_shares"
down_revision = "20261213_sharing"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
PRINCIPALS = ("user", "team", "role")


def upgrade() -> None:
    op.create_table(
        "shares",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("target", KEY, nullable=False),
        Column("record_id", sa.Uuid(), nullable=False),
        *(Column(f"{who}_id", sa.Uuid(), nullable=True) for who in PRINCIPALS),
        Column("access", KEY, nullable=False),
        Column("expires_at", INSTANT, nullable=True),
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
        sa.CheckConstraint("access IN ('read', 'write')", name=op.f("ck_shares_access")),
        sa.CheckConstraint(
            "num_nonnulls(user_id, team_id, role_id) = 1", name=op.f("ck_shares_with_one")
        ),
        *(
            sa.ForeignKeyConstraint(
                ["organization_id", f"{who}_id"],
                [f"{who}s.organization_id", f"{who}s.id"],
                name=op.f(f"fk_shares_organization_id_{who}_id"),
            )
            for who in PRINCIPALS
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_shares")),
    )
    op.create_index("ix_shares_created", "shares", ["organization_id", "created_at", "id"])
    op.create_index("ix_shares_record", "shares", ["organization_id", "record_id"])
    for who in ("owner", *PRINCIPALS):
        op.create_index(
            f"ix_shares_{who}",
            "shares",
            ["organization_id", f"{who}_id"],
            postgresql_where=sa.text(f"{who}_id IS NOT NULL"),
        )
    ddl.protect("shares")


def downgrade() -> None:
    # The owner of the tables is held to the policies as well.
    with ddl.rows_of_all("record_access"):
        op.execute("DELETE FROM record_access")
    op.drop_table("shares")
