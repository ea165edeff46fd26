"""What quotes, their versions and the library of clauses look like from outside."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from crm_api.domains.deals.schemas import Promises
from crm_api.domains.quotes.lines import (
    Clauses,
    Lines,
    QuoteClauseOut,
    QuoteLineCostOut,
    QuoteLineOut,
    QuoteRateOut,
    QuoteSectionOut,
    QuoteSharedDiscountOut,
    QuoteTotalsOut,
    QuoteWarningOut,
    Sections,
    SharedDiscounts,
)
from crm_api.domains.quotes.models import QuoteStatus, TaxRounding
from crm_api.kit.crud.transitions import Blocker
from crm_api.kit.schema import (
    AmountOut,
    Code,
    Country,
    Create,
    Currency,
    Day,
    DescribedFields,
    DescribedOut,
    Language,
    LongTranslations,
    Name,
    Out,
    Prose,
    QuantityOut,
    Schema,
    Shape,
    TranslatedFields,
    TranslatedOut,
    patch_of,
)

Coupons = Annotated[
    list[Annotated[str, StringConstraints(min_length=3, max_length=40)]], Field(max_length=10)
]
_ACV = "What falls due again and again, within the first year."
_TCV = "Everything: once, and as often as terms say; without a term, for a year."


class QuoteContent(Schema):
    """What is offered, to whom, and what prices depend on."""

    name: Name | None = Field(None, description="What it is about.", examples=["New office"])
    company_id: UUID | None = Field(None, description="To whom; its prices and taxes count.")
    contact_id: UUID | None = Field(None, description="To whom, or with whom it is spoken of.")
    currency: Currency
    price_list_id: UUID | None = Field(
        None, description="Asked before the other lists that are for this customer."
    )
    valid_until: Day | None = Field(None, description="The last day on which it is accepted.")
    priced_on: Day | None = Field(None, description="Whose prices count: today's without it.")
    language: Language | None = Field(
        None, description="That it is written in: the customer's without it."
    )
    country: Country | None = Field(None, description="Whose taxes are due: the customer's.")
    region: Code | None = Field(None, description="Of taxes and of lists for regions.")
    channel: Code | None = Field(None, description="By which channel it is sold.")
    segments: Annotated[list[Code], Field(max_length=100)] = Field(default_factory=list)
    coupon_codes: Coupons = Field(default_factory=list)
    tax_rounding: TaxRounding | None = Field(
        None,
        description="Whether each tax is rounded once (EN 16931), or on every line; as the "
        "organization has it, without it.",
    )
    introduction: Prose | None = None
    closing: Prose | None = None
    sections: Sections = Field(default_factory=list)
    lines: Lines = Field(default_factory=list, description="In the order in which they stand.")
    discounts: SharedDiscounts = Field(default_factory=list)
    clauses: Clauses | None = Field(
        None, description="The terms; without them a new quote has the default ones."
    )


CONTENT = frozenset(QuoteContent.model_fields)
"""What a version holds, and what cannot be changed once it was sent."""


class QuoteCreate(QuoteContent, DescribedFields, Create):
    """A new quote, which is a draft."""

    deal_id: UUID | None = Field(
        None, description="What it is to win: a deal of the same company, or of none."
    )
    promises: Promises = Field(
        default_factory=list, description="What was promised beside; its order takes it over."
    )


QuoteUpdate = patch_of("QuoteUpdate", QuoteCreate)


class QuoteValues(Shape):
    """What a quote comes to."""

    net: AmountOut = Field(description="All lines that count, those that fall due again once.")
    tax: AmountOut
    gross: AmountOut
    one_time: AmountOut = Field(description="What falls due once, net.")
    mrr: AmountOut = Field(description="What falls due again and again, net, for a month.")
    arr: AmountOut = Field(description="The same for a year.")
    acv: AmountOut = Field(description=_ACV)
    tcv: AmountOut = Field(description=_TCV)
    discount_percent: QuantityOut = Field(description="All discounts as one.")
    manual_percent: QuantityOut = Field(
        description="The most that is off a line by hand, in percent."
    )
    cost: AmountOut | None
    margin: AmountOut | None
    margin_percent: QuantityOut | None


class QuoteCalculation(QuoteValues):
    """A draft with everything that it comes to; nothing is stored."""

    currency: str
    priced_on: date
    lines: list[QuoteLineOut]
    totals: list[QuoteTotalsOut] = Field(description="What falls due together, once first.")
    costs: list[QuoteLineCostOut]
    rates: list[QuoteRateOut]
    warnings: list[QuoteWarningOut]


class QuoteOut(QuoteValues, DescribedOut, Out):
    """An offer."""

    number: str | None = Field(description="Given when it is sent for the first time.")
    revision: int = Field(description="Of the version that is worked on, or was sent last.")
    status: QuoteStatus
    name: str | None
    company_id: UUID | None
    contact_id: UUID | None
    deal_id: UUID | None
    currency: str
    price_list_id: UUID | None
    valid_until: date | None
    priced_on: date | None
    language: str | None
    country: str | None
    region: str | None
    channel: str | None
    segments: list[str]
    coupon_codes: list[str]
    tax_rounding: TaxRounding
    introduction: str | None
    closing: str | None
    sections: list[QuoteSectionOut]
    lines: list[QuoteLineOut]
    discounts: list[QuoteSharedDiscountOut]
    clauses: list[QuoteClauseOut]
    totals: list[QuoteTotalsOut] = Field(description="What falls due together, once first.")
    rates: list[QuoteRateOut] = Field(description="The rates that its prices were made by.")
    warnings: list[QuoteWarningOut]
    costs: list[QuoteLineCostOut]
    promises: list[str]
    sent_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    decision_comment: str | None


class QuoteVersionOut(Out):
    """A quote as it was sent, for good."""

    quote_id: UUID
    revision: int
    number: str
    valid_until: date | None
    currency: str
    content: dict[str, Any] = Field(description="What was offered, as a quote shows it.")
    content_hash: str = Field(description="SHA-256 of the content.")
    customer: dict[str, Any] | None = Field(description="To whom, as the document says it.")
    costs: list[QuoteLineCostOut]
    superseded_at: datetime | None = Field(description="When there was a later one.")
    job_id: UUID | None = Field(description="The job that makes its document.")
    document_name: str | None
    document_sha256: str | None = Field(description="Of the document, once it is there.")
    document_size: int | None


class QuoteBlocker(Blocker):
    """What stands in the way of an action."""


class QuoteTransition(Shape):
    """An action that is for this state."""

    verb: str = Field(description="`POST /v1/quotes/{id}/{verb}` does it.")
    status: QuoteStatus = Field(description="What it becomes.")
    blockers: list[QuoteBlocker] = Field(description="Empty: it may be done.")


class QuoteTransitions(Shape):
    """Where a quote stands, and what may be done with it."""

    status: QuoteStatus
    allowed: list[QuoteTransition]


class SimulatedValues(Shape):
    """What a quote comes to, by the prices of its day."""

    net: AmountOut
    gross: AmountOut
    cost: AmountOut | None
    margin: AmountOut | None
    margin_percent: QuantityOut | None
    warnings: list[QuoteWarningOut]


class SimulatedLine(Shape):
    """A line that would have another price, cost or amount."""

    line_id: UUID
    name: str
    price_before: AmountOut | None
    price_after: AmountOut | None
    net_before: AmountOut
    net_after: AmountOut


class QuotePriceDrift(Shape):
    """What a quote says, and what the same comes to by the prices that are; nothing is changed."""

    id: UUID
    number: str | None
    name: str | None
    status: QuoteStatus
    company_id: UUID | None
    currency: str
    priced_on: date | None = Field(
        description="Whose prices were asked: its day, or today; null if that is hidden."
    )
    has_drifted: bool = Field(description="Whether prices or the net amount are others by now.")
    before: SimulatedValues = Field(description="What it says.")
    after: SimulatedValues = Field(description="What it would come to.")
    lines: list[SimulatedLine]


Revision = Annotated[int, Field(ge=1, le=2_000_000_000)]


class QuoteDecision(Schema):
    """What the customer said, or why."""

    by: Name | None = Field(None, description="Who said so.", examples=["Sample Person"])
    comment: Prose | None = None
    revision: Annotated[
        Revision | None,
        Field(
            description="Which version it is about: 409 `superseded_version` where another one "
            "counts. Without it: the one that was sent last."
        ),
    ] = None


class QuoteSubmission(Schema):
    """For whoever is to approve it."""

    comment: Prose | None = None


class QuoteChange(Shape):
    """A field that is another one."""

    field: str
    before: Any
    after: Any


class QuoteLineChange(Shape):
    """A line that is another one."""

    line_id: UUID
    name: str
    fields: list[QuoteChange]


class QuoteDiff(Shape):
    """What is different between two versions."""

    from_revision: int
    to_revision: int
    added: list[QuoteLineOut]
    removed: list[QuoteLineOut]
    changed: list[QuoteLineChange]
    fields: list[QuoteChange] = Field(description="Other fields, sums among them.")


class QuoteDocument(Shape):
    """The document of a version."""

    revision: int
    status: Literal["pending", "ready", "failed"] = Field(
        description="`failed`: `POST /v1/jobs/{job_id}/retry` has it made again."
    )
    url: str | None = Field(description="Where it is read, with a credential.")
    name: str | None
    sha256: str | None
    size_bytes: int | None
    job_id: UUID | None


class ClauseCreate(TranslatedFields, Create):
    """A new paragraph of the library."""

    name: Name = Field(description="Its heading.", examples=["Delivery"])
    text: Prose = Field(examples=["We deliver within four weeks."])
    texts: LongTranslations = Field(
        default_factory=dict, description="The text in other languages, by BCP 47 tag."
    )
    description: Prose | None = Field(None, description="What it is for; it is not printed.")
    key: Code | None = Field(None, description="What other systems know it by.")
    position: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    is_default: bool = Field(False, description="Whether new quotes have it.")
    is_active: bool = Field(True, description="Whether quotes may take it up.")


ClauseUpdate = patch_of(
    "ClauseUpdate", ClauseCreate, required=("position", "is_default", "is_active")
)


class ClauseOut(TranslatedOut, Out):
    """A paragraph that quotes may have among their terms."""

    name: str
    text: str
    texts: dict[str, str]
    description: str | None
    key: str | None
    position: int
    is_default: bool
    is_active: bool
