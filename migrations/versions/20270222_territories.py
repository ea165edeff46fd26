"""Territories in their tree, and rules that go by them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270222_territories"
down_revision = "20270221_report_watch"
branch_labels = None
depends_on = None

TERRITORIES, RULES = "territories", "lead_rules"
JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
LISTS = (
    *("countries", "regions", "postal_prefixes", "postal_ranges", "industries", "company_ids"),
)
REFERENCES = {"parent_id": TERRITORIES, "pool_id": "lead_pools", "user_id": "users"}
CHECKS = {
    "not_its_own_parent": "parent_id <> id",
    "pool_or_user": "pool_id IS NULL OR user_id IS NULL",
}
TARGET = f"ck_{RULES}_target"
BEFORE = "target IN ('pool', 'user', 'existing_owner')"
AFTER = "target IN ('pool', 'user', 'existing_owner', 'territory')"


def make_territories() -> None:
    op.create_table(
        TERRITORIES,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("parent_id", ID, nullable=True),
        Column("position", sa.Integer(), nullable=False),
        Column("is_active", sa.Boolean(), nullable=False),
        *(Column(name, JSON, nullable=False) for name in LISTS),
        Column("pool_id", ID, nullable=True),
        Column("user_id", ID, nullable=True),
        Column("description", sa.Text(), nullable=True),
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
        *(
            sa.CheckConstraint(condition, name=op.f(f"ck_{TERRITORIES}_{name}"))
            for name, condition in CHECKS.items()
        ),
        *(
            sa.ForeignKeyConstraint(
                ["organization_id", column],
                [f"{target}.organization_id", f"{target}.id"],
                name=op.f(f"fk_{TERRITORIES}_organization_id_{column}"),
            )
            for column, target in REFERENCES.items()
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{TERRITORIES}")),
    )
    ddl.protect(TERRITORIES)
    for column in (*REFERENCES, "owner_id"):
        op.create_index(
            f"ix_{TERRITORIES}_{column.removesuffix('_id')}",
            TERRITORIES,
            ["organization_id", column],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    for column in ("created_at", "updated_at", "sort_name", "position"):
        name = column.removeprefix("sort_").removesuffix("_at")
        op.create_index(f"ix_{TERRITORIES}_{name}", TERRITORIES, ["organization_id", column, "id"])
    ddl.count_records(TERRITORIES)


def upgrade() -> None:
    make_territories()
    op.drop_constraint(op.f(TARGET), RULES)
    op.create_check_constraint(op.f(TARGET), RULES, AFTER)


def downgrade() -> None:
    # Rules by territories have nowhere to lead any more; such ones may not be kept.
    with ddl.rows_of_all(RULES):
        op.execute(
            f"UPDATE {RULES} SET target = 'existing_owner', is_active = false "
            "WHERE target = 'territory'"
        )
    op.drop_constraint(op.f(TARGET), RULES)
    op.create_check_constraint(op.f(TARGET), RULES, BEFORE)
    op.drop_table(TERRITORIES)
