"""What analyses of segments look like from outside."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from crm_api.domains.segments.models import SegmentTarget
from crm_api.domains.segments.schemas import Counted
from crm_api.kit.schema import AmountOut, Schema, Shape

BoughtIn = Literal["deals", "orders"]


class SegmentPair(Shape):
    """How much two segments have in common."""

    first_id: UUID
    second_id: UUID
    both: int
    jaccard: float = Field(description="Those in both by those in any of the two, from 0 to 1.")


class SegmentMix(Shape):
    """How many are in exactly these of the segments."""

    segment_ids: list[UUID]
    count: int


class SegmentOverlapOut(Shape):
    """How much segments have in common, of those whom the actor sees."""

    sizes: list[int] = Field(description="In the order in which the segments were named.")
    pairs: list[SegmentPair]
    mixes: list[SegmentMix] = Field(description="The largest first; add up to all of them.")


class CompareInput(Schema):
    """Two segments, or one and everybody else."""

    first_id: UUID
    second_id: UUID | None = Field(None, description="Without it, all that are not in the first.")
    fields: Annotated[list[Counted], Field(min_length=1, max_length=10)] = Field(
        description="By which fields they are compared.", examples=[["lifecycle", "source"]]
    )


class Contrast(Shape):
    """How often a value is found in the one and in the other."""

    field: str
    value: str | None
    first: int
    second: int
    first_share: float
    first_interval: list[float] = Field(description="Wilson's, at 95 %.")
    second_share: float
    second_interval: list[float]
    lift: float | None = Field(description="The first share by the second; null where that is 0.")
    z: float = Field(description="Of the pooled test of two shares.")
    p: float = Field(description="Two-sided, adjusted for all tests here after Holm.")


class SegmentComparison(Shape):
    """What tells two segments apart, what tells the most first."""

    first_size: int
    second_size: int
    common: int = Field(description="Who is in both, and is left out.")
    contrasts: list[Contrast]


class DiscoverInput(Schema):
    """What to look for in what customers bought."""

    method: Literal["rfm", "clusters"] = "rfm"
    source: BoughtIn = Field("deals", description="Won deals, or orders that were confirmed.")
    target: SegmentTarget = "contact"
    segment_id: UUID | None = Field(None, description="Only of its members.")
    clusters: int = Field(4, ge=2, le=8, description="How many to make.")


class RfmCell(Shape):
    """Customers with two scores."""

    recency: int
    frequency: int
    count: int
    monetary: AmountOut = Field(description="What they bought altogether.")
    filter: dict[str, Any] = Field(
        description="Who has these scores, as a filter for a segment: it goes on with the days."
    )


class RfmGroup(Shape):
    """Customers that are called alike."""

    name: str
    count: int
    monetary: AmountOut


class FoundRule(Shape):
    """What tells a cluster."""

    feature: Literal["recency_days", "frequency", "monetary"]
    operator: Literal["gte", "lte"]
    value: float


class FoundCluster(Shape):
    """Customers that buy alike."""

    count: int
    recency_days: float = Field(description="The median.")
    frequency: float
    monetary: float
    rules: list[FoundRule]
    precision: float = Field(description="How many of whom the rules hold for are of it.")
    recall: float = Field(description="For how many of it the rules hold.")
    filter: dict[str, Any] | None = Field(
        description="The rules as a filter for a segment; null where none tells it."
    )


class SegmentDiscovery(Shape):
    """What was found in what customers bought."""

    customers: int
    left_out: int = Field(description="Of how many purchases the amount is in another currency.")
    currency: str
    cells: list[RfmCell]
    groups: list[RfmGroup]
    clusters: list[FoundCluster]
    silhouette: float | None
    stability: float | None
    seed: int | None


class Cohort(Shape):
    """Contacts of a month, and how many of them were active later."""

    month: date
    size: int
    active: list[int | None] = Field(description="By months since; null where not over yet.")
    retention: list[float | None]


class SegmentCohorts(Shape):
    """Cohorts by the month in which contacts were made, the oldest first."""

    data: list[Cohort]
