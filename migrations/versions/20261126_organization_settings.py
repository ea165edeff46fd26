"""Working calendars, number sequences, exchange rates, and what an organization sets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261126_organization_settings"
down_revision = "20261126_search_note"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ALIVE = sa.text("deleted_at IS NULL")


def record(table: str, *columns: sa.Column | sa.Constraint) -> None:
    op.create_table(
        table,
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        *columns,
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
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
    )
    op.create_index(f"ix_{table}_created", table, ["organization_id", "created_at", "id"])
    ddl.protect(table)


def upgrade() -> None:
    op.add_column("organizations", Column("language", KEY, server_default="en", nullable=False))
    op.add_column(
        "organizations",
        Column("fiscal_year_starts_in", sa.SmallInteger(), server_default="1", nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_organizations_fiscal_year_starts_in"),
        "organizations",
        "fiscal_year_starts_in BETWEEN 1 AND 12",
    )
    record(
        "working_calendars",
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("time_zone", KEY, nullable=False),
        Column("week", JSON, nullable=False),
        Column("is_default", sa.Boolean(), nullable=False),
        Column("description", sa.Text(), nullable=True),
    )
    op.create_index(
        "uq_working_calendars_default",
        "working_calendars",
        ["organization_id"],
        unique=True,
        postgresql_where=sa.text("is_default AND deleted_at IS NULL"),
    )
    record(
        "calendar_exceptions",
        Column("calendar_id", sa.Uuid(), nullable=False),
        Column("day", sa.Date(), nullable=False),
        Column("hours", JSON, nullable=False),
        Column("name", KEY, nullable=False),
        Column("origin", KEY, nullable=False),
        sa.CheckConstraint(
            "origin IN ('manual', 'holidays')", name=op.f("ck_calendar_exceptions_origin")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "calendar_id"],
            ["working_calendars.organization_id", "working_calendars.id"],
            name=op.f("fk_calendar_exceptions_organization_id_calendar_id"),
        ),
    )
    op.create_index(
        "uq_calendar_exceptions_day",
        "calendar_exceptions",
        ["organization_id", "calendar_id", "day"],
        unique=True,
        postgresql_where=ALIVE,
    )
    record(
        "number_sequences",
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("key", KEY, nullable=False),
        Column("pattern", KEY, nullable=False),
        Column("restarts", KEY, nullable=False),
        Column("period", KEY, nullable=True),
        Column("next_number", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "restarts IN ('never', 'year', 'month')", name=op.f("ck_number_sequences_restarts")
        ),
        sa.CheckConstraint("next_number > 0", name=op.f("ck_number_sequences_next_number")),
    )
    op.create_index(
        "uq_number_sequences_organization_id_key",
        "number_sequences",
        ["organization_id", "key"],
        unique=True,
        postgresql_where=ALIVE,
    )
    for table in ("working_calendars", "number_sequences"):
        op.create_index(f"ix_{table}_name", table, ["organization_id", "sort_name", "id"])
    op.create_table(
        "exchange_rates",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("id", sa.Uuid(), nullable=False),
        Column("base", KEY, nullable=False),
        Column("quote", KEY, nullable=False),
        Column("day", sa.Date(), nullable=False),
        Column("rate", sa.Numeric(24, 12), nullable=False),
        Column("source", KEY, nullable=True),
        Column("set_at", INSTANT, nullable=False),
        Column("set_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("rate > 0", name=op.f("ck_exchange_rates_rate")),
        sa.CheckConstraint("base <> quote", name=op.f("ck_exchange_rates_pair")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_exchange_rates")),
        sa.UniqueConstraint(
            "organization_id",
            "base",
            "quote",
            "day",
            name=op.f("uq_exchange_rates_organization_id_base_quote_day"),
        ),
    )
    ddl.protect("exchange_rates")


def downgrade() -> None:
    for table in (
        "exchange_rates",
        "number_sequences",
        "calendar_exceptions",
        "working_calendars",
    ):
        op.drop_table(table)
    op.drop_constraint(op.f("ck_organizations_fiscal_year_starts_in"), "organizations")
    op.drop_column("organizations", "fiscal_year_starts_in")
    op.drop_column("organizations", "language")
