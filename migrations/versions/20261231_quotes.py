"""Quotes with their versions, and the library of clauses."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261231_quotes"
down_revision = "20261230_price_days"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TABLES = ("quotes", "quote_versions", "clauses")
# By the days of each organization; `expire` looks again at the quote with its lock.
DUE = """
    SELECT q.organization_id, q.id, o.time_zone FROM quotes q
    JOIN organizations o ON o.id = q.organization_id
    WHERE q.deleted_at IS NULL AND q.status IN ('sent', 'viewed')
        AND q.valid_until < (now() AT TIME ZONE o.time_zone)::date
        AND (q.organization_id, q.id) > (after_organization, after_quote)
    ORDER BY q.organization_id, q.id LIMIT most
"""
# Whoever goes past the service is stopped here.
KEPT = """
    BEGIN
      IF (OLD.quote_id, OLD.revision, OLD.number, OLD.content, OLD.content_hash, OLD.customer)
          IS DISTINCT FROM
          (NEW.quote_id, NEW.revision, NEW.number, NEW.content, NEW.content_hash, NEW.customer)
      THEN
        RAISE EXCEPTION 'what was sent stays as it is' USING ERRCODE = 'restrict_violation';
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
    op.create_table(
        "quotes",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("number", KEY, nullable=True),
        Column("revision", sa.Integer(), nullable=False),
        Column("status", KEY, nullable=False),
        Column("name", KEY, nullable=True),
        Column("sort_name", KEY, nullable=True),
        Column("company_id", ID, nullable=True),
        Column("contact_id", ID, nullable=True),
        Column("currency", KEY, nullable=False),
        Column("price_list_id", ID, nullable=True),
        Column("valid_until", sa.Date(), nullable=True),
        Column("priced_on", sa.Date(), nullable=True),
        Column("language", KEY, nullable=True),
        Column("country", KEY, nullable=True),
        Column("region", KEY, nullable=True),
        Column("channel", KEY, nullable=True),
        Column("segments", JSON, nullable=False),
        Column("coupon_codes", JSON, nullable=False),
        Column("tax_rounding", KEY, nullable=False),
        Column("introduction", KEY, nullable=True),
        Column("closing", KEY, nullable=True),
        Column("sections", JSON, nullable=False),
        Column("lines", JSON, nullable=False),
        Column("discounts", JSON, nullable=False),
        Column("clauses", JSON, nullable=False),
        Column("totals", JSON, nullable=False),
        Column("rates", JSON, nullable=False),
        Column("warnings", JSON, nullable=False),
        Column("costs", JSON, nullable=False),
        Column("net", sa.BigInteger(), nullable=False),
        Column("tax", sa.BigInteger(), nullable=False),
        Column("gross", sa.BigInteger(), nullable=False),
        Column("one_time", sa.BigInteger(), nullable=False),
        Column("mrr", sa.BigInteger(), nullable=False),
        Column("arr", sa.BigInteger(), nullable=False),
        Column("acv", sa.BigInteger(), nullable=False),
        Column("tcv", sa.BigInteger(), nullable=False),
        Column("discount_percent", sa.BigInteger(), nullable=False),
        Column("manual_percent", sa.BigInteger(), nullable=False),
        Column("cost", sa.BigInteger(), nullable=True),
        Column("margin", sa.BigInteger(), nullable=True),
        Column("margin_percent", sa.BigInteger(), nullable=True),
        Column("sent_at", INSTANT, nullable=True),
        Column("decided_at", INSTANT, nullable=True),
        Column("decided_by", KEY, nullable=True),
        Column("decision_comment", KEY, nullable=True),
        Column("tags", JSON, nullable=False),
        Column("source", KEY, nullable=True),
        Column("description", sa.Text(), nullable=True),
        *stamps(),
        sa.CheckConstraint(
            "status IN ('draft', 'in_approval', 'approved') OR number IS NOT NULL",
            name=op.f("ck_quotes_number"),
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'in_approval', 'approved', 'sent', 'viewed', 'accepted', 'declined', 'expired', 'withdrawn')",
            name=op.f("ck_quotes_status"),
        ),
        sa.CheckConstraint(
            "tax_rounding IN ('document', 'line')", name=op.f("ck_quotes_tax_rounding")
        ),
        sa.CheckConstraint("revision > 0", name=op.f("ck_quotes_revision")),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_quotes_organization_id_company_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_quotes_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "price_list_id"],
            ["price_lists.organization_id", "price_lists.id"],
            name=op.f("fk_quotes_organization_id_price_list_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_quotes")),
    )
    op.create_index(
        "ix_quotes_company",
        "quotes",
        ["organization_id", "company_id"],
        postgresql_where=sa.text("company_id IS NOT NULL"),
    )
    op.create_index(
        "ix_quotes_contact",
        "quotes",
        ["organization_id", "contact_id"],
        postgresql_where=sa.text("contact_id IS NOT NULL"),
    )
    op.create_index("ix_quotes_created", "quotes", ["organization_id", "created_at", "id"])
    op.create_index(
        "ix_quotes_ends",
        "quotes",
        ["valid_until"],
        postgresql_where=sa.text("status IN ('sent', 'viewed') AND deleted_at IS NULL"),
    )
    op.create_index("ix_quotes_name", "quotes", ["organization_id", "sort_name", "id"])
    op.create_index("ix_quotes_net", "quotes", ["organization_id", "net", "id"])
    op.create_index(
        "ix_quotes_owner",
        "quotes",
        ["organization_id", "owner_id"],
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index(
        "ix_quotes_price_list",
        "quotes",
        ["organization_id", "price_list_id"],
        postgresql_where=sa.text("price_list_id IS NOT NULL"),
    )
    op.create_index("ix_quotes_status", "quotes", ["organization_id", "status", "id"])
    op.create_index("ix_quotes_updated", "quotes", ["organization_id", "updated_at", "id"])
    op.create_index("ix_quotes_valid_until", "quotes", ["organization_id", "valid_until", "id"])
    op.create_index(
        "uq_quotes_organization_id_number",
        "quotes",
        ["organization_id", "number"],
        unique=True,
        postgresql_where=sa.text("number IS NOT NULL"),
    )
    op.create_table(
        "quote_versions",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("quote_id", ID, nullable=False),
        Column("revision", sa.Integer(), nullable=False),
        Column("number", KEY, nullable=False),
        Column("valid_until", sa.Date(), nullable=True),
        Column("currency", KEY, nullable=False),
        Column("content", JSON, nullable=False),
        Column("content_hash", KEY, nullable=False),
        Column("customer", JSON, nullable=False),
        Column("costs", JSON, nullable=False),
        Column("superseded_at", INSTANT, nullable=True),
        Column("job_id", ID, nullable=True),
        Column("document_name", KEY, nullable=True),
        Column("document_sha256", KEY, nullable=True),
        Column("document_size", sa.Integer(), nullable=True),
        Column("stored_as", KEY, nullable=True),
        *stamps(),
        sa.CheckConstraint("revision > 0", name=op.f("ck_quote_versions_revision")),
        sa.ForeignKeyConstraint(
            ["organization_id", "quote_id"],
            ["quotes.organization_id", "quotes.id"],
            name=op.f("fk_quote_versions_organization_id_quote_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_quote_versions")),
    )
    op.create_index(
        "ix_quote_versions_created", "quote_versions", ["organization_id", "created_at", "id"]
    )
    op.create_index(
        "uq_quote_versions_organization_id_revision",
        "quote_versions",
        ["organization_id", "quote_id", "revision"],
        unique=True,
    )
    op.create_table(
        "clauses",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("key", KEY, nullable=True),
        Column("description", sa.Text(), nullable=True),
        Column("text", KEY, nullable=False),
        Column("texts", JSON, nullable=False),
        Column("position", sa.Integer(), nullable=False),
        Column("is_default", sa.Boolean(), nullable=False),
        Column("is_active", sa.Boolean(), nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("names", JSON, nullable=False),
        *stamps(),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_clauses")),
    )
    op.create_index("ix_clauses_created", "clauses", ["organization_id", "created_at", "id"])
    op.create_index("ix_clauses_name", "clauses", ["organization_id", "sort_name", "id"])
    op.create_index("ix_clauses_position", "clauses", ["organization_id", "position", "id"])
    op.create_index("ix_clauses_updated", "clauses", ["organization_id", "updated_at", "id"])
    op.create_index(
        "uq_clauses_organization_id_key",
        "clauses",
        ["organization_id", "key"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND key IS NOT NULL"),
    )
    op.execute(
        f"CREATE FUNCTION crm_keep_version() RETURNS trigger LANGUAGE plpgsql AS $$ {KEPT} $$"
    )
    op.execute(
        "CREATE TRIGGER keep_content BEFORE UPDATE ON quote_versions "
        "FOR EACH ROW EXECUTE FUNCTION crm_keep_version()"
    )
    for table in TABLES:
        ddl.protect(table)
    for table in ("clauses", "quotes"):
        ddl.count_records(table)
    ddl.see_all("quotes", ddl.DEFINER, "SELECT")
    ddl.definer_function(
        "crm_quotes_due(after_organization uuid, after_quote uuid, most integer)",
        "TABLE (organization_id uuid, quote_id uuid, time_zone text)",
        DUE,
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_quotes_due")
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION crm_keep_version")
