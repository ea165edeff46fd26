"""Webhooks: endpoints, where each stands in the feed, deliveries and attempts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261220_webhooks"
down_revision = "20261217_quotas_of_files"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
HORIZON = sa.text("(pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1)")
SNAPSHOT = sa.text("(pg_current_snapshot()::text)")

# In no order, so that those which cannot go on do not stand before the others.
# Of each endpoint only whether there is something: what, it reads as the actor it belongs to.
NEWS = """
    SELECT s.organization_id, s.webhook_id FROM webhook_states s
    JOIN webhooks w ON w.organization_id = s.organization_id AND w.id = s.webhook_id
    WHERE w.status = 'enabled' AND w.deleted_at IS NULL AND EXISTS (
        SELECT FROM events e WHERE e.organization_id = s.organization_id
            AND (e.tx, e.seq) > (s.tx, s.seq)
            AND e.tx < pg_snapshot_xmin(pg_current_snapshot())::text::bigint)
    ORDER BY random() LIMIT most
"""
FORGET = """
    WITH old AS (
        SELECT organization_id, id FROM webhook_deliveries
        WHERE created_at < now() - interval '30 days'
            AND status IN ('succeeded', 'failed', 'cancelled') LIMIT most),
    attempts AS (
        DELETE FROM webhook_attempts a USING old
        WHERE a.organization_id = old.organization_id AND a.delivery_id = old.id),
    gone AS (
        DELETE FROM webhook_deliveries d USING old
        WHERE d.organization_id = old.organization_id AND d.id = old.id RETURNING 1)
    SELECT count(*) FROM gone
"""


def upgrade() -> None:
    op.create_table(
        "webhooks",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("url", KEY, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("topics", JSON, nullable=False),
        Column("filter", JSON, nullable=False),
        Column("fields", JSON, nullable=False),
        Column("payload", KEY, nullable=False),
        Column("status", KEY, nullable=False),
        Column("disabled_reason", KEY, nullable=True),
        Column("in_order", sa.Boolean(), nullable=False),
        Column("concurrency", sa.SmallInteger(), nullable=False),
        Column("rate", sa.SmallInteger(), nullable=False),
        Column("header_names", JSON, nullable=False),
        Column("sealed_headers", sa.Text(), nullable=True),
        Column("secrets", sa.Text(), nullable=False),
        Column("actor", JSON, nullable=False),
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
        sa.CheckConstraint("status IN ('enabled', 'disabled')", name=op.f("ck_webhooks_status")),
        sa.CheckConstraint("payload IN ('full', 'thin')", name=op.f("ck_webhooks_payload")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_webhooks")),
    )
    op.create_index("ix_webhooks_created", "webhooks", ["organization_id", "created_at", "id"])
    op.create_table(
        "webhook_states",
        Column("organization_id", ID, nullable=False),
        Column("webhook_id", ID, nullable=False),
        Column("tx", sa.BigInteger(), server_default=HORIZON, nullable=False),
        Column("seq", sa.BigInteger(), server_default=sa.text(str(2**63 - 1)), nullable=False),
        Column("begun", KEY, server_default=SNAPSHOT, nullable=False),
        *(
            Column(name, INSTANT, server_default=sa.text("'-infinity'"), nullable=False)
            for name in ("free_from", "served_at", "rests_until")
        ),
        Column("failing_since", INSTANT, nullable=True),
        Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        Column("stumbles", sa.Integer(), server_default=sa.text("0"), nullable=False),
        Column("notices", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        Column("last_success_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "webhook_id", name=op.f("pk_webhook_states")),
    )
    op.create_table(
        "webhook_deliveries",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        Column("webhook_id", ID, nullable=False),
        Column("event_id", ID, nullable=False),
        Column("type", KEY, nullable=False),
        Column("record_id", ID, nullable=False),
        Column("is_test", sa.Boolean(), nullable=False),
        Column("status", KEY, nullable=False),
        Column("attempts", sa.Integer(), nullable=False),
        Column("tries", sa.SmallInteger(), nullable=False),
        Column("run_at", INSTANT, nullable=False),
        Column("lease_token", ID, nullable=True),
        Column("lease_until", INSTANT, nullable=True),
        Column("last_status", sa.SmallInteger(), nullable=True),
        Column("last_error", KEY, nullable=True),
        Column("created_at", INSTANT, nullable=False),
        Column("finished_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'sending', 'succeeded', 'failed', 'cancelled')",
            name=op.f("ck_webhook_deliveries_status"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_webhook_deliveries")),
    )
    of_endpoint = ["organization_id", "webhook_id"]
    for name, columns, where in (
        ("due", ["run_at", "seq"], "status = 'pending'"),
        ("sending", ["lease_until"], "status = 'sending'"),
        ("record", ["record_id", "seq"], "status IN ('pending', 'sending')"),
    ):
        op.create_index(
            f"ix_webhook_deliveries_{name}",
            "webhook_deliveries",
            [*of_endpoint, *columns],
            postgresql_where=sa.text(where),
        )
    op.create_index(
        "uq_webhook_deliveries_event", "webhook_deliveries", [*of_endpoint, "event_id"], unique=True
    )
    op.create_index("ix_webhook_deliveries_log", "webhook_deliveries", [*of_endpoint, "seq"])
    op.create_index("ix_webhook_deliveries_age", "webhook_deliveries", ["created_at"])
    op.create_table(
        "webhook_attempts",
        Column("organization_id", ID, nullable=False),
        Column("delivery_id", ID, nullable=False),
        Column("number", sa.Integer(), nullable=False),
        Column("started_at", INSTANT, nullable=False),
        Column("latency_ms", sa.Integer(), nullable=False),
        Column("status", sa.SmallInteger(), nullable=True),
        Column("error", KEY, nullable=True),
        Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "delivery_id", "number", name=op.f("pk_webhook_attempts")
        ),
    )
    for table in ("webhooks", "webhook_states", "webhook_deliveries", "webhook_attempts"):
        ddl.protect(table)
    ddl.see_all("webhooks", ddl.WORKER, "SELECT")
    ddl.see_all("webhook_states", ddl.WORKER, "SELECT, UPDATE")
    ddl.see_all("webhook_deliveries", ddl.WORKER, "SELECT, UPDATE")
    ddl.see_all("webhook_attempts", ddl.WORKER, "SELECT, INSERT")
    ddl.see_all("webhooks", ddl.DEFINER, "SELECT")
    ddl.see_all("webhook_states", ddl.DEFINER, "SELECT")
    ddl.see_all("webhook_deliveries", ddl.DEFINER, "SELECT, DELETE")
    ddl.see_all("webhook_attempts", ddl.DEFINER, "SELECT, DELETE")
    sealed = "secrets, sealed_headers"
    ddl.see_all(
        "webhooks",
        ddl.ROTATOR,
        f"SELECT (organization_id, id, {sealed}), UPDATE ({sealed})",
    )
    ddl.definer_function(
        "crm_webhooks_with_news(most integer)",
        "TABLE (organization_id uuid, webhook_id uuid)",
        NEWS,
    )
    ddl.definer_function("crm_forget_deliveries(most integer)", "bigint", FORGET, changes=True)


def downgrade() -> None:
    op.execute("DROP FUNCTION crm_forget_deliveries, crm_webhooks_with_news")
    for table in ("webhook_attempts", "webhook_deliveries", "webhook_states", "webhooks"):
        op.drop_table(table)
