"""Activities and tasks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270110_activities"
down_revision = "20270109_projects"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TABLES = ("activities", "tasks")
REFERENCES = {"company_id": "companies", "contact_id": "contacts", "deal_id": "deals"}
LATE = "status IN ('open', 'in_progress', 'waiting') AND deleted_at IS NULL"
# A place in the order of organizations and tasks, after which the next ones come.
PLACE = "(after_organization uuid, after_task uuid, most integer)"
DUE = "TABLE (organization_id uuid, task_id uuid)"
NEXT = """
    AND (t.organization_id, t.id) > (after_organization, after_task)
    ORDER BY t.organization_id, t.id LIMIT most
"""
OVERDUE = f"""
    SELECT t.organization_id, t.id FROM tasks t
    WHERE t.status IN ('open', 'in_progress', 'waiting') AND t.deleted_at IS NULL
        AND t.overdue_at <= now() AND (t.snoozed_until IS NULL OR t.snoozed_until <= now())
        AND (t.alerts ->> 'overdue')::timestamptz IS DISTINCT FROM t.overdue_at
    {NEXT}
"""
REMINDED = f"""
    SELECT t.organization_id, t.id FROM tasks t
    WHERE t.status IN ('open', 'in_progress', 'waiting') AND t.deleted_at IS NULL
        AND t.remind_at <= now() AND (t.snoozed_until IS NULL OR t.snoozed_until <= now())
        AND (t.alerts ->> 'reminded')::timestamptz IS DISTINCT FROM t.remind_at
    {NEXT}
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


def linked() -> list[Column]:
    """The columns that say what a record is about."""
    return [
        Column("company_id", ID, nullable=True),
        Column("contact_id", ID, nullable=True),
        Column("deal_id", ID, nullable=True),
        Column("links", JSON, nullable=False),
        Column("team_id", ID, nullable=True),
        Column("tags", JSON, nullable=False),
    ]


def referring(table: str, columns: dict[str, str]) -> list[sa.ForeignKeyConstraint]:
    """References to records of the same organization."""
    return [
        sa.ForeignKeyConstraint(
            ["organization_id", column],
            [f"{target}.organization_id", f"{target}.id"],
            name=op.f(f"fk_{table}_organization_id_{column}"),
        )
        for column, target in columns.items()
    ]


def one_of(table: str, column: str, *values: str) -> sa.CheckConstraint:
    """A text column that holds one of some values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=op.f(f"ck_{table}_{column}"))


def check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    """A rule of each row."""
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def create_activities() -> None:
    table = "activities"
    kinds = ("call", "meeting", "email", "message", "visit", "note", "letter", "demo", "event")
    op.create_table(
        table,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("kind", KEY, nullable=False),
        Column("status", KEY, nullable=False),
        Column("subject", KEY, nullable=False),
        Column("body", KEY, nullable=True),
        Column("direction", KEY, nullable=True),
        Column("channel", KEY, nullable=True),
        Column("outcome", KEY, nullable=True),
        Column("sentiment", KEY, nullable=True),
        Column("starts_at", INSTANT, nullable=True),
        Column("ended_at", INSTANT, nullable=True),
        Column("duration", sa.Integer(), nullable=True),
        Column("is_billable", sa.Boolean(), nullable=False),
        Column("is_internal", sa.Boolean(), nullable=False),
        Column("completed_at", INSTANT, nullable=True),
        Column("corrected_at", INSTANT, nullable=True),
        Column("correction_reason", KEY, nullable=True),
        Column("timer_started_at", INSTANT, nullable=True),
        Column("timer_user_id", ID, nullable=True),
        *linked(),
        *stamps(),
        one_of(table, "kind", *kinds),
        one_of(table, "status", "planned", "completed", "cancelled"),
        one_of(table, "direction", "inbound", "outbound"),
        one_of(table, "sentiment", "positive", "neutral", "negative"),
        check(table, "ended_at", "ended_at >= starts_at"),
        check(table, "duration", "duration >= 0"),
        check(table, "completed_at", "(status = 'completed') = (completed_at IS NOT NULL)"),
        check(table, "timer_user_id", "(timer_started_at IS NULL) = (timer_user_id IS NULL)"),
        *referring(table, {**REFERENCES, "team_id": "teams"}),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
    )
    op.create_index(f"ix_{table}_starts", table, ["organization_id", "starts_at", "id"])
    op.create_index(
        f"uq_{table}_organization_id_timer_user_id",
        table,
        ["organization_id", "timer_user_id"],
        unique=True,
        postgresql_where=sa.text("timer_user_id IS NOT NULL"),
    )


def create_tasks() -> None:
    table = "tasks"
    kinds = ("todo", "call", "email", "meeting", "visit", "letter", "follow_up")
    states = ("open", "in_progress", "waiting", "done", "cancelled")
    op.create_table(
        table,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("subject", KEY, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("kind", KEY, nullable=False),
        Column("priority", KEY, nullable=False),
        Column("status", KEY, nullable=False),
        Column("due_on", sa.Date(), nullable=True),
        Column("due_at", INSTANT, nullable=True),
        Column("time_zone", KEY, nullable=True),
        Column("overdue_at", INSTANT, nullable=True),
        Column("remind_at", INSTANT, nullable=True),
        Column("snoozed_until", INSTANT, nullable=True),
        Column("recurrence", KEY, nullable=True),
        Column("occurs_at", KEY, nullable=True),
        Column("previous_id", ID, nullable=True),
        Column("checklist", JSON, nullable=False),
        Column("depends_on", JSON, nullable=False),
        Column("estimate_minutes", sa.Integer(), nullable=True),
        Column("spent_minutes", sa.Integer(), nullable=True),
        Column("closed_at", INSTANT, nullable=True),
        Column("close_comment", KEY, nullable=True),
        Column("alerts", JSON, server_default=sa.text("'{}'"), nullable=False),
        *linked(),
        *stamps(),
        one_of(table, "kind", *kinds),
        one_of(table, "priority", "low", "normal", "high", "urgent"),
        one_of(table, "status", *states),
        check(table, "due", "due_on IS NULL OR due_at IS NULL"),
        check(
            table,
            "recurrence",
            "recurrence IS NULL OR due_on IS NOT NULL OR due_at IS NOT NULL",
        ),
        check(table, "occurs_at", "(recurrence IS NULL) = (occurs_at IS NULL)"),
        check(table, "closed_at", "(status IN ('done', 'cancelled')) = (closed_at IS NOT NULL)"),
        *referring(table, {**REFERENCES, "team_id": "teams", "previous_id": "tasks"}),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
    )
    op.create_index(f"ix_{table}_overdue", table, ["organization_id", "overdue_at", "id"])
    op.create_index(
        f"uq_{table}_organization_id_previous_id",
        table,
        ["organization_id", "previous_id"],
        unique=True,
        postgresql_where=sa.text("previous_id IS NOT NULL"),
    )
    for name, column in (("late", "overdue_at"), ("remind", "remind_at")):
        op.create_index(f"ix_{table}_{name}", table, [column], postgresql_where=sa.text(LATE))


def upgrade() -> None:
    create_activities()
    create_tasks()
    for table in TABLES:
        for name in ("created", "updated"):
            op.create_index(f"ix_{table}_{name}", table, ["organization_id", f"{name}_at", "id"])
        op.create_index(f"ix_{table}_status", table, ["organization_id", "status", "id"])
        for name in ("company", "contact", "deal", "team", "owner"):
            op.create_index(
                f"ix_{table}_{name}",
                table,
                ["organization_id", f"{name}_id"],
                postgresql_where=sa.text(f"{name}_id IS NOT NULL"),
            )
        ddl.protect(table)
        ddl.count_records(table)
    ddl.see_all("tasks", ddl.DEFINER, "SELECT")
    ddl.definer_function(f"crm_tasks_overdue{PLACE}", DUE, OVERDUE)
    ddl.definer_function(f"crm_tasks_reminded{PLACE}", DUE, REMINDED)


def downgrade() -> None:
    for name in ("overdue", "reminded"):
        op.execute(f"DROP FUNCTION crm_tasks_{name}")
    for table in reversed(TABLES):
        op.drop_table(table)
