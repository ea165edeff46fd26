"""Modules that organizations switch off."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261206_modules"
down_revision = "20261205_quotas"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")


def upgrade() -> None:
    _rename("custom_schemas", "organization_states")
    op.create_table(
        "module_switches",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("module", KEY, nullable=False),
        Column("state", KEY, nullable=False),
        Column("version", sa.Integer(), nullable=False),
        Column("changed_at", TIMESTAMP(timezone=True), nullable=False),
        Column("changed_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "state IN ('enabled', 'read_only', 'disabled')", name=op.f("ck_module_switches_state")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_module_switches")),
        sa.UniqueConstraint(
            "organization_id", "module", name=op.f("uq_module_switches_organization_id_module")
        ),
    )
    ddl.protect("module_switches")


def downgrade() -> None:
    op.drop_table("module_switches")
    _rename("organization_states", "custom_schemas")


def _rename(before: str, after: str) -> None:
    op.rename_table(before, after)
    op.execute(f"ALTER INDEX pk_{before} RENAME TO pk_{after}")
