"""Saved reports, their runs, and the rows of results."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270202_reports"
down_revision = "20270201_segments"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()


def _entity(table: str, *own: sa.schema.SchemaItem) -> None:
    op.create_table(
        table,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        *own,
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
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
    )


def _index(table: str, *columns: str, optional: bool = False) -> None:
    short = columns[0].removeprefix("sort_").removesuffix("_at").removesuffix("_id")
    where = sa.text(f"{columns[0]} IS NOT NULL") if optional else None
    op.create_index(
        f"ix_{table}_{short}", table, ["organization_id", *columns], postgresql_where=where
    )


def upgrade() -> None:
    _entity(
        "reports",
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("definition", JSON, nullable=False),
        Column("parameters", JSON, nullable=False),
        Column("definition_hash", KEY, nullable=False),
        Column("sharing", KEY, nullable=False),
        Column("is_certified", sa.Boolean(), nullable=False),
        Column("certified_by", ID, nullable=True),
        Column("certified_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "sharing IN ('private', 'organization')", name=op.f("ck_reports_sharing")
        ),
    )
    for name in ("created_at", "updated_at", "sort_name"):
        _index("reports", name, "id")
    _index("reports", "owner_id", optional=True)
    _entity(
        "report_runs",
        Column("report_id", ID, nullable=True),
        Column("definition", JSON, nullable=False),
        Column("parameters", JSON, nullable=False),
        Column("definition_hash", KEY, nullable=False),
        Column("asked_hash", KEY, nullable=False),
        Column("sight_hash", KEY, nullable=False),
        Column("job_id", ID, nullable=False),
        Column("watermark", KEY, nullable=True),
        Column("is_settled", sa.Boolean(), nullable=True),
        Column("answer", JSON, nullable=True),
        Column("row_count", sa.BigInteger(), nullable=True),
        Column("finished_at", INSTANT, nullable=True),
        Column("expires_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "report_id"],
            ["reports.organization_id", "reports.id"],
            name=op.f("fk_report_runs_organization_id_report_id"),
        ),
    )
    _index("report_runs", "created_at", "id")
    _index("report_runs", "report_id", optional=True)
    _index("report_runs", "owner_id", optional=True)
    # Whether there is a result of the same already.
    op.create_index("ix_report_runs_asked", "report_runs", ["organization_id", "asked_hash"])
    op.create_table(
        "report_run_rows",
        Column("organization_id", ID, nullable=False),
        Column("run_id", ID, nullable=False),
        Column("place", sa.BigInteger(), nullable=False),
        Column("row", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "run_id"],
            ["report_runs.organization_id", "report_runs.id"],
            name=op.f("fk_report_run_rows_organization_id_run_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "run_id", "place", name=op.f("pk_report_run_rows")
        ),
    )
    for table in ("reports", "report_runs", "report_run_rows"):
        ddl.protect(table)
    for table in ("reports", "report_runs"):
        ddl.count_records(table)


def downgrade() -> None:
    for table in ("report_run_rows", "report_runs", "reports"):
        op.drop_table(table)
