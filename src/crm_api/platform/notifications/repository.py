"""What inboxes, preferences and followings hold, and who is who."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import About, Listing
from crm_api.kit.schema import Out
from crm_api.platform.notifications.models import Notice, Notification
from crm_api.platform.notifications.schemas import NotificationRow

TOLD_OF: list[Listing] = []
"""The records that notifications may be about; told by the registry."""
OTHERS: list[Listing] = []
"""The records of custom objects, whatever the object."""
NOTIFICATIONS: Listing = Listing(
    model=Notification,
    # Not all that records have: nobody changes a notification.
    out=cast("type[Out]", NotificationRow),
    area="notifications",
    default_sort="is_read,-last_at",
    condition=lambda: Notification.in_app.is_(True),
    # By the record that it is about as it is seen now, not when it was told.
    open_to=lambda row, me: row.owner_id == me,
    about=About(
        "target", ("record_ids",), lambda: TOLD_OF, lambda: OTHERS[0], tells=False, optional=True
    ),
)
OTHERS_AT_MOST = 99
"""So many records beside the last one are kept of what one piece of work did to many."""
_ADD = f"""
    INSERT INTO notifications (organization_id, id, owner_id, kind, type, event_id, target,
        record_id, comment_id, job_id, actor_kind, actor_id, count, group_key, in_app, last_at,
        other_ids, is_read, version, created_at, updated_at)
    SELECT $1, t.id, t.owner_id, t.kind, t.type, t.event_id, t.target, t.record_id, t.comment_id,
        t.job_id, t.actor_kind, t.actor_id, t.count, t.group_key, t.in_app, t.last_at,
        t.other_ids::uuid[], false, 1, $2, $2
    FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::uuid[], $8::text[],
        $9::uuid[], $10::uuid[], $11::uuid[], $12::text[], $13::uuid[], $14::integer[],
        $15::text[], $16::boolean[], $17::timestamptz[], $18::text[])
        AS t (id, owner_id, kind, type, event_id, target, record_id, comment_id, job_id,
            actor_kind, actor_id, count, group_key, in_app, last_at, other_ids)
    ORDER BY t.owner_id, t.group_key
    ON CONFLICT (organization_id, owner_id, group_key) WHERE NOT is_read DO UPDATE SET
        count = notifications.count + excluded.count, type = excluded.type,
        event_id = excluded.event_id, target = excluded.target, record_id = excluded.record_id,
        comment_id = excluded.comment_id, job_id = excluded.job_id,
        actor_kind = excluded.actor_kind, actor_id = excluded.actor_id, other_ids = (
            SELECT array_agg(o.id ORDER BY o.place) FROM (
                SELECT id, min(place) AS place
                FROM unnest(excluded.other_ids || notifications.record_id || notifications.other_ids)
                    WITH ORDINALITY AS u (id, place)
                WHERE id <> excluded.record_id GROUP BY id ORDER BY 2 LIMIT {OTHERS_AT_MOST}) AS o),
        in_app = notifications.in_app OR excluded.in_app, last_at = excluded.last_at,
        archived_at = NULL, version = notifications.version + 1, updated_at = excluded.updated_at
    RETURNING id, owner_id, group_key
"""  # noqa: S608
_ADD_DUES = """
    INSERT INTO notification_dues
        (organization_id, user_id, channel, notification_id, count, due_at)
    SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::integer[], $6::timestamptz[])
    ON CONFLICT (organization_id, user_id, channel, notification_id)
    DO UPDATE SET count = notification_dues.count + excluded.count
"""
_MARK = """
    UPDATE notifications SET
        is_read = coalesce($4, is_read),
        read_at = CASE WHEN $4 AND NOT is_read THEN $3 WHEN NOT $4 THEN NULL ELSE read_at END,
        archived_at = CASE WHEN $5 THEN coalesce(archived_at, $3) WHEN NOT $5 THEN NULL
            ELSE archived_at END,
        snoozed_until = CASE WHEN $6 THEN $7 ELSE snoozed_until END,
        version = version + 1, updated_at = $3
    WHERE organization_id = $1 AND owner_id = $2 AND id = ANY($8)
        AND (is_read IS DISTINCT FROM coalesce($4, is_read)
            OR (archived_at IS NOT NULL) IS DISTINCT FROM coalesce($5, archived_at IS NOT NULL)
            OR ($6 AND snoozed_until IS DISTINCT FROM $7))
    RETURNING id
"""
# One that is unread again gives way to what has been told of the same since.
_SUPERSEDED = """
    SELECT n.id FROM notifications n
    WHERE n.organization_id = $1 AND n.owner_id = $2 AND n.id = ANY($3) AND n.is_read
        AND (EXISTS (SELECT FROM notifications o WHERE o.organization_id = $1
                AND o.owner_id = $2 AND o.group_key = n.group_key AND NOT o.is_read)
            OR EXISTS (SELECT FROM notifications o WHERE o.organization_id = $1
                AND o.owner_id = $2 AND o.group_key = n.group_key AND o.id = ANY($3)
                AND o.is_read AND (o.last_at, o.id) > (n.last_at, n.id)))
"""
_IN_INBOX = """
    SELECT id FROM notifications WHERE organization_id = $1 AND owner_id = $2 AND last_at <= $3
        AND in_app AND archived_at IS NULL AND (snoozed_until IS NULL OR snoozed_until <= $4)
        AND ($5 OR NOT is_read)
    ORDER BY id LIMIT $6 FOR UPDATE
"""
_LOCKED = """
    SELECT id FROM notifications WHERE organization_id = $1 AND owner_id = $2 AND id = ANY($3)
    ORDER BY id FOR UPDATE
"""
_SOME = """
    SELECT id, owner_id, kind, type, event_id, target, record_id, comment_id, job_id, actor_kind,
        actor_id, group_key, count, in_app, last_at, is_read, archived_at
    FROM notifications WHERE organization_id = $1 AND owner_id = $2 AND id = ANY($3)
    ORDER BY last_at, id
"""
_PREFERENCE = """
    SELECT choices, times, addresses, version FROM notification_preferences
    WHERE organization_id = $1 AND subject_id = $2
"""
_LOCK_PREFERENCE = """
    INSERT INTO notification_preferences
        (organization_id, subject_id, choices, times, addresses, version, updated_at)
    VALUES ($1, $2, '{}', '{}', '{}', 0, $3)
    ON CONFLICT (organization_id, subject_id) DO UPDATE SET updated_at = excluded.updated_at
    RETURNING choices, times, addresses, version
"""
_SET_PREFERENCE = """
    UPDATE notification_preferences SET choices = $3, times = $4, addresses = $5,
        version = version + 1
    WHERE organization_id = $1 AND subject_id = $2
"""
_MEMBERS = """
    SELECT u.id, u.email FROM users u
    WHERE u.organization_id = $1 AND u.deleted_at IS NULL AND u.status <> 'suspended'
        AND (u.id = ANY($2) OR EXISTS (SELECT FROM team_members m
            WHERE m.organization_id = $1 AND m.user_id = u.id AND m.team_id = ANY($3)
                AND m.deleted_at IS NULL))
    ORDER BY u.id
"""
_READERS = """
    SELECT u.id, u.email, coalesce(u.time_zone, o.time_zone) AS time_zone,
        coalesce(u.language, o.language) AS language, o.name AS organization,
        p.choices, p.times, p.addresses
    FROM users u JOIN organizations o ON o.id = u.organization_id
    LEFT JOIN notification_preferences p
        ON p.organization_id = u.organization_id AND p.subject_id = u.id
    WHERE u.organization_id = $1 AND u.id = ANY($2) AND u.deleted_at IS NULL
        AND u.status <> 'suspended'
"""
_BEGUN = """
    SELECT u.id, (SELECT e.seq FROM events e WHERE e.organization_id = $1 AND e.record_id = u.id
        ORDER BY e.organization_id, e.record_id, e.seq LIMIT 1) AS seq
    FROM unnest($2::uuid[]) AS u (id)
"""
_ACTORS = """
    SELECT id, name FROM users WHERE organization_id = $1 AND id = ANY($2)
    UNION ALL
    SELECT id, name FROM teams WHERE organization_id = $1 AND id = ANY($2)
    UNION ALL
    SELECT k.id, u.name FROM api_keys k
    JOIN users u ON u.organization_id = k.organization_id AND u.id = k.user_id
    WHERE k.organization_id = $1 AND k.id = ANY($2)
"""
_JOBS = "SELECT id, kind FROM jobs WHERE organization_id = $1 AND id = ANY($2)"
_NOTICES = "SELECT id, subject, text FROM notices WHERE organization_id = $1 AND id = ANY($2)"
_COLLECT = """
    DELETE FROM notification_dues WHERE organization_id = $1 AND user_id = $2 AND channel = $3
        AND due_at <= now() RETURNING notification_id, count
"""
_DIGEST = """
    SELECT user_id, channel, items, status FROM notification_digests
    WHERE organization_id = $1 AND id = $2
"""
_END_DIGEST = """
    UPDATE notification_digests SET status = $3, ended_at = $4
    WHERE organization_id = $1 AND id = $2
"""
# Of many the latest that is left stands for them.
_LEAVE = """
    UPDATE notifications n SET record_id = l.ids[1], other_ids = nullif(l.ids[2:], '{}'),
        version = n.version + 1, updated_at = $3
    FROM (SELECT id, ARRAY(
            SELECT u.id FROM unnest(array_prepend(record_id, other_ids))
                WITH ORDINALITY AS u (id, place)
            WHERE NOT u.id = ANY($2) ORDER BY u.place) AS ids
        FROM notifications WHERE organization_id = $1 AND other_ids IS NOT NULL
            AND array_prepend(record_id, other_ids) && $2) AS l
    WHERE n.organization_id = $1 AND n.id = l.id AND cardinality(l.ids) > 0
"""
_FORGET = (
    "DELETE FROM notices WHERE organization_id = $1 AND record_id = ANY($2)",
    (
        "DELETE FROM notification_dues d USING notifications n WHERE d.organization_id = $1 "
        "AND n.organization_id = $1 AND n.id = d.notification_id AND n.record_id = ANY($2)"
    ),
    "DELETE FROM followings WHERE organization_id = $1 AND record_id = ANY($2)",
    "DELETE FROM notifications WHERE organization_id = $1 AND record_id = ANY($2) RETURNING id",
)
_FORGET_USERS = (
    "DELETE FROM notification_dues WHERE organization_id = $1 AND user_id = ANY($2)",
    "DELETE FROM notification_digests WHERE organization_id = $1 AND user_id = ANY($2)",
    "DELETE FROM notification_preferences WHERE organization_id = $1 AND subject_id = ANY($2)",
    "DELETE FROM followings WHERE organization_id = $1 AND user_id = ANY($2)",
    "DELETE FROM notifications WHERE organization_id = $1 AND owner_id = ANY($2)",
)


class Notifications(Repository[Notification]):
    """The inbox of whoever asks."""

    model = Notification
    listing = NOTIFICATIONS

    async def inbox(self, user: UUID, until: datetime, limit: int, *, read: bool) -> list[UUID]:
        """What is in the inbox, locked, in the order of the ids."""
        args = (self.tx.organization_id, user, until, self.tx.now, read, limit)
        return [row["id"] for row in await self.tx.write(_IN_INBOX, *args)]

    async def locked_of(self, user: UUID, ids: Sequence[UUID]) -> list[UUID]:
        """Those of some notifications that are a user's, locked in the order of their ids."""
        rows = await self.tx.write(_LOCKED, self.tx.organization_id, user, list(ids))
        return [row["id"] for row in rows]

    async def superseded(self, user: UUID, ids: Sequence[UUID]) -> set[UUID]:
        """Those that cannot be unread, since the same has been told since."""
        rows = await self.tx.fetch(_SUPERSEDED, self.tx.organization_id, user, list(ids))
        return {row["id"] for row in rows}

    async def mark(
        self,
        user: UUID,
        ids: Sequence[UUID],
        *,
        is_read: bool | None,
        is_archived: bool | None,
        snooze: bool,
        snoozed_until: datetime | None,
    ) -> int:
        """Set what becomes of some notifications; how many were not so before."""
        own, now = self.tx.organization_id, self.tx.now
        args = (own, user, now, is_read, is_archived, snooze, snoozed_until, list(ids))
        return len(await self.tx.write(_MARK, *args))


class Preferences:
    """What users want, and organizations."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def of(self, subject: UUID, *, lock: bool = False) -> dict[str, Any]:
        """What a user or the organization has said."""
        own = self.tx.organization_id
        if lock:
            rows = await self.tx.write(_LOCK_PREFERENCE, own, subject, self.tx.now)
        else:
            rows = await self.tx.fetch(_PREFERENCE, own, subject)
        return _preference(rows[0]) if rows else _preference(None)

    async def store(self, subject: UUID, said: dict[str, Any]) -> None:
        """What a user or the organization says from here on; it is locked."""
        parts = (encode(said[name]).decode() for name in ("choices", "times", "addresses"))
        await self.tx.write(_SET_PREFERENCE, self.tx.organization_id, subject, *parts)

    async def readers(self, ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
        """Those of some users who are let in, with what they want."""
        rows = await self.tx.fetch(_READERS, self.tx.organization_id, list(ids))
        return {row["id"]: {**dict(row), "said": _preference(row)} for row in rows}

    async def begun(self, ids: Sequence[UUID]) -> dict[UUID, int]:
        """The place of the first event of each of some users."""
        rows = await self.tx.fetch(_BEGUN, self.tx.organization_id, list(ids))
        return {row["id"]: row["seq"] or 0 for row in rows}


def add_notice(tx: Tx, event_id: UUID, record_id: UUID, *, subject: str, text: str) -> None:
    """Keep what an event tells some users, so that they alone read it."""
    values = {"id": event_id, "record_id": record_id, "subject": subject, "text": text}
    tx.insert(Notice, {**values, "created_at": tx.now})


async def members_of(tx: Tx, users: Sequence[UUID], teams: Sequence[UUID]) -> list[Any]:
    """The `id` and `email` of those among users, and the members of teams, who are let in."""
    return await tx.fetch(_MEMBERS, tx.organization_id, list(users), list(teams))


class Names:
    """What those are called whom notifications name."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def actors(self, ids: Sequence[UUID]) -> dict[UUID, str]:
        """The names of users and teams; users also by the ids of keys that act for them."""
        rows = await self.tx.fetch(_ACTORS, self.tx.organization_id, list(ids)) if ids else []
        return {row["id"]: row["name"] for row in rows}

    async def notices(self, ids: Sequence[UUID]) -> dict[UUID, tuple[str, str]]:
        """Subjects and texts by the ids of their events."""
        rows = await self.tx.fetch(_NOTICES, self.tx.organization_id, list(ids)) if ids else []
        return {row["id"]: (row["subject"], row["text"]) for row in rows}

    async def jobs(self, ids: Sequence[UUID]) -> dict[UUID, str]:
        """What some jobs did."""
        rows = await self.tx.fetch(_JOBS, self.tx.organization_id, list(ids)) if ids else []
        return {row["id"]: row["kind"] for row in rows}


class Telling:
    """What fan-out and digests store, in the name of the product."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def add(self, rows: Sequence[Sequence[Any]]) -> dict[tuple[UUID, str], UUID]:
        """Store notifications, or count on those that are unread; their ids by user and group."""
        args = [list(column) for column in zip(*rows, strict=True)]
        made = await self.tx.write(_ADD, self.tx.organization_id, self.tx.now, *args)
        return {(row["owner_id"], row["group_key"]): row["id"] for row in made}

    async def add_dues(self, rows: Sequence[Sequence[Any]]) -> None:
        """Have notifications be sent."""
        args = [list(column) for column in zip(*rows, strict=True)]
        await self.tx.write(_ADD_DUES, self.tx.organization_id, *args)

    async def collect(self, user: UUID, channel: str) -> dict[str, int]:
        """Take what is due to a user by a channel; nobody else finds it there any more."""
        rows = await self.tx.write(_COLLECT, self.tx.organization_id, user, channel)
        return {str(row["notification_id"]): row["count"] for row in rows}

    async def digest(self, id: UUID) -> dict[str, Any] | None:
        """What was collected to be sent."""
        rows = await self.tx.fetch(_DIGEST, self.tx.organization_id, id)
        return {**dict(rows[0]), "items": decode(rows[0]["items"])} if rows else None

    async def end_digest(self, id: UUID, status: str) -> None:
        """Say what became of it."""
        await self.tx.write(_END_DIGEST, self.tx.organization_id, id, status, self.tx.now)

    async def some(self, user: UUID, ids: Sequence[UUID]) -> list[dict[str, Any]]:
        """Notifications of a user as they are stored, oldest first."""
        rows = await self.tx.fetch(_SOME, self.tx.organization_id, user, list(ids))
        return [dict(row) for row in rows]

    async def forget(self, records: Sequence[UUID]) -> int:
        """Remove what is told of some records; how many notifications there were of them alone."""
        own = self.tx.organization_id
        await self.tx.write(_LEAVE, own, list(records), self.tx.now)
        gone: list[Any] = []
        for statement in _FORGET:
            gone = await self.tx.write(statement, own, list(records))
        return len(gone)

    async def forget_users(self, users: Sequence[UUID]) -> None:
        """Remove what was kept of some users."""
        for statement in _FORGET_USERS:
            await self.tx.write(statement, self.tx.organization_id, list(users))


def _preference(row: Any) -> dict[str, Any]:
    if row is None or row["choices"] is None:
        return {"choices": {}, "times": {}, "addresses": {}, "version": 0}
    parts = {name: decode(row[name]) for name in ("choices", "times", "addresses")}
    return {**parts, "version": dict(row).get("version", 0)}
