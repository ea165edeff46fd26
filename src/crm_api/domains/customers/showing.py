"""What timelines, pictures and health look like from outside."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from crm_api.domains.customers.schemas import EffectivePreference, ExpectationOut
from crm_api.kit.customer360 import Component, Group
from crm_api.kit.schema import AmountOut, Shape
from crm_api.kit.touchpoints import Department, Direction

ActorKind = Literal["key", "user", "app", "system"]
Occasion = Literal["call", "meeting", "visit", "letter"]
Trend = Literal["up", "down", "level"]


class TimelineActor(Shape):
    """Who did it."""

    kind: ActorKind
    id: UUID | None


class TimelineRecord(Shape):
    """The record that it happened to, in short, as it is now."""

    collection: str = Field(examples=["deals"])
    target: str = Field(description="The kind of record.", examples=["deal"])
    id: UUID
    name: str | None = Field(description="Its name, subject or number.")
    number: str | None
    status: str | None
    kind: str | None
    priority: str | None
    outcome: str | None


class TimelineEntry(Shape):
    """A point of contact."""

    id: UUID = Field(description="The id of the event.")
    at: datetime
    department: Department
    topic: str = Field(examples=["deal.won"])
    kind: str | None
    direction: Direction | None = Field(description="`in` from the customer, `out` to them.")
    is_direct: bool = Field(
        description="False where it is here by a contact, a deal or a case of the party."
    )
    actor: TimelineActor
    record: TimelineRecord


class TimelinePage(Shape):
    """A page of a timeline, the latest first."""

    data: list[TimelineEntry]
    next_cursor: str | None


class PictureSection(Shape):
    """What a part of the product shows of a customer."""

    name: str = Field(examples=["open_deals"])
    group: Group
    department: Department
    as_of_supported: bool = Field(
        description="False: at a moment it tells nothing, and `data` is null."
    )
    data: Any = Field(description="Null where nothing may be told.")


class HealthComponent(Shape):
    """A part of how a company fares."""

    component: Component
    value: str = Field(description="From 0, bad, to 1, well.", examples=["0.75"])
    weight: str = Field(description="How much it counts, of all that is known.")
    reason: str = Field(examples=["last_contact_days"])
    count: int = Field(description="What the reason counts.")


class CustomerHealth(Shape):
    """How a company fares."""

    status: Literal["known", "insufficient_data"]
    score: str | None = Field(description="From 0 to 1; null where too little is known.")
    trend: Trend | None = Field(description="Against some four weeks before.")
    measured_at: datetime | None
    components: list[HealthComponent]


class CustomerPicture(Shape):
    """Everything of a customer, as whoever asks may see it."""

    kind: Literal["company", "contact"]
    id: UUID
    as_of: datetime | None
    identity: dict[str, Any] = Field(description="The record itself, as it is in its collection.")
    people: list[dict[str, Any]] | None = Field(
        description="Who belongs to it, with employments and roles in deals."
    )
    preferences: list[EffectivePreference] | None
    expectations: list[ExpectationOut] | None = Field(description="Those that are open.")
    sections: list[PictureSection]
    health: CustomerHealth | None
    timeline: list[TimelineEntry] | None
    unsupported: list[str] = Field(
        description="What of it does not tell of the past, where a moment was asked for."
    )


class BriefSource(Shape):
    """A record that says so."""

    target: str
    record_id: UUID


class BriefFact(Shape):
    """A fact of a brief, and where it comes from."""

    code: str = Field(examples=["open_deals"])
    text: str
    sources: list[BriefSource]


class CustomerBrief(Shape):
    """What one should know before a talk, in a few sentences."""

    occasion: Occasion
    language: str
    text: str
    facts: list[BriefFact]


class HealthListed(Shape):
    """How a company fared on its last day."""

    company_id: UUID
    name: str
    owner_id: UUID | None
    day: date
    score: str | None
    components: list[HealthComponent]


class HealthPortfolio(Shape):
    """Companies by how they fare, the worst first."""

    data: list[HealthListed]
    next_cursor: str | None


class CompanySum(Shape):
    """What is added up of a company."""

    name: str = Field(
        description="Such as `people`, `open_deals`, `won_deals`, `open_projects`, `open_cases`."
    )
    count: int
    amount: AmountOut | None = Field(
        description="In the organization's currency; null where nothing is summed, or hidden."
    )
    is_whole: bool = Field(description="False where amounts without a rate are not in `amount`.")


class CompanyAbove(Shape):
    """A company above the one that was asked for."""

    id: UUID
    name: str | None


class CompanyBranch(Shape):
    """A company of a hierarchy."""

    id: UUID
    name: str | None
    lifecycle: str | None
    industry: str | None
    owner_id: UUID | None
    parent_id: UUID | None = Field(
        description="The next company above that is shown; null of the first one."
    )
    depth: int = Field(description="0 of the first one.")
    own: list[CompanySum] = Field(description="What it has itself.")
    total: list[CompanySum] = Field(description="The same with all companies below it.")


class CompanyTree(Shape):
    """A hierarchy of companies, with what is added up along it."""

    root_id: UUID
    currency: str
    ancestors: list[CompanyAbove] = Field(
        description="From the top down to the parent of the first one, as far as they are seen."
    )
    companies: list[CompanyBranch] = Field(description="By depth, then by name.")
