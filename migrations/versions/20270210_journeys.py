"""Journeys, their versions, and those who go through them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270210_journeys"
down_revision = "20270206_campaigns"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TABLES = ("journeys", "journey_versions", "journey_states", "journey_runs", "journey_steps")
HORIZON = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
# Where a journey is paused, its runs stand still and are not looked at.
DUE = """
    SELECT r.organization_id, r.id, j.actor FROM journey_runs r
    JOIN journeys j ON j.organization_id = r.organization_id AND j.id = r.journey_id
    WHERE r.status = 'active' AND r.next_at <= now() AND r.deleted_at IS NULL
    ORDER BY r.next_at LIMIT most
"""
# In no order, so that those which cannot go on do not stand before the others.
NEWS = f"""
    SELECT s.organization_id FROM journey_states s
    WHERE EXISTS (
        SELECT FROM events e WHERE e.organization_id = s.organization_id
            AND (e.tx, e.seq) > (s.tx, s.seq) AND e.tx < {HORIZON})
    ORDER BY random() LIMIT most
"""


def _record() -> list[Column]:
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


def _journeys() -> None:
    op.create_table(
        "journeys",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("status", KEY, nullable=False),
        Column("entry", JSON, nullable=False),
        Column("re_entry", JSON, nullable=False),
        Column("goal", JSON, nullable=False),
        Column("exits", JSON, nullable=False),
        Column("nodes", JSON, nullable=False),
        Column("published_version", sa.Integer(), nullable=True),
        Column("actor", JSON, nullable=True),
        Column("tags", JSON, nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        *_record(),
        sa.CheckConstraint(
            "(status = 'draft') = (published_version IS NULL) OR status = 'stopped'",
            name=op.f("ck_journeys_published_version"),
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'active', 'paused', 'stopped')", name=op.f("ck_journeys_status")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_journeys")),
    )
    for name, column in (
        ("created", "created_at"),
        ("name", "sort_name"),
        ("updated", "updated_at"),
    ):
        op.create_index(f"ix_journeys_{name}", "journeys", ["organization_id", column, "id"])
    op.create_index(
        "ix_journeys_owner",
        "journeys",
        ["organization_id", "owner_id"],
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_table(
        "journey_versions",
        Column("organization_id", ID, nullable=False),
        Column("journey_id", ID, nullable=False),
        Column("number", sa.Integer(), nullable=False),
        Column("definition", JSON, nullable=False),
        Column("published_at", INSTANT, nullable=False),
        Column("published_by", ID, nullable=True),
        sa.PrimaryKeyConstraint(
            "organization_id", "journey_id", "number", name=op.f("pk_journey_versions")
        ),
    )
    op.create_table(
        "journey_states",
        Column("organization_id", ID, nullable=False),
        Column(
            "tx",
            sa.BigInteger(),
            server_default=sa.text("(pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1)"),
            nullable=False,
        ),
        Column(
            "seq", sa.BigInteger(), server_default=sa.text("9223372036854775807"), nullable=False
        ),
        Column(
            "begun", KEY, server_default=sa.text("(pg_current_snapshot()::text)"), nullable=False
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_journey_states")),
    )


def _runs() -> None:
    op.create_table(
        "journey_runs",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("target", KEY, nullable=False),
        Column("journey_id", ID, nullable=False),
        Column("contact_id", ID, nullable=False),
        Column("note", KEY, nullable=True),
        Column("begun_by", KEY, nullable=False),
        Column("status", KEY, nullable=False),
        Column("leave_reason", KEY, nullable=True),
        Column("leave_detail", KEY, nullable=True),
        Column("journey_version", sa.Integer(), nullable=True),
        Column("node", KEY, nullable=True),
        Column("node_since", INSTANT, nullable=True),
        Column("round", sa.SmallInteger(), nullable=False),
        Column("next_at", INSTANT, nullable=True),
        Column("wakes_at", INSTANT, nullable=True),
        Column("waiting_for", KEY, nullable=True),
        Column("results", JSON, nullable=False),
        Column("ended_at", INSTANT, nullable=True),
        *_record(),
        sa.CheckConstraint(
            "(status IN ('active', 'paused')) = (ended_at IS NULL)",
            name=op.f("ck_journey_runs_ended_at"),
        ),
        sa.CheckConstraint(
            "(status IN ('exited', 'failed')) = (leave_reason IS NOT NULL)",
            name=op.f("ck_journey_runs_reason_of_end"),
        ),
        sa.CheckConstraint(
            "begun_by IN ('manual', 'segment', 'event', 'filter', 'feed')",
            name=op.f("ck_journey_runs_begun_by"),
        ),
        sa.CheckConstraint(
            "leave_reason IN ('exit_rule', 'left_segment', 'unsubscribed', 'removed', 'stopped', 'error', 'endless')",
            name=op.f("ck_journey_runs_leave_reason"),
        ),
        sa.CheckConstraint(
            "status = 'active' OR next_at IS NULL", name=op.f("ck_journey_runs_next_at")
        ),
        sa.CheckConstraint(
            "status IN ('active', 'paused', 'succeeded', 'finished', 'exited', 'failed')",
            name=op.f("ck_journey_runs_status"),
        ),
        sa.CheckConstraint("target IN ('contact')", name=op.f("ck_journey_runs_target")),
        sa.CheckConstraint(
            "waiting_for IN ('time', 'event', 'journey')", name=op.f("ck_journey_runs_waiting_for")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "contact_id"],
            ["contacts.organization_id", "contacts.id"],
            name=op.f("fk_journey_runs_organization_id_contact_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "journey_id"],
            ["journeys.organization_id", "journeys.id"],
            name=op.f("fk_journey_runs_organization_id_journey_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_journey_runs")),
    )
    for name in ("created", "updated", "next"):
        op.create_index(
            f"ix_journey_runs_{name}", "journey_runs", ["organization_id", f"{name}_at", "id"]
        )
    for name in ("contact", "journey"):
        op.create_index(
            f"ix_journey_runs_{name}", "journey_runs", ["organization_id", f"{name}_id"]
        )
    op.create_index(
        "ix_journey_runs_owner",
        "journey_runs",
        ["organization_id", "owner_id"],
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index(
        "ix_journey_runs_due",
        "journey_runs",
        ["next_at"],
        postgresql_where=sa.text(
            "status = 'active' AND next_at IS NOT NULL AND deleted_at IS NULL"
        ),
    )
    op.create_index(
        "uq_journey_runs_organization_id_contact_id",
        "journey_runs",
        ["organization_id", "journey_id", "contact_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('active', 'paused') AND deleted_at IS NULL"),
    )
    op.create_table(
        "journey_steps",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("journey_id", ID, nullable=False),
        Column("version", sa.Integer(), nullable=False),
        Column("run_id", ID, nullable=False),
        Column("round", sa.SmallInteger(), nullable=False),
        Column("node", KEY, nullable=False),
        Column("type", KEY, nullable=False),
        Column("outcome", KEY, nullable=False),
        Column("arm", KEY, nullable=True),
        Column("result", JSON, nullable=False),
        Column("entered_at", INSTANT, nullable=False),
        Column("left_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "outcome IN ('waiting', 'done', 'skipped', 'failed')",
            name=op.f("ck_journey_steps_outcome"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_journey_steps")),
    )
    op.create_index(
        "uq_journey_steps_organization_id_round",
        "journey_steps",
        ["organization_id", "run_id", "round"],
        unique=True,
    )
    op.create_index(
        "ix_journey_steps_node",
        "journey_steps",
        ["organization_id", "journey_id", "version", "node"],
    )


def upgrade() -> None:
    _journeys()
    _runs()
    for table in TABLES:
        ddl.protect(table)
    for table in ("journeys", "journey_runs"):
        ddl.count_records(table)
    for table in ("journey_states", "journey_runs", "journeys"):
        ddl.see_all(table, ddl.DEFINER, "SELECT")
    ddl.definer_function("crm_organizations_with_journey_news(most integer)", "SETOF uuid", NEWS)
    ddl.definer_function(
        "crm_journey_steps_due(most integer)",
        "TABLE (organization_id uuid, id uuid, actor jsonb)",
        DUE,
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_journey_steps_due, crm_organizations_with_journey_news")
    for table in reversed(TABLES):
        op.drop_table(table)
