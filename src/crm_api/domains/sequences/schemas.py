"""What sequences and enrolments look like from outside."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from crm_api.domains.sequences.models import (
    EnrolmentStatus,
    ExitReason,
    ReplyScope,
    SequenceStatus,
    StepOutcome,
    WaitingFor,
)
from crm_api.kit.schema import (
    Create,
    Instant,
    Line,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    Storable,
    Tags,
    patch_of,
)
from crm_api.platform.automations.timing import Clock, Weekday
from crm_api.platform.outreach.schemas import Purpose

MOST_STEPS = 50
MOST_AT_ONCE = 1_000
SequenceVerb = Literal["publish", "pause", "resume", "archive"]
EnrolmentVerb = Literal["pause", "resume", "skip", "complete", "remove", "move"]
_ENDS = "Whether they go through it no further once they have answered."
_LIMIT = Annotated[int, Field(ge=1, le=100_000)]


class SendWindow(Schema):
    """When mail leaves, by the clocks of whom it is for."""

    weekdays: Annotated[list[Weekday], Field(min_length=1, max_length=7)] | None = Field(
        None, description="Without them those of the working calendar.", examples=[["monday"]]
    )
    starts_at: Clock | None = Field(None, examples=["09:00"])
    ends_at: Clock | None = Field(None, examples=["17:00"], description="Both hours, or neither.")
    heeds_holidays: bool = Field(
        True, description="Whether days on which the working calendar is closed are left out."
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.starts_at is None) != (self.ends_at is None):
            raise ValueError("say both hours or neither")
        if self.starts_at is not None and str(self.ends_at) <= self.starts_at:
            raise ValueError("a window ends after it starts, on the same day")
        if (self.weekdays is None) != (self.starts_at is None):
            raise ValueError("weekdays go with hours")
        return self


class SendWindowOut(Shape):
    """When mail leaves, by the clocks of whom it is for."""

    weekdays: list[Weekday] | None
    starts_at: str | None
    ends_at: str | None
    heeds_holidays: bool


class _SequenceFields(Create):
    name: Name = Field(examples=["After the fair"])
    description: Prose | None = None
    purpose: Purpose
    channel_id: UUID | None = Field(None, description="The channel by which its mail leaves.")
    send_window: SendWindow | None = Field(
        None,
        description="When mail leaves, by the clocks of the contact, else of the organization: in "
        "the hours of the working calendar without it, and where it says no weekdays.",
    )
    reply_scope: ReplyScope = Field(
        "contact",
        description="What ends it: `contact`, whatever they write; `thread`, what they write in "
        "its own conversation.",
    )
    auto_reply_days: Annotated[int, Field(ge=1, le=365)] | None = Field(
        None, description="For so many days nothing is done after a program has answered."
    )
    goal: Annotated[dict[str, Any], Storable] = Field(
        default_factory=dict,
        description="A filter over contacts: whoever passes it has reached the goal and goes.",
        examples=[{"lifecycle": {"eq": "customer"}}],
    )
    daily_limit: _LIMIT | None = Field(None, description="Of its mails on a day.")
    sender_daily_limit: _LIMIT | None = Field(
        None, description="Of the mails of all sequences that a sender has on a day."
    )
    steps: Annotated[list[dict[str, Any]], Field(max_length=MOST_STEPS), Storable] = Field(
        default_factory=list,
        description="One after the other, each by its `action`: `mail`, `call`, `task`, `wait`, "
        "`branch`, `stop`. `GET /v1/sequences/vocabulary` describes each. They are checked as a "
        "whole when they are published.",
        examples=[[{"action": "mail", "subject": "Hello", "body": "{{ contact.last_name }}, …"}]],
    )
    tags: Tags = Field(default_factory=list)


class SequenceCreate(_SequenceFields):
    """A new sequence, which is a draft until it is published."""


SequenceUpdate = patch_of("SequenceUpdate", _SequenceFields, required=("goal", "reply_scope"))


class SequenceOut(Out):
    """Steps to take with somebody: their draft, and how the published version stands."""

    name: str
    description: str | None
    purpose: str
    channel_id: UUID | None
    status: SequenceStatus
    send_window: SendWindowOut | None
    reply_scope: ReplyScope
    auto_reply_days: int | None
    goal: dict[str, Any]
    daily_limit: int | None
    sender_daily_limit: int | None
    steps: list[dict[str, Any]]
    published_version: int | None
    tags: list[str]


class SequenceVersionOut(Shape):
    """What was published; never changed."""

    number: int
    steps: list[dict[str, Any]]
    published_at: datetime
    published_by: UUID | None


class SequenceVersions(Shape):
    """Every version, the newest first."""

    data: list[SequenceVersionOut]


class SequenceVocabulary(Shape):
    """What sequences are made of."""

    actions: list[dict[str, Any]] = Field(description="Each with its JSON Schema.")
    roots: dict[str, str] = Field(description="What placeholders begin with, and what that is.")


class SequencePreview(Schema):
    """For whom a sequence is looked at."""

    contact_id: UUID
    deal_id: UUID | None = None
    sender_id: UUID | None = Field(None, description="Without it its owner, or who asks.")
    number: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="A version; the draft without it."
    )


class PreviewedMail(Shape):
    """What would leave."""

    subject: str | None
    body: str | None


class StepMistake(Shape):
    """What is wrong with a step."""

    code: str
    message: str
    pointer: str | None


class PreviewedStep(Shape):
    """What a step would say to somebody."""

    place: str = Field(description="Where it stands, as a JSON pointer.")
    action: str
    variants: list[PreviewedMail] = Field(description="What would leave, for each variant.")
    passes: bool | None = Field(description="Of a branch: whether they pass it now.")
    mistakes: list[StepMistake] = Field(description="What could not be filled in.")


class SequencePreviewOut(Shape):
    """What a sequence would say to somebody; nothing of it has happened."""

    steps: list[PreviewedStep]
    time_zone: str = Field(description="By whose clocks they are written to.")
    earliest_at: datetime = Field(description="When a mail could leave, by the window.")


class StepResult(Shape):
    """How a step of a version fares."""

    version: int
    place: str
    action: str
    taken: int = Field(description="By how many it was taken.")
    sent: int
    done: int
    skipped: int
    failed: int = Field(description="What did not leave.")
    waiting: int = Field(description="What has not left yet, or is still to be done.")
    replied: int = Field(description="How many answered to it.")
    reply_rate: str | None = Field(description="Answers by mails sent, of 0 to 1, to 4 places.")


class ExitCount(Shape):
    """How many went for a reason."""

    reason: ExitReason
    count: int


class SequenceResults(Shape):
    """How a sequence fares: all enrolments, whoever asks."""

    enrolled: int
    active: int
    paused: int
    finished: int
    exited: int
    failed: int
    replied: int
    reply_rate: str | None = Field(description="Those who answered by those who were sent a mail.")
    exits: list[ExitCount]
    steps: list[StepResult]


class SequenceEnrolmentCreate(Create):
    """Somebody who is to go through a sequence."""

    sequence_id: UUID
    contact_id: UUID
    deal_id: UUID | None = None
    sender_id: UUID | None = Field(
        None, description="Whose mail and tasks it is; else who enrols, else the sequence's owner."
    )
    note: Prose | None = Field(None, description="Why they are enrolled.")
    ends_on_reply: bool = Field(True, description=_ENDS)
    next_at: Instant | None = Field(None, description="Nothing happens before.")


class _EnrolmentKept(Create):
    sender_id: UUID | None = Field(None, description="Whose mail and tasks it is from now on.")
    note: Prose | None = None
    ends_on_reply: bool = Field(True, description=_ENDS)


SequenceEnrolmentUpdate = patch_of(
    "SequenceEnrolmentUpdate", _EnrolmentKept, required=("ends_on_reply",)
)


class SequenceEnrolmentOut(Out):
    """Somebody who goes through a sequence, and where they stand in it."""

    sequence_id: UUID
    contact_id: UUID
    deal_id: UUID | None
    sender_id: UUID | None
    note: str | None
    ends_on_reply: bool
    status: EnrolmentStatus
    exit_reason: ExitReason | None
    exit_detail: str | None
    sequence_version: int | None = Field(
        description="The version that they go through; null till the sequence is published."
    )
    step: str | None = Field(description="The next one, or what is waited for: a JSON pointer.")
    round: int = Field(description="Grows with each time that a step is taken anew.")
    next_at: datetime | None
    waiting_for: WaitingFor | None
    reasons: list[str] = Field(description="Why it waits, as the gate of outreach says it.")
    conversation_id: UUID | None
    message_id: UUID | None = Field(description="The last mail.")
    task_id: UUID | None = Field(description="The task that is waited for.")
    ended_at: datetime | None


class EnrolmentMove(Schema):
    """Where somebody goes on."""

    number: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="The version; the newest one without it."
    )
    step: Annotated[str, Field(max_length=200, pattern=r"^/steps/")] | None = Field(
        None, description="The step; the first one without it.", examples=["/steps/0"]
    )


class EnrolmentStepOut(Shape):
    """A step that was taken."""

    id: UUID
    version: int
    place: str
    round: int
    action: str
    outcome: StepOutcome
    sender_id: UUID | None
    message_id: UUID | None
    task_id: UUID | None
    variant: int | None
    reasons: list[str]
    result: dict[str, Any]
    taken_at: datetime
    ended_at: datetime | None
    replied_at: datetime | None


class EnrolmentSteps(Shape):
    """What was done with somebody, in order."""

    data: list[EnrolmentStepOut]


class Enrolling(Schema):
    """Those who are to go through a sequence: some, or all that pass a filter."""

    contact_ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_AT_ONCE)] | None = None
    filter: Annotated[dict[str, Any], Storable] | None = Field(
        None,
        description="The filter language over contacts: the next thousand that pass it and are not "
        "in the sequence, and never were.",
    )
    sender_id: UUID | None = None
    next_at: Instant | None = Field(None, description="Nothing happens before.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.contact_ids is None) == (self.filter is None):
            raise ValueError("say contacts or a filter")
        return self


class EnrolledOne(Shape):
    """What became of one of them."""

    contact_id: UUID
    enrolment_id: UUID | None
    code: str | None = Field(description="Why they were not enrolled.")
    message: str | None


class Enrolled(Shape):
    """What became of those who were to be enrolled."""

    enrolled: int
    refused: int
    more: bool = Field(description="Of a filter: whether there are more, for another call.")
    results: list[EnrolledOne]


class EnrolmentReasonInput(Schema):
    """Why somebody goes."""

    reason: Line | None = None
