"""What consents, suppressions and the gate look like from outside."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, IPvAnyAddress, StringConstraints, model_validator

from crm_api.kit.schema import (
    Create,
    Instant,
    Language,
    Line,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    patch_of,
)
from crm_api.platform.outreach.models import (
    Basis,
    Channel,
    ConsentState,
    SuppressedKind,
    SuppressionReason,
)

Purpose = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$"),
    Field(description="A word of yours for what people are reached for.", examples=["newsletter"]),
]
Kind = Annotated[
    str,
    Field(
        max_length=60, description="The kind of record that the person is.", examples=["contact"]
    ),
]
Address = Annotated[str, Field(min_length=3, max_length=320)]
MOST = 500
Reason = Literal[
    "unknown_person",
    "in_bin",
    "erased",
    "no_address",
    "address_unusable",
    "suppressed",
    "suppressed_segment",
    "no_consent",
    "denied",
    "withdrawn",
    "expired",
    "quiet_hours",
    "guarded",
    "approval_required",
    "contact_pressure",
]


class _Changeable(Create):
    name: Name = Field(examples=["Newsletter, spring 2026"])
    description: Prose | None = None


class ConsentTextCreate(_Changeable):
    """A new version of the words; they stay as they are."""

    purpose: Purpose
    language: Language | None = None
    body: Prose = Field(examples=["Yes, send me the newsletter once a month."])


ConsentTextUpdate = patch_of("ConsentTextUpdate", _Changeable)


class ConsentTextOut(Out):
    """A version of the words that people agree to."""

    name: str
    purpose: str
    language: str | None
    body: str
    description: str | None


class Evidence(Schema):
    """How it is known what somebody decided."""

    source: Line | None = Field(None, description="Where it came from.", examples=["web form"])
    ip: IPvAnyAddress | None = Field(None, description="The address that it came from.")
    user_agent: Line | None = None
    note: Line | None = None


class WhoseConsent(Schema):
    """A person."""

    target: Kind = "contact"
    record_id: UUID


class ConsentInput(WhoseConsent):
    """What somebody has decided."""

    purpose: Purpose
    channel: Channel
    state: ConsentState = "granted"
    basis: Basis | None = Field(None, description="By what right; what is granted needs one.")
    text_id: UUID | None = Field(None, description="The version of the words.")
    at: Instant | None = Field(None, description="When; now, unless it was before.")
    expires_at: Instant | None = None
    evidence: Evidence = Field(default_factory=Evidence)  # pyright: ignore[reportArgumentType]

    @model_validator(mode="after")
    def _proven(self) -> Self:
        if self.state == "granted" and self.basis is None:
            raise ValueError("what is granted has a basis")
        if self.state == "granted" and self.basis == "consent" and self.evidence.source is None:
            raise ValueError("a consent has evidence: at least its source")
        if self.expires_at and self.at and self.expires_at <= self.at:
            raise ValueError("it expires after it was given")
        return self


class WithdrawalInput(WhoseConsent):
    """What somebody does not want any more."""

    purpose: Purpose | None = Field(None, description="Of this purpose only.")
    channel: Channel | None = Field(None, description="On this channel only.")
    evidence: Evidence = Field(default_factory=Evidence)  # pyright: ignore[reportArgumentType]


class ConsentOut(Out):
    """What somebody decided once."""

    target: str
    record_id: UUID
    purpose: str
    channel: Channel
    state: ConsentState
    basis: Basis | None
    text_id: UUID | None
    at: datetime = Field(description="When it was decided.")
    expires_at: datetime | None
    evidence: dict[str, Any]


class Consents(Shape):
    """Some decisions."""

    data: list[ConsentOut]


class _Suppressed(Create):
    reason: SuppressionReason = "manual"
    expires_at: Instant | None = Field(None, description="Till then; for good when absent.")
    note: Line | None = None


class SuppressionCreate(_Suppressed):
    """An address that is not to be reached any more."""

    kind: SuppressedKind = "email"
    value: Address = Field(examples=["sample@example.com"])
    purpose: Purpose | None = Field(None, description="For this purpose only.")
    channel: Channel | None = Field(None, description="On this channel only.")
    keep_value: bool = Field(
        True, description="Whether it stays readable; else only a keyed hash is stored."
    )


SuppressionUpdate = patch_of("SuppressionUpdate", _Suppressed, required=("reason",))


class SuppressionOut(Out):
    """An address, or a domain, that is not to be reached."""

    kind: SuppressedKind
    value: str | None = Field(description="Null where only the hash is kept.")
    reason: SuppressionReason
    purpose: str | None
    channel: Channel | None
    expires_at: datetime | None
    note: str | None


class OutreachQuestion(Schema):
    """May somebody be reached?"""

    channel: Channel
    purpose: Purpose
    target: Kind = "contact"
    record_id: UUID | None = Field(None, description="The person.")
    address: Address | None = Field(
        None, description="Where; the person's primary one when absent."
    )
    at: Instant | None = Field(None, description="When; now when absent.")

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.record_id is None and self.address is None:
            raise ValueError("name a person or an address")
        return self


class OutreachCheck(Schema):
    """Many questions at once."""

    items: list[OutreachQuestion] = Field(min_length=1, max_length=MOST)


class OutreachAnswer(Shape):
    """Whether somebody may be reached, and if not why."""

    allowed: bool
    reasons: list[Reason] = Field(
        description="Every one that stands against it: `suppressed` is the address or its domain, "
        "`suppressed_segment` the person or their company, by an active segment of the kind "
        "`suppression`."
    )
    record_id: UUID | None = Field(description="The person, after merges.")
    address: str | None = Field(description="Where they are reached.")


class OutreachAnswers(Shape):
    """An answer for each question, in their order."""

    data: list[OutreachAnswer]
