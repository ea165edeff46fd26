"""What a company looks like from outside."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from crm_api.domains.companies.models import Lifecycle
from crm_api.kit.points import ReachableFields, ReachableOut
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Code,
    Create,
    Currency,
    Day,
    DescribedFields,
    DescribedOut,
    Domain,
    Name,
    Out,
    Short,
    Unique,
    Url,
    patch_of,
)


class CompanyCreate(ReachableFields, DescribedFields, Create):
    """A new company."""

    name: Name = Field(description="The name it goes by.", examples=["Example Industries"])
    legal_name: Name | None = Field(None, description="The registered name.")
    domains: Annotated[list[Domain], Field(max_length=50), Unique] = Field(
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


CompanyUpdate = patch_of("CompanyUpdate", CompanyCreate, required=("lifecycle",))


class CompanyOut(ReachableOut, DescribedOut, Out):
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
