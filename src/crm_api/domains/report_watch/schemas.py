"""What schedules and alerts look like from outside."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from crm_api.domains.report_watch.judging import Comparison
from crm_api.domains.report_watch.models import Format, Method, Season, Sharing, State
from crm_api.domains.reports.schemas import Filtering, StandardName
from crm_api.domains.reports.shown import ReportAnswer, StandardReportOut
from crm_api.kit.schema import Create, Day, Name, Out, Schema, Shape, TimeZone, patch_of

Number = Annotated[Decimal, Field(max_digits=20, decimal_places=6)]
Minutes = Annotated[int, Field(ge=15, le=10_080)]


class ReportRecipient(Schema):
    """Who is told: a user, the members of a team, an address outside, or endpoints."""

    kind: Literal["user", "team", "email", "webhook"] = Field(
        description="`webhook` has the event told to the endpoints of whoever sees it; its `result` is "
        "where they get what it comes to, each as its own key sees it."
    )
    id: UUID | None = Field(None, description="Of the user or team.")
    address: Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,64}@[^@\s]{3,190}$")] | None = (
        Field(
            None, description="Gets what whoever wrote it last sees; takes `send_reports_outside`."
        )
    )


class ReportCondition(Schema):
    """Only if a value of a row is so."""

    measure: Annotated[str, Field(max_length=100)]
    comparison: Comparison
    value: Number


Recipients = Annotated[list[ReportRecipient], Field(min_length=1, max_length=50)]


class ReportScheduleCreate(Create):
    """A new schedule."""

    name: Name = Field(examples=["Every Monday"])
    report_id: UUID | None = Field(None, description="A saved report.")
    standard_report: StandardName | None = Field(
        None, description="The name of a standard report, in place of a saved one."
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        max_length=20,
        description="Of the report, by name. Days may be relative, such as `@today-30d` and "
        "`@start_of_quarter`, and count from when it is told.",
    )
    time_zone: TimeZone = "UTC"
    cron: Annotated[str, Field(max_length=200)] | None = Field(
        None,
        description="Five fields; every quarter of an hour at the most.",
        examples=["0 8 * * 1"],
    )
    rule: Annotated[str, Field(max_length=300)] | None = Field(
        None, description="An RRULE (RFC 5545), in place of cron, at the time `at`."
    )
    starts_on: Day | None = Field(None, description="The first day; today without one.")
    at: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None = Field(
        None, description="The time of day of a rule."
    )
    recipients: Recipients = Field(examples=[[{"kind": "email", "address": "a@example.com"}]])
    condition: ReportCondition | None = Field(
        None, description="It is told only if a row is so, as the recipient sees it."
    )
    format: Format | None = Field(
        None, description="Members and addresses get the result by mail, as this file."
    )
    is_active: bool = True
    sharing: Sharing = Field("private", description="Whether only its owner sees it.")


ReportScheduleUpdate = patch_of(
    "ReportScheduleUpdate",
    ReportScheduleCreate,
    required=("recipients", "time_zone", "sharing"),
)


class ReportScheduleOut(Out):
    """When a saved or standard report is told to whom."""

    name: str
    report_id: UUID | None
    standard_report: str | None
    parameters: dict[str, Any]
    time_zone: str
    cron: str | None
    rule: str | None
    starts_on: date
    at: str | None
    recipients: list[dict[str, Any]]
    condition: dict[str, Any] | None
    format: Format | None
    is_active: bool
    sharing: Sharing
    next_at: datetime | None


class ReportScheduleResult(Shape):
    """What the report of a schedule comes to for whoever asks."""

    report_id: UUID | None
    standard: StandardReportOut | None = Field(description="Of a standard report.")
    parameters: dict[str, Any] = Field(
        description="With what it is run; of a standard report days are absolute."
    )
    answer: ReportAnswer


class ReportDelivery(Shape):
    """What became of one occurrence for one recipient."""

    id: UUID
    occurrence_at: datetime
    recipient: str
    status: Literal["pending", "sent", "skipped", "failed"]
    reason: str | None
    finished_at: datetime | None


class ReportDeliveryList(Shape):
    """The last deliveries of a schedule."""

    data: list[ReportDelivery]


class AlertCreate(Create):
    """A new alert."""

    name: Name = Field(examples=["Too few new deals"])
    metric: Annotated[str, Field(max_length=100)] = Field(examples=["new_deals"])
    filter: Filtering = Field(default_factory=dict)
    days: Annotated[int, Field(ge=1, le=366)] | None = Field(
        None, description="Of the last so many days; of all time without it."
    )
    method: Method = "threshold"
    comparison: Comparison | None = None
    threshold: Number | None = None
    clear_at: Number | None = Field(
        None, description="Cleared at this value only; at the threshold without it."
    )
    sensitivity: Annotated[Decimal, Field(ge=1, le=20, max_digits=4, decimal_places=2)] = Field(
        Decimal("3.5"), description="Of an anomaly: the robust z-score (median, MAD) it is from."
    )
    season: Season = Field(
        "none", description="`weekday` compares with the same days of the week alone."
    )
    every_minutes: Minutes = 60
    cooldown_minutes: Annotated[int, Field(ge=0, le=10_080)] = Field(
        60, description="So long after it was raised nobody is told of it again."
    )
    recipients: Recipients = Field(
        examples=[[{"kind": "team", "id": "01990000-0000-7000-8000-0000000000ff"}]]
    )
    is_active: bool = True
    sharing: Sharing = Field("private", description="Whether only its owner sees it.")


AlertUpdate = patch_of(
    "AlertUpdate",
    AlertCreate,
    required=("metric", "recipients", "method", "season", "sensitivity", "sharing"),
)


class AlertOut(Out):
    """A metric that is looked at, and how it stands."""

    name: str
    metric: str
    filter: dict[str, Any]
    days: int | None
    method: Method
    comparison: Comparison | None
    threshold: Decimal | None
    clear_at: Decimal | None
    sensitivity: Decimal
    season: Season
    every_minutes: int
    cooldown_minutes: int
    recipients: list[dict[str, Any]]
    is_active: bool
    sharing: Sharing
    state: State
    last_value: Decimal | None
    last_error: str | None
    checked_at: datetime | None
    raised_at: datetime | None
    told_at: datetime | None
    next_at: datetime | None
