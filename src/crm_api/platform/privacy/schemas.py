"""What requests of people, holds and retention look like from outside."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from crm_api.kit.schema import Create, Day, Instant, Line, Name, Out, Prose, Schema, Shape, patch_of
from crm_api.platform.privacy.models import (
    CountedFrom,
    ReceivedThrough,
    RequestKind,
    RequestStatus,
    RetentionAction,
)

Kind = Annotated[
    str, Field(min_length=1, max_length=63, description="The kind of record.", examples=["contact"])
]


class _RequestFields(Create):
    requester: Line | None = Field(
        None, description="Who asks, and where they get the answer; wiped out by an erasure."
    )
    note: Prose | None = None
    received_through: ReceivedThrough = "other"


class SubjectRequestCreate(_RequestFields):
    """What a person asks for about their data."""

    kind: RequestKind
    target: Kind = "contact"
    record_id: UUID = Field(description="The person.")
    received_at: Instant | None = Field(None, description="Now, unless it was before.")


SubjectRequestUpdate = patch_of(
    "SubjectRequestUpdate", _RequestFields, required=("received_through",)
)


class SubjectRequestOut(Out):
    """What a person has asked for about their data, and what came of it."""

    kind: RequestKind
    target: str
    record_id: UUID
    status: RequestStatus
    requester: str | None
    note: str | None
    received_through: ReceivedThrough
    received_at: datetime
    due_on: date = Field(description="One month from receipt, unless it was extended.")
    extension: str | None = Field(description="Why it takes longer.")
    verification: str | None = Field(description="How it is known that they are who they say.")
    verified_at: datetime | None
    rejection: str | None = Field(description="Why it was rejected.")
    started_at: datetime | None
    completed_at: datetime | None
    report: dict[str, Any] | None = Field(description="What was found, or erased: counts by kind.")
    job_id: UUID | None
    expires_at: datetime | None = Field(description="When the archive is removed.")


class VerifyInput(Schema):
    """How it is known that whoever asks is who they say."""

    verification: Line = Field(examples=["Signed letter, compared with the contract."])


class ExtendInput(Schema):
    """Why an answer takes longer."""

    due_on: Day = Field(description="Two months more at the most.")
    extension: Line


class RejectInput(Schema):
    """Why a request is rejected."""

    rejection: Line


class ErasureReport(Shape):
    """What an erasure does, or would do."""

    records: dict[str, int] = Field(description="Records that are erased, removed or wiped.")
    kept: dict[str, Any] = Field(description="What stays, how much of it, and by what right.")
    same_keys: list[UUID] = Field(
        description="Other records with the same addresses, which are not touched."
    )


class RequestStarted(Shape):
    """The job that was asked for."""

    job_id: UUID
    request: SubjectRequestOut


class ReadmitInput(Schema):
    """Who wants to be known again."""

    target: Kind = "contact"
    email: Annotated[str, Field(min_length=3, max_length=320)] | None = None
    phone: Annotated[str, Field(min_length=3, max_length=100)] | None = None
    reason: Line = Field(description="How it is known that they want to.")


class Readmitted(Shape):
    """Who may be stored again."""

    readmitted: int = Field(description="How many erased people were known by this.")


class LegalHoldCreate(Create):
    """That a record must not be destroyed."""

    target: Kind = "contact"
    record_id: UUID
    reason: Line = Field(examples=["Pending litigation"])
    ends_on: Day | None = Field(None, description="The first day on which it ends; never if null.")


class _HoldChange(Create):
    reason: Line
    ends_on: Day | None = Field(None, description="The first day on which it ends; never if null.")


LegalHoldUpdate = patch_of("LegalHoldUpdate", _HoldChange)


class LegalHoldOut(Out):
    """That a record must not be destroyed, and why."""

    target: str
    record_id: UUID
    reason: str
    ends_on: date | None


class _PolicyFields(Create):
    name: Name = Field(examples=["Old leads"])
    filter: dict[str, Any] = Field(
        default_factory=dict,
        description="The filter language: which of them.",
        examples=[{"lifecycle": {"eq": "lead"}}],
    )
    days: Annotated[int, Field(ge=1, le=36_500)] = Field(description="How long they are kept.")
    counted_from: CountedFrom = Field(
        "updated_at", description="From when; `deleted_at` is about records in the bin."
    )
    is_active: bool = Field(
        False,
        description="Whether it is carried out every day, which takes the scopes to do what it "
        "does; `preview` tells first what that would be.",
    )
    description: Prose | None = None


class RetentionPolicyCreate(_PolicyFields):
    """How long records of a kind are kept."""

    target: Kind
    action: RetentionAction


RetentionPolicyUpdate = patch_of(
    "RetentionPolicyUpdate", _PolicyFields, required=("filter", "counted_from", "is_active")
)


class RetentionPolicyOut(Out):
    """How long records of a kind are kept, and what becomes of them then."""

    name: str
    target: str
    filter: dict[str, Any]
    days: int
    counted_from: CountedFrom
    action: RetentionAction
    is_active: bool
    description: str | None
    last_run_at: datetime | None
    last_result: dict[str, Any] | None = Field(description="Counts of the run before.")


class RetentionPreview(Shape):
    """What a run would find now."""

    matching: int
    held: int = Field(description="Those of them that a legal hold keeps.")


class RetentionStarted(Shape):
    """The job that was asked for."""

    job_id: UUID
