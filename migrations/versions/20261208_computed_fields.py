"""Formulas and rollups."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB

from crm_api.kit.db import ddl

revision = "20261208_computed_fields"
down_revision = "20261207_duplicates"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")
TYPES = (
    "text",
    "integer",
    "decimal",
    "money",
    "date",
    "datetime",
    "bool",
    "select",
    "multiselect",
    "url",
    "email",
    "phone",
    "relation",
)


def upgrade() -> None:
    op.add_column("custom_fields", Column("formula", KEY, nullable=True))
    op.add_column(
        "custom_fields", Column("uses", JSONB(), server_default=sa.text("'{}'"), nullable=False)
    )
    op.add_column("custom_fields", Column("rollup", JSONB(), nullable=True))
    op.add_column("custom_fields", Column("result_type", KEY, nullable=True))
    _types(*TYPES, "formula", "rollup")


def downgrade() -> None:
    with ddl.rows_of_all("custom_fields"):
        op.execute("DELETE FROM custom_fields WHERE type IN ('formula', 'rollup')")
    _types(*TYPES)
    for column in ("result_type", "rollup", "uses", "formula"):
        op.drop_column("custom_fields", column)


def _types(*types: str) -> None:
    listed = ", ".join(f"'{kind}'" for kind in types)
    op.drop_constraint(op.f("ck_custom_fields_type"), "custom_fields")
    op.create_check_constraint(
        op.f("ck_custom_fields_type"), "custom_fields", f"type IN ({listed})"
    )
