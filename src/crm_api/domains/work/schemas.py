"""What agendas, the queue and feeds look like from outside."""

from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from crm_api.kit.schema import Shape
from crm_api.kit.work import Kind, Priority


class WorkRecord(Shape):
    """The record that something is about."""

    target: str = Field(description="The kind of record, such as `deal`.")
    record_id: UUID


class WorkItem(Shape):
    """Something to be done; which of its times are set depends on what it is."""

    record: WorkRecord
    workload: str = Field(description="Where it comes from, such as `deals.next_steps`.")
    kind: Kind
    title: str
    priority: Priority
    all_day: bool = Field(description="Whether it is of a day: `day` and no time.")
    day: date | None = Field(description="The day on which it is due, or that it lasts.")
    starts_at: datetime | None = Field(description="When it begins, where it is planned.")
    ends_at: datetime | None
    due_at: datetime | None = Field(description="By when it is to be done.")
    location: str | None
    is_open: bool
    company_id: UUID | None
    contact_id: UUID | None
    deal_id: UUID | None


class Agenda(Shape):
    """What is planned and due in some days."""

    user_id: UUID
    time_zone: str = Field(description="The user's, in which the days are.")
    first_day: date
    last_day: date
    data: list[WorkItem] = Field(description="By day; what is of a whole day comes first.")
    left_off: list[str] = Field(
        description="Workloads with more than 200 items in that time, of which the first are told."
    )


class RankReason(Shape):
    """Why something stands where it does."""

    code: str
    points: int
    text: str


class RankedItem(WorkItem):
    """Something to be done, with its rank."""

    rank: int
    score: int = Field(description="What the points of its reasons come to.")
    reasons: list[RankReason]


class Queue(Shape):
    """What to do next."""

    user_id: UUID
    time_zone: str
    data: list[RankedItem]
    total: int = Field(description="How many items were ranked.")
    left_off: list[str] = Field(
        description="Workloads with more than 200 items, of which those that are due first count."
    )


class CalendarFeedOut(Shape):
    """The address at which a calendar reads the agenda of the user."""

    created_at: datetime
    last_used_at: datetime | None = Field(description="To the hour.")


class CalendarFeedMade(CalendarFeedOut):
    """A new address; it is told this once."""

    token: str
    path: str = Field(description="`GET` it without a credential.")
