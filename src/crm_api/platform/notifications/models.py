"""Inboxes, who follows what, what is to be sent, and how far the feed has been read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Index, Uuid, func, text
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Base, Entity, KeyText, TenantRow
from crm_api.kit.db.columns import one_of
from crm_api.platform.notifications.kinds import OutwardChannel

DigestStatus = Literal["pending", "sent", "nothing_left", "no_address", "no_way", "refused"]


class Notification(Entity):
    """Something that a user, whom it belongs to, is told.

    It names whatever it is about by ids alone: words are made for each reader when it is read.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        Index(
            "ix_notifications_inbox",
            "organization_id",
            "owner_id",
            "is_read",
            text("last_at DESC"),
            text("id DESC"),
        ),
        # What happens again to the same while it is unread is counted, not told anew.
        Index(
            "uq_notifications_unread",
            "organization_id",
            "owner_id",
            "group_key",
            unique=True,
            postgresql_where=text("NOT is_read"),
        ),
        Index("ix_notifications_record", "organization_id", "record_id"),
        Index(
            "ix_notifications_many",
            "organization_id",
            postgresql_where=text("other_ids IS NOT NULL"),
        ),
        Index("ix_notifications_age", "last_at"),
    )
    entity = "notification"

    kind: Mapped[str] = mapped_column(KeyText)
    type: Mapped[str] = mapped_column(KeyText)
    event_id: Mapped[UUID]
    target: Mapped[str | None] = mapped_column(KeyText)
    record_id: Mapped[UUID | None]
    """Of many the last one."""
    other_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid()))
    """The latest of the others, where one piece of work did something to many."""
    comment_id: Mapped[UUID | None]
    job_id: Mapped[UUID | None]
    actor_kind: Mapped[str] = mapped_column(KeyText)
    actor_id: Mapped[UUID | None]
    count: Mapped[int]
    group_key: Mapped[str] = mapped_column(KeyText)
    in_app: Mapped[bool]
    """Whether it is in the inbox; the others are but sent."""
    last_at: Mapped[datetime]
    is_read: Mapped[bool]
    read_at: Mapped[datetime | None]
    archived_at: Mapped[datetime | None]
    snoozed_until: Mapped[datetime | None]

    @hybrid_property
    def record_ids(self) -> Sequence[UUID]:
        """The records that it is about, the last one first."""
        known = (self.record_id, *(self.other_ids or ()))
        return [id for id in known if id is not None]

    @record_ids.inplace.expression
    @classmethod
    def _record_ids(cls) -> ColumnElement[Sequence[UUID]]:
        return func.array_prepend(cls.record_id, cls.other_ids, type_=ARRAY(Uuid()))


class Notice(TenantRow):
    """What a rule tells some users; its id is that of the event which names them."""

    __tablename__ = "notices"
    __table_args__ = (
        Index("ix_notices_record", "organization_id", "record_id"),
        Index("ix_notices_age", "created_at"),
    )

    record_id: Mapped[UUID]
    """Of the record, or of the run that is about none."""
    subject: Mapped[str]
    text: Mapped[str]
    created_at: Mapped[datetime]


class NotificationPreference(Base):
    """What a user wants to be told and how; of an organization, what holds for its users."""

    __tablename__ = "notification_preferences"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    """The user, or the organization itself."""
    choices: Mapped[dict[str, Any]]
    """By kind, or `*`, and channel: when."""
    times: Mapped[dict[str, Any]]
    addresses: Mapped[dict[str, Any]]
    version: Mapped[int]
    updated_at: Mapped[datetime]


class Following(Base):
    """That a user has chosen to follow a record, or not to; who follows unasked is derived."""

    __tablename__ = "followings"
    __table_args__ = (Index("ix_followings_record", "organization_id", "record_id"),)

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    record_id: Mapped[UUID] = mapped_column(primary_key=True)
    target: Mapped[str] = mapped_column(KeyText)
    follows: Mapped[bool]


class NotificationState(Base):
    """How far the feed of an organization has been read."""

    __tablename__ = "notification_states"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    tx: Mapped[int] = mapped_column(BigInteger)
    seq: Mapped[int] = mapped_column(BigInteger)


class NotificationDue(Base):
    """That a user is to be told of a notification by another way, and when."""

    __tablename__ = "notification_dues"
    __table_args__ = (
        one_of("channel", OutwardChannel),
        Index("ix_notification_dues_at", "due_at"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(KeyText, primary_key=True)
    notification_id: Mapped[UUID] = mapped_column(primary_key=True)
    count: Mapped[int]
    due_at: Mapped[datetime]


class NotificationDigest(TenantRow):
    """What was collected to be sent as one message."""

    __tablename__ = "notification_digests"
    __table_args__ = (
        one_of("channel", OutwardChannel),
        one_of("status", DigestStatus),
        Index("ix_notification_digests_age", "created_at"),
    )

    user_id: Mapped[UUID]
    channel: Mapped[str] = mapped_column(KeyText)
    items: Mapped[dict[str, Any]]
    """How often each notification happened since it was last sent, by its id."""
    status: Mapped[str] = mapped_column(KeyText)
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
