"""Who has to do with deals: people and their roles, competitors, credit, and deals taken off others."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270106_deal_people"
down_revision = "20270105_deal_lines"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
LISTS = (
    ("pipelines", "wanted_roles"),
    ("stages", "required_roles"),
    ("deals", "competitors"),
    ("deals", "competitor_ids"),
    ("deals", "splits"),
)
REFERENCES = (("competitor_id", "companies"), ("origin_id", "deals"))


def upgrade() -> None:
    for table, name in LISTS:
        _add(table, Column(name, JSON, server_default=sa.text("'[]'"), nullable=False))
    _add(
        "loss_reasons",
        Column("asks_competitor", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    for name, target in REFERENCES:
        op.add_column("deals", Column(name, ID, nullable=True))
        op.create_foreign_key(
            f"fk_deals_organization_id_{name}",
            "deals",
            target,
            ["organization_id", name],
            ["organization_id", "id"],
        )
        op.create_index(
            f"ix_deals_{name.removesuffix('_id')}",
            "deals",
            ["organization_id", name],
            postgresql_where=sa.text(f"{name} IS NOT NULL"),
        )
    _verbs("moved", "won", "lost", "reopened", "split")
    _people()


def _add(table: str, column: Column) -> None:
    """A column that has a value in the rows that are there, and says it itself from then on."""
    op.add_column(table, column)
    op.alter_column(table, column.name, server_default=None)


def _verbs(*verbs: str) -> None:
    op.drop_constraint(op.f("ck_deal_moves_verb"), "deal_moves")
    listed = ", ".join(f"'{verb}'" for verb in verbs)
    op.create_check_constraint(op.f("ck_deal_moves_verb"), "deal_moves", f"verb IN ({listed})")


def _people() -> None:
    op.create_table(
        "deal_contacts",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("deal_id", ID, nullable=False),
        Column("contact_id", ID, nullable=False),
        Column("roles", JSON, nullable=False),
        Column("influence", sa.Integer(), nullable=True),
        Column("sentiment", KEY, nullable=True),
        Column("note", KEY, nullable=True),
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
        sa.CheckConstraint("influence BETWEEN 1 AND 5", name=op.f("ck_deal_contacts_influence")),
        sa.CheckConstraint(
            "sentiment IN ('positive', 'neutral', 'negative')",
            name=op.f("ck_deal_contacts_sentiment"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "deal_id"],
            ["deals.organization_id", "deals.id"],
            name=op.f("fk_deal_contacts_organization_id_deal_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_deal_contacts_organization_id_contact_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_deal_contacts")),
    )
    for name in ("created", "updated"):
        columns = ["organization_id", f"{name}_at", "id"]
        op.create_index(f"ix_deal_contacts_{name}", "deal_contacts", columns)
    for name in ("deal", "contact"):
        columns = ["organization_id", f"{name}_id"]
        op.create_index(f"ix_deal_contacts_{name}", "deal_contacts", columns)
    op.create_index(
        "uq_deal_contacts_organization_id_contact_id",
        "deal_contacts",
        ["organization_id", "deal_id", "contact_id"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    ddl.protect("deal_contacts")
    ddl.count_records("deal_contacts")


def downgrade() -> None:
    op.drop_table("deal_contacts")
    with ddl.rows_of_all("deal_moves"):
        op.execute("DELETE FROM deal_moves WHERE verb = 'split'")
    _verbs("moved", "won", "lost", "reopened")
    for name, _ in reversed(REFERENCES):
        op.drop_column("deals", name)
    op.drop_column("loss_reasons", "asks_competitor")
    for table, name in reversed(LISTS):
        op.drop_column(table, name)
