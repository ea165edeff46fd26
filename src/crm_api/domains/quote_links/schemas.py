"""What links of quotes look like from inside, and quotes to those who have a link."""

from datetime import date as Day  # noqa: N812 - a field is called `date`
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from crm_api.domains.quote_links.models import Decision, Seen
from crm_api.domains.quotes.lines import (
    MOST_LINES,
    Interval,
    LineKind,
    QuoteSectionOut,
    QuoteTotalsOut,
)
from crm_api.domains.quotes.models import QuoteStatus
from crm_api.domains.quotes.schemas import Revision
from crm_api.kit.links.schemas import LinkFields, LinkMade, ending
from crm_api.kit.schema import (
    AmountOut,
    Cleaned,
    Instant,
    Name,
    Out,
    QuantityOut,
    Schema,
    Shape,
    patch_of,
)
from crm_api.kit.values import email

DAYS = 90
"""How long a link lasts, unless it is said."""
Email = Annotated[
    str,
    StringConstraints(min_length=3, max_length=320),
    AfterValidator(lambda raw: email.normalise(raw).value),
]
Said = Annotated[str, StringConstraints(min_length=1, max_length=4_000), Cleaned]
_SELECTED = "The ids of the options that are wanted; left out, those that were chosen when it was "
Selected = Annotated[list[UUID], Field(max_length=MOST_LINES)]
_REVISION = "Which version was read: where there is a newer one, nothing is done."


class _LinkFields(LinkFields):
    expires_at: Instant = ending(DAYS)


class QuoteLinkCreate(_LinkFields):
    """A new link of a quote, which may be a draft yet."""

    quote_id: UUID


QuoteLinkUpdate = patch_of("QuoteLinkUpdate", _LinkFields, required=("expires_at",))


class QuoteLinkOut(Out):
    """A secret address at which a customer reads a quote and answers it."""

    quote_id: UUID
    contact_id: UUID | None
    label: str | None
    expires_at: datetime
    revoked_at: datetime | None = Field(description="Since when it opens nothing any more.")
    first_viewed_at: datetime | None


class QuoteLinkMade(LinkMade, QuoteLinkOut):
    """A new link with its token."""


class QuoteQuestionOut(Out):
    """What a customer asked about a quote."""

    quote_id: UUID
    link_id: UUID
    contact_id: UUID | None
    revision: int = Field(description="Of the version that it is about.")
    name: str | None
    email: str | None
    text: str
    answer: str | None = Field(description="Shown to whoever has the link.")
    answered_at: datetime | None
    answered_by: UUID | None


class QuoteAnswer(Schema):
    """What is said to a question."""

    answer: Said


class QuoteDecisionOut(Out):
    """That a customer accepted or declined a version."""

    quote_id: UUID
    quote_version_id: UUID
    link_id: UUID
    contact_id: UUID | None
    revision: int
    decision: Decision
    name: str | None = Field(description="Who said so.")
    email: str | None
    role: str | None = Field(description="As what, such as `Head of purchasing`.")
    reason: str | None = Field(description="Why it was declined, in a word.")
    comment: str | None
    selected: list[UUID] = Field(description="The options that were chosen.")
    totals: list[QuoteTotalsOut] = Field(description="What was agreed to comes to.")
    currency: str
    net: AmountOut
    gross: AmountOut
    content_hash: str = Field(description="SHA-256 of the content of the version.")
    agreed_hash: str = Field(
        description="SHA-256 of that content with the options that were chosen; the same, where "
        "these are those that were sent."
    )
    document_sha256: str | None = Field(
        description="Of the document; null until it is made, where it was decided before that."
    )
    address: str | None = Field(description="The network address that it came from.")
    user_agent: str | None


class QuoteViewOut(Shape):
    """That somebody looked at a version."""

    id: UUID
    link_id: UUID
    revision: int
    seen: Seen
    at: datetime
    address: str | None
    user_agent: str | None


class LinkEngagement(Shape):
    """How often somebody looked, by one link."""

    link_id: UUID
    label: str | None
    views: int
    documents: int = Field(description="How often the document was asked for.")
    first_at: datetime | None
    last_at: datetime | None


class QuoteEngagement(Shape):
    """What the customer did with a quote."""

    views: int
    documents: int
    first_at: datetime | None
    last_at: datetime | None
    questions: int
    unanswered: int
    links: list[LinkEngagement]
    recent: list[QuoteViewOut] = Field(description="The last 50, newest first.")


# To those who have a link


class OfferedTax(Shape):
    """A tax on a line."""

    name: str
    rate: QuantityOut
    amount: AmountOut


class OfferedDiscount(Shape):
    """What is off a line."""

    reason: str | None
    percent: QuantityOut | None
    amount: AmountOut


class OfferedContent(Shape):
    """What one unit of a bundle holds of one product."""

    name: str
    quantity: QuantityOut


class OfferedLine(Shape):
    """What is offered, or a remark among it."""

    id: UUID
    kind: LineKind
    section: str | None
    code: str | None
    name: str
    description: str | None
    contents: list[OfferedContent] = Field(
        description="Of a bundle, what one of it holds, with what was chosen."
    )
    quantity: QuantityOut
    unit: str | None
    price: AmountOut | None = Field(description="Of one unit, before discounts.")
    tax_included: bool
    amount: AmountOut = Field(description="After discounts, taxed as the price is.")
    net: AmountOut
    tax: AmountOut
    gross: AmountOut
    deductions: list[OfferedDiscount]
    taxes: list[OfferedTax]
    interval: Interval | None
    term: int | None
    is_option: bool = Field(description="Whether it may be chosen or left out.")
    counts: bool = Field(description="Whether it is a part of the totals.")


class OfferedClause(Shape):
    """A paragraph of the terms."""

    title: str | None
    text: str


class OfferedQuestion(Shape):
    """What was asked by this link, and the answer."""

    id: UUID
    at: datetime
    name: str | None
    text: str
    answer: str | None
    answered_at: datetime | None


class OfferedParty(Shape):
    """Who offers, or to whom."""

    name: str | None
    person: str | None
    email: str | None


class OfferedDocument(Shape):
    """The document of a version."""

    status: Literal["pending", "ready", "failed"]
    path: str
    sha256: str | None
    size_bytes: int | None


class OfferedBlocker(Shape):
    """Why it cannot be accepted."""

    code: str
    message: str


class OfferedDue(Shape):
    """What is due of one tax."""

    name: str
    rate: QuantityOut
    taxable: AmountOut
    amount: AmountOut


class OfferedTotals(Shape):
    """Sums of the lines that count and fall due together."""

    interval: Interval | None
    list_amount: AmountOut
    discount: AmountOut
    net: AmountOut
    tax: AmountOut
    gross: AmountOut
    taxes: list[OfferedDue]


class OfferedTerms(Shape):
    """What a quote comes to, as it was sent or with other options."""

    revision: int
    currency: str
    selected: list[UUID] = Field(description="The options that are chosen.")
    lines: list[OfferedLine]
    totals: list[OfferedTotals] = Field(description="What falls due together, once first.")
    net: AmountOut
    tax: AmountOut
    gross: AmountOut


class OfferedQuote(OfferedTerms):
    """A quote as whoever has a link reads it: the version sent last."""

    number: str
    status: QuoteStatus = Field(description="`draft`: the next version is being worked on.")
    name: str | None
    date: Day
    valid_until: Day | None
    language: str
    seller: OfferedParty
    customer: OfferedParty
    introduction: str | None
    closing: str | None
    sections: list[QuoteSectionOut]
    clauses: list[OfferedClause]
    document: OfferedDocument
    content_hash: str = Field(description="SHA-256 of what was sent.")
    can_accept: bool
    can_decline: bool
    can_choose: bool = Field(description="Whether it has options that can be chosen here.")
    blockers: list[OfferedBlocker]
    decided_at: datetime | None
    questions: list[OfferedQuestion]
    expires_at: datetime = Field(description="When the link ends.")


class OfferChoice(Schema):
    """Which options are wanted."""

    selected: Selected = Field(description="The ids of the options; no others count.")
    revision: Revision | None = Field(None, description=_REVISION + " Without it: any.")


class OfferAcceptance(Schema):
    """Who accepts, and what."""

    name: Name = Field(description="Who accepts.", examples=["Sample Person"])
    email: Email | None = None
    role: Name | None = Field(None, examples=["Head of purchasing"])
    comment: Said | None = None
    selected: Selected | None = Field(None, description=_SELECTED + "sent.")
    revision: Revision = Field(description=_REVISION)


class OfferRefusal(Schema):
    """Who declines, and why."""

    name: Name | None = None
    email: Email | None = None
    role: Name | None = None
    reason: Name | None = Field(None, description="In a word.", examples=["Too expensive"])
    comment: Said | None = None
    revision: Revision = Field(description=_REVISION)


class OfferQuestion(Schema):
    """What is asked."""

    text: Said
    name: Name | None = None
    email: Email | None = None


class OfferDecision(Shape):
    """What was written down."""

    id: UUID
    decision: Decision
    number: str
    revision: int
    at: datetime
    name: str | None
    selected: list[UUID]
    currency: str
    net: AmountOut
    gross: AmountOut
    totals: list[OfferedTotals]
    content_hash: str
    agreed_hash: str
    document_sha256: str | None
