"""What duplicates look like from outside."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from crm_api.kit.schema import Out, Schema, Shape
from crm_api.platform.duplicates.models import Action, Band, DuplicateStatus

Percent = Annotated[int, Field(ge=1, le=100)]
CustomName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class ReasonOut(Shape):
    """What one field tells about two records."""

    field: str = Field(examples=["last_name"])
    level: str = Field(description="How alike its values are, such as `equal` or `different`.")
    bits: float = Field(
        description="What that tells: positive for one record, negative for two; one more doubles "
        "the odds."
    )


class DuplicateOut(Out):
    """Two records that are probably one."""

    target: str = Field(description="The kind of record: `contact` or `company`.")
    first_id: UUID
    second_id: UUID
    status: DuplicateStatus
    band: Band
    score: int = Field(description="How likely they are one, in percent.")
    weight: int = Field(description="All the evidence, in tenths of a bit.")
    reasons: list[ReasonOut]
    merge_id: UUID | None = Field(description="The merge that made them one.")
    decided_at: datetime | None
    decided_by: UUID | None


class Candidate(Shape):
    """A record that is probably the one in question."""

    id: UUID
    band: Band
    score: int = Field(description="How likely it is the same, in percent.")
    weight: int = Field(description="All the evidence, in tenths of a bit.")
    reasons: list[ReasonOut]
    duplicate_id: UUID | None = Field(None, description="The pair, where it is known already.")


class Candidates(Shape):
    """Records that are probably the one in question, the likeliest first."""

    data: list[Candidate]


class PairInput(Schema):
    """Two records."""

    record_ids: Annotated[list[UUID], Field(min_length=2, max_length=2)]


class MergePairInput(Schema):
    """How a pair becomes one."""

    winner_id: UUID | None = Field(
        None, description="The record that is left; without it the older one is."
    )
    fields: dict[Annotated[str, Field(max_length=60)], UUID] = Field(
        default_factory=dict,
        max_length=100,
        description="By field the record whose value survives, as in `merge`.",
    )


class ScanInput(Schema):
    """What to look at."""

    full: bool = Field(
        False, description="Look at every record again, not only at those that changed since."
    )


class ScanStarted(Shape):
    """The job that was asked for, or that was at it already."""

    job_id: UUID


class ComparedField(Schema):
    """A field of your own that is compared."""

    name: CustomName
    kind: Literal["exact", "number", "name", "text", "date"] = Field(
        "exact", description="`number` forgives one wrong digit, `name` and `text` typing mistakes."
    )


class PolicyFields(Schema):
    """The rules for duplicates of one kind of record."""

    action: Action = Field(
        "allow",
        description="What happens when a record is written that is there already: `allow` nothing, "
        "`warn` it is stored, with a `Link` of rel `duplicates` in the answer and the pair in the "
        "list, `block` 409 `duplicate` where it is certain, else as `warn`.",
    )
    certain: Percent = Field(99, description="Certain from this score on.")
    probable: Percent = Field(80, description="Probable from this score on.")
    possible: Percent = Field(50, description="Not told below this score.")
    unique: Annotated[list[str], Field(max_length=20)] | None = Field(
        None,
        description="Fields of which an equal value alone makes a duplicate certain. "
        "Without it: what the kind of record has by itself.",
    )
    weights: dict[str, Annotated[float, Field(ge=0, le=3)]] = Field(
        default_factory=dict,
        max_length=50,
        description="By field how much more or less it tells; 0 leaves it out.",
        examples=[{"birth_date": 0, "email": 1.5}],
    )
    custom_fields: Annotated[list[ComparedField], Field(max_length=10)] = Field(
        default_factory=list, description="Fields of your own to compare, as `custom.<name>`."
    )
    scan_every_hours: Annotated[int, Field(ge=1, le=24 * 31)] | None = Field(
        None, description="How often to look at what has changed, without being asked."
    )


class PolicyInput(PolicyFields):
    """The whole policy; what is left out has its default."""

    @model_validator(mode="after")
    def _ordered(self) -> "PolicyInput":
        if not self.possible <= self.probable <= self.certain:
            raise ValueError("possible <= probable <= certain is needed")
        return self


class PolicyOut(Shape):
    """The rules for duplicates of one kind of record."""

    target: str
    action: Action
    certain: int
    probable: int
    possible: int
    unique: list[str]
    weights: dict[str, float]
    custom_fields: list[ComparedField]
    scan_every_hours: int | None
    fields: list[str] = Field(description="What can be compared.")
    version: int = Field(description="0 while nothing was set.")


class PolicyRecordOut(Out):
    """A policy as its history tells it."""

    target: str
    action: Action
    certain: int
    probable: int
    possible: int
    unique: list[str]
    weights: dict[str, Any]
    custom_fields: list[dict[str, Any]]
    scan_every_hours: int | None
