"""What contacts and employments look like from outside."""

from datetime import date
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from crm_api.domains.contacts.models import Lifecycle
from crm_api.kit.points import ReachableFields, ReachableOut
from crm_api.kit.schema import (
    BirthDate,
    Code,
    Country,
    Create,
    Day,
    DescribedFields,
    DescribedOut,
    Domain,
    ExternalIds,
    Name,
    Out,
    Schema,
    Shape,
    patch_of,
)
from crm_api.platform.duplicates.models import Band
from crm_api.platform.duplicates.schemas import Percent, ReasonOut


class ContactFields(ReachableFields, DescribedFields, Create):
    """What is known of a person."""

    salutation: Name | None = None
    first_name: Name | None = Field(None, examples=["Sample"])
    middle_name: Name | None = Field(None, description="Also a patronymic.")
    last_name: Name | None = Field(None, examples=["Person"])
    preferred_name: Name | None = Field(None, description="What the person likes to be called.")
    birth_date: BirthDate | None = None
    lifecycle: Lifecycle = Field("lead", description="Where the relationship stands.")
    company_id: UUID | None = Field(None, description="The main employer.")
    title: Name | None = Field(None, description="The job title there.")
    department: Name | None = None


class ContactCreate(ContactFields):
    """A new contact: a first name, a last name or an e-mail address is needed."""

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not (self.first_name or self.last_name or self.email or self.emails):
            raise ValueError("a contact needs a first name, a last name or an e-mail address")
        return self


ContactUpdate = patch_of("ContactUpdate", ContactFields, required=("lifecycle",))


class ContactOut(ReachableOut, DescribedOut, Out):
    """A contact."""

    name: str = Field(description="The name as it is shown.")
    salutation: str | None
    first_name: str | None
    middle_name: str | None
    last_name: str | None
    preferred_name: str | None
    birth_date: date | None
    lifecycle: Lifecycle
    company_id: UUID | None
    title: str | None
    department: str | None


class EmploymentFields(Create):
    """What is known of an employment."""

    title: Name | None = None
    department: Name | None = None
    role: Code | None = Field(None, description="Such as `decision_maker` or `user`.")
    is_primary: bool = Field(False, description="The contact's own company and title repeat it.")
    started_on: Day | None = None
    ended_on: Day | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.started_on and self.ended_on and self.ended_on < self.started_on:
            raise ValueError("an employment ends after it starts")
        if self.is_primary and self.ended_on:
            raise ValueError("an employment that has ended is not the primary one")
        return self


class EmploymentCreate(EmploymentFields):
    """A new employment."""

    contact_id: UUID
    company_id: UUID


EmploymentUpdate = patch_of("EmploymentUpdate", EmploymentFields, required=("is_primary",))


class EmploymentOut(Out):
    """A time that a person works, or worked, for a company."""

    contact_id: UUID
    company_id: UUID
    title: str | None
    department: str | None
    role: str | None
    is_primary: bool
    started_on: date | None
    ended_on: date | None


class JobChange(Schema):
    """Where somebody works from a day on."""

    company_id: UUID | None = Field(description="Null for nowhere that is known.")
    title: Name | None = None
    department: Name | None = None
    role: Code | None = Field(None, description="Such as `decision_maker` or `user`.")
    on: Day | None = Field(None, description="The first day there; without it, today.")
    retires_emails: bool = Field(
        False,
        description="Whether e-mail addresses at the domains of the company before become "
        "`invalid`.",
    )


class ContactJobChanged(Shape):
    """What is told of somebody who changed their job."""

    company_id: UUID | None = None
    company_before_id: UUID | None
    title: str | None = None
    department: str | None = None
    on: date


class ContactIdentifiers(Schema):
    """What is known of a person: any mix of it, with an id, an address, a number or a name."""

    external_ids: ExternalIds = Field(
        default_factory=dict, description="Ids in other systems; one alone decides."
    )
    emails: Annotated[
        list[Annotated[str, Field(min_length=3, max_length=320)]], Field(max_length=20)
    ] = Field(default_factory=list, examples=[["sample@example.com"]])
    phones: Annotated[
        list[Annotated[str, Field(min_length=3, max_length=100)]], Field(max_length=20)
    ] = Field(default_factory=list)
    country: Country | None = Field(
        None, description="By which phone numbers without a prefix are read."
    )
    name: Name | None = Field(
        None, description="The whole name, in place of its parts: `First Last` or `Last, First`."
    )
    first_name: Name | None = None
    middle_name: Name | None = None
    last_name: Name | None = None
    birth_date: BirthDate | None = None
    company_id: UUID | None = Field(None, description="Where the person works.")
    company: Name | None = Field(None, description="The exact name of where the person works.")
    domain: Domain | None = Field(None, description="The domain of where the person works.")
    min_score: Percent | None = Field(
        None, description="Not told below this score; without it, as the duplicates' policy says."
    )

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        if self.name is not None and (self.first_name or self.middle_name or self.last_name):
            raise ValueError("give the whole name or its parts, not both")
        return self


class ResolvedContact(Shape):
    """A contact that is probably the one in question."""

    contact: ContactOut
    band: Band
    score: int = Field(description="How likely it is the one, in percent.")
    weight: int = Field(description="All the evidence, in tenths of a bit.")
    reasons: list[ReasonOut] = Field(description="What each identifier tells, the most first.")


class ContactResolution(Shape):
    """Who is probably meant."""

    match: ResolvedContact | None = Field(description="The likeliest; null where there is none.")
    alternatives: list[ResolvedContact] = Field(description="The others, the likeliest first.")
