"""What people did, segments of the audience, and who belongs to them since when."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20270201_segments"
down_revision = "20270131_holds"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
TABLES = (
    *("behaviour_events", "segments", "segment_members", "segment_overrides"),
    *("segment_standings", "segment_states"),
)
HORIZON = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
# In no order, so that those which cannot go on do not stand before the others.
NEWS = f"""
    SELECT s.organization_id FROM segment_states s
    WHERE EXISTS (
        SELECT FROM events e WHERE e.organization_id = s.organization_id
            AND (e.tx, e.seq) > (s.tx, s.seq) AND e.tx < {HORIZON})
    ORDER BY random() LIMIT most
"""
# Those that were not looked at whole since the last midnight of their organization.
DUE = """
    SELECT s.organization_id, s.id FROM segments s
    JOIN organizations o ON o.id = s.organization_id
    LEFT JOIN segment_standings t ON t.organization_id = s.organization_id AND t.segment_id = s.id
    WHERE s.deleted_at IS NULL AND s.is_active AND s.filter <> '{}' AND s.kind <> 'snapshot'
        AND (s.organization_id, s.id) > (after_organization, after_segment)
        AND coalesce(t.reconciled_at, s.created_at)
            < date_trunc('day', now(), o.time_zone)
    ORDER BY s.organization_id, s.id LIMIT most
"""
# The last word of somebody, and of those who were merged into them, on a purpose and a channel.
CONSENT = """
    WITH RECURSIVE whole(id) AS (
        SELECT person
        UNION SELECT r.record_id FROM record_redirects r JOIN whole ON r.target_id = whole.id
        WHERE r.organization_id = organization)
    SELECT CASE WHEN c.expires_at <= at_moment THEN 'expired' ELSE c.state END
    FROM consents c
    WHERE c.organization_id = organization AND c.purpose = for_purpose AND c.channel = by_channel
        AND c.record_id IN (SELECT id FROM whole)
    ORDER BY c.at DESC, c.seq DESC LIMIT 1
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


def behaviour() -> None:
    table = "behaviour_events"
    op.create_table(
        table,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("contact_id", ID, nullable=False),
        Column("name", KEY, nullable=False),
        Column("occurred_at", INSTANT, nullable=False),
        Column("properties", JSON, nullable=False),
        Column("source", KEY, nullable=True),
        Column("client_id", KEY, nullable=True),
        Column("moved_from", ID, nullable=True),
        *stamps(),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
    )
    own = "organization_id"
    op.create_index(f"ix_{table}_created", table, [own, "created_at", "id"])
    op.create_index(f"ix_{table}_contact", table, [own, "contact_id", "name", "occurred_at"])
    op.create_index(f"ix_{table}_name", table, [own, "name", "occurred_at", "contact_id"])
    op.create_index(
        f"uq_{table}_client_id",
        table,
        [own, "client_id"],
        unique=True,
        postgresql_where=sa.text("client_id IS NOT NULL"),
    )
    op.create_index(
        f"ix_{table}_moved_from",
        table,
        [own, "moved_from"],
        postgresql_where=sa.text("moved_from IS NOT NULL"),
    )


def segments() -> None:
    table = "segments"
    op.create_table(
        table,
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("name", KEY, nullable=False),
        Column("sort_name", KEY, nullable=False),
        Column("kind", KEY, nullable=False),
        Column("target", KEY, nullable=False),
        Column("description", sa.Text(), nullable=True),
        Column("filter", JSON, nullable=False),
        Column("is_active", sa.Boolean(), nullable=False),
        Column("tags", JSON, nullable=False),
        *stamps(),
        sa.CheckConstraint(
            "kind IN ('dynamic', 'static', 'snapshot', 'suppression')",
            name=op.f("ck_segments_kind"),
        ),
        sa.CheckConstraint("target IN ('contact', 'company')", name=op.f("ck_segments_target")),
        sa.CheckConstraint("kind <> 'static' OR filter = '{}'", name=op.f("ck_segments_static")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_segments")),
    )
    for name, column in (
        ("created", "created_at"),
        ("updated", "updated_at"),
        ("name", "sort_name"),
    ):
        op.create_index(f"ix_segments_{name}", table, ["organization_id", column, "id"])
    op.create_index(
        "ix_segments_owner",
        table,
        ["organization_id", "owner_id"],
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )


def members() -> None:
    key = ("organization_id", "segment_id", "record_id")
    op.create_table(
        "segment_members",
        *(Column(name, ID, nullable=False) for name in key),
        Column("entered_at", INSTANT, nullable=False),
        Column("left_at", INSTANT, nullable=True),
        Column("entered_by", KEY, nullable=False),
        Column("left_by", KEY, nullable=True),
        sa.CheckConstraint("left_at >= entered_at", name=op.f("ck_segment_members_left_at")),
        sa.PrimaryKeyConstraint(*key, "entered_at", name=op.f("pk_segment_members")),
    )
    op.create_index(
        "uq_segment_members_open",
        "segment_members",
        list(key),
        unique=True,
        postgresql_where=sa.text("left_at IS NULL"),
    )
    op.create_table(
        "segment_overrides",
        *(Column(name, ID, nullable=False) for name in key),
        Column("is_member", sa.Boolean(), nullable=False),
        Column("at", INSTANT, nullable=False),
        Column("actor_id", ID, nullable=True),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_segment_overrides")),
    )
    for table in ("segment_members", "segment_overrides"):
        op.create_index(f"ix_{table}_record", table, ["organization_id", "record_id"])


def standings() -> None:
    op.create_table(
        "segment_standings",
        Column("organization_id", ID, nullable=False),
        Column("segment_id", ID, nullable=False),
        Column("size", sa.Integer(), nullable=False),
        Column("refreshed_at", INSTANT, nullable=True),
        Column("reconciled_at", INSTANT, nullable=True),
        Column("drift_entered", sa.Integer(), nullable=False),
        Column("drift_left", sa.Integer(), nullable=False),
        Column("fault", KEY, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "segment_id", name=op.f("pk_segment_standings")),
    )
    op.create_table(
        "segment_states",
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
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_segment_states")),
    )


def upgrade() -> None:
    behaviour()
    segments()
    members()
    standings()
    for table in TABLES:
        ddl.protect(table)
    ddl.count_records("segments")
    for table in ("segments", "segment_standings", "segment_states"):
        ddl.see_all(table, ddl.DEFINER, "SELECT")
    ddl.definer_function("crm_organizations_with_segment_news(most integer)", "SETOF uuid", NEWS)
    ddl.definer_function(
        "crm_segments_due(after_organization uuid, after_segment uuid, most integer)",
        "TABLE (organization_id uuid, segment_id uuid)",
        DUE,
    )
    # With the rights of whoever asks: the wall between organizations holds in it as well.
    op.execute(
        "CREATE FUNCTION crm_consent_state(organization uuid, person uuid, for_purpose text, "
        "by_channel text, at_moment timestamptz) RETURNS text LANGUAGE sql STABLE AS $$ "
        f"{CONSENT} $$"
    )
    op.execute(f"GRANT EXECUTE ON FUNCTION crm_consent_state TO {ddl.APP}")


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION crm_consent_state, crm_segments_due, crm_organizations_with_segment_news"
    )
    for table in reversed(TABLES):
        op.drop_table(table)
