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
TABLES = ("orders", "change_requests", "contracts")
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
# Those that are over, and those whose end is near by the days that were not told of yet.
DUE = """
    SELECT c.organization_id, c.id FROM contracts c
    JOIN organizations o ON o.id = c.organization_id
    LEFT JOIN organization_states s ON s.organization_id = c.organization_id
    WHERE c.status = 'active' AND c.deleted_at IS NULL
        AND c.ends_on <= current_date + 732
        AND (c.ends_on < (now() AT TIME ZONE o.time_zone)::date OR EXISTS (
            SELECT FROM jsonb_array_elements_text(
                coalesce(s.snapshot #> '{ordering,renewal_days}', '[90, 60, 30]')) AS days
            WHERE days::integer >= c.ends_on - (now() AT TIME ZONE o.time_zone)::date
                AND (c.renewal_mark IS NULL OR days::integer < c.renewal_mark)))
        AND (c.organization_id, c.id) > (after_organization, after_contract)
    ORDER BY c.organization_id, c.id LIMIT most
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
    op.create_index(
        "ix_orders_quote",
        "orders",
        ["organization_id", "quote_id"],
        postgresql_where=sa.text("quote_id IS NOT NULL"),
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
        "uq_orders_organization_id_quote_version_id",
        "orders",
        ["organization_id", "quote_version_id"],
        unique=True,
        postgresql_where=sa.text("quote_version_id IS NOT NULL AND deleted_at IS NULL"),
    )
    op.create_table(
        "change_requests",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("order_id", ID, nullable=False),
        Column("status", KEY, nullable=False),
        Column("reason", KEY, nullable=True),
        Column("changes", JSON, nullable=False),
        Column("due_on", sa.Date(), nullable=True),
        Column("before", JSON, nullable=False),
        Column("after", JSON, nullable=False),
        Column("net_change", sa.BigInteger(), nullable=False),
        Column("revision", sa.Integer(), nullable=True),
        Column("submitted_at", INSTANT, nullable=True),
        Column("decided_at", INSTANT, nullable=True),
        Column("decision_comment", KEY, nullable=True),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        *stamps(),
        sa.CheckConstraint(
            "(status = 'applied') = (revision IS NOT NULL)",
            name=op.f("ck_change_requests_revision"),
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'submitted', 'approved', 'applied', 'rejected', 'withdrawn')",
            name=op.f("ck_change_requests_status"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "order_id"],
            ["orders.organization_id", "orders.id"],
            name=op.f("fk_change_requests_organization_id_order_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_change_requests")),
    )
    op.create_index(
        "ix_change_requests_created", "change_requests", ["organization_id", "created_at", "id"]
    )
    op.create_index(
        "ix_change_requests_name", "change_requests", ["organization_id", "sort_name", "id"]
    )
    op.create_index(
        "ix_change_requests_order", "change_requests", ["organization_id", "order_id", "status"]
    )
    op.create_index(
        "ix_change_requests_owner",
        "change_requests",
        ["organization_id", "owner_id"],
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index(
        "ix_change_requests_updated", "change_requests", ["organization_id", "updated_at", "id"]
    )
    op.create_index(
        "uq_change_requests_organization_id_revision",
        "change_requests",
        ["organization_id", "order_id", "revision"],
        unique=True,
        postgresql_where=sa.text("revision IS NOT NULL"),
    )
    op.create_table(
        "contracts",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("kind", KEY, nullable=False),
        Column("status", KEY, nullable=False),
        Column("company_id", ID, nullable=True),
        Column("contact_id", ID, nullable=True),
        Column("order_id", ID, nullable=True),
        Column("previous_id", ID, nullable=True),
        Column("renewal_deal_id", ID, nullable=True),
        Column("currency", KEY, nullable=False),
        Column("starts_on", sa.Date(), nullable=False),
        Column("ends_on", sa.Date(), nullable=True),
        Column("term_months", sa.Integer(), nullable=True),
        Column("auto_renew", sa.Boolean(), nullable=False),
        Column("notice_days", sa.Integer(), nullable=False),
        Column("notice_by", sa.Date(), nullable=True),
        Column("lines", JSON, nullable=False),
        Column("mrr", sa.BigInteger(), nullable=False),
        Column("arr", sa.BigInteger(), nullable=False),
        Column("renewal_mark", sa.Integer(), nullable=True),
        Column("activated_at", INSTANT, nullable=True),
        Column("ended_at", INSTANT, nullable=True),
        Column("end_comment", KEY, nullable=True),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("tags", JSON, nullable=False),
        Column("source", KEY, nullable=True),
        Column("description", sa.Text(), nullable=True),
        *stamps(),
        sa.CheckConstraint("kind IN ('contract', 'subscription')", name=op.f("ck_contracts_kind")),
        sa.CheckConstraint("previous_id <> id", name=op.f("ck_contracts_not_its_own_previous")),
        sa.CheckConstraint(
            "status IN ('draft', 'active', 'renewed', 'ended', 'cancelled')",
            name=op.f("ck_contracts_status"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_contracts_organization_id_company_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_contracts_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "order_id"],
            ["orders.organization_id", "orders.id"],
            name=op.f("fk_contracts_organization_id_order_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "previous_id"],
            ["contracts.organization_id", "contracts.id"],
            name=op.f("fk_contracts_organization_id_previous_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "renewal_deal_id"],
            ["deals.organization_id", "deals.id"],
            name=op.f("fk_contracts_organization_id_renewal_deal_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_contracts")),
    )
    op.create_index(
        "ix_contracts_company",
        "contracts",
        ["organization_id", "company_id"],
        postgresql_where=sa.text("company_id IS NOT NULL"),
    )
    op.create_index(
        "ix_contracts_contact",
        "contracts",
        ["organization_id", "contact_id"],
        postgresql_where=sa.text("contact_id IS NOT NULL"),
    )
    op.create_index("ix_contracts_created", "contracts", ["organization_id", "created_at", "id"])
    op.create_index(
        "ix_contracts_due",
        "contracts",
        ["ends_on"],
        postgresql_where=sa.text("status = 'active' AND deleted_at IS NULL"),
    )
    op.create_index("ix_contracts_ends_on", "contracts", ["organization_id", "ends_on", "id"])
    op.create_index("ix_contracts_name", "contracts", ["organization_id", "sort_name", "id"])
    op.create_index(
        "ix_contracts_order",
        "contracts",
        ["organization_id", "order_id"],
        postgresql_where=sa.text("order_id IS NOT NULL"),
    )
    op.create_index(
        "ix_contracts_owner",
        "contracts",
        ["organization_id", "owner_id"],
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index(
        "ix_contracts_renewal_deal",
        "contracts",
        ["organization_id", "renewal_deal_id"],
        postgresql_where=sa.text("renewal_deal_id IS NOT NULL"),
    )
    op.create_index("ix_contracts_starts_on", "contracts", ["organization_id", "starts_on", "id"])
    op.create_index("ix_contracts_status", "contracts", ["organization_id", "status", "id"])
    op.create_index("ix_contracts_updated", "contracts", ["organization_id", "updated_at", "id"])
    op.create_index(
        "uq_contracts_organization_id_previous_id",
        "contracts",
        ["organization_id", "previous_id"],
        unique=True,
        postgresql_where=sa.text("previous_id IS NOT NULL"),
    )
    op.execute(f"CREATE FUNCTION crm_keep_order() RETURNS trigger LANGUAGE plpgsql AS $$ {KEPT} $$")
    op.execute(
        "CREATE TRIGGER keep_agreed BEFORE UPDATE ON orders "
        "FOR EACH ROW EXECUTE FUNCTION crm_keep_order()"
    )
    for table in TABLES:
        ddl.protect(table)
        ddl.count_records(table)
    ddl.see_all("contracts", ddl.DEFINER, "SELECT")
    ddl.definer_function(
        "crm_contracts_due(after_organization uuid, after_contract uuid, most integer)",
        "TABLE (organization_id uuid, contract_id uuid)",
        DUE,
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_contracts_due")
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION crm_keep_order")
    op.drop_index("ix_quotes_deal", "quotes")
    op.drop_constraint(op.f("fk_quotes_organization_id_deal_id"), "quotes", type_="foreignkey")
    for table in ("deals", "quotes"):
        op.drop_column(table, "promises")
    op.drop_column("quotes", "deal_id")
