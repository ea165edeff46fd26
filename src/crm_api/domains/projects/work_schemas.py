"""What deliverables, times and the figures of projects look like from outside."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from crm_api.domains.projects.models import DeliverableStatus, TimeStatus
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Create,
    Day,
    Line,
    Name,
    Out,
    Prose,
    Quantity,
    QuantityOut,
    Schema,
    Shape,
    patch_of,
)

Health = Literal["green", "amber", "red"]
Worked = Annotated[int, Field(ge=1, le=1440)]


class _DeliverableFields(Create):
    name: Name = Field(examples=["Training"])
    milestone_id: UUID | None = Field(
        None, description="The milestone that is not accepted without it, where it is mandatory."
    )
    line_id: UUID | None = Field(None, description="The line of the order that it is of.")
    description: Prose | None = None
    due_on: Day | None = Field(None, description="By when it is promised.")


class DeliverableCreate(_DeliverableFields):
    """A new deliverable, which is a draft."""

    project_id: UUID
    quantity: Annotated[Quantity, Field(gt=0)] | None = Field(
        None, description="How much is promised; without it 1."
    )
    is_mandatory: bool = Field(True, description="Whether the project cannot be closed without.")


class _DeliverableKept(_DeliverableFields):
    quantity: Annotated[Quantity, Field(gt=0)] = Field(description="How much is promised.")
    is_mandatory: bool = True


DeliverableUpdate = patch_of(
    "DeliverableUpdate", _DeliverableKept, required=("quantity", "is_mandatory")
)


class DeliverableOut(Out):
    """Something that was promised, and what became of it."""

    project_id: UUID
    milestone_id: UUID | None
    line_id: UUID | None
    name: str
    description: str | None
    quantity: QuantityOut
    due_on: date | None
    is_mandatory: bool
    status: DeliverableStatus
    delivered_quantity: QuantityOut
    delivered_on: date | None
    decided_at: datetime | None
    decided_by: str | None
    rejection_reasons: list[str]


class Delivery(Schema):
    """What is handed over."""

    quantity: Annotated[Quantity, Field(gt=0)] | None = Field(
        None, description="How much has been delivered in all; without it what was promised."
    )
    delivered_on: Day | None = Field(None, description="Without it today.")


class Acceptance(Schema):
    """By whom it is accepted."""

    decided_by: Name | None = Field(None, description="Who said so, on the customer's side.")


class Rejection(Acceptance):
    """Why it is not accepted."""

    reasons: Annotated[list[Line], Field(min_length=1, max_length=20)]


class _TimeFields(Create):
    task_id: UUID | None = Field(None, description="A task of the project.")
    day: Day
    minutes: Worked
    note: Line | None = None
    rate: Amount | None = Field(None, description="What an hour is charged at.")
    cost_rate: Amount | None = Field(None, description="What an hour costs.")


class TimeEntryCreate(_TimeFields):
    """Time that the `owner_id` worked."""

    project_id: UUID
    is_billable: bool = True


class _TimeKept(_TimeFields):
    is_billable: bool = True


TimeEntryUpdate = patch_of("TimeEntryUpdate", _TimeKept, required=("is_billable",))


class TimeEntryOut(Out):
    """Time that somebody worked for a project."""

    project_id: UUID
    task_id: UUID | None
    day: date
    minutes: int
    note: str | None
    is_billable: bool
    rate: AmountOut | None
    cost_rate: AmountOut | None
    status: TimeStatus
    decided_at: datetime | None
    rejection_reason: str | None


class TimeRejection(Schema):
    """Why time is not approved."""

    reason: Line


class BillingDue(Shape):
    """What fell due with a milestone, for whoever keeps the accounts."""

    id: UUID = Field(description="The milestone's; `POST /v1/project-tasks/{id}/bill` takes it.")
    project_id: UUID
    name: str
    company_id: UUID | None = Field(description="The project's.")
    billing_amount: AmountOut
    currency: str = Field(description="The project's.")
    billing_percent: QuantityOut = Field(description="Of the project's revenue.")
    billing_due_at: datetime


class HealthReason(Shape):
    """Why a project is not well."""

    code: str
    message: str
    severity: Literal["amber", "red"]


class ProjectFigures(Shape):
    """How a project fares: money in its currency, net, null where it is not known."""

    project_id: UUID
    currency: str
    revenue: AmountOut | None = Field(description="What it was sold for.")
    cost_budget: AmountOut | None = Field(description="What it may cost.")
    quoted_margin: AmountOut | None = Field(description="The revenue less the budget.")
    actual_cost: AmountOut = Field(description="Approved time by its cost rates, and expenses.")
    pending_cost: AmountOut = Field(description="Time and expenses that are not approved yet.")
    expenses: AmountOut = Field(description="What of the actual cost are expenses.")
    forecast_cost: AmountOut | None = Field(
        description="What it will have cost: the actual cost by how much of the work is done; "
        "before anything is, the budget."
    )
    forecast_margin: AmountOut | None
    actual_margin: AmountOut | None = Field(description="What is billed less the actual cost.")
    unpriced_minutes: int = Field(description="Approved time without a cost rate.")
    estimated_minutes: int = Field(description="The estimates of its tasks, or their lengths.")
    worked_minutes: int = Field(description="Approved time.")
    billable_minutes: int
    billable_amount: AmountOut = Field(description="Approved billable time by its rates.")
    billable_expenses: AmountOut = Field(description="Approved billable expenses.")
    percent: int = Field(description="How much is done, by the estimates of its tasks.")
    billed: AmountOut
    due: AmountOut = Field(description="What fell due and is not billed.")
    health: Health
    reasons: list[HealthReason]


class TimeSettings(Schema):
    """Which time is closed."""

    locked_until: Day | None = Field(
        None, description="The last day of which no time is written, changed or approved any more."
    )


class TimeSettingsOut(Shape):
    """Which time is closed."""

    locked_until: date | None
