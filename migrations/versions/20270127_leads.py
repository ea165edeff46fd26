"""Leads, the pools and rules that share them out, and who had which."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270127_leads"
down_revision = "20270126_booking_links"
branch_labels = None
depends_on = None

PLANS, SLICES, SCORE_RULES = "lead_plans", "lead_plan_slices", "lead_score_rules"
POOLS, RULES, LEADS, ASSIGNMENTS = "lead_pools", "lead_rules", "leads", "lead_assignments"
JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
REFERENCES = {
    POOLS: {
        "calendar_id": "working_calendars",
        "fallback_pool_id": POOLS,
        "manager_id": "users",
    },
    RULES: {"pool_id": POOLS, "user_id": "users"},
    LEADS: {
        "matched_company_id": "companies",
        "company_id": "companies",
        "deal_id": "deals",
        "pool_id": POOLS,
    },
    PLANS: {"pool_id": POOLS},
    SCORE_RULES: {},
    ASSIGNMENTS: {"lead_id": LEADS, "pool_id": POOLS, "rule_id": RULES},
}
CHECKS = {
    POOLS: {
        "strategy": "strategy IN ('round_robin', 'least_loaded')",
        "not_its_own_fallback": "fallback_pool_id <> id",
        "response_minutes": "response_minutes > 0",
        "max_hops": "max_hops >= 0",
    },
    RULES: {
        "target": "target IN ('pool', 'user', 'existing_owner')",
        "pool_id": "(target = 'pool') = (pool_id IS NOT NULL)",
        "user_id": "(target = 'user') = (user_id IS NOT NULL)",
    },
    LEADS: {
        "status": "status IN ('new', 'assigned', 'working', 'qualified', 'converted', "
        "'disqualified', 'recycled')",
        "employees": "employees >= 0",
        "status_reason": "status NOT IN ('disqualified', 'recycled') OR status_reason IS NOT NULL",
        "converted": "(status = 'converted') = (converted_at IS NOT NULL)",
        "waits_since": "waits_since IS NULL OR owner_id IS NULL",
    },
    SCORE_RULES: {
        "category": "category IN ('fit', 'engagement')",
        "points": "points BETWEEN -100 AND 100",
    },
    PLANS: {
        "status": "status IN ('planning', 'planned', 'committed', 'done')",
        "strategy": "strategy IN ('pool', 'optimal')",
        "committed_at": "(status IN ('planning', 'planned')) = (committed_at IS NULL)",
    },
    ASSIGNMENTS: {
        "kind": "kind IN ('rule', 'owner', 'claim', 'manual', 'plan', 'escalation')",
        "ended_as": "ended_as IN ('returned', 'recalled', 'reassigned', 'closed')",
        "ended": "(ended_at IS NULL) = (ended_as IS NULL)",
    },
}
INDEXES = {
    POOLS: ("calendar_id", "fallback_pool_id", "manager_id", "owner_id"),
    RULES: ("pool_id", "user_id", "owner_id"),
    LEADS: (
        *("matched_contact_id", "matched_company_id", "contact_id", "company_id"),
        *("deal_id", "pool_id", "owner_id"),
    ),
    PLANS: (),
    SCORE_RULES: ("owner_id",),
    ASSIGNMENTS: ("rule_id",),
}
ORDERS = {
    POOLS: ("created_at", "updated_at", "sort_name"),
    RULES: ("created_at", "updated_at", "sort_name", "position"),
    LEADS: ("created_at", "updated_at", "sort_name", "score"),
    PLANS: ("created_at",),
    SCORE_RULES: ("created_at", "updated_at", "sort_name"),
    ASSIGNMENTS: ("created_at",),
}
# Leads whose responses are overdue, and such that may be given to somebody by now.
DUE = """
    SELECT l.organization_id, l.id FROM leads l
    WHERE l.due_at <= now() AND l.deleted_at IS NULL
        AND (l.organization_id, l.id) > (after_organization, after_lead)
    ORDER BY l.organization_id, l.id LIMIT most
"""


def made(table: str, *columns: Column) -> None:
    op.create_table(
        table,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        *columns,
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
            sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))
            for name, condition in CHECKS[table].items()
        ),
        *(
            sa.ForeignKeyConstraint(
                ["organization_id", column],
                [f"{target}.organization_id", f"{target}.id"],
                name=op.f(f"fk_{table}_organization_id_{column}"),
            )
            for column, target in REFERENCES[table].items()
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
    )
    ddl.protect(table)
    for column in INDEXES[table]:
        op.create_index(
            f"ix_{table}_{column.removesuffix('_id')}",
            table,
            ["organization_id", column],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    for column in ORDERS[table]:
        name = column.removeprefix("sort_").removesuffix("_at")
        op.create_index(f"ix_{table}_{name}", table, ["organization_id", column, "id"])
    ddl.count_records(table)


def named(*columns: Column) -> list[Column]:
    return [
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        *columns,
    ]


def texts(*names: str, kind: sa.types.TypeEngine = KEY) -> list[Column]:
    return [Column(name, kind, nullable=True) for name in names]


def lists(*names: str) -> list[Column]:
    return [Column(name, JSON, nullable=False) for name in names]


def make_pools() -> None:
    made(
        POOLS,
        *named(),
        Column("is_active", sa.Boolean(), nullable=False),
        Column("strategy", KEY, nullable=False),
        *lists("members"),
        Column("calendar_id", ID, nullable=True),
        Column("response_minutes", sa.Integer(), nullable=True),
        Column("max_hops", sa.Integer(), nullable=False),
        Column("manager_id", ID, nullable=True),
        Column("fallback_pool_id", ID, nullable=True),
        Column("description", sa.Text(), nullable=True),
        *lists("turns"),
    )
    made(
        RULES,
        *named(),
        Column("position", sa.Integer(), nullable=False),
        Column("is_active", sa.Boolean(), nullable=False),
        *lists("filter"),
        Column("target", KEY, nullable=False),
        Column("pool_id", ID, nullable=True),
        Column("user_id", ID, nullable=True),
        Column("description", sa.Text(), nullable=True),
    )


def make_score_rules() -> None:
    made(
        SCORE_RULES,
        *named(),
        Column("category", KEY, nullable=False),
        Column("points", sa.Integer(), nullable=False),
        Column("is_active", sa.Boolean(), nullable=False),
        *lists("filter"),
        Column("description", sa.Text(), nullable=True),
    )


def make_leads() -> None:
    made(
        LEADS,
        *named(),
        *texts("country", "language", "time_zone", "email", "phone"),
        *lists("emails", "phones", "addresses", "tags"),
        *texts("source"),
        *texts("description", kind=sa.Text()),
        *texts("first_name", "last_name", "title", "company_name"),
        *texts("website", kind=sa.Text()),
        *texts("industry"),
        Column("employees", sa.Integer(), nullable=True),
        *texts("region", "postal_code"),
        *lists("skills"),
        *texts("campaign", "medium", "referrer"),
        *lists("utm"),
        Column("status", KEY, nullable=False),
        *texts("status_reason"),
        *texts("fit_score", "engagement_score", "score", kind=sa.Integer()),
        *texts("matched_contact_id", "matched_company_id", kind=ID),
        *lists("candidates"),
        *texts("contact_id", "company_id", "deal_id", kind=ID),
        *texts("converted_at", kind=INSTANT),
        *texts("pool_id", kind=ID),
        *texts("assigned_at", "respond_by", "responded_at", "waits_since", kind=INSTANT),
        *texts("unassigned_reason"),
        Column("hops", sa.Integer(), nullable=False),
        *texts("due_at", kind=INSTANT),
        *lists("decision"),
        Column("made", JSON, server_default=sa.text("'{}'"), nullable=False),
    )
    op.create_index("ix_leads_status", LEADS, ["organization_id", "status", "id"])
    op.create_index(
        "ix_leads_waiting",
        LEADS,
        ["organization_id", "id"],
        postgresql_where=sa.text("waits_since IS NOT NULL AND deleted_at IS NULL"),
    )
    op.create_index(
        "ix_leads_due",
        LEADS,
        ["due_at"],
        postgresql_where=sa.text("due_at IS NOT NULL AND deleted_at IS NULL"),
    )
    ddl.see_all(LEADS, ddl.DEFINER, "SELECT")
    ddl.definer_function(
        "crm_leads_due(after_organization uuid, after_lead uuid, most integer)",
        "TABLE (organization_id uuid, lead_id uuid)",
        DUE,
    )


def make_assignments() -> None:
    made(
        ASSIGNMENTS,
        Column("lead_id", ID, nullable=False),
        Column("user_id", ID, nullable=False),
        *texts("pool_id", "rule_id", kind=ID),
        Column("kind", KEY, nullable=False),
        *texts("reason"),
        *texts("respond_by", "responded_at", "ended_at", kind=INSTANT),
        *texts("ended_as", "end_reason"),
        Column("hop", sa.Integer(), nullable=False),
        *lists("decision"),
    )
    op.create_index("ix_lead_assignments_lead", ASSIGNMENTS, ["organization_id", "lead_id"])
    for name in ("user_id", "pool_id"):
        op.create_index(
            f"ix_lead_assignments_{name.removesuffix('_id')}",
            ASSIGNMENTS,
            ["organization_id", name, "created_at"],
        )
    op.create_index(
        "uq_lead_assignments_open",
        ASSIGNMENTS,
        ["organization_id", "lead_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def make_plans() -> None:
    made(
        PLANS,
        Column("pool_id", ID, nullable=False),
        Column("status", KEY, nullable=False),
        Column("strategy", KEY, nullable=False),
        *lists("filter"),
        *(
            Column(name, sa.Integer(), nullable=False)
            for name in ("lead_count", "planned_count", "given_count", "skipped_count")
        ),
        *lists("fairness", "left"),
        *texts("job_id", kind=ID),
        *texts("committed_at", kind=INSTANT),
        *lists("grounds"),
        Column("input_hash", KEY, nullable=False),
    )
    op.create_index("ix_lead_plans_pool", PLANS, ["organization_id", "pool_id"])
    op.create_table(
        SLICES,
        Column("organization_id", ID, nullable=False),
        Column("plan_id", ID, nullable=False),
        Column("place", sa.Integer(), nullable=False),
        *lists("items"),
        sa.ForeignKeyConstraint(
            ["organization_id", "plan_id"],
            [f"{PLANS}.organization_id", f"{PLANS}.id"],
            name=op.f(f"fk_{SLICES}_organization_id_plan_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "plan_id", "place", name=op.f(f"pk_{SLICES}")),
    )
    ddl.protect(SLICES)


def upgrade() -> None:
    make_pools()
    make_leads()
    make_assignments()
    make_plans()
    make_score_rules()


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_leads_due")
    for table in (SCORE_RULES, SLICES, PLANS, ASSIGNMENTS, LEADS, RULES, POOLS):
        op.drop_table(table)
