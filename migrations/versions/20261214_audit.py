"""Seals of events, and erasure that leaves a witness."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261214_audit"
down_revision = "20261213_rules"
branch_labels = None
depends_on = None

INSTANT = TIMESTAMP(timezone=True)
TABLES = ("audit_chains", "event_seals", "audit_anchors")

ERASE_BEFORE = """
    UPDATE events SET data = '{}', previous = CASE WHEN previous IS NOT NULL THEN '{}'::jsonb END
    WHERE organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
    AND record_id = ANY(ids)
"""
# The chain is locked first: whoever seals at the same time has done so before or does it after.
ERASE = """
    DECLARE
        own uuid := nullif(current_setting('app.organization_id', true), '')::uuid;
        who text := nullif(current_setting('app.actor', true), '');
        emptied integer;
    BEGIN
        IF own IS NULL THEN RETURN; END IF;
        -- What the trail says of itself is nobody's to empty.
        ids := array_remove(ids, '00000000-0000-0000-0000-000000000000');
        INSERT INTO audit_chains (organization_id) VALUES (own)
            ON CONFLICT (organization_id) DO UPDATE SET organization_id = own;
        UPDATE events SET data = '{}',
            previous = CASE WHEN previous IS NOT NULL THEN '{}'::jsonb END
        WHERE organization_id = own AND record_id = ANY(ids)
            AND (data <> '{}' OR previous <> '{}');
        GET DIAGNOSTICS emptied = ROW_COUNT;
        IF emptied = 0 THEN RETURN; END IF;
        UPDATE event_seals s SET salt = NULL FROM events e
        WHERE e.organization_id = own AND e.record_id = ANY(ids)
            AND s.organization_id = own AND s.event_id = e.id AND s.salt IS NOT NULL;
        INSERT INTO events (organization_id, id, type, entity, record_id, version, data,
            actor_kind, actor_id, occurred_at)
        VALUES (own, new_id(), 'audit.erased', 'audit', '00000000-0000-0000-0000-000000000000', 1,
            jsonb_build_object('record_ids', to_jsonb(ids), 'events', emptied),
            coalesce(split_part(who, ':', 1), 'system'),
            nullif(split_part(who, ':', 2), '')::uuid, now());
    END
"""
# UUIDv7, as everywhere: the time in milliseconds, and then what is random.
NEW_ID = (
    "encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING "
    "substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) "
    "FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid"
)


def upgrade() -> None:
    # First and by itself: what comes after is one transaction.
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_events_occurred",
            "events",
            ["organization_id", "occurred_at", "id"],
            postgresql_concurrently=True,
            if_not_exists=True,
        )
    op.create_table(
        "audit_chains",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("position", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        Column("hash", sa.LargeBinary(), nullable=True),
        Column("tx", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        Column("seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        Column("anchors", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        Column("sealed_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_audit_chains")),
    )
    op.create_table(
        "event_seals",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        Column("event_id", sa.Uuid(), nullable=False),
        Column("content", sa.LargeBinary(), nullable=False),
        Column("salt", sa.LargeBinary(), nullable=True),
        Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "position", name=op.f("pk_event_seals")),
    )
    op.create_index(
        "uq_event_seals_event", "event_seals", ["organization_id", "event_id"], unique=True
    )
    op.create_table(
        "audit_anchors",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        Column("first", sa.BigInteger(), nullable=False),
        Column("last", sa.BigInteger(), nullable=False),
        Column("hash", sa.LargeBinary(), nullable=False),
        Column("signature", sa.LargeBinary(), nullable=False),
        Column("sealed_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "number", name=op.f("pk_audit_anchors")),
    )
    for table in TABLES:
        # Workers seal; whoever serves requests only looks.
        ddl.protect(table, rights="SELECT")
    ddl.see_all("audit_chains", ddl.WORKER, "SELECT, INSERT, UPDATE")
    ddl.see_all("event_seals", ddl.WORKER, "SELECT, INSERT")
    ddl.see_all("audit_anchors", ddl.WORKER, "SELECT, INSERT")
    ddl.see_all("events", ddl.WORKER, "SELECT")
    ddl.see_all("audit_chains", ddl.DEFINER, "SELECT, INSERT, UPDATE")
    ddl.see_all("event_seals", ddl.DEFINER, "SELECT, UPDATE")
    op.execute(f"GRANT INSERT ON events TO {ddl.DEFINER}")
    op.execute("DROP FUNCTION crm_erase")
    ddl.definer_function(
        "crm_erase(ids uuid[])",
        "void",
        ERASE.replace("new_id()", NEW_ID),
        language="plpgsql",
        changes=True,
    )


def downgrade() -> None:
    op.drop_index("ix_events_occurred", "events")
    op.execute("DROP FUNCTION crm_erase")
    ddl.definer_function("crm_erase(ids uuid[])", "void", ERASE_BEFORE, changes=True)
    op.execute(f"REVOKE INSERT ON events FROM {ddl.DEFINER}")
    op.execute(f"DROP POLICY {ddl.WORKER} ON events")
    op.execute(f"REVOKE SELECT ON events FROM {ddl.WORKER}")
    for table in TABLES:
        op.drop_table(table)
