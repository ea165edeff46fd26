"""What mailings look like from outside."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from crm_api.domains.mailings.models import (
    BounceKind,
    MailingStatus,
    PauseReason,
    SendStatus,
)
from crm_api.kit.schema import (
    Cleaned,
    Code,
    Create,
    Domain,
    Language,
    Line,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    patch_of,
)

MOST_CONTENTS = 30
MOST_AT_ONCE = 1_000
LONGEST_HTML = 200_000
_Html = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_HTML), Cleaned]
_FIELDS = (
    "A template of Jinja with fields of `contact`, `company` and `organization`, such as "
    '`{{ contact.first_name or "you" }}`.'
)
_EXAMPLE = {
    "language": "en",
    "subject": 'Spring offers for {{ contact.first_name or "you" }}',
    "text": "See https://example.com/offers",
    "html": '<p>See <a href="https://example.com/offers">what is new</a>.</p>',
}


class Content(Schema):
    """What is said to those of a variant, in a language."""

    variant: Code | None = Field(None, description="Of the campaign; for all others without it.")
    language: Language | None = Field(
        None, description="For contacts who have it; without it for all others."
    )
    subject: Line = Field(description=_FIELDS)
    text: Prose = Field(description=_FIELDS)
    html: _Html | None = Field(
        None,
        description=f"{_FIELDS} What is filled in is escaped. `{{{{ unsubscribe_url }}}}` says where "
        "the link to unsubscribe stands; else it stands at the end.",
    )


class _MailingFields(Create):
    name: Name = Field(examples=["Spring offers"])
    description: Prose | None = None
    purpose: Code = Field(
        description="For what, as consents name it: who unsubscribes does so from this.",
        examples=["newsletter"],
    )
    channel_id: UUID | None = Field(
        None, description="The channel of mail by whose address it leaves."
    )
    campaign_id: UUID | None = Field(
        None,
        description="Whose frozen audience it goes to, once that is launched, and nobody else.",
    )
    is_ongoing: bool = Field(
        False,
        description="Whether more are sent one by one, as by automations, so that it is not "
        "completed by itself.",
    )
    tracks_opens: bool = True
    tracks_clicks: bool = True
    contents: Annotated[list[Content], Field(max_length=MOST_CONTENTS)] = Field(
        default_factory=list,
        description="One for each variant and language; the best that fits is taken.",
        examples=[[_EXAMPLE]],
    )


class MailingCreate(_MailingFields):
    """A new mailing, which is a draft."""


MailingUpdate = patch_of(
    "MailingUpdate",
    _MailingFields,
    required=("name", "purpose", "is_ongoing", "tracks_opens", "tracks_clicks"),
)


class MailingOut(Out):
    """Something that is written to many."""

    name: str
    description: str | None
    purpose: str
    channel_id: UUID | None
    campaign_id: UUID | None
    status: MailingStatus
    pause_reason: PauseReason | None = Field(
        description="`bounces` and `complaints`: it was paused by itself."
    )
    is_ongoing: bool
    tracks_opens: bool
    tracks_clicks: bool
    contents: list[dict[str, Any]] = Field(
        description="Each with `variant`, `language`, `subject`, `text` and `html`."
    )
    started_at: datetime | None
    ended_at: datetime | None


class RenderInput(Schema):
    """For whom a mailing is filled in."""

    contact_id: UUID
    variant: Code | None = None
    language: Language | None = Field(None, description="That of the contact if not said.")


class RenderedMail(Shape):
    """A mailing as a contact would get it."""

    subject: str
    text: str
    html: str | None
    variant: str | None
    language: str | None = Field(description="That of the content which was taken.")


class TestSendInput(RenderInput):
    """To whom a mailing is sent as a test."""

    to: Line | None = Field(
        None,
        description="The e-mail address of a user of the organization; your own if not said.",
        examples=["member@example.com"],
    )


class TestSend(Shape):
    """A test that is on its way."""

    job_id: UUID
    to: str


class SendInput(Schema):
    """Who else gets a mailing that runs."""

    contact_ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_AT_ONCE)] | None = Field(
        None,
        description="Of a mailing of a campaign contacts of its audience alone (else "
        "`not_in_audience`); whoever of it is held out or excluded gets nothing.",
    )
    segment_id: UUID | None = Field(
        None,
        description="All who belong to a segment of contacts; of a mailing of a campaign those of "
        "its audience.",
    )
    step: Code | None = Field(
        None, description="Of one step each person gets one mail, whoever asks how often."
    )


class SendsQueued(Shape):
    """How many were queued; those who have it already are not."""

    queued: int


class SendsAsked(Schema):
    """Which sends are asked for."""

    status: SendStatus | None = None
    variant: Code | None = None
    contact_id: UUID | None = None


class MailingSendOut(Shape):
    """A mail to one person."""

    id: UUID
    contact_id: UUID
    step: str
    variant: str | None
    status: SendStatus = Field(
        description="`uncertain`: it was handed over, and nobody has heard what the mail server "
        "said. It is not sent again, and is sent once a report, an open, a click or an answer "
        "tells so."
    )
    reasons: list[str] = Field(description="What stood against it, or why it failed.")
    detail: str | None = Field(description="What the mail server or a report said.")
    bounce: BounceKind | None
    address: str | None
    queued_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None
    clicked_at: datetime | None
    replied_at: datetime | None
    bounced_at: datetime | None
    unsubscribed_at: datetime | None
    complained_at: datetime | None


class MailingSendPage(Shape):
    """Some of the sends of a mailing."""

    data: list[MailingSendOut]
    next_cursor: str | None


class MailingCounts(Shape):
    """How many persons; whoever clicked has opened, too."""

    total: int
    queued: int = Field(description="Also those that are being sent.")
    uncertain: int = Field(
        description="Handed over by a worker that died, or to a mail server that said nothing: not "
        "among those sent, and not sent again."
    )
    sent: int = Field(description="Whatever has become of them since.")
    delivered: int = Field(description="As reports of delivery say, which few servers send.")
    opened: int
    clicked: int
    replied: int
    bounced_hard: int
    bounced_soft: int
    unsubscribed: int
    complained: int
    suppressed: int
    failed: int
    cancelled: int


class VariantCounts(MailingCounts):
    """The same of one variant."""

    variant: str | None


class MailingReasonCount(Shape):
    """How many were not reached for a reason."""

    reason: str
    count: int


class LinkCount(Shape):
    """How often a link was followed, without programs."""

    url: str
    clicks: int
    people: int


class MailingResults(MailingCounts):
    """What became of a mailing."""

    variants: list[VariantCounts]
    reasons: list[MailingReasonCount]
    links: list[LinkCount] = Field(description="The hundred that were followed most.")
    programs: int = Field(description="Opens and clicks of programs, which count for nobody.")


class DomainLimit(Schema):
    """How much leaves to the addresses of a domain."""

    domain: Domain = Field(examples=["example.com"])
    per_minute: int = Field(ge=1, le=100_000, description="Mails to it.")


def _each_once(limits: list[DomainLimit]) -> list[DomainLimit]:
    if len({one.domain for one in limits}) < len(limits):
        raise ValueError("Each domain has one limit.")
    return limits


class MailingSettings(Schema):
    """How an organization mails many."""

    tracks: bool = Field(
        True,
        description="Whether opens and clicks are tracked at all. Of a person they are not who "
        "withdrew or denied their consent to `tracking` by e-mail.",
    )
    per_minute_of_domain: int | None = Field(
        600, ge=1, le=100_000, description="Mails to one domain of addresses; null for any number."
    )
    domain_limits: Annotated[
        list[DomainLimit], Field(max_length=200), AfterValidator(_each_once)
    ] = Field(
        [],
        description="For domains that take less, or more, than others; all else goes by "
        "`per_minute_of_domain`.",
    )
    most_bounces_percent: float = Field(
        5.0, gt=0, le=100, description="Hard bounces, from which on a mailing is paused."
    )
    most_complaints_percent: float = Field(0.3, gt=0, le=100)
    least_sent: int = Field(
        100, ge=1, le=1_000_000, description="From how many sent on these are looked at."
    )
    most_soft_bounces: int | None = Field(
        5,
        ge=1,
        le=100,
        description="So many mails in a row that come back from an address for what passes by "
        "itself (full, away) suppress it, with the reason `soft_bounces`; null for any number.",
    )

    def limit_of(self, domain: str) -> int | None:
        """How many mails a minute may leave to a domain; None for any number."""
        own = (one.per_minute for one in self.domain_limits if one.domain == domain)
        return next(own, self.per_minute_of_domain)


class MailingHappened(Shape):
    """What happened to a mail to a contact."""

    mailing_id: str
    mailing_name: str
    send_id: str
    variant: str | None
    detail: str | None = Field(description="Such as the address of the link that was clicked.")
