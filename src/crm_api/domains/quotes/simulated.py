"""The shapes of what a change of prices would do to open quotes and deals."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from crm_api.domains.deals.models import AmountMode
from crm_api.domains.prices.planned import PriceChange
from crm_api.domains.quotes.models import QuoteStatus
from crm_api.domains.quotes.schemas import SimulatedLine, SimulatedValues
from crm_api.kit.schema import AmountOut, Shape

Looked = Literal["quotes", "deals"]


class SimulationInput(PriceChange):
    """A change of prices, and which quotes and deals are looked at."""

    look_at: Annotated[list[Looked], Field(min_length=1, max_length=2)] = Field(
        default_factory=lambda: list[Looked](["quotes", "deals"])
    )
    after: UUID | None = Field(
        None, description="The `next` of an answer: quotes go on from there."
    )
    after_deal: UUID | None = Field(
        None, description="The `next_deal` of an answer: deals go on from there."
    )
    limit: Annotated[int, Field(ge=1, le=100)] = Field(
        50, description="How many quotes at most, and how many deals."
    )


class SimulatedQuote(Shape):
    """An open quote that would come to something else."""

    id: UUID
    number: str | None
    name: str | None
    status: QuoteStatus = Field(
        description="`sent` and `viewed` ones stay as they are until they are revised."
    )
    company_id: UUID | None
    currency: str
    before: SimulatedValues
    after: SimulatedValues
    lines: list[SimulatedLine]


class SimulatedTotal(Shape):
    """Sums of the quotes that would change, of one currency."""

    currency: str
    quotes: int
    net_before: AmountOut
    net_after: AmountOut
    margin_before: AmountOut | None = Field(description="Empty where a cost is not known.")
    margin_after: AmountOut | None


class SimulatedWorth(Shape):
    """What a deal comes to, without taxes."""

    one_time: AmountOut | None
    mrr: AmountOut | None
    tcv: AmountOut | None
    expected: AmountOut | None = Field(description="`tcv` times the probability of the deal.")


class SimulatedDealLine(Shape):
    """A line that would have another price or amount."""

    place: int = Field(description="Which line of the deal or its quote, from 0 on.")
    name: str
    price_before: AmountOut | None
    price_after: AmountOut | None
    net_before: AmountOut
    net_after: AmountOut


class SimulatedDeal(Shape):
    """An open deal that would come to something else."""

    id: UUID
    name: str | None
    company_id: UUID | None
    by: Literal["lines", "quote"] = Field(
        description="Its lines, by the prices of today; or, of one without, its newest open quote."
    )
    quote_id: UUID | None = Field(description="That quote.")
    currency: str = Field(description="That of its lines, or of the quote.")
    probability: int | None = Field(description="In percent.")
    amount: AmountOut | None = Field(
        description="What it says, in its own currency; one by hand stays until somebody changes it."
    )
    amount_mode: AmountMode | None
    before: SimulatedWorth
    after: SimulatedWorth
    lines: list[SimulatedDealLine]


class SimulatedDealTotal(Shape):
    """Sums of the deals that would change, of one currency; empty where one is hidden."""

    currency: str
    deals: int
    tcv_before: AmountOut | None
    tcv_after: AmountOut | None
    expected_before: AmountOut | None
    expected_after: AmountOut | None


class NotSimulated(Shape):
    """A quote or a deal that cannot be calculated."""

    id: UUID
    message: str


class PriceSimulation(Shape):
    """What a change of prices would do to open quotes and deals; nothing is changed."""

    looked_at: int = Field(description="How many open quotes were calculated, twice each.")
    quotes: list[SimulatedQuote] = Field(description="Those that would change.")
    totals: list[SimulatedTotal]
    failed: list[NotSimulated] = Field(description="Quotes that cannot be calculated.")
    next: UUID | None = Field(description="Given as `after`, it goes on; empty at the end.")
    deals_looked_at: int = Field(
        description="How many open deals were calculated: those with lines or an open quote."
    )
    deals: list[SimulatedDeal] = Field(description="Those that would change.")
    deal_totals: list[SimulatedDealTotal]
    failed_deals: list[NotSimulated]
    next_deal: UUID | None = Field(
        description="Given as `after_deal`, it goes on; empty at the end."
    )
