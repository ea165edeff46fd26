"""What notifications look like from outside."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from crm_api.kit.schema import Instant, Line, Schema, Shape
from crm_api.platform.notifications.kinds import EVERY, KINDS, Channel, Frequency, Kind

Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
InboxState = Literal["inbox", "unread", "snoozed", "archived", "all"]
MOST = 200


class InboxInput(Schema):
    """Which part of the inbox is wanted."""

    state: InboxState = "inbox"


class NotificationRow(Shape):
    """What of a notification is stored, and can be filtered and sorted by."""

    id: UUID = Field(description="UUIDv7.")
    kind: Kind
    type: str = Field(description="The type of the last event, such as `contact.updated`.")
    event_id: UUID = Field(description="The last event.")
    target: str | None = Field(description="The kind of record that it is about.")
    record_id: UUID | None = Field(
        description="Of many that one piece of work did something to, the last one, if that is seen."
    )
    comment_id: UUID | None
    job_id: UUID | None
    count: int = Field(description="How often it happened since it was last read.")
    last_at: datetime = Field(description="When it last happened. RFC 3339, UTC.")
    is_read: bool
    read_at: datetime | None
    archived_at: datetime | None
    snoozed_until: datetime | None
    version: int


class NotificationRecord(Shape):
    """The record that a notification is about, as its reader sees it."""

    target: str
    id: UUID
    title: str | None = Field(description="What it is called; null where that is hidden.")
    path: str = Field(description="Where it is, such as `/v1/contacts/…`.")


class NotificationActor(Shape):
    """Who did it."""

    kind: Literal["key", "user", "app", "system"]
    id: UUID | None
    name: str | None


class NotificationOut(NotificationRow):
    """Something that the user is told, in their language."""

    title: str = Field(examples=["Sample Member mentioned you in a comment on Example"])
    text: str | None = Field(description="The beginning of the comment, or what a rule tells.")
    record: NotificationRecord | None = Field(
        description="Of many that one piece of work did something to, the last one, if that is seen."
    )
    path: str | None = Field(
        description="Where it leads: to the record, or where one piece of work gave or shared many, "
        "to the list that they are in, the latest first."
    )
    actor: NotificationActor


class UnreadOut(Shape):
    """How much there is to read."""

    unread: int = Field(description="In the inbox, and neither archived nor snoozed.")


class MarkInput(Schema):
    """What becomes of some notifications, or of all that are in the inbox."""

    ids: list[UUID] | None = Field(None, min_length=1, max_length=MOST)
    until: Instant | None = Field(
        None,
        description="Instead of ids: all in the inbox that last happened by then, so that nothing "
        "is marked that was not seen.",
    )
    is_read: bool | None = None
    is_archived: bool | None = Field(
        None, description="Out of the inbox, and read; false puts it back."
    )
    snoozed_until: Instant | None = Field(
        None, description="Out of the inbox until then; null brings it back."
    )

    @model_validator(mode="after")
    def _says_which_and_what(self) -> Self:
        if (self.ids is None) == (self.until is None):
            raise ValueError("say either ids or until")
        if not self.model_fields_set & {"is_read", "is_archived", "snoozed_until"}:
            raise ValueError("say is_read, is_archived or snoozed_until")
        return self


class MarkOut(Shape):
    """How many notifications were changed."""

    changed: int


class ChannelChoices(Schema):
    """How often something is told by each channel; null goes back to what else would hold."""

    in_app: Literal["off", "instantly"] | None = None
    email: Frequency | None = None
    sms: Frequency | None = None
    messenger: Frequency | None = None


Choices = Annotated[
    dict[str, ChannelChoices | None],
    Field(
        max_length=20,
        description=f"By kind, or `{EVERY}` for all that are not named: {', '.join(KINDS)}.",
        examples=[{"changed": {"email": "daily"}, "*": {"sms": "off"}}],
    ),
]


class DefaultsPatch(Schema):
    """JSON merge patch (RFC 7396) of what holds where users say nothing."""

    choices: Choices | None = None
    digest_at: Clock | None = Field(
        None, description="When what is told daily or weekly is sent, by the user's clock."
    )
    digest_weekday: Weekday | None = None
    quiet_from: Clock | None = Field(
        None, description="From then on nothing is sent, by the user's clock…"
    )
    quiet_until: Clock | None = Field(None, description="…until then.")


class PreferencesPatch(DefaultsPatch):
    """JSON merge patch (RFC 7396) of what the user wants."""

    phone: Annotated[str, Field(min_length=3, max_length=60)] | None = Field(
        None, description="Where SMS go.", examples=["+49 30 123456"]
    )
    messenger: Line | None = Field(None, description="What the messenger knows the user by.")


class DefaultsOut(Shape):
    """What holds where users say nothing; what is null the product says."""

    choices: dict[str, dict[Channel, Frequency]]
    digest_at: str | None
    digest_weekday: str | None
    quiet_from: str | None
    quiet_until: str | None
    version: int


class PreferencesOut(DefaultsOut):
    """What the user has chosen, and what holds in the end."""

    phone: str | None
    messenger: str | None
    effective: dict[str, dict[Channel, Frequency]] = Field(
        description="For every kind and channel what holds."
    )


class FollowerOut(Shape):
    """A user who is told what happens to a record."""

    user_id: UUID
    reasons: list[Literal["chosen", "owner", "collaborator", "commented", "mentioned"]]


class FollowerList(Shape):
    """Who follows a record."""

    data: list[FollowerOut]


class FollowingOut(Shape):
    """Whether the user follows a record."""

    follows: bool
