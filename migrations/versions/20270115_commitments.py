"""What was promised, and what became of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270115_commitments"
down_revision = "20270114_customers"
branch_labels = None
depends_on = None

TABLE = "commitments"
JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
REFERENCES = {
    "company_id": "companies",
    "contact_id": "contacts",
    "deal_id": "deals",
    "order_id": "orders",
    "project_id": "projects",
    "previous_id": TABLE,
}
CHECKS = {
    "promised_by": "promised_by IN ('us', 'customer')",
    "status": "status IN ('open', 'kept', 'broken', 'renegotiated', 'withdrawn')",
    "department": "department IN ('sales', 'advertising', 'delivery', 'service', 'information', "
    "'finance')",
    "due": "due_on IS NULL OR due_at IS NULL",
    "source_id": "(source_target IS NULL) = (source_id IS NULL)",
    "decided_at": "(status = 'open') = (decided_at IS NULL)",
    "not_its_own_previous": "previous_id <> id",
}
REFERRING = ("company", "contact", "deal", "order", "project", "owner", "source")
# Those that are late and were not told of, and those that are late for longer than the grace.
DUE = """
    SELECT c.organization_id, c.id FROM commitments c
    LEFT JOIN organization_states s ON s.organization_id = c.organization_id
    WHERE c.status = 'open' AND c.deleted_at IS NULL AND c.overdue_at <= now()
        AND (c.overdue_told_at IS DISTINCT FROM c.overdue_at
            OR c.overdue_at + make_interval(
                days => (s.snapshot #>> '{promising,break_after_days}')::integer) <= now())
        AND (c.organization_id, c.id) > (after_organization, after_commitment)
    ORDER BY c.organization_id, c.id LIMIT most
"""


def upgrade() -> None:
    op.create_table(
        TABLE,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("promised_by", KEY, nullable=False),
        Column("text", KEY, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("status", KEY, nullable=False),
        Column("due_on", sa.Date(), nullable=True),
        Column("due_at", INSTANT, nullable=True),
        Column("time_zone", KEY, nullable=True),
        Column("overdue_at", INSTANT, nullable=True),
        Column("overdue_told_at", INSTANT, nullable=True),
        Column("company_id", ID, nullable=True),
        Column("contact_id", ID, nullable=True),
        Column("deal_id", ID, nullable=True),
        Column("order_id", ID, nullable=True),
        Column("project_id", ID, nullable=True),
        Column("department", KEY, nullable=True),
        Column("source_target", KEY, nullable=True),
        Column("source_id", ID, nullable=True),
        Column("previous_id", ID, nullable=True),
        Column("trail", JSON, nullable=False),
        Column("decided_at", INSTANT, nullable=True),
        Column("decision_comment", KEY, nullable=True),
        Column("tags", JSON, nullable=False),
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
            sa.CheckConstraint(condition, name=op.f(f"ck_commitments_{name}"))
            for name, condition in CHECKS.items()
        ),
        *(
            sa.ForeignKeyConstraint(
                ["organization_id", column],
                [f"{table}.organization_id", f"{table}.id"],
                name=op.f(f"fk_commitments_organization_id_{column}"),
            )
            for column, table in REFERENCES.items()
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_commitments")),
    )
    for name in REFERRING:
        column = f"{name}_id"
        op.create_index(
            f"ix_commitments_{name}",
            TABLE,
            ["organization_id", column],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    for name in ("created", "updated", "overdue"):
        op.create_index(f"ix_commitments_{name}", TABLE, ["organization_id", f"{name}_at", "id"])
    op.create_index("ix_commitments_status", TABLE, ["organization_id", "status", "id"])
    op.create_index(
        "ix_commitments_late",
        TABLE,
        ["overdue_at"],
        postgresql_where=sa.text("status = 'open' AND deleted_at IS NULL"),
    )
    op.create_index(
        "uq_commitments_organization_id_previous_id",
        TABLE,
        ["organization_id", "previous_id"],
        unique=True,
        postgresql_where=sa.text("previous_id IS NOT NULL"),
    )
    ddl.protect(TABLE)
    ddl.count_records(TABLE)
    ddl.see_all(TABLE, ddl.DEFINER, "SELECT")
    ddl.definer_function(
        "crm_commitments_due(after_organization uuid, after_commitment uuid, most integer)",
        "TABLE (organization_id uuid, commitment_id uuid)",
        DUE,
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_commitments_due")
    op.drop_table(TABLE)
