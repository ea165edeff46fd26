"""What expenses, reports, loads and earned values of projects look like from outside."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from crm_api.domains.projects.models import ExpenseKind, TimeStatus
from crm_api.domains.projects.risks import RiskOut
from crm_api.domains.projects.work_schemas import Health, ProjectFigures
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Create,
    Currency,
    Day,
    Line,
    Out,
    Prose,
    QuantityOut,
    Schema,
    Shape,
    patch_of,
)

Spent = Annotated[Amount, Field(gt=0)]


class _ExpenseFields(Create):
    task_id: UUID | None = Field(None, description="A task of the project.")
    day: Day
    amount: Spent = Field(description="What it cost, net.")
    note: Line | None = None


class ExpenseCreate(_ExpenseFields):
    """What the `owner_id` spent; the receipt is an attachment of it."""

    project_id: UUID
    kind: ExpenseKind = "other"
    currency: Currency | None = Field(None, description="Without it the project's.")
    is_billable: bool = False


class _ExpenseKept(_ExpenseFields):
    kind: ExpenseKind = "other"
    currency: Currency = "EUR"
    is_billable: bool = False


ExpenseUpdate = patch_of(
    "ExpenseUpdate", _ExpenseKept, required=("kind", "currency", "is_billable")
)


class ExpenseOut(Out):
    """What somebody spent for a project."""

    project_id: UUID
    task_id: UUID | None
    day: date
    kind: ExpenseKind
    note: str | None
    amount: AmountOut
    currency: str
    project_amount: AmountOut = Field(
        description="In the currency of the project, by the rate of `day`."
    )
    is_billable: bool
    status: TimeStatus
    decided_at: datetime | None
    rejection_reason: str | None


class StatusReportInput(Schema):
    """What is told of a period; its figures are those of this moment."""

    since: Day
    until: Day
    summary: Prose
    next_steps: Prose | None = None
    health: Health | None = Field(None, description="Without it as calculated.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until < self.since:
            raise ValueError("`until` is not before `since`")
        return self


class StatusReportOut(Out):
    """How a project fared, as it was told; it never changes."""

    project_id: UUID
    since: date
    until: date
    health: Health
    summary: str
    next_steps: str | None
    figures: ProjectFigures | None = Field(
        description="As they were when it was told; null for whoever may not see the money."
    )
    risks: list[RiskOut] = Field(description="Those that were open.")


class LoadedWeek(Shape):
    """What somebody has to do in a week."""

    week: date = Field(description="Its Monday.")
    planned_minutes: int = Field(description="What is left of the tasks, spread over their time.")
    capacity_minutes: int = Field(description="Working time of the default calendar.")


class LoadedUser(Shape):
    """What somebody has to do, week by week."""

    owner_id: UUID | None = Field(description="Empty: what nobody is named for.")
    planned_minutes: int
    capacity_minutes: int
    weeks: list[LoadedWeek]


class ProjectLoad(Shape):
    """What is planned, by who does it, of the open projects that are seen."""

    since: date = Field(description="A Monday.")
    until: date = Field(description="The last day, a Sunday.")
    users: list[LoadedUser]


class BurnWeek(Shape):
    """How far a project is at the end of a week."""

    week: date = Field(description="Its Monday.")
    planned_minutes: int = Field(description="What the baseline has done by its end.")
    worked_minutes: int = Field(description="Approved time by its end.")


class EarnedValue(Shape):
    """What is earned of a project by what is done, in its currency; null where not known."""

    project_id: UUID
    currency: str
    basis: Literal["baseline", "plan"] = Field(description="What the planned value is of.")
    budget_at_completion: AmountOut | None = Field(description="BAC: the cost budget.")
    planned_value: AmountOut | None = Field(
        description="PV: the budget of what was to be done by now."
    )
    earned_value: AmountOut | None = Field(description="EV: the budget of what is done.")
    actual_cost: AmountOut = Field(description="AC: approved time and expenses.")
    cost_variance: AmountOut | None = Field(description="CV: EV - AC.")
    schedule_variance: AmountOut | None = Field(description="SV: EV - PV.")
    cpi: QuantityOut | None = Field(description="EV / AC, to four decimals.")
    spi: QuantityOut | None = Field(description="EV / PV, to four decimals.")
    estimate_at_completion: AmountOut | None = Field(description="EAC: BAC / CPI.")
    estimate_to_complete: AmountOut | None = Field(description="ETC: EAC - AC.")
    variance_at_completion: AmountOut | None = Field(description="VAC: BAC - EAC.")
    burn: list[BurnWeek]
