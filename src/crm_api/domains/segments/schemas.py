"""What tracked events and segments look like from outside."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from crm_api.domains.recipes.asking import Proposals
from crm_api.domains.segments.models import SegmentKind, SegmentTarget
from crm_api.kit.db.json import encode
from crm_api.kit.schema import (
    Create,
    Instant,
    Line,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    Source,
    Storable,
    Tags,
    patch_of,
)

MOST_TRACKED = 1_000
MOST_MEMBERS = 1_000
_LARGEST = 8_000
EventName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9_\-]*(\.[a-z0-9][a-z0-9_\-]*)*$", max_length=100),
    Field(examples=["page.viewed"]),
]
Property = Annotated[str, StringConstraints(min_length=1, max_length=60)]
Counted = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Address = Annotated[str, StringConstraints(min_length=3, max_length=254)]
SizesBy = Literal["day", "week", "month"]


class ExternalRef(Schema):
    """A contact by its id in another system."""

    source: Source
    id: Line


class TrackedEvent(Schema):
    """Something that a contact did; who is told by one of `contact_id`, `email`, `external`."""

    name: EventName = Field(description="What they did; words of its own, none is unknown.")
    contact_id: UUID | None = None
    email: Address | None = Field(None, description="An address that exactly one contact has.")
    external: ExternalRef | None = None
    occurred_at: Instant | None = Field(
        None, description="When; now if not said. Late events are taken, up to ten years back."
    )
    properties: Annotated[dict[Property, Any], Storable, Field(max_length=50)] = Field(
        default_factory=dict, description="What else is known of it; conditions may ask for it."
    )
    source: Line | None = Field(None, description="Where it was seen.", examples=["website"])
    client_id: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="What the client calls it: told again, it is there once."
    )

    @model_validator(mode="after")
    def _one_person(self) -> Self:
        if sum(end is not None for end in (self.contact_id, self.email, self.external)) != 1:
            raise ValueError("say who it was by one of contact_id, email and external")
        if len(encode(self.properties)) > _LARGEST:
            raise ValueError(f"properties have at most {_LARGEST} bytes")
        return self


class TrackInput(Schema):
    """Some events, each taken or refused by itself."""

    events: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MOST_TRACKED)] = Field(
        description="Each is a `TrackedEvent`: `name`, who, and what else is known."
    )


class TrackFault(Shape):
    """What is wrong with one event."""

    code: str
    message: str
    pointer: str = Field(description="Where in the request.")


class TrackedResult(Shape):
    """What became of one event."""

    index: int
    result: Literal["accepted", "duplicate", "refused"]
    id: UUID | None = Field(description="The event; of a duplicate, the one that is there.")
    faults: list[TrackFault]


class TrackAnswer(Shape):
    """What became of each event, in their order."""

    accepted: int
    duplicates: int
    refused: int
    data: list[TrackedResult]


class BehaviourEventOut(Out):
    """Something that a contact did."""

    contact_id: UUID
    name: str
    occurred_at: datetime
    properties: dict[str, Any]
    source: str | None
    client_id: str | None


_FILTER = (
    "Who belongs to it, in the language of filters; beside fields and relations `behaviour`, "
    "`consent` and `segment`."
)


class _SegmentFields(Create):
    name: Name = Field(examples=["Regular customers"])
    description: Prose | None = None
    filter: Annotated[dict[str, Any], Storable] = Field(default_factory=dict, description=_FILTER)
    is_active: bool = Field(True, description="Whether its members follow its filter.")
    tags: Tags = Field(default_factory=list)


class SegmentCreate(_SegmentFields):
    """A new segment; its members are found by a job."""

    target: SegmentTarget = Field("contact", description="Whom it is made of.")
    entity: SegmentTarget | None = Field(None, description="Another word for `target`.")
    kind: SegmentKind = Field(
        "dynamic",
        description="`dynamic` ones follow their filter, `static` ones are filled by hand, a "
        "`snapshot` is filled once and stays. Whoever is in a `suppression`, by themselves or "
        "by their company, is reached by nobody, and is kept out of what is filled by hand; it has a "
        "filter, or is filled by hand.",
    )


SegmentUpdate = patch_of("SegmentUpdate", _SegmentFields, required=("is_active", "filter"))


class SegmentOut(Out):
    """A part of the audience."""

    name: str
    description: str | None
    kind: SegmentKind
    target: SegmentTarget
    filter: dict[str, Any]
    is_active: bool
    tags: list[str]


Ids = Annotated[list[UUID], Field(max_length=MOST_MEMBERS)]


class MembersInput(Schema):
    """Who is put into a segment or taken out of it, whatever its filter says."""

    add: Ids = Field(default_factory=list[UUID])
    remove: Ids = Field(default_factory=list[UUID])
    release: Ids = Field(
        default_factory=list[UUID], description="Of whom the filter decides again."
    )

    @model_validator(mode="after")
    def _some(self) -> Self:
        named = [*self.add, *self.remove, *self.release]
        if not named or len(set(named)) < len(named):
            raise ValueError("name somebody, and each once")
        return self


class SegmentMemberResult(Shape):
    """What became of one of them."""

    record_id: UUID
    result: Literal["added", "removed", "released", "unchanged", "refused"]
    reason: str | None = Field(description="Why it was refused: `unknown` or `suppressed_segment`.")


class SegmentMembersAnswer(Shape):
    """What became of each."""

    added: int
    removed: int
    refused: int
    data: list[SegmentMemberResult]


class SegmentStandingOut(Shape):
    """How a segment fares."""

    size: int = Field(description="How many belong to it, whoever asks.")
    refreshed_at: datetime | None = Field(description="When all of it was looked at last.")
    reconciled_at: datetime | None
    drift_entered: int = Field(
        description="How many the last night found missing: by the passing of time, or missed."
    )
    drift_left: int
    follows: bool = Field(
        description="Whether it changes as soon as records do; others wait for the night."
    )
    changes_with_time: bool = Field(
        description="Whether its filter speaks of now, so that it changes by itself, by night."
    )
    fault: str | None = Field(description="Why its filter cannot be carried out any more.")
    overridden: int = Field(description="Of how many somebody has decided by hand.")


class RefreshStarted(Shape):
    """A job that looks at all of a segment."""

    job_id: UUID


class SegmentStay(Shape):
    """From when till when a record belonged to a segment."""

    record_id: UUID
    entered_at: datetime
    left_at: datetime | None
    entered_by: str = Field(description="`filter`, `hand`, `snapshot`, `reconciled`, `merged`.")
    left_by: str | None


class SegmentStayPage(Shape):
    """Stays of a segment, the latest first."""

    data: list[SegmentStay]
    next_cursor: str | None


class SegmentOfRecord(Shape):
    """From when till when a record belonged to a segment."""

    segment_id: UUID
    name: str
    kind: SegmentKind
    entered_at: datetime
    left_at: datetime | None = Field(description="Null: it belongs to it.")
    entered_by: str = Field(description="`filter`, `hand`, `snapshot`, `reconciled`, `merged`.")
    left_by: str | None


class SegmentsOfRecord(Shape):
    """The segments of a record, the latest first."""

    data: list[SegmentOfRecord]
    next_cursor: str | None


class SegmentSize(Shape):
    """A segment in a stretch of time."""

    begins: date
    size: int = Field(description="How many belonged to it at the end, or do now.")
    entered: int
    left: int
    drift_entered: int = Field(
        description="Of those who entered, whom a night found missing: by the passing of time, or "
        "missed."
    )
    drift_left: int


class SegmentSizes(Shape):
    """A segment over time, the oldest first."""

    data: list[SegmentSize]


class MembershipMoved(Shape):
    """That a record entered a segment, or left it."""

    segment_id: str
    segment_name: str
    moved_by: str


class SnapshotInput(Schema):
    """What a snapshot of a segment is called."""

    name: Name


class PreviewInput(Schema):
    """Who would belong to a segment."""

    target: SegmentTarget = "contact"
    filter: Annotated[dict[str, Any], Storable] = Field(description=_FILTER)
    sample: int = Field(20, ge=0, le=50, description="Of how many the records are told.")
    breakdown: Annotated[list[Counted], Field(max_length=5)] = Field(
        default_factory=list,
        description="Fields whose ten most frequent values are counted, also of one record that "
        "they refer to, and custom ones.",
        examples=[["lifecycle", "company.industry", "custom.tier"]],
    )
    overlap: Annotated[list[UUID], Field(max_length=16)] = Field(
        default_factory=list[UUID], description="Segments with which it is compared."
    )


class MemberProposals(Shape):
    """What is proposed to a member of a segment."""

    record_id: UUID
    kind: SegmentTarget
    proposals: Proposals


class SegmentProposalPage(Shape):
    """What is proposed to some members of a segment."""

    data: list[MemberProposals]
    next_cursor: str | None = Field(description="For the members after these; null for the last.")


class ValueCount(Shape):
    """How many have a value."""

    value: str | None
    count: int


class FieldBreakdown(Shape):
    """The most frequent values of a field."""

    field: str
    values: list[ValueCount]


class PreviewOverlap(Shape):
    """How many belong to a segment as well."""

    segment_id: UUID
    count: int


class SegmentPreview(Shape):
    """Who would belong to a segment, of those whom the actor sees."""

    count: int
    sample: list[dict[str, Any]] = Field(description="The newest of them.")
    breakdown: list[FieldBreakdown]
    overlap: list[PreviewOverlap]
