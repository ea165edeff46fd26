"""What contacts and employments look like from outside."""

from datetime import date
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from crm_api.domains.contacts.models import Lifecycle
from crm_api.kit.points import Addresses, AddressOut, PointOut, Points
from crm_api.kit.schema import (
    BirthDate,
    Code,
    Country,
    Create,
    Day,
    Language,
    Name,
    Out,
    Prose,
    Tag,
    TimeZone,
    patch_of,
)


class ContactFields(Create):
    """What is known of a person."""

    salutation: Name | None = None
    first_name: Name | None = Field(None, examples=["Sample"])
    middle_name: Name | None = Field(None, description="Also a patronymic.")
    last_name: Name | None = Field(None, examples=["Person"])
    preferred_name: Name | None = Field(None, description="What the person likes to be called.")
    birth_date: BirthDate | None = None
    language: Language | None = None
    time_zone: TimeZone | None = None
    country: Country | None = Field(
        None, description="ISO 3166-1 alpha-2; phone numbers without a prefix are read by it."
    )
    lifecycle: Lifecycle = Field("lead", description="Where the relationship stands.")
    company_id: UUID | None = Field(None, description="The main employer.")
    title: Name | None = Field(None, description="The job title there.")
    department: Name | None = None
    email: Annotated[str, Field(min_length=3, max_length=320)] | None = Field(
        None, description="Short for the primary one of `emails`.", examples=["sample@example.com"]
    )
    phone: Annotated[str, Field(min_length=3, max_length=100)] | None = Field(
        None, description="Short for the primary one of `phones`."
    )
    emails: Points = Field(default_factory=list)
    phones: Points = Field(default_factory=list)
    addresses: Addresses = Field(default_factory=list)
    tags: Annotated[list[Tag], Field(max_length=100)] = Field(default_factory=list)
    source: Name | None = Field(None, description="Where the record comes from.")
    description: Prose | None = None


class ContactCreate(ContactFields):
    """A new contact: a first name, a last name or an e-mail address is needed."""

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not (self.first_name or self.last_name or self.email or self.emails):
            raise ValueError("a contact needs a first name, a last name or an e-mail address")
        return self


ContactUpdate = patch_of("ContactUpdate", ContactFields, required=("lifecycle",))


class ContactOut(Out):
    """A contact."""

    name: str = Field(description="The name as it is shown.")
    salutation: str | None
    first_name: str | None
    middle_name: str | None
    last_name: str | None
    preferred_name: str | None
    birth_date: date | None
    language: str | None
    time_zone: str | None
    country: str | None
    lifecycle: Lifecycle
    company_id: UUID | None
    title: str | None
    department: str | None
    email: str | None = Field(description="The primary e-mail address.")
    phone: str | None = Field(description="The primary phone number.")
    emails: list[PointOut]
    phones: list[PointOut]
    addresses: list[AddressOut]
    tags: list[str]
    source: str | None
    description: str | None


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
