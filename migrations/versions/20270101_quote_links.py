"""Links of quotes for customers, with what was seen, asked and decided by them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270101_quote_links"
down_revision = "20261231_quotes"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TABLES = ("quote_links", "quote_views", "quote_questions", "quote_decisions")


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


def key(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    """A reference to a record of the same organization."""
    return sa.ForeignKeyConstraint(
        ["organization_id", column],
        [f"{other}.organization_id", f"{other}.id"],
        name=op.f(f"fk_{table}_organization_id_{column}"),
    )


def orders(table: str, *columns: str) -> None:
    """The orders in which a list is read without sorting."""
    for column in columns:
        op.create_index(
            f"ix_{table}_{column.removesuffix('_at')}", table, ["organization_id", column, "id"]
        )


def referring(table: str, column: str, *, optional: bool = False) -> None:
    """Finds the rows that refer to a record."""
    where = sa.text(f"{column} IS NOT NULL") if optional else None
    name = f"ix_{table}_{column.removesuffix('_id')}"
    op.create_index(name, table, ["organization_id", column], postgresql_where=where)


def upgrade() -> None:
    op.create_table(
        "quote_links",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("quote_id", ID, nullable=False),
        Column("contact_id", ID, nullable=True),
        Column("label", KEY, nullable=True),
        Column("expires_at", INSTANT, nullable=False),
        Column("revoked_at", INSTANT, nullable=True),
        Column("first_viewed_at", INSTANT, nullable=True),
        Column("secret_hash", KEY, nullable=False),
        *stamps(),
        key("quote_links", "quote_id", "quotes"),
        key("quote_links", "contact_id", "contacts"),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_quote_links")),
    )
    orders("quote_links", "created_at", "updated_at", "expires_at")
    referring("quote_links", "quote_id")
    referring("quote_links", "contact_id", optional=True)
    op.create_table(
        "quote_views",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("quote_id", ID, nullable=False),
        Column("link_id", ID, nullable=False),
        Column("revision", sa.Integer(), nullable=False),
        Column("seen", KEY, nullable=False),
        Column("at", INSTANT, nullable=False),
        Column("address", KEY, nullable=True),
        Column("user_agent", KEY, nullable=True),
        sa.CheckConstraint(
            "seen IN ('quote', 'page', 'document')", name=op.f("ck_quote_views_seen")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_quote_views")),
    )
    op.create_index("ix_quote_views_link", "quote_views", ["organization_id", "link_id", "id"])
    op.create_index("ix_quote_views_quote", "quote_views", ["organization_id", "quote_id", "id"])
    op.create_table(
        "quote_questions",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("quote_id", ID, nullable=False),
        Column("link_id", ID, nullable=False),
        Column("contact_id", ID, nullable=True),
        Column("revision", sa.Integer(), nullable=False),
        Column("name", KEY, nullable=True),
        Column("email", KEY, nullable=True),
        Column("text", KEY, nullable=False),
        Column("answer", KEY, nullable=True),
        Column("answered_at", INSTANT, nullable=True),
        Column("answered_by", ID, nullable=True),
        *stamps(),
        key("quote_questions", "quote_id", "quotes"),
        key("quote_questions", "link_id", "quote_links"),
        key("quote_questions", "contact_id", "contacts"),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_quote_questions")),
    )
    orders("quote_questions", "created_at", "updated_at")
    referring("quote_questions", "quote_id")
    referring("quote_questions", "link_id")
    referring("quote_questions", "contact_id", optional=True)
    op.create_table(
        "quote_decisions",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("quote_id", ID, nullable=False),
        Column("quote_version_id", ID, nullable=False),
        Column("link_id", ID, nullable=False),
        Column("contact_id", ID, nullable=True),
        Column("revision", sa.Integer(), nullable=False),
        Column("decision", KEY, nullable=False),
        Column("name", KEY, nullable=True),
        Column("email", KEY, nullable=True),
        Column("role", KEY, nullable=True),
        Column("reason", KEY, nullable=True),
        Column("comment", KEY, nullable=True),
        Column("selected", JSON, nullable=False),
        Column("totals", JSON, nullable=False),
        Column("currency", KEY, nullable=False),
        Column("net", sa.BigInteger(), nullable=False),
        Column("gross", sa.BigInteger(), nullable=False),
        Column("content_hash", KEY, nullable=False),
        Column("agreed_hash", KEY, nullable=False),
        Column("document_sha256", KEY, nullable=True),
        Column("address", KEY, nullable=True),
        Column("user_agent", KEY, nullable=True),
        *stamps(),
        sa.CheckConstraint(
            "decision IN ('accepted', 'declined')", name=op.f("ck_quote_decisions_decision")
        ),
        key("quote_decisions", "quote_id", "quotes"),
        key("quote_decisions", "quote_version_id", "quote_versions"),
        key("quote_decisions", "link_id", "quote_links"),
        key("quote_decisions", "contact_id", "contacts"),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_quote_decisions")),
    )
    orders("quote_decisions", "created_at", "updated_at")
    op.create_index("ix_quote_decisions_quote", "quote_decisions", ["organization_id", "quote_id"])
    referring("quote_decisions", "link_id")
    referring("quote_decisions", "contact_id", optional=True)
    op.create_index(
        "uq_quote_decisions_organization_id_quote_id",
        "quote_decisions",
        ["organization_id", "quote_id"],
        unique=True,
        postgresql_where=sa.text("decision = 'accepted'"),
    )
    op.create_index(
        "uq_quote_decisions_organization_id_quote_version_id",
        "quote_decisions",
        ["organization_id", "quote_version_id"],
        unique=True,
    )
    for table in TABLES:
        ddl.protect(table)
    ddl.count_records("quote_links")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
