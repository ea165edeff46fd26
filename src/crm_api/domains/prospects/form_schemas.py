"""What forms that capture leads look like from inside, and to those who fill them in."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from crm_api.domains.prospects.models import FormStatus, SubmissionStatus
from crm_api.kit.schema import (
    Code,
    Create,
    Language,
    Line,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    Tag,
    Unique,
    Url,
    patch_of,
)
from crm_api.platform.outreach.models import Channel

CHOOSABLE = (
    *("first_name", "last_name", "title", "email", "phone", "company_name", "website"),
    *("industry", "employees", "region", "postal_code", "country", "description"),
    *("language", "skills"),
)
"""The fields of leads that a form may ask for, beside custom ones."""
_KEYS = "|".join(CHOOSABLE)
FieldKey = Annotated[str, StringConstraints(pattern=rf"^({_KEYS}|custom\.[a-z][a-z0-9_]{{0,62}})$")]
Labels = Annotated[dict[Language, Line], Field(max_length=20)]
Answer = Annotated[str, Field(max_length=5_000)]


class FormField(Schema):
    """Something that a form asks for."""

    key: FieldKey = Field(
        description="A field of leads, or `custom.` with the name of one of your own.",
        examples=["email"],
    )
    labels: Labels = Field(
        default_factory=dict,
        description="What it is called, by language; without any the service has words of its own.",
        examples=[{"en": "Work e-mail"}],
    )
    is_required: bool = False
    options: Annotated[list[Line], Field(max_length=300), Unique] = Field(
        default_factory=list, description="What can be chosen; without any it is typed in."
    )


class FormConsent(Schema):
    """Something that whoever fills a form in may agree to."""

    text_id: UUID = Field(description="The version of the words, of `/v1/consent-texts`.")
    channels: Annotated[list[Channel], Field(min_length=1, max_length=5), Unique] = Field(
        default_factory=lambda: ["email"], description="On which channels it counts."
    )
    is_required: bool = Field(False, description="Whether nothing is taken without it.")


def _least() -> list[FormField]:
    # Made by shape, for a default is not validated.
    return [
        FormField.model_validate({"key": "last_name", "is_required": True}),
        FormField.model_validate({"key": "email", "is_required": True}),
    ]


class LeadFormFields(Create):
    """How a form is."""

    name: Name = Field(description="Yours.", examples=["Contact us, website"])
    title: Line = Field(description="What stands above it.", examples=["Ask for an offer"])
    introduction: Prose | None = None
    thank_you: Prose | None = Field(None, description="What is said when it was sent.")
    redirect_url: Url | None = Field(None, description="Where a browser is led then.")
    language: Language | None = Field(
        None,
        description="Of the page, without it that of the browser; and of its leads, unless they say "
        "one.",
    )
    status: FormStatus = Field("active", description="`closed`: it takes nothing.")
    fields: Annotated[list[FormField], Field(min_length=1, max_length=40)] = Field(
        default_factory=_least, description="In their order."
    )
    consents: Annotated[list[FormConsent], Field(max_length=20)] = Field(default_factory=list)
    double_opt_in: bool = Field(
        False, description="Whether it counts only when it was confirmed by a link in a mail."
    )
    confirm_hours: Annotated[int, Field(ge=1, le=720)] = Field(
        72, description="How long it may be confirmed."
    )
    spam_threshold: Annotated[int, Field(ge=1, le=100)] = Field(
        50, description="From which score on it is refused."
    )
    source: Name | None = Field("web_form", description="`source` of its leads.")
    campaign: Line | None = Field(None, description="Of its leads, unless the address says it.")
    medium: Code | None = None
    description: Prose | None = None

    @model_validator(mode="after")
    def _fit(self) -> Self:
        keys = [field.key for field in self.fields]
        if len(set(keys)) < len(keys):
            raise ValueError("each field is asked for once")
        texts = [one.text_id for one in self.consents]
        if len(set(texts)) < len(texts):
            raise ValueError("each text is shown once")
        return self


class LeadFormCreate(LeadFormFields):
    """A new form."""


LeadFormUpdate = patch_of(
    "LeadFormUpdate",
    LeadFormFields,
    required=(
        *("name", "title", "status", "fields", "double_opt_in"),
        *("confirm_hours", "spam_threshold"),
    ),
)


class LeadFormField(Shape):
    """Something that a form asks for."""

    key: str
    labels: dict[str, str]
    is_required: bool
    options: list[str]


class LeadFormConsent(Shape):
    """Something that whoever fills a form in may agree to."""

    text_id: UUID
    channels: list[str]
    is_required: bool


class LeadFormOut(Out):
    """What strangers fill in to become leads."""

    name: str
    title: str
    introduction: str | None
    thank_you: str | None
    redirect_url: str | None
    language: str | None
    status: FormStatus
    fields: list[LeadFormField]
    consents: list[LeadFormConsent]
    double_opt_in: bool
    confirm_hours: int
    spam_threshold: int
    source: str | None
    campaign: str | None
    medium: str | None
    description: str | None
    path: str = Field(
        description="Where its page is, below the address of this service; no secret."
    )
    embed: str = Field(
        description="HTML for a page of yours: put the address of this service before `action`."
    )


class GivenConsent(Shape):
    """What somebody has agreed to."""

    text_id: UUID
    purpose: str
    channels: list[str]


class LeadSubmissionOut(Out):
    """What somebody has sent by a form."""

    form_id: UUID
    status: SubmissionStatus = Field(description="`pending` waits for its confirmation.")
    reasons: list[str] = Field(description="What spoke against it, or kept it from being taken.")
    spam_score: int = Field(description="0 to 100.")
    answers: dict[str, Any]
    consents: list[GivenConsent]
    campaign: str | None
    medium: str | None
    referrer: str | None
    utm: dict[str, str]
    lead_id: UUID | None = Field(description="The lead that it became, or that there was.")
    is_new_lead: bool | None = Field(description="False: there was one with the address.")
    confirm_until: datetime | None
    confirmed_at: datetime | None
    evidence: dict[str, Any] = Field(description="Where it came from.")


# To those who fill it in


class PublicConsent(Shape):
    """Something that may be agreed to."""

    text_id: UUID
    text: str
    is_required: bool


class PublicForm(Shape):
    """A form, for whoever fills it in."""

    title: str
    introduction: str | None
    supplier: str
    language: str | None
    fields: list[LeadFormField]
    consents: list[PublicConsent]
    stamp: str = Field(description="To be sent with the answers: when the form was shown.")


class FormSubmission(Schema):
    """What somebody sends."""

    answers: Annotated[dict[FieldKey, Answer], Field(max_length=60)] = Field(
        examples=[{"last_name": "Person", "email": "sample@example.com"}]
    )
    consents: Annotated[list[UUID], Field(max_length=20)] = Field(
        default_factory=list, description="The texts that are agreed to."
    )
    campaign: Line | None = None
    medium: Code | None = None
    referrer: Line | None = None
    utm: Annotated[dict[Tag, Line], Field(max_length=20)] = Field(
        default_factory=dict, description="The UTM fields of the address, without `utm_`."
    )
    stamp: Annotated[str, Field(max_length=100)] | None = None
    fax: Annotated[str, Field(max_length=500)] | None = Field(
        None, description="Stays empty: programs that fill in everything are told by it."
    )


class SubmissionTaken(Shape):
    """What becomes of what was sent; the same whether it is refused or not."""

    next: str = Field(description="`done`, or `confirm`: by the link in a mail.")
    thank_you: str | None
    redirect_url: str | None


class ConfirmedSubmission(Shape):
    """What waits for its confirmation, or has it."""

    title: str
    supplier: str
    is_confirmed: bool
    thank_you: str | None
    redirect_url: str | None
