"""Orders with what becomes of them, and the deals that quotes are to win."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270108_orders"
down_revision = "20270107_forecasting"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TABLES = ("orders",)
AGREED = (
    *("lines", "totals", "currency", "net", "tax", "gross"),
    *("one_time", "mrr", "arr", "acv", "tcv"),
)
# What was agreed changes with the next revision alone, whoever goes past the service.
KEPT = f"""
    BEGIN
        IF OLD.status <> 'draft' AND NEW.revision = OLD.revision
            AND ({", ".join(f"NEW.{name}" for name in AGREED)})
            IS DISTINCT FROM ({", ".join(f"OLD.{name}" for name in AGREED)}) THEN
            RAISE EXCEPTION 'an order that is confirmed stays as it was agreed';
        END IF;
        RETURN NEW;
    END
"""


def stamps() -> list[Column]:
    """The columns that every record has after its own."""
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


def upgrade() -> None:
    op.add_column("quotes", Column("deal_id", ID, nullable=True))
    op.create_foreign_key(
        op.f("fk_quotes_organization_id_deal_id"),
        "quotes",
        "deals",
        ["organization_id", "deal_id"],
        ["organization_id", "id"],
    )
    for table in ("deals", "quotes"):
        promises = Column("promises", JSON, server_default=sa.text("'[]'"), nullable=False)
        op.add_column(table, promises)
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_quotes_deal",
            "quotes",
            ["organization_id", "deal_id"],
            postgresql_where=sa.text("deal_id IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
    op.create_table(
        "orders",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("number", KEY, nullable=True),
        Column("revision", sa.Integer(), nullable=False),
        Column("status", KEY, nullable=False),
        Column("name", KEY, nullable=True),
        Column("sort_name", KEY, nullable=True),
        Column("reference", KEY, nullable=True),
        Column("company_id", ID, nullable=True),
        Column("contact_id", ID, nullable=True),
        Column("deal_id", ID, nullable=True),
        Column("quote_id", ID, nullable=True),
        Column("quote_version_id", ID, nullable=True),
        Column("currency", KEY, nullable=False),
        Column("tax_rounding", KEY, nullable=False),
        Column("due_on", sa.Date(), nullable=True),
        Column("lines", JSON, nullable=False),
        Column("totals", JSON, nullable=False),
        Column("net", sa.BigInteger(), nullable=False),
        Column("tax", sa.BigInteger(), nullable=False),
        Column("gross", sa.BigInteger(), nullable=False),
        Column("one_time", sa.BigInteger(), nullable=False),
        Column("mrr", sa.BigInteger(), nullable=False),
        Column("arr", sa.BigInteger(), nullable=False),
        Column("acv", sa.BigInteger(), nullable=False),
        Column("tcv", sa.BigInteger(), nullable=False),
        Column("promises", JSON, nullable=False),
        Column("handover", JSON, nullable=False),
        Column("confirmed_at", INSTANT, nullable=True),
        Column("fulfilled_at", INSTANT, nullable=True),
        Column("closed_at", INSTANT, nullable=True),
        Column("end_comment", KEY, nullable=True),
        Column("tags", JSON, nullable=False),
        Column("source", KEY, nullable=True),
        Column("description", sa.Text(), nullable=True),
        *stamps(),
        sa.CheckConstraint(
            "status IN ('draft', 'cancelled') OR number IS NOT NULL", name=op.f("ck_orders_number")
        ),
        sa.CheckConstraint("revision > 0", name=op.f("ck_orders_revision")),
        sa.CheckConstraint(
            "status IN ('draft', 'confirmed', 'in_fulfilment', 'fulfilled', 'closed', 'cancelled')",
            name=op.f("ck_orders_status"),
        ),
        sa.CheckConstraint(
            "tax_rounding IN ('document', 'line')", name=op.f("ck_orders_tax_rounding")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_orders_organization_id_company_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_orders_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "deal_id"],
            ["deals.organization_id", "deals.id"],
            name=op.f("fk_orders_organization_id_deal_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "quote_id"],
            ["quotes.organization_id", "quotes.id"],
            name=op.f("fk_orders_organization_id_quote_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "quote_version_id"],
            ["quote_versions.organization_id", "quote_versions.id"],
            name=op.f("fk_orders_organization_id_quote_version_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_orders")),
    )
    op.create_index(
        "ix_orders_company",
        "orders",
        ["organization_id", "company_id"],
        postgresql_where=sa.text("company_id IS NOT NULL"),
    )
    op.create_index(
        "ix_orders_contact",
        "orders",
        ["organization_id", "contact_id"],
        postgresql_where=sa.text("contact_id IS NOT NULL"),
    )
    op.create_index("ix_orders_created", "orders", ["organization_id", "created_at", "id"])
    op.create_index(
        "ix_orders_deal",
        "orders",
        ["organization_id", "deal_id"],
        postgresql_where=sa.text("deal_id IS NOT NULL"),
    )
    op.create_index("ix_orders_due_on", "orders", ["organization_id", "due_on", "id"])
    op.create_index("ix_orders_name", "orders", ["organization_id", "sort_name", "id"])
    op.create_index("ix_orders_net", "orders", ["organization_id", "net", "id"])
    op.create_index(
        "ix_orders_owner",
        "orders",
        ["organization_id", "owner_id"],
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index("ix_orders_quote", "orders", ["organization_id", "quote_id"])
    op.create_index(
        "ix_orders_quote_version",
        "orders",
        ["organization_id", "quote_version_id"],
        postgresql_where=sa.text("quote_version_id IS NOT NULL"),
    )
    op.create_index("ix_orders_status", "orders", ["organization_id", "status", "id"])
    op.create_index("ix_orders_updated", "orders", ["organization_id", "updated_at", "id"])
    op.create_index(
        "uq_orders_organization_id_number",
        "orders",
        ["organization_id", "number"],
        unique=True,
        postgresql_where=sa.text("number IS NOT NULL"),
    )
    op.create_index(
        "uq_orders_organization_id_quote_id",
        "orders",
        ["organization_id", "quote_id"],
        unique=True,
        postgresql_where=sa.text("quote_id IS NOT NULL AND deleted_at IS NULL"),
    )
    op.execute(f"CREATE FUNCTION crm_keep_order() RETURNS trigger LANGUAGE plpgsql AS $$ {KEPT} $$")
    op.execute(
        "CREATE TRIGGER keep_agreed BEFORE UPDATE ON orders "
        "FOR EACH ROW EXECUTE FUNCTION crm_keep_order()"
    )
    for table in TABLES:
        ddl.protect(table)
        ddl.count_records(table)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION crm_keep_order")
    op.drop_index("ix_quotes_deal", "quotes")
    op.drop_constraint(op.f("fk_quotes_organization_id_deal_id"), "quotes", type_="foreignkey")
    for table in ("deals", "quotes"):
        op.drop_column(table, "promises")
    op.drop_column("quotes", "deal_id")
