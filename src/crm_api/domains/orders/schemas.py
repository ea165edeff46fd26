"""What orders and changes of them look like from outside."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from crm_api.domains.deals.schemas import Promises
from crm_api.domains.orders.models import ChangeStatus, OrderStatus
from crm_api.domains.prices.asking import ChosenComponentOut
from crm_api.domains.quotes.lines import (
    MOST_LINES,
    Interval,
    LineKind,
    QuoteLineContentOut,
    QuoteLineTaxOut,
    QuoteTaxOut,
    SoldLine,
)
from crm_api.domains.quotes.models import TaxRounding
from crm_api.kit.crud.transitions import Blocker
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Code,
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
    Unique,
    patch_of,
)


class HandoverItem(Schema):
    """Something that is done when what was sold is handed over to those who deliver it."""

    key: Code
    title: Name
    is_required: bool = Field(True, description="Whether work waits until it is done.")


def _distinct(items: list[HandoverItem]) -> list[HandoverItem]:
    if len({item.key for item in items}) < len(items):
        raise ValueError("each item has a key of its own")
    return items


Handover = Annotated[list[HandoverItem], Field(max_length=50), AfterValidator(_distinct)]
OrderLines = Annotated[list[SoldLine], Field(max_length=MOST_LINES)]


class HandoverItemOut(Shape):
    """Something that is done when an order is handed over."""

    key: str
    title: str
    is_required: bool
    done_at: datetime | None
    done_by: UUID | None = Field(description="The key or user that said so.")


class OrderLineOut(Shape):
    """What was agreed on, as it was given, and what it comes to."""

    id: UUID = Field(description="Of a quote's line the same.")
    kind: LineKind
    product_id: UUID | None
    variant_id: UUID | None
    code: str | None
    name: str
    description: str | None
    quantity: QuantityOut
    unit_id: UUID | None
    unit: str | None
    contents: list[QuoteLineContentOut] | None = Field(
        None, description="Of a bundle, what one of it holds, with what was chosen."
    )
    components: list[ChosenComponentOut] | None = Field(
        None, description="Of a bundle, the optional components that are taken, as given."
    )
    unit_price: AmountOut | None = Field(description="As it was given, instead of price lists.")
    tax_category: str | None
    interval: Interval | None = Field(description="How often it falls due; empty: once.")
    term: int | None = Field(description="How often in all; empty: without an end.")
    price: AmountOut = Field(description="Of one unit, before discounts.")
    discount_percent: QuantityOut = Field(description="All that is off, as one.")
    manual_percent: QuantityOut | None = Field(
        None,
        description="What of it was given by hand; an order by hand is confirmed up to the discount "
        "that policies allow, or with an approval.",
    )
    below_floor: bool | None = Field(
        None, description="Whether it is below the lowest price without an approval."
    )
    tax_included: bool = Field(description="Whether `price` and `amount` include the taxes.")
    unit_net: AmountOut = Field(description="Of one unit, after discounts, without taxes.")
    amount: AmountOut = Field(description="After discounts, taxed as the price is.")
    net: AmountOut
    tax: AmountOut
    gross: AmountOut
    taxes: list[QuoteLineTaxOut]


LINE = tuple(OrderLineOut.model_fields)


class OrderTotalsOut(Shape):
    """Sums of what falls due together."""

    interval: Interval | None = Field(description="How often; empty: once.")
    net: AmountOut
    tax: AmountOut
    gross: AmountOut
    taxes: list[QuoteTaxOut]


TOTALS = tuple(OrderTotalsOut.model_fields)


class OrderCreate(DescribedFields, Create):
    """A new order by hand, for what was agreed elsewhere; it is a draft."""

    name: Name | None = Field(None, description="What it is about.", examples=["New office"])
    reference: Name | None = Field(None, description="The customer's own number of it.")
    company_id: UUID | None = Field(None, description="Whose order it is; its prices count.")
    contact_id: UUID | None = None
    deal_id: UUID | None = Field(None, description="That it was won by: of the same company.")
    quote_id: UUID | None = Field(
        None,
        description="That it goes back to, where it was agreed elsewhere: an accepted quote is "
        "ordered by `POST /v1/quotes/{id}/order`.",
    )
    currency: Currency
    tax_rounding: TaxRounding | None = Field(
        None,
        description="Whether each tax is rounded once (EN 16931), or on every line; as the "
        "organization has it, without it.",
    )
    due_on: Day | None = Field(None, description="By when it is to be delivered.")
    lines: OrderLines = Field(default_factory=list, description="In the order in which they stand.")
    promises: Promises = Field(default_factory=list, description="What was promised beside.")
    handover: Handover | None = Field(
        None, description="The checklist; without it a new order has that of the settings."
    )


OrderUpdate = patch_of("OrderUpdate", OrderCreate)


class OrderOut(DescribedOut, Out):
    """What was agreed with a customer."""

    number: str | None = Field(description="Given when it is confirmed.")
    revision: int = Field(description="Grows by one with each change request that is applied.")
    status: OrderStatus
    name: str | None
    reference: str | None
    company_id: UUID | None
    contact_id: UUID | None
    deal_id: UUID | None
    quote_id: UUID | None = Field(description="The quote that it was made of, or goes back to.")
    quote_version_id: UUID | None = Field(
        description="The version that was accepted, where it was made of that."
    )
    currency: str
    tax_rounding: TaxRounding
    due_on: date | None
    lines: list[OrderLineOut]
    totals: list[OrderTotalsOut] = Field(description="What falls due together, once first.")
    net: AmountOut = Field(description="All lines, those that fall due again once.")
    tax: AmountOut
    gross: AmountOut
    one_time: AmountOut = Field(description="What falls due once, net.")
    mrr: AmountOut = Field(description="What falls due again and again, net, for a month.")
    arr: AmountOut = Field(description="The same for a year.")
    acv: AmountOut = Field(description="What falls due again and again, within the first year.")
    tcv: AmountOut = Field(
        description="Everything: once, and as often as terms say; without a term, for a year."
    )
    promises: list[str]
    handover: list[HandoverItemOut]
    confirmed_at: datetime | None
    fulfilled_at: datetime | None
    closed_at: datetime | None = Field(description="Or cancelled.")
    end_comment: str | None


class OrderBlocker(Blocker):
    """What stands in the way of an action."""


class OrderTransition(Shape):
    """An action that is for this state."""

    verb: str = Field(description="`POST /v1/orders/{id}/{verb}` does it.")
    status: OrderStatus = Field(description="What it becomes.")
    blockers: list[OrderBlocker] = Field(description="Empty: it may be done.")


class OrderTransitions(Shape):
    """Where an order stands, and what may be done with it."""

    status: OrderStatus
    allowed: list[OrderTransition]


class OrderEnd(Schema):
    """What is said of an order that is closed or cancelled."""

    comment: Prose | None = None


Keys = Annotated[list[Code], Field(max_length=50), Unique]


class HandoverInput(Schema):
    """What of the checklist is done, and what is not after all; both by their keys."""

    done: Keys = Field(default_factory=list)
    undone: Keys = Field(default_factory=list)


class LineChange(Schema):
    """A line that comes, goes, or is another one."""

    action: Literal["add", "change", "remove"]
    line_id: UUID | None = Field(None, description="Of the order: what is changed or removed.")
    quantity: Annotated[Quantity, Field(gt=0)] | None = Field(None, description="In all.")
    unit_price: Amount | None = Field(
        None,
        description="Of one unit after all discounts, taxed as the line is; without it what was "
        "agreed for one unit stays.",
    )
    line: SoldLine | None = Field(None, description="What is added, by the prices of its day.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = self.quantity is not None or self.unit_price is not None
        if (self.action == "add") != (self.line is not None):
            raise ValueError("a `line` is of what is added")
        if (self.action == "add") != (self.line_id is None):
            raise ValueError("a `line_id` is of what is changed or removed")
        if (self.action == "change") != given:
            raise ValueError("a `quantity` or a `unit_price` is of what is changed")
        return self


class LineChangeOut(Shape):
    """A line that comes, goes, or is another one."""

    action: Literal["add", "change", "remove"]
    line_id: UUID | None
    quantity: QuantityOut | None
    unit_price: AmountOut | None
    line: OrderLineOut | None = Field(description="What is added, and what it comes to.")
    manual_percent: QuantityOut | None = Field(
        None,
        description="What the new price of a product gives by hand; a request is submitted up to the "
        "discount that policies allow, or for an approval. Empty where it is no lower than before.",
    )
    below_floor: bool | None = Field(
        None, description="Whether that price is below the lowest one, which takes an approval."
    )


class OrderSumsOut(Shape):
    """What an order comes to."""

    revision: int
    net: AmountOut
    tax: AmountOut
    gross: AmountOut
    one_time: AmountOut
    mrr: AmountOut
    tcv: AmountOut
    due_on: date | None


class _ChangeFields(Create):
    name: Name = Field(examples=["Two more desks"])
    reason: Prose | None = None
    changes: Annotated[list[LineChange], Field(max_length=MOST_LINES)] = Field(default_factory=list)
    due_on: Day | None = Field(None, description="Another day for the order.")


class ChangeRequestCreate(_ChangeFields):
    """What is to be different about an order."""

    order_id: UUID


ChangeRequestUpdate = patch_of("ChangeRequestUpdate", _ChangeFields)


class ChangeRequestOut(Out):
    """What is to be different about an order that was confirmed."""

    order_id: UUID
    name: str
    status: ChangeStatus
    reason: str | None
    changes: list[LineChangeOut]
    due_on: date | None
    before: OrderSumsOut | None = Field(
        description="Of the order; applied, as it was until then. Empty, as `after`, for whoever the "
        "day of the order is hidden from."
    )
    after: OrderSumsOut | None
    net_change: AmountOut = Field(description="By how much more, or less, the net amount is.")
    revision: int | None = Field(description="Of the order that was made by it.")
    submitted_at: datetime | None
    decided_at: datetime | None
    decision_comment: str | None


class ChangeBlocker(Blocker):
    """What stands in the way of an action."""


class ChangeTransition(Shape):
    """An action that is for this state."""

    verb: str = Field(description="`POST /v1/change-requests/{id}/{verb}` does it.")
    status: ChangeStatus = Field(description="What it becomes.")
    blockers: list[ChangeBlocker] = Field(description="Empty: it may be done.")


class ChangeTransitions(Shape):
    """Where a change request stands, and what may be done with it."""

    status: ChangeStatus
    allowed: list[ChangeTransition]


class ChangeDecision(Schema):
    """What is said of a change request that is decided."""

    comment: Prose | None = None
