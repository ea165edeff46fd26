"""What contacts and employments look like from outside."""

from datetime import date
from typing import Self
from uuid import UUID

from pydantic import Field, model_validator

from crm_api.domains.contacts.models import Lifecycle
from crm_api.kit.points import ReachableFields, ReachableOut
from crm_api.kit.schema import (
    BirthDate,
    Code,
    Create,
    Day,
    DescribedFields,
    DescribedOut,
    Name,
    Out,
    patch_of,
)


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
