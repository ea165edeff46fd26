"""Mailings, what is sent by them, and what was opened and clicked."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270213_mailings"
down_revision = "20270212_dashboards"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
OWN = "organization_id"
MAILINGS, SENDS, HITS, DOMAINS = "mailings", "mailing_sends", "mailing_hits", "mailing_domains"
STATUSES = (
    "'queued', 'sending', 'uncertain', 'sent', 'delivered', 'opened', 'clicked', 'replied', 'bounced', "
    "'unsubscribed', 'complained', 'suppressed', 'failed', 'cancelled'"
)
# Whose turn it is, and what workers that died have left: the only looks across organizations.
DUE = """
    SELECT m.organization_id, m.id FROM mailings m
    WHERE m.status = 'running' AND m.deleted_at IS NULL
        AND (m.campaign_id IS NULL OR EXISTS (SELECT FROM campaigns c
            WHERE c.organization_id = m.organization_id AND c.id = m.campaign_id
                AND c.status = 'running'))
        AND EXISTS (SELECT FROM mailing_sends s WHERE s.organization_id = m.organization_id
            AND s.mailing_id = m.id AND s.status = 'queued' AND s.run_at <= now())
    ORDER BY m.id LIMIT most
"""
LEFT = """
    SELECT DISTINCT s.organization_id FROM mailing_sends s
    WHERE s.status = 'sending' AND s.lease_until < now() LIMIT most
"""
RUNNING = """
    SELECT m.organization_id, m.id FROM mailings m
    WHERE m.status = 'running' AND m.deleted_at IS NULL ORDER BY m.id LIMIT most
"""


def some(kind: sa.types.TypeEngine, *names: str, nullable: bool = True) -> list[Column]:
    return [Column(name, kind, nullable=nullable) for name in names]


def check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def mailings() -> None:
    op.create_table(
        MAILINGS,
        *some(ID, OWN, "id", nullable=False),
        *some(KEY, "name", "sort_name", "purpose", "status", nullable=False),
        *some(sa.Text(), "description"),
        *some(ID, "channel_id", "campaign_id"),
        *some(KEY, "pause_reason"),
        *some(sa.Boolean(), "is_ongoing", "tracks_opens", "tracks_clicks", nullable=False),
        *some(JSON, "contents", nullable=False),
        *some(INSTANT, "started_at", "ended_at"),
        *some(sa.Integer(), "version", nullable=False),
        *some(INSTANT, "created_at", "updated_at", nullable=False),
        *some(ID, "created_by", "updated_by", "owner_id"),
        Column("custom", JSON, server_default=sa.text("'{}'"), nullable=False),
        Column("external_ids", JSON, server_default=sa.text("'{}'"), nullable=False),
        *some(INSTANT, "deleted_at"),
        *some(ID, "deleted_by"),
        check(
            MAILINGS,
            "status",
            "status IN ('draft', 'running', 'paused', 'completed', 'cancelled')",
        ),
        check(MAILINGS, "paused", "(status = 'paused') = (pause_reason IS NOT NULL)"),
        check(
            MAILINGS,
            "pause_reason",
            "pause_reason IN ('by_hand', 'bounces', 'complaints')",
        ),
        *(
            sa.ForeignKeyConstraint(
                [OWN, column],
                [f"{target}.{OWN}", f"{target}.id"],
                name=op.f(f"fk_{MAILINGS}_{OWN}_{column}"),
            )
            for column, target in (("channel_id", "channels"), ("campaign_id", "campaigns"))
        ),
        sa.PrimaryKeyConstraint(OWN, "id", name=op.f(f"pk_{MAILINGS}")),
    )
    for column in ("created_at", "updated_at", "sort_name"):
        name = column.removeprefix("sort_").removesuffix("_at")
        op.create_index(f"ix_{MAILINGS}_{name}", MAILINGS, [OWN, column, "id"])
    for column in ("channel_id", "campaign_id", "owner_id"):
        op.create_index(
            f"ix_{MAILINGS}_{column.removesuffix('_id')}",
            MAILINGS,
            [OWN, column],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    op.create_index(
        f"ix_{MAILINGS}_running",
        MAILINGS,
        ["id"],
        postgresql_where=sa.text("status = 'running' AND deleted_at IS NULL"),
    )


def sends() -> None:
    happened = ("sent", "delivered", "opened", "clicked", "replied", "bounced", "unsubscribed")
    op.create_table(
        SENDS,
        *some(ID, OWN, "id", "mailing_id", "contact_id", nullable=False),
        *some(KEY, "step", "status", "domain", nullable=False),
        *some(KEY, "variant", "detail", "bounce", "address"),
        *some(JSON, "reasons", nullable=False),
        *some(sa.Boolean(), "has_slot", nullable=False),
        *some(sa.SmallInteger(), "tries", nullable=False),
        *some(INSTANT, "run_at", "queued_at", nullable=False),
        *some(ID, "lease_token"),
        *some(INSTANT, "lease_until", "handing_at", "handed_at"),
        *some(INSTANT, *(f"{one}_at" for one in (*happened, "complained"))),
        check(SENDS, "status", f"status IN ({STATUSES})"),
        check(SENDS, "bounce", "bounce IN ('hard', 'soft')"),
        check(SENDS, "lease_until", "(status = 'sending') = (lease_until IS NOT NULL)"),
        sa.PrimaryKeyConstraint(OWN, "id", name=op.f(f"pk_{SENDS}")),
    )
    op.create_index(
        f"uq_{SENDS}_{OWN}_mailing_id",
        SENDS,
        [OWN, "mailing_id", "contact_id", "step"],
        unique=True,
    )
    op.create_index(f"ix_{SENDS}_contact", SENDS, [OWN, "contact_id"])
    op.create_index(f"ix_{SENDS}_status", SENDS, [OWN, "mailing_id", "status", "id"])
    for name, columns, where in (
        ("address", [OWN, "mailing_id", "address"], "address IS NOT NULL"),
        ("due", [OWN, "mailing_id", "run_at", "id"], "status = 'queued'"),
        ("leases", ["lease_until"], "status = 'sending'"),
    ):
        op.create_index(f"ix_{SENDS}_{name}", SENDS, columns, postgresql_where=sa.text(where))


def hits() -> None:
    op.create_table(
        HITS,
        *some(ID, OWN, "id", "mailing_id", "send_id", nullable=False),
        *some(KEY, "kind", nullable=False),
        *some(sa.Text(), "url"),
        *some(INSTANT, "at", nullable=False),
        *some(sa.Boolean(), "is_bot", nullable=False),
        check(HITS, "kind", "kind IN ('open', 'click')"),
        sa.PrimaryKeyConstraint(OWN, "id", name=op.f(f"pk_{HITS}")),
    )
    op.create_index(f"ix_{HITS}_mailing", HITS, [OWN, "mailing_id", "kind"])
    op.create_index(f"ix_{HITS}_send", HITS, [OWN, "send_id"])
    op.create_table(
        DOMAINS,
        *some(ID, OWN, nullable=False),
        *some(KEY, "domain", nullable=False),
        *some(INSTANT, "free_from", nullable=False),
        sa.PrimaryKeyConstraint(OWN, "domain", name=op.f(f"pk_{DOMAINS}")),
    )


FUNCTIONS = (
    ("crm_mailings_due", "TABLE (organization_id uuid, id uuid)", DUE),
    ("crm_mailings_running", "TABLE (organization_id uuid, id uuid)", RUNNING),
    ("crm_organizations_with_left_sends", "SETOF uuid", LEFT),
)


def upgrade() -> None:
    mailings()
    sends()
    hits()
    for table in (MAILINGS, SENDS, HITS, DOMAINS):
        ddl.protect(table)
    ddl.count_records(MAILINGS)
    for table, columns in (
        (MAILINGS, "organization_id, id, status, deleted_at, campaign_id"),
        (SENDS, "organization_id, mailing_id, status, run_at, lease_until"),
        ("campaigns", "organization_id, id, status"),
    ):
        ddl.see_all(table, ddl.DEFINER, f"SELECT ({columns})")
    # Handing over is one statement for the mails of all organizations.
    ddl.see_all(SENDS, ddl.WORKER, "SELECT, UPDATE")
    for table in (MAILINGS, "campaigns"):
        ddl.see_all(table, ddl.WORKER, "SELECT")
    for name, returns, body in FUNCTIONS:
        ddl.definer_function(f"{name}(most integer)", returns, body)


def downgrade() -> None:
    for name, _, _ in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {name}")
    for role in (ddl.DEFINER, ddl.WORKER):
        op.execute(f"DROP POLICY {role} ON campaigns")
    op.execute(f"REVOKE ALL (organization_id, id, status) ON campaigns FROM {ddl.DEFINER}")
    op.execute(f"REVOKE ALL ON campaigns FROM {ddl.WORKER}")
    for table in (DOMAINS, HITS, SENDS, MAILINGS):
        op.drop_table(table)
