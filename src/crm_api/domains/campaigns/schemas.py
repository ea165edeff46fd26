"""What campaigns look like from outside."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self, get_args
from uuid import UUID

from pydantic import Field, model_validator

from crm_api.domains.campaigns.models import Kind, Level, Status
from crm_api.domains.segments.schemas import EventName
from crm_api.kit.crud.transitions import Blocker
from crm_api.kit.schema import (
    Code,
    Create,
    Currency,
    Day,
    Instant,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    patch_of,
)
from crm_api.platform.outreach.models import Channel

MOST_SEGMENTS = 20
MOST_VARIANTS = 10
Segments = Annotated[list[UUID], Field(max_length=MOST_SEGMENTS)]


class Variant(Schema):
    """One of the variants that an audience is split over."""

    key: Code = Field(examples=["A"])
    weight: int = Field(1, ge=1, le=1_000, description="Its part, against those of the others.")


Conversion = Literal["event", "deal_won", "meeting_held", "mail_opened", "mail_clicked"]
OF_MAILS = frozenset({"mail_opened", "mail_clicked"})
"""Conversions that only those can make who were sent something."""


class Converted(Schema):
    """What is counted as a conversion of a member."""

    conversion: Conversion = Field(
        "event",
        description="A tracked event, a deal of theirs that was won, a meeting with them that was "
        "held, or that they opened a mail of the campaign or clicked a link of one.",
    )
    event: EventName | None = Field(
        None, description="Of `event`: what they did since the launch.", examples=["signed_up"]
    )

    @model_validator(mode="after")
    def _named(self) -> Self:
        if (self.conversion == "event") != (self.event is not None):
            raise ValueError("`event` is named for the conversion `event`, and for no other")
        return self


_FOR_REST = (
    "Whether what has not left when it is decided leaves as the variant that won, whichever it was "
    "to be; nobody gets anything twice."
)


class StopRule(Converted):
    """When an experiment ends by itself: looked at once a day, from `min_days` to `max_days`."""

    min_per_arm: int = Field(
        100, ge=1, le=10_000_000, description="Nothing is decided with less in any variant."
    )
    min_days: int = Field(7, ge=1, le=365)
    max_days: int = Field(14, ge=1, le=365, description="Then the first variant is kept.")
    alpha: float = Field(
        0.05, gt=0, lt=0.5, description="Of all looks together: each has its part of it."
    )
    winner_for_rest: bool = Field(False, description=_FOR_REST)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_days < self.min_days:
            raise ValueError("`max_days` is not before `min_days`")
        return self


class _CampaignFields(Create):
    name: Name = Field(examples=["Spring offers"])
    kind: Kind = "email"
    parent_id: UUID | None = Field(
        None, description="Of a campaign its programme, of a tactic its campaign."
    )
    objective: Prose | None = Field(None, description="What it is to reach.")
    hypothesis: Prose | None = Field(None, description="Why it should.")
    description: Prose | None = None
    starts_on: Day | None = None
    ends_on: Day | None = None
    currency: Currency | None = None
    channel: Channel | None = Field(
        None, description="By what people are reached; the gate of outreach is asked for it."
    )
    purpose: Code | None = Field(
        None, description="For what, as consents name it.", examples=["newsletter"]
    )
    include_segment_ids: Segments = Field(
        default_factory=list, description="Segments of contacts: whoever is in any of them."
    )
    exclude_segment_ids: Segments = Field(default_factory=list, description="But nobody of these.")
    holdout_percent: int = Field(
        0,
        ge=0,
        le=90,
        description="How many of a hundred are never reached, to compare with: neither by it nor by "
        "the campaigns below it, nor by mailings and journeys of any of these.",
    )
    variants: Annotated[list[Variant], Field(max_length=MOST_VARIANTS)] = Field(
        default_factory=list, description="What the others are split over; none or two at least."
    )
    test_percent: int = Field(
        100,
        ge=1,
        le=100,
        description="With how many of a hundred of those who are not held out the experiment is made. "
        "The others wait until it is decided, and then get the variant that this names.",
    )
    stop_rule: StopRule | None = Field(
        None, description="When the experiment decides itself; without it somebody does."
    )


class CampaignCreate(_CampaignFields):
    """A new campaign, which is a draft."""

    level: Level = Field("campaign", description="Where in the tree it stands; it stays there.")


CampaignUpdate = patch_of(
    "CampaignUpdate", _CampaignFields, required=("name", "kind", "holdout_percent", "test_percent")
)


class CampaignOut(Out):
    """A programme, a campaign of it, or a tactic of that."""

    name: str
    level: Level
    kind: Kind
    status: Status
    parent_id: UUID | None
    objective: str | None
    hypothesis: str | None
    description: str | None
    starts_on: date | None
    ends_on: date | None
    currency: str | None
    channel: Channel | None
    purpose: str | None
    include_segment_ids: list[UUID]
    exclude_segment_ids: list[UUID]
    holdout_percent: int
    variants: list[dict[str, Any]] = Field(description="Each with `key` and `weight`.")
    test_percent: int
    stop_rule: dict[str, Any] | None = Field(description="As it was given.")
    decision: dict[str, Any] | None = Field(
        description="What became of the experiment: `variant`, `reason` (`significant`, "
        "`futility`, `manual`), `statistics`, `winner_for_rest`, `decided_at`, "
        "`decided_by`."
    )
    segment_pins: list[dict[str, Any]] = Field(
        description="Of the segments as the audience was frozen: `segment_id`, `version`, "
        "`is_included`, `members`."
    )
    launch_at: datetime | None = Field(description="When it is launched, of a scheduled one.")
    frozen_at: datetime | None = Field(description="Since when the audience is what it is.")
    launched_at: datetime | None
    ended_at: datetime | None
    member_count: int = Field(description="Of the frozen audience those who are to be reached.")
    holdout_count: int
    excluded_count: int


class CampaignSubmission(Schema):
    """What is said to those who approve."""

    comment: Prose | None = None


class ScheduleInput(Schema):
    """When a campaign is to be launched, by the clocks of the organization."""

    day: Day = Field(examples=["2027-03-01"])
    time: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", examples=["09:00"])


class DecisionInput(Schema):
    """What somebody decided of an experiment."""

    variant: Code = Field(examples=["B"])
    note: Prose | None = None
    winner_for_rest: bool = Field(False, description=_FOR_REST)


class CampaignTransition(Shape):
    """What may be done with a campaign where it stands."""

    verb: str
    status: Status
    blockers: list[Blocker] = Field(description="What stands in the way of it.")


class CampaignTransitions(Shape):
    """Where a campaign stands, and what may be done with it."""

    status: Status
    allowed: list[CampaignTransition]


class CampaignCloneInput(Schema):
    """What a copy is called."""

    name: Name = Field(examples=["Summer offers"])


class ReasonCount(Shape):
    """How many are not reached for a reason."""

    reason: str
    count: int


_WAITING = "Of those reached, who wait until the experiment is decided (`test_percent`)."


class CampaignAudience(Shape):
    """Who would be reached, of those whom the actor sees."""

    reached: int
    waiting: int = Field(description=_WAITING)
    holdout: int = Field(description="Left out on purpose, to compare with.")
    excluded: int
    reasons: list[ReasonCount] = Field(
        description="Each person once: `suppressed_segment` (they or their company are in a segment "
        "of the kind `suppression`), `excluded_segment`, "
        "`held_out_above` (by a campaign that it is below), `no_address`, `address_unusable`, "
        "`no_consent`. Suppressed addresses, guards and quiet "
        "hours are heeded as each is sent."
    )


class FrozenAudience(Shape):
    """Who is in a frozen audience, of those whom the actor sees."""

    reached: int = Field(description="Who is to be reached.")
    waiting: int = Field(description=_WAITING)
    holdout: int = Field(description="Left out on purpose, to compare with.")
    excluded: int = Field(description="Of whom it was known as it was frozen.")
    reasons: list[ReasonCount] = Field(description="Of the excluded, each person once.")
    refused: list[ReasonCount] = Field(
        description="Whose mail of the campaign did not leave, by what stood against it: what the gate "
        "of outreach said, or that they are one with somebody (`merged`), share an address with "
        "somebody who got it (`same_address`) or are held out above (`held_out`). Each contact once for "
        "each reason, also where they are in the audience no more. Empty for whoever may not read "
        "mailings."
    )


Happening = Literal["sent", "opened", "clicked", "bounced", "unsubscribed"]
HAPPENINGS: tuple[Happening, ...] = get_args(Happening)
"""What of the sends to a member is told with them."""


class CampaignMembersAsked(Schema):
    """Which members are asked for."""

    variant: Code | None = None
    is_holdout: bool | None = None
    is_excluded: bool | None = None
    excluded_reason: Code | None = None
    status: Code | None = Field(
        None, description="How far what they were sent is; takes the right to read mailings."
    )
    did: Happening | None = Field(
        None, description="What has happened to it; takes the right to read mailings."
    )


class CampaignMemberOut(Shape):
    """Somebody of a frozen audience."""

    contact_id: UUID
    variant: str | None
    is_holdout: bool
    excluded_reason: str | None
    frozen_at: datetime
    status: str | None = Field(
        description="How far what they were sent is, as its sends say it (`queued`, `suppressed`, "
        "`sent`, `clicked` …), the farthest of several; null where nothing is sent, and for whoever "
        "may not read mailings.",
        examples=["opened"],
    )
    reasons: list[str] = Field(
        description="What stood against sending it, or why it failed.", examples=[["suppressed"]]
    )
    sent_at: datetime | None
    opened_at: datetime | None
    clicked_at: datetime | None
    bounced_at: datetime | None
    unsubscribed_at: datetime | None


class CampaignMemberPage(Shape):
    """Some of a frozen audience."""

    data: list[CampaignMemberOut]
    next_cursor: str | None


class EvaluationInput(Converted):
    """What is counted, and up to when."""

    until: Instant | None = Field(None, description="Up to when; now if not said.")
    lift: float = Field(
        0.01, gt=0, lt=1, description="The difference that is to be found, as a share."
    )


class _FrozenArm(Shape):
    key: str = Field(description="The variant; `all` where there are none.")
    frozen: int = Field(description="Of the audience as it was frozen.")
    frozen_conversions: int
    frozen_rate: float | None
    low: float = Field(description="Wilson's interval of the rate at 95 %.")
    high: float


class CampaignArm(_FrozenArm):
    """Those who got a variant; `low` and `high` are of `reached_rate`."""

    reached: int = Field(
        description="Who was really sent it, as their variant; see `reached_by`. Where a decision has "
        "all others leave as the variant that won (`winner_for_rest`), up to that: what left since is "
        "no part of the experiment."
    )
    reached_conversions: int = Field(
        description="Of these, since it was sent to them and, where such a decision was made, up to it."
    )
    reached_rate: float | None


class ArmComparison(Shape):
    """A variant against the first one."""

    key: str
    against: str
    z: float
    p: float = Field(description="Two-sided, of the pooled test of two shares.")
    adjusted_p: float = Field(description="For how many are compared, after Holm.")


class HoldoutComparison(_FrozenArm):
    """All who were to be reached against those who were held out, both as they were frozen."""

    uplift: float | None
    z: float
    p: float


class CampaignEvaluation(Shape):
    """What an experiment shows."""

    conversion: Conversion
    event: str | None
    arms: list[CampaignArm]
    comparisons: list[ArmComparison]
    holdout: HoldoutComparison | None = Field(
        description="Null where nobody is held out, and of what is done with mails alone."
    )
    reached_by: Literal["sends", "audience"] = Field(
        description="`audience` where no mailing tells who was sent anything, and for whoever may not "
        "read mailings: then all of it counts as reached."
    )
    sample_ratio_p: float = Field(
        description="Of the chi-square test of the shares of those who were reached."
    )
    frozen_sample_ratio_p: float = Field(description="The same of the audience as it was frozen.")
    needed_per_arm: int | None = Field(
        description="At 5 % and a power of 80 %; null where there is no room for the lift."
    )
    verdict: Literal[
        "no_experiment",
        "sample_ratio_mismatch",
        "insufficient_data",
        "different",
        "no_difference",
    ]
