"""Comments and notifications: inboxes, preferences, followings, digests; failed jobs as events."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261224_notifications"
down_revision = "20261223_files"
branch_labels = None
depends_on = None

JSON = JSONB()
INSTANT = TIMESTAMP(timezone=True)
KEY = sa.Text(collation="C")
ID = sa.Uuid()
HORIZON = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
LAST = 2**63 - 1
EMPTY = sa.text("'{}'")
NEW_ID = """
    encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
        substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
        FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
"""
# In no order, so that those which cannot go on do not stand before the others. Where there is no
# user there is nobody to be told; the first one is told of nothing that was before.
NEWS = f"""
    SELECT o.id FROM organizations o
    LEFT JOIN notification_states s ON s.organization_id = o.id
    WHERE EXISTS (SELECT FROM users u WHERE u.organization_id = o.id AND u.deleted_at IS NULL)
        AND EXISTS (
            SELECT FROM events e WHERE e.organization_id = o.id
                AND (e.tx, e.seq) > (coalesce(s.tx, 0), coalesce(s.seq, 0))
                AND e.tx < {HORIZON})
    ORDER BY random() LIMIT most
"""
DUE = """
    SELECT DISTINCT d.organization_id, d.user_id, d.channel FROM (
        SELECT organization_id, user_id, channel FROM notification_dues
        WHERE due_at <= now() ORDER BY due_at LIMIT most) d
"""
FORGET = """
    WITH old AS (
        SELECT organization_id, id FROM notifications
        WHERE last_at < now() - interval '365 days'
            OR (is_read AND last_at < now() - interval '90 days') LIMIT most),
    dues AS (
        DELETE FROM notification_dues d USING old
        WHERE d.organization_id = old.organization_id AND d.notification_id = old.id),
    digests AS (
        DELETE FROM notification_digests d USING (
            SELECT organization_id, id FROM notification_digests
            WHERE created_at < now() - interval '90 days' LIMIT most) o
        WHERE d.organization_id = o.organization_id AND d.id = o.id),
    gone AS (
        DELETE FROM notifications n USING old
        WHERE n.organization_id = old.organization_id AND n.id = old.id RETURNING 1)
    SELECT count(*) FROM gone
"""
# Where a job ends for good, whichever worker says so and by whatever statement.
FAILED = f"""
    BEGIN
        INSERT INTO events (organization_id, id, type, entity, record_id, version, data,
            actor_kind, occurred_at)
        VALUES (NEW.organization_id, {NEW_ID}, 'job.failed', 'job', NEW.id, NEW.attempts + 1,
            jsonb_build_object('kind', NEW.kind, 'attempts', NEW.attempts,
                'code', NEW.error ->> 'code', 'user_id', NEW.actor ->> 'user_id'),
            'system', now());
        RETURN NULL;
    END
"""


def record(table: str, *columns: object) -> None:
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
        Column("custom", JSON, server_default=EMPTY, nullable=False),
        Column("external_ids", JSON, server_default=EMPTY, nullable=False),
        Column("deleted_at", INSTANT, nullable=True),
        Column("deleted_by", ID, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
    )


def comments() -> None:
    record(
        "comments",
        Column("target", KEY, nullable=False),
        Column("record_id", ID, nullable=False),
        Column("parent_id", ID, nullable=True),
        Column("body", KEY, nullable=False),
        Column("mentions", JSON, nullable=False),
        Column("author_id", ID, nullable=True),
        Column("is_pinned", sa.Boolean(), nullable=False),
        Column("edited_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "parent_id"],
            ["comments.organization_id", "comments.id"],
            name=op.f("fk_comments_organization_id_parent_id"),
        ),
        sa.CheckConstraint("parent_id <> id", name=op.f("ck_comments_not_its_own_parent")),
    )
    op.create_index("ix_comments_created", "comments", ["organization_id", "created_at", "id"])
    op.create_index(
        "ix_comments_record", "comments", ["organization_id", "record_id", "created_at", "id"]
    )
    op.create_index(
        "ix_comments_parent",
        "comments",
        ["organization_id", "parent_id"],
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    ddl.protect("comments")


def inboxes() -> None:
    record(
        "notifications",
        Column("kind", KEY, nullable=False),
        Column("type", KEY, nullable=False),
        Column("event_id", ID, nullable=False),
        Column("target", KEY, nullable=True),
        Column("record_id", ID, nullable=True),
        Column("comment_id", ID, nullable=True),
        Column("job_id", ID, nullable=True),
        Column("actor_kind", KEY, nullable=False),
        Column("actor_id", ID, nullable=True),
        Column("count", sa.Integer(), nullable=False),
        Column("group_key", KEY, nullable=False),
        Column("in_app", sa.Boolean(), nullable=False),
        Column("last_at", INSTANT, nullable=False),
        Column("is_read", sa.Boolean(), nullable=False),
        Column("read_at", INSTANT, nullable=True),
        Column("archived_at", INSTANT, nullable=True),
        Column("snoozed_until", INSTANT, nullable=True),
    )
    op.create_index(
        "ix_notifications_inbox",
        "notifications",
        ["organization_id", "owner_id", "is_read", sa.text("last_at DESC"), sa.text("id DESC")],
    )
    op.create_index(
        "uq_notifications_unread",
        "notifications",
        ["organization_id", "owner_id", "group_key"],
        unique=True,
        postgresql_where=sa.text("NOT is_read"),
    )
    op.create_index("ix_notifications_record", "notifications", ["organization_id", "record_id"])
    op.create_index("ix_notifications_age", "notifications", ["last_at"])


def further() -> None:
    op.create_table(
        "notification_preferences",
        Column("organization_id", ID, nullable=False),
        Column("subject_id", ID, nullable=False),
        Column("choices", JSON, nullable=False),
        Column("times", JSON, nullable=False),
        Column("addresses", JSON, nullable=False),
        Column("version", sa.Integer(), nullable=False),
        Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "subject_id", name=op.f("pk_notification_preferences")
        ),
    )
    op.create_table(
        "followings",
        Column("organization_id", ID, nullable=False),
        Column("user_id", ID, nullable=False),
        Column("record_id", ID, nullable=False),
        Column("target", KEY, nullable=False),
        Column("follows", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "user_id", "record_id", name=op.f("pk_followings")
        ),
    )
    op.create_index("ix_followings_record", "followings", ["organization_id", "record_id"])
    op.create_table(
        "notification_states",
        Column("organization_id", ID, nullable=False),
        Column("tx", sa.BigInteger(), nullable=False),
        Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_notification_states")),
    )


def sending() -> None:
    outward = "channel IN ('email', 'sms', 'messenger')"
    op.create_table(
        "notification_dues",
        Column("organization_id", ID, nullable=False),
        Column("user_id", ID, nullable=False),
        Column("channel", KEY, nullable=False),
        Column("notification_id", ID, nullable=False),
        Column("count", sa.Integer(), nullable=False),
        Column("due_at", INSTANT, nullable=False),
        sa.CheckConstraint(outward, name=op.f("ck_notification_dues_channel")),
        sa.PrimaryKeyConstraint(
            "organization_id",
            "user_id",
            "channel",
            "notification_id",
            name=op.f("pk_notification_dues"),
        ),
    )
    op.create_index("ix_notification_dues_at", "notification_dues", ["due_at"])
    op.create_table(
        "notification_digests",
        Column("organization_id", ID, nullable=False),
        Column("id", ID, nullable=False),
        Column("user_id", ID, nullable=False),
        Column("channel", KEY, nullable=False),
        Column("items", JSON, nullable=False),
        Column("status", KEY, nullable=False),
        Column("created_at", INSTANT, nullable=False),
        Column("ended_at", INSTANT, nullable=True),
        sa.CheckConstraint(outward, name=op.f("ck_notification_digests_channel")),
        sa.CheckConstraint(
            "status IN ('pending', 'sent', 'nothing_left', 'no_address', 'no_way', 'refused')",
            name=op.f("ck_notification_digests_status"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_notification_digests")),
    )
    op.create_index("ix_notification_digests_age", "notification_digests", ["created_at"])


TABLES = (
    "notifications",
    "notification_preferences",
    "followings",
    "notification_states",
    "notification_dues",
    "notification_digests",
)


def upgrade() -> None:
    comments()
    inboxes()
    further()
    sending()
    # Nobody is told of what happened before there were notifications. The owner of the tables
    # is held to the policies as well.
    with ddl.rows_of_all("organizations"):
        op.execute(
            "INSERT INTO notification_states (organization_id, tx, seq) "
            f"SELECT id, {HORIZON} - 1, {LAST} FROM organizations"
        )
    for table in TABLES:
        ddl.protect(table)
    for table in ("notifications", "notification_dues", "notification_digests"):
        ddl.see_all(table, ddl.DEFINER, "SELECT, DELETE")
    ddl.see_all("notification_states", ddl.DEFINER, "SELECT")
    ddl.definer_function("crm_organizations_with_news(most integer)", "SETOF uuid", NEWS)
    ddl.definer_function(
        "crm_notifications_due(most integer)",
        "TABLE (organization_id uuid, user_id uuid, channel text)",
        DUE,
    )
    ddl.definer_function("crm_forget_notifications(most integer)", "bigint", FORGET, changes=True)
    ddl.definer_function(
        "crm_tell_failed_job()", "trigger", FAILED, language="plpgsql", changes=True
    )
    op.execute(
        "CREATE TRIGGER tell_failed AFTER UPDATE OF status ON jobs FOR EACH ROW "
        "WHEN (NEW.status = 'failed' AND OLD.status <> 'failed') "
        "EXECUTE FUNCTION crm_tell_failed_job()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER tell_failed ON jobs")
    op.execute(
        "DROP FUNCTION crm_tell_failed_job, crm_forget_notifications, crm_notifications_due, "
        "crm_organizations_with_news"
    )
    for table in (*reversed(TABLES), "comments"):
        op.drop_table(table)
