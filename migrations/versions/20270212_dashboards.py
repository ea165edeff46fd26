"""Dashboards."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270212_dashboards"
down_revision = "20270210_journeys"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()


def _entity(table: str, *own: sa.schema.SchemaItem) -> None:
    op.create_table(
        table,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        *own,
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
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
    )
    for name in ("created_at", "updated_at", "sort_name"):
        _index(table, name, "id")
    _index(table, "owner_id", optional=True)
    ddl.protect(table)
    ddl.count_records(table)


def _index(table: str, *columns: str, optional: bool = False) -> None:
    short = columns[0].removeprefix("sort_").removesuffix("_at").removesuffix("_id")
    where = sa.text(f"{columns[0]} IS NOT NULL") if optional else None
    op.create_index(
        f"ix_{table}_{short}", table, ["organization_id", *columns], postgresql_where=where
    )


def upgrade() -> None:
    _entity(
        "dashboards",
        Column("description", sa.Text(), nullable=True),
        Column("tiles", JSON, nullable=False),
        Column("parameters", JSON, nullable=False),
        Column("sharing", KEY, nullable=False),
        sa.CheckConstraint(
            "sharing IN ('private', 'organization')", name=op.f("ck_dashboards_sharing")
        ),
    )


def downgrade() -> None:
    op.drop_table("dashboards")
