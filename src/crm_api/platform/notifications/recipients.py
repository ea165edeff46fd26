"""Who is to be told of which events, before it is asked what they may see and want."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

import msgspec

from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.platform.notifications.events import NOTICE, RUN, SendDigest
from crm_api.platform.notifications.following import Followers
from crm_api.platform.notifications.kinds import OF_WORK, OPERATIONAL, Kind, is_of_work

_TEAMS = """
    SELECT team_id, user_id FROM team_members
    WHERE organization_id = $1 AND team_id = ANY($2) AND deleted_at IS NULL
"""
_HAVING_ROLES = """
    SELECT role_id, user_id FROM role_assignments
    WHERE organization_id = $1 AND role_id = ANY($2) AND deleted_at IS NULL
"""
_HOLDERS = """
    SELECT DISTINCT a.user_id FROM role_assignments a
    JOIN roles r ON r.organization_id = a.organization_id AND r.id = a.role_id
    WHERE a.organization_id = $1 AND a.deleted_at IS NULL AND r.deleted_at IS NULL
        AND EXISTS (SELECT FROM jsonb_array_elements_text(r.permissions) AS p (name)
            WHERE p.name = '*' OR p.name = $2)
"""
_KEYS = """
    SELECT id, user_id FROM api_keys
    WHERE organization_id = $1 AND id = ANY($2) AND user_id IS NOT NULL
"""
_COMMENTS = """
    SELECT id, target, record_id FROM comments
    WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL
"""
_STANDING_IN = """
    SELECT user_id, delegate_id FROM approval_delegations
    WHERE organization_id = $1 AND user_id = ANY($2) AND deleted_at IS NULL
        AND starts_at <= now() AND (ends_at IS NULL OR ends_at > now())
"""
MANAGE = "manage_settings"
WORK = frozenset(
    [
        "import.completed",
        "import.failed",
        "import.cancelled",
        "import.reverted",
        "export.completed",
    ]
)
ASKED = ("approval.requested", "approval.progressed", "approval.reassigned", "approval.escalated")
DECIDED = ("approval.approved", "approval.rejected", "approval.expired", "approval.voided")
FIXED = (
    *ASKED,
    *DECIDED,
    "comment.created",
    "comment.updated",
    "job.failed",
    NOTICE,
    "user.login_blocked",
    "webhook.disabled",
    "webhook.failing",
    *sorted(WORK),
)
"""The topics that somebody is told of beside those of the records that can be followed."""
REMINDERS: list[str] = []
"""The topics that happen by themselves, and that the owner of the record is told of."""
GUARDED: dict[str, str] = {}
"""Of some of them the permission whose holders are told where the record has no owner."""
_NOT_CHANGES = frozenset({"created", "shared", "unshared", "purged", "erased", "readmitted"})


def remind(topics: Iterable[str], guarded: Mapping[str, str]) -> None:
    """Have owners be told of these topics, or of the guarded ones holders of a permission."""
    REMINDERS[:] = topics
    GUARDED.clear()
    GUARDED.update(guarded)


@dataclass(frozen=True)
class Told:
    """One event that one user is to be told of."""

    user_id: UUID
    kind: Kind
    event: Any
    target: str | None
    record_id: UUID | None
    group_key: str
    comment_id: UUID | None = None
    job_id: UUID | None = None
    outward: bool = True
    """Whether it may be sent as well."""

    @property
    def is_of_work(self) -> bool:
        """Whether it is told together with what else the same piece of work did."""
        return is_of_work(self.kind, self.group_key)


@dataclass(frozen=True)
class _Case:
    """An event as a notification has it, and who is to be told."""

    kind: Kind
    event: Any
    users: Iterable[UUID | None]
    target: str | None
    record_id: UUID | None
    comment_id: UUID | None = None
    job_id: UUID | None = None
    group: str | None = None
    outward: bool = True

    def of(self, user: UUID) -> Told:
        group = f"{self.kind}:{self.group or self.record_id or self.event['type']}"
        return Told(
            user,
            self.kind,
            self.event,
            self.target,
            self.record_id,
            group,
            self.comment_id,
            self.job_id,
            self.outward,
        )


class Recipients:
    """Finds them for a stretch of the feed by a handful of statements."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._followers = Followers(tx)
        self._commented: dict[UUID, tuple[str, UUID]] = {}
        self._following: dict[UUID, dict[UUID, list[str]]] = {}
        self._owners: dict[UUID, UUID | None] = {}
        self._groups: dict[UUID, list[UUID]] = {}
        self._holders: dict[str, list[UUID]] = {}
        self._users_of_keys: dict[UUID, UUID] = {}
        self._standing_in: dict[UUID, list[UUID]] = {}

    async def of(self, rows: Sequence[Any]) -> list[Told]:
        """Whom to tell of these events: once of each, and never who did it themselves."""
        events = [_Event(row) for row in rows]
        await self._look_up(events)
        told: list[Told] = []
        for event in events:
            seen = {None, *self._doers(event)}
            for case in self._cases(event):
                skipped = {None} if case.kind in OPERATIONAL else seen
                for user in case.users:
                    if user is not None and user not in skipped:
                        told.append(case.of(user))
                        seen.add(user)
        return told

    async def _look_up(self, events: Sequence["_Event"]) -> None:
        await self._look_up_records(events)
        await self._look_up_people(events)

    async def _look_up_records(self, events: Sequence["_Event"]) -> None:
        own = self._tx.organization_id
        comments = [event.row["record_id"] for event in events if event.entity == "comment"]
        for row in await self._tx.fetch(_COMMENTS, own, comments) if comments else ():
            # A merge may have moved it since.
            self._commented[row["id"]] = (row["target"], row["record_id"])
        followed: dict[str, set[UUID]] = {}
        for event in events:
            about = self._about(event)
            if about is not None and (event.is_change or event.type == "comment.created"):
                followed.setdefault(about[0], set()).add(about[1])
        for entity, ids in followed.items():
            self._following |= await self._followers.of(entity, list(ids))
        for entity in ("import", "export"):
            ids = [e.row["record_id"] for e in events if e.entity == entity and e.type in WORK]
            self._owners |= await self._followers.owners(entity, ids) if ids else {}
        reminded: dict[str, list[UUID]] = {}
        for event in events:
            if event.type in REMINDERS:
                reminded.setdefault(event.entity, []).append(event.row["record_id"])
        for entity, ids in reminded.items():
            self._owners |= await self._followers.owners(entity, ids)

    async def _look_up_people(self, events: Sequence["_Event"]) -> None:
        own = self._tx.organization_id
        groups = [id for event in events for id in event.groups]
        for sql, column in ((_TEAMS, "team_id"), (_HAVING_ROLES, "role_id")):
            for row in await self._tx.fetch(sql, own, groups) if groups else ():
                self._groups.setdefault(row[column], []).append(row["user_id"])
        wanted = {MANAGE for event in events if event.entity == "webhook"}
        wanted |= {"*" for event in events if event.entity == "job"}
        wanted |= {GUARDED[event.type] for event in events if self._is_of_nobody(event)}
        for permission in sorted(wanted):
            rows = await self._tx.fetch(_HOLDERS, own, permission)
            self._holders[permission] = [row["user_id"] for row in rows]
        keys = [e.row["actor_id"] for e in events if e.row["actor_kind"] == "key"]
        for row in await self._tx.fetch(_KEYS, own, keys) if keys else ():
            self._users_of_keys[row["id"]] = row["user_id"]
        asked = [id for event in events for id in event.asked]
        for row in await self._tx.fetch(_STANDING_IN, own, asked) if asked else ():
            self._standing_in.setdefault(row["user_id"], []).append(row["delegate_id"])

    def _is_of_nobody(self, event: "_Event") -> bool:
        """Whether holders of a permission stand for the owner that a record does not have."""
        return event.type in GUARDED and self._owners.get(event.row["record_id"]) is None

    def _about(self, event: "_Event") -> tuple[str, UUID] | None:
        """The record that an event is about; None of a comment that is no more."""
        id = event.row["record_id"]
        return self._commented.get(id) if event.entity == "comment" else (event.entity, id)

    def _doers(self, event: "_Event") -> list[UUID]:
        id: UUID | None = event.row["actor_id"]
        return [] if id is None else [self._users_of_keys.get(id, id)]

    def _members(self, mentions: Iterable[str]) -> list[UUID]:
        found: list[UUID] = []
        for mention in mentions:
            kind, _, id = mention.partition(":")
            found += [UUID(id)] if kind == "user" else self._groups.get(UUID(id), [])
        return found

    def _cases(self, event: "_Event") -> Iterable[_Case]:
        """What an event is to whom, the weightiest first: nobody is told twice of it."""
        if event.type == NOTICE:
            yield self._of_notice(event)
        elif event.entity == "comment":
            yield from self._of_comment(event)
        elif event.entity == "approval":
            yield from self._of_approval(event)
        elif event.type in FIXED:
            yield from self._operational(event)
        elif event.type in REMINDERS:
            yield self._of_reminder(event)
        else:
            yield from self._of_record(event)

    def _of_notice(self, event: "_Event") -> _Case:
        row, entity = event.row, event.entity
        users = [UUID(id) for id in event.data.get("users") or ()]
        target, id = (None, None) if entity == RUN else (entity, row["record_id"])
        # Each says something else, so none stands for another.
        return _Case("notice", row, users, target, id, group=f"event:{row['id']}")

    def _of_comment(self, event: "_Event") -> Iterable[_Case]:
        row, about = event.row, self._about(event)
        if about is None:
            return
        target, id = about
        new = [m for m in event.data.get("mentions") or () if m not in event.mentioned_before]
        comment = row["record_id"]
        yield _Case("mention", row, self._members(new), target, id, comment)
        if event.type == "comment.created":
            yield _Case("comment", row, self._following.get(id, {}), target, id, comment)

    def _of_approval(self, event: "_Event") -> Iterable[_Case]:
        """Whoever is asked from then on, and whoever asked, once it is decided."""
        row, data = event.row, event.data
        target, id = data.get("target"), data.get("record_id")
        if target is None or id is None:
            # Nothing is left of what was asked about somebody who was erased.
            return
        users = [*event.asked, *(d for a in event.asked for d in self._standing_in.get(a, ()))]
        if event.type in DECIDED and data.get("owner_id"):
            users = [UUID(data["owner_id"])]
        # Each is a decision of its own, which none of the others stands for.
        yield _Case("approval", row, users, target, UUID(id), group=str(row["id"]))

    def _of_reminder(self, event: "_Event") -> _Case:
        id = event.row["record_id"]
        users: Iterable[UUID | None] = [self._owners.get(id)]
        if self._is_of_nobody(event):
            users = self._holders[GUARDED[event.type]]
        return _Case("reminder", event.row, users, event.entity, id, group=f"{event.type}:{id}")

    def _of_record(self, event: "_Event") -> Iterable[_Case]:
        row, entity, id = event.row, event.entity, event.row["record_id"]
        # What one piece of work did to many records is told as one.
        cause = row["cause_id"] and f"{OF_WORK}:{row['cause_id']}"
        may_own = event.verb == "created" or event.is_change
        if may_own and (owner_id := event.data.get("owner_id")):
            owner = [UUID(owner_id)]
            yield _Case("assigned", row, owner, entity, id, group=cause)
        if event.verb == "shared":
            user = event.share.get("user_id")
            users = [UUID(user)] if user else []
            for group in event.groups:
                users += self._groups.get(group, [])
            yield _Case("shared", row, users, entity, id, group=cause)
        if event.is_change:
            yield _Case("changed", row, self._following.get(id, {}), entity, id)

    def _operational(self, event: "_Event") -> Iterable[_Case]:
        row, id = event.row, event.row["record_id"]
        if event.type in WORK:
            yield _Case("work_ended", row, [self._owners.get(id)], event.entity, id)
        elif event.entity == "webhook":
            yield _Case("webhook_trouble", row, self._holders[MANAGE], "webhook", id)
        elif event.type == "job.failed":
            asked = event.data.get("user_id")
            users = [UUID(asked)] if asked else self._holders["*"]
            group = str(event.data.get("kind"))
            # That nothing can be sent is not to be sent.
            outward = group != SendDigest.kind
            yield _Case(
                "job_failed", row, users, None, None, job_id=id, group=group, outward=outward
            )
        else:
            yield _Case("login_blocked", row, [id], None, None)


class _Event:
    """An event of the feed, read."""

    def __init__(self, row: Any) -> None:
        self.row = row
        self.type, self.entity = row["type"], row["entity"]
        self.verb = self.type.partition(".")[2]

    @cached_property
    def data(self) -> dict[str, Any]:
        """The values after; read where they are asked for, for most are not."""
        return _plain(self.row["data"])

    @cached_property
    def previous(self) -> dict[str, Any]:
        """The values before."""
        return _plain(self.row["previous"])

    @property
    def is_change(self) -> bool:
        """Whether it changes a record that may be followed."""
        told = self.type in FIXED or self.type in REMINDERS
        return not told and self.verb not in _NOT_CHANGES

    @property
    def mentioned_before(self) -> Iterable[str]:
        """Whom a comment mentioned before."""
        return self.previous.get("mentions") or ()

    @property
    def asked(self) -> list[UUID]:
        """Who is asked to decide from then on."""
        if self.type not in ASKED:
            return []
        # A new step asks anew, also whom the one before had asked.
        is_step = self.data.get("step") is not None
        before = () if is_step else self.previous.get("waiting_for") or ()
        return [UUID(user) for user in self.data.get("waiting_for") or () if user not in before]

    @property
    def groups(self) -> list[UUID]:
        """The teams and roles whose members are meant."""
        mentions: Iterable[str] = (
            self.data.get("mentions") or () if self.entity == "comment" else ()
        )
        found = [UUID(m[5:]) for m in mentions if m.startswith("team:")]
        share = self.share
        return [*found, *(UUID(share[n]) for n in ("team_id", "role_id") if share.get(n))]

    @property
    def share(self) -> Mapping[str, Any]:
        """With whom a record was shared; nothing is left of that once it is erased."""
        return (self.data.get("share") or {}) if self.verb == "shared" else {}


def _plain(data: Any) -> dict[str, Any]:
    return (decode(data) if isinstance(data, msgspec.Raw | str | bytes) else data) or {}
