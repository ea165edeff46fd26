"""What contracts and recurring revenue look like from outside."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import Field

from crm_api.domains.orders.models import ContractKind, ContractStatus
from crm_api.domains.quotes.lines import MOST_LINES, Interval
from crm_api.kit.crud.transitions import Blocker
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Create,
    Currency,
    Day,
    DescribedFields,
    DescribedOut,
    Name,
    Out,
    Prose,
    Quantity,
    QuantityOut,
    Schema,
    Shape,
    patch_of,
)

Months = Annotated[int, Field(ge=1, le=1_200)]
Days = Annotated[int, Field(ge=0, le=3_660)]


class ContractLine(Schema):
    """What falls due again and again."""

    name: Name = Field(examples=["Support"])
    product_id: UUID | None = None
    variant_id: UUID | None = None
    quantity: Quantity = Decimal(1)
    unit_price: Amount = Field(description="Of one unit in each interval, net.")
    interval: Interval = Field("month", description="How often it falls due.")


class ContractLineOut(Shape):
    """What falls due again and again."""

    name: str
    product_id: UUID | None
    variant_id: UUID | None
    quantity: QuantityOut
    unit_price: AmountOut
    interval: Interval
    net: AmountOut = Field(description="What falls due in each interval.")


class _Terms(Schema):
    kind: ContractKind = Field(
        "contract", description="A `subscription` is a contract that is told apart in lists."
    )
    term_months: Months | None = Field(
        None, description="For how long at a time; empty: without an end."
    )
    auto_renew: bool = Field(
        False, description="Whether it goes on after its last day, unless it is cancelled."
    )
    notice_days: Days = Field(0, description="How long before its last day notice is given.")


class ContractCreate(_Terms, DescribedFields, Create):
    """A new contract by hand; it is a draft."""

    name: Name = Field(examples=["Support"])
    company_id: UUID | None = None
    contact_id: UUID | None = None
    order_id: UUID | None = Field(None, description="That it was agreed by.")
    renewal_deal_id: UUID | None = Field(None, description="The deal that is to renew it.")
    currency: Currency
    starts_on: Day
    lines: Annotated[list[ContractLine], Field(max_length=MOST_LINES)] = Field(default_factory=list)


ContractUpdate = patch_of(
    "ContractUpdate", ContractCreate, required=("kind", "auto_renew", "notice_days")
)


class ContractOut(DescribedOut, Out):
    """What falls due again and again, for a term or without an end."""

    name: str
    kind: ContractKind
    status: ContractStatus
    company_id: UUID | None
    contact_id: UUID | None
    order_id: UUID | None
    previous_id: UUID | None = Field(description="The contract that it renews.")
    renewal_deal_id: UUID | None
    currency: str
    starts_on: date
    ends_on: date | None = Field(description="Its last day.")
    term_months: int | None
    auto_renew: bool
    notice_days: int
    notice_by: date | None = Field(description="By when notice is to be given.")
    lines: list[ContractLineOut]
    mrr: AmountOut = Field(description="What falls due, net, for a month.")
    arr: AmountOut = Field(description="The same for a year.")
    renewal_mark: int | None = Field(
        description="How many days ahead `contract.renewal_due` was told last."
    )
    activated_at: datetime | None
    ended_at: datetime | None = Field(description="When it was renewed, cancelled or over.")
    end_comment: str | None


class ContractOfOrder(_Terms):
    """How the recurring lines of an order become a contract."""

    name: Name | None = Field(None, description="Without it that of the order.")
    starts_on: Day | None = Field(None, description="Without it today.")


class ContractEnd(Schema):
    """How a contract is cancelled."""

    ends_on: Day | None = Field(None, description="Its last day; without it today.")
    comment: Prose | None = None


class ContractBlocker(Blocker):
    """What stands in the way of an action."""


class ContractTransition(Shape):
    """An action that is for this state."""

    verb: str = Field(description="`POST /v1/contracts/{id}/{verb}` does it.")
    status: ContractStatus = Field(description="What it becomes.")
    blockers: list[ContractBlocker] = Field(description="Empty: it may be done.")


class ContractTransitions(Shape):
    """Where a contract stands, and what may be done with it."""

    status: ContractStatus
    allowed: list[ContractTransition]


class RecurringRevenue(Shape):
    """What falls due again and again on a day, of one currency, and how it came to that.

    `before + new + expansion - contraction - churn = mrr`, by customers: new has nothing on the
    first day, churn nothing on the last.
    """

    currency: str
    mrr: AmountOut
    arr: AmountOut
    before: AmountOut | None = Field(description="The same on the first day.")
    new: AmountOut | None
    expansion: AmountOut | None
    contraction: AmountOut | None
    churn: AmountOut | None
    customers: int = Field(description="How many have something that falls due.")


class RevenueAnswer(Shape):
    """Monthly recurring revenue by currency."""

    as_of: date
    since: date | None
    data: list[RecurringRevenue]
