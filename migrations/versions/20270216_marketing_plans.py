"""Marketing plans: budget lines, commitments to vendors, and what was spent."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270216_marketing_plans"
down_revision = "20270216_campaign_course"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
# Whole ten-thousandths (ADR-0005).
AMOUNT = sa.BigInteger()
OWN = "organization_id"
PLANS, LINES = "marketing_plans", "budget_lines"
COMMITMENTS, COSTS = "marketing_commitments", "campaign_costs"
CHANNELS = (
    "channel IN ('email', 'sms', 'call', 'event', 'web', 'ads', 'print', 'social', "
    "'direct_mail', 'partner', 'other')"
)


def some(kind: sa.types.TypeEngine, *names: str, nullable: bool = True) -> list[Column]:
    return [Column(name, kind, nullable=nullable) for name in names]


def entity(table: str, *own: sa.schema.SchemaItem, **checks: str) -> None:
    op.create_table(
        table,
        *some(ID, OWN, "id", nullable=False),
        *own,
        *some(sa.Integer(), "version", nullable=False),
        *some(INSTANT, "created_at", "updated_at", nullable=False),
        *some(ID, "created_by", "updated_by", "owner_id"),
        Column("custom", JSON, server_default=sa.text("'{}'"), nullable=False),
        Column("external_ids", JSON, server_default=sa.text("'{}'"), nullable=False),
        *some(INSTANT, "deleted_at"),
        *some(ID, "deleted_by"),
        *(
            sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))
            for name, condition in checks.items()
        ),
        sa.PrimaryKeyConstraint(OWN, "id", name=op.f(f"pk_{table}")),
    )
    for name in ("created_at", "updated_at"):
        index(table, name, "id")
    index(table, "owner_id", optional=True)
    ddl.protect(table)
    ddl.count_records(table)


def index(table: str, *columns: str, optional: bool = False) -> None:
    short = columns[0].removeprefix("sort_").removesuffix("_at").removesuffix("_id")
    where = sa.text(f"{columns[0]} IS NOT NULL") if optional else None
    op.create_index(f"ix_{table}_{short}", table, [OWN, *columns], postgresql_where=where)


def refer(table: str, column: str, target: str) -> None:
    op.create_foreign_key(
        op.f(f"fk_{table}_organization_id_{column}"), table, target, [OWN, column], [OWN, "id"]
    )


def plans() -> None:
    entity(
        PLANS,
        *some(KEY, "name", "sort_name", nullable=False),
        *some(sa.Date(), "starts_on", "ends_on", nullable=False),
        *some(KEY, "currency", nullable=False),
        *some(KEY, "goal"),
        *some(sa.Text(), "description"),
        *some(sa.Date(), "closed_through"),
        ends_on="ends_on >= starts_on",
    )
    index(PLANS, "sort_name", "id")


def lines() -> None:
    entity(
        LINES,
        *some(ID, "plan_id", nullable=False),
        *some(ID, "campaign_id"),
        *some(KEY, "channel", nullable=False),
        *some(sa.Date(), "month", nullable=False),
        *some(AMOUNT, "planned", nullable=False),
        *some(AMOUNT, "base_planned"),
        *some(KEY, "note"),
        channel=CHANNELS,
        month="extract(day FROM month) = 1",
        planned="planned >= 0",
    )
    refer(LINES, "plan_id", PLANS)
    refer(LINES, "campaign_id", "campaigns")
    index(LINES, "plan_id")
    index(LINES, "campaign_id", optional=True)
    op.create_index(
        f"uq_{LINES}_place",
        LINES,
        [OWN, "plan_id", "channel", "campaign_id", "month"],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def commitments() -> None:
    entity(
        COMMITMENTS,
        *some(ID, "plan_id", nullable=False),
        *some(ID, "campaign_id"),
        *some(KEY, "channel", nullable=False),
        *some(sa.Date(), "due_on", nullable=False),
        *some(KEY, "vendor", nullable=False),
        *some(KEY, "document", "note"),
        *some(AMOUNT, "amount", nullable=False),
        *some(KEY, "currency", nullable=False),
        *some(AMOUNT, "plan_amount", nullable=False),
        *some(AMOUNT, "base_amount"),
        *some(KEY, "status", nullable=False),
        channel=CHANNELS,
        status="status IN ('open', 'closed')",
        amount="amount > 0",
    )
    refer(COMMITMENTS, "plan_id", PLANS)
    refer(COMMITMENTS, "campaign_id", "campaigns")
    index(COMMITMENTS, "plan_id")
    index(COMMITMENTS, "campaign_id", optional=True)
    index(COMMITMENTS, "due_on", "id")


def costs() -> None:
    entity(
        COSTS,
        *some(ID, "plan_id", "campaign_id", "commitment_id"),
        *some(KEY, "channel", nullable=False),
        *some(sa.Date(), "spent_on", nullable=False),
        *some(KEY, "vendor", "document", "note"),
        *some(AMOUNT, "amount", nullable=False),
        *some(KEY, "currency", nullable=False),
        *some(AMOUNT, "plan_amount", "base_amount"),
        channel=CHANNELS,
        amount="amount <> 0",
        place="plan_id IS NOT NULL OR campaign_id IS NOT NULL",
        commitment="commitment_id IS NULL OR plan_id IS NOT NULL",
        plan_amount="(plan_id IS NULL) = (plan_amount IS NULL)",
    )
    refer(COSTS, "plan_id", PLANS)
    refer(COSTS, "campaign_id", "campaigns")
    refer(COSTS, "commitment_id", COMMITMENTS)
    for column in ("plan_id", "campaign_id", "commitment_id"):
        index(COSTS, column, optional=True)
    index(COSTS, "spent_on", "id")


def upgrade() -> None:
    plans()
    lines()
    commitments()
    costs()


def downgrade() -> None:
    for table in (COSTS, COMMITMENTS, LINES, PLANS):
        op.drop_table(table)
