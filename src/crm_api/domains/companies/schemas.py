"""What a company looks like from outside."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from crm_api.domains.companies.models import Lifecycle
from crm_api.kit.points import Addresses, AddressOut, PointOut, Points
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Code,
    Country,
    Create,
    Currency,
    Day,
    Domain,
    Language,
    Name,
    Out,
    Prose,
    Short,
    Tag,
    TimeZone,
    Url,
    patch_of,
)


class CompanyCreate(Create):
    """A new company."""

    name: Name = Field(description="The name it goes by.", examples=["Example Industries"])
    legal_name: Name | None = Field(None, description="The registered name.")
    domains: Annotated[list[Domain], Field(max_length=50)] = Field(
        default_factory=list,
        description="Internet domains, without `www`.",
        examples=[["acme.com"]],
    )
    website: Url | None = None
    parent_id: UUID | None = Field(None, description="The company it belongs to.")
    industry: Code | None = Field(None, description="A code of the list you use, such as `bank`.")
    lifecycle: Lifecycle = Field("target", description="Where the relationship stands.")
    employees: Annotated[int, Field(ge=0, le=2_000_000_000)] | None = Field(
        None, description="How many people work there."
    )
    annual_revenue: Amount | None = Field(None, description="Per year, in `currency`.")
    currency: Currency | None = None
    tax_id: Short | None = None
    founded_on: Day | None = None
    country: Country | None = None
    language: Language | None = None
    time_zone: TimeZone | None = None
    emails: Points = Field(default_factory=list)
    phones: Points = Field(default_factory=list)
    addresses: Addresses = Field(default_factory=list)
    tags: Annotated[list[Tag], Field(max_length=100)] = Field(default_factory=list)
    source: Name | None = Field(None, description="Where the record comes from.")
    description: Prose | None = None


CompanyUpdate = patch_of("CompanyUpdate", CompanyCreate, required=("lifecycle",))


class CompanyOut(Out):
    """A company."""

    name: str
    legal_name: str | None
    domains: list[str]
    website: str | None
    parent_id: UUID | None
    industry: str | None
    lifecycle: Lifecycle
    employees: int | None
    annual_revenue: AmountOut | None
    currency: str | None
    tax_id: str | None
    founded_on: date | None
    country: str | None
    language: str | None
    time_zone: str | None
    email: str | None = Field(description="The primary e-mail address.")
    phone: str | None = Field(description="The primary phone number.")
    emails: list[PointOut]
    phones: list[PointOut]
    addresses: list[AddressOut]
    tags: list[str]
    source: str | None
    description: str | None
