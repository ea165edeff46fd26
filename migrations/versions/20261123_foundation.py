"""Roles, the kit's tables, identity, companies and contacts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, TSVECTOR

from crm_api.kit.db import ddl

revision = "20261123_foundation"
down_revision = None
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")

TABLES = (
    "employments",
    "contacts",
    "companies",
    "api_keys",
    "organizations",
    "search_documents",
    "record_keys",
    "jobs",
    "events",
)

SEARCH = """
    SELECT coalesce(array_agg(record_id), '{}') FROM (
        SELECT d.record_id FROM search_documents d
        WHERE d.organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
          AND d.entity = wanted_entity AND d.words @@ wanted_words::tsquery
        LIMIT most
    ) found
"""
AUTHENTICATE = """
    SELECT k.organization_id, k.id, k.secret_hash, k.scopes, k.expires_at,
           o.time_zone, o.country
    FROM api_keys k JOIN organizations o ON o.id = k.organization_id
    WHERE k.prefix = wanted_prefix AND k.deleted_at IS NULL
"""


def upgrade() -> None:
    ddl.create_roles()
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gin")
    op.create_table(
        "api_keys",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("name", sa.Text(), nullable=False),
        Column("prefix", KEY, nullable=False),
        Column("secret_hash", KEY, nullable=False),
        Column("scopes", JSON, nullable=False),
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
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_api_keys")),
    )
    op.create_index(
        "ix_api_keys_created", "api_keys", ["organization_id", "created_at", "id"], unique=False
    )
    op.create_index("ix_api_keys_prefix", "api_keys", ["prefix"], unique=False)
    op.create_table(
        "companies",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("legal_name", KEY, nullable=True),
        Column("domains", JSON, nullable=False),
        Column("website", sa.Text(), nullable=True),
        Column("parent_id", sa.Uuid(), nullable=True),
        Column("industry", KEY, nullable=True),
        Column("lifecycle", KEY, nullable=False),
        Column("employees", sa.Integer(), nullable=True),
        Column("annual_revenue", sa.BigInteger(), nullable=True),
        Column("currency", KEY, nullable=True),
        Column("tax_id", KEY, nullable=True),
        Column("founded_on", sa.Date(), nullable=True),
        Column("country", KEY, nullable=True),
        Column("language", KEY, nullable=True),
        Column("time_zone", KEY, nullable=True),
        Column("email", KEY, nullable=True),
        Column("phone", KEY, nullable=True),
        Column("emails", JSON, nullable=False),
        Column("phones", JSON, nullable=False),
        Column("addresses", JSON, nullable=False),
        Column("tags", JSON, nullable=False),
        Column("source", KEY, nullable=True),
        Column("description", sa.Text(), nullable=True),
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
        sa.CheckConstraint(
            "lifecycle IN ('target', 'prospect', 'customer', 'former', 'partner', 'other')",
            name=op.f("ck_companies_lifecycle"),
        ),
        sa.CheckConstraint("parent_id <> id", name=op.f("ck_companies_not_its_own_parent")),
        sa.ForeignKeyConstraint(
            ["organization_id", "parent_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_companies_organization_id_parent_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_companies")),
    )
    op.create_index(
        "ix_companies_created", "companies", ["organization_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_companies_name", "companies", ["organization_id", "sort_name", "id"], unique=False
    )
    op.create_index(
        "ix_companies_parent",
        "companies",
        ["organization_id", "parent_id"],
        unique=False,
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.create_index(
        "ix_companies_updated", "companies", ["organization_id", "updated_at", "id"], unique=False
    )
    op.create_table(
        "events",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        Column(
            "tx",
            sa.BigInteger(),
            server_default=sa.text("(pg_current_xact_id()::text::bigint)"),
            nullable=False,
        ),
        Column("type", KEY, nullable=False),
        Column("entity", KEY, nullable=False),
        Column("record_id", sa.Uuid(), nullable=False),
        Column("version", sa.Integer(), nullable=False),
        Column("data", JSON, nullable=False),
        Column("previous", JSON, nullable=True),
        Column("actor_kind", KEY, nullable=False),
        Column("actor_id", sa.Uuid(), nullable=True),
        Column("request_id", KEY, nullable=True),
        Column("cause_id", sa.Uuid(), nullable=True),
        Column("occurred_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_events")),
    )
    op.create_index(
        "ix_events_cause",
        "events",
        ["organization_id", "cause_id", "seq"],
        unique=False,
        postgresql_where=sa.text("cause_id IS NOT NULL"),
    )
    op.create_index("ix_events_feed", "events", ["organization_id", "tx", "seq"], unique=False)
    op.create_index(
        "ix_events_record", "events", ["organization_id", "record_id", "seq"], unique=False
    )
    op.create_table(
        "jobs",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("kind", KEY, nullable=False),
        Column("args", JSON, nullable=False),
        Column("status", KEY, nullable=False),
        Column("run_at", INSTANT, nullable=False),
        Column("attempts", sa.SmallInteger(), nullable=False),
        Column("max_attempts", sa.SmallInteger(), nullable=False),
        Column("lease_token", sa.Uuid(), nullable=True),
        Column("lease_until", INSTANT, nullable=True),
        Column("hinted_at", INSTANT, nullable=True),
        Column("dedupe_key", KEY, nullable=True),
        Column("cancel_requested", sa.Boolean(), nullable=False),
        Column("progress_done", sa.BigInteger(), nullable=False),
        Column("progress_total", sa.BigInteger(), nullable=True),
        Column("result", JSON, nullable=True),
        Column("error", JSON, nullable=True),
        Column("actor", JSON, nullable=False),
        Column("created_by", sa.Uuid(), nullable=True),
        Column("created_at", INSTANT, nullable=False),
        Column("started_at", INSTANT, nullable=True),
        Column("finished_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')",
            name=op.f("ck_jobs_status"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_jobs")),
    )
    op.create_index(
        "ix_jobs_due",
        "jobs",
        ["run_at"],
        unique=False,
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_index(
        "ix_jobs_lease",
        "jobs",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_index(
        "ix_jobs_listing", "jobs", ["organization_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "uq_jobs_dedupe",
        "jobs",
        ["organization_id", "kind", "dedupe_key"],
        unique=True,
        postgresql_where=sa.text("status IN ('queued', 'running') AND dedupe_key IS NOT NULL"),
    )
    op.create_table(
        "organizations",
        Column("id", sa.Uuid(), nullable=False),
        Column("name", sa.Text(), nullable=False),
        Column("country", KEY, nullable=True),
        Column("time_zone", KEY, nullable=False),
        Column("currency", KEY, nullable=False),
        Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
    )
    op.create_table(
        "record_keys",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("entity", KEY, nullable=False),
        Column("kind", KEY, nullable=False),
        Column("value", KEY, nullable=False),
        Column("record_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "entity", "kind", "value", "record_id", name=op.f("pk_record_keys")
        ),
    )
    op.create_index(
        "ix_record_keys_record", "record_keys", ["organization_id", "record_id"], unique=False
    )
    op.create_index(
        "uq_record_keys_external",
        "record_keys",
        ["organization_id", "entity", "value"],
        unique=True,
        postgresql_where=sa.text("kind = 'external'"),
    )
    op.create_table(
        "search_documents",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("record_id", sa.Uuid(), nullable=False),
        Column("entity", KEY, nullable=False),
        Column("words", TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "record_id", name=op.f("pk_search_documents")),
    )
    op.create_index(
        "ix_search_documents_words",
        "search_documents",
        ["organization_id", "entity", "words"],
        unique=False,
        postgresql_using="gin",
    )
    op.create_table(
        "contacts",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("salutation", KEY, nullable=True),
        Column("first_name", KEY, nullable=True),
        Column("middle_name", KEY, nullable=True),
        Column("last_name", KEY, nullable=True),
        Column("preferred_name", KEY, nullable=True),
        Column("birth_date", sa.Date(), nullable=True),
        Column("language", KEY, nullable=True),
        Column("time_zone", KEY, nullable=True),
        Column("country", KEY, nullable=True),
        Column("lifecycle", KEY, nullable=False),
        Column("company_id", sa.Uuid(), nullable=True),
        Column("title", KEY, nullable=True),
        Column("department", KEY, nullable=True),
        Column("email", KEY, nullable=True),
        Column("phone", KEY, nullable=True),
        Column("emails", JSON, nullable=False),
        Column("phones", JSON, nullable=False),
        Column("addresses", JSON, nullable=False),
        Column("tags", JSON, nullable=False),
        Column("source", KEY, nullable=True),
        Column("description", sa.Text(), nullable=True),
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
        sa.CheckConstraint(
            "lifecycle IN ('subscriber', 'lead', 'prospect', 'customer', 'former', 'partner', 'other')",
            name=op.f("ck_contacts_lifecycle"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_contacts_organization_id_company_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_contacts")),
    )
    op.create_index(
        "ix_contacts_company",
        "contacts",
        ["organization_id", "company_id"],
        unique=False,
        postgresql_where=sa.text("company_id IS NOT NULL"),
    )
    op.create_index(
        "ix_contacts_created", "contacts", ["organization_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_contacts_name", "contacts", ["organization_id", "sort_name", "id"], unique=False
    )
    op.create_index(
        "ix_contacts_updated", "contacts", ["organization_id", "updated_at", "id"], unique=False
    )
    op.create_table(
        "employments",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("contact_id", sa.Uuid(), nullable=False),
        Column("company_id", sa.Uuid(), nullable=False),
        Column("title", KEY, nullable=True),
        Column("department", KEY, nullable=True),
        Column("role", KEY, nullable=True),
        Column("is_primary", sa.Boolean(), nullable=False),
        Column("started_on", sa.Date(), nullable=True),
        Column("ended_on", sa.Date(), nullable=True),
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
        sa.CheckConstraint(
            "NOT (is_primary AND ended_on IS NOT NULL)",
            name=op.f("ck_employments_primary_is_current"),
        ),
        sa.CheckConstraint("ended_on >= started_on", name=op.f("ck_employments_ends_after_start")),
        sa.ForeignKeyConstraint(
            ["organization_id", "company_id"],
            ["companies.organization_id", "companies.id"],
            name=op.f("fk_employments_organization_id_company_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_employments_organization_id_contact_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_employments")),
    )
    op.create_index(
        "ix_employments_company", "employments", ["organization_id", "company_id"], unique=False
    )
    op.create_index(
        "ix_employments_contact", "employments", ["organization_id", "contact_id"], unique=False
    )
    op.create_index(
        "ix_employments_created",
        "employments",
        ["organization_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "uq_employments_primary",
        "employments",
        ["organization_id", "contact_id"],
        unique=True,
        postgresql_where=sa.text("is_primary AND deleted_at IS NULL"),
    )
    for table in TABLES:
        if table == "organizations":
            ddl.protect(table, column="id", rights="SELECT, INSERT, UPDATE")
        elif table == "events":
            # What happened stays as it happened.
            ddl.protect(table, rights="SELECT, INSERT")
        else:
            ddl.protect(table)
    ddl.see_all("jobs", ddl.WORKER, "SELECT, UPDATE")
    for table in ("api_keys", "organizations", "search_documents"):
        ddl.see_all(table, ddl.DEFINER, "SELECT")
    ddl.definer_function(
        "crm_search(wanted_entity text, wanted_words text, most integer)", "uuid[]", SEARCH
    )
    ddl.definer_function(
        "crm_authenticate(wanted_prefix text)",
        "TABLE (organization_id uuid, id uuid, secret_hash text, scopes jsonb, "
        "expires_at timestamptz, time_zone text, country text)",
        AUTHENTICATE,
    )
    ddl.current_revision_readable()


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_authenticate, crm_search")
    for table in TABLES:
        op.drop_table(table)
    op.execute("DROP EXTENSION btree_gin")
    # The roles stay: they belong to the cluster, where another database may use them.
