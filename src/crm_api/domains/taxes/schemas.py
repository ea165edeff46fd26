"""What tax rates look like from outside."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from crm_api.domains.taxes.models import TaxKind
from crm_api.kit.schema import (
    Code,
    Country,
    Create,
    Day,
    Name,
    Out,
    Quantity,
    QuantityOut,
    patch_of,
)

Region = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9]{0,10}$"),
    AfterValidator(str.upper),
    Field(description="The second half of an ISO 3166-2 code.", examples=["CA"]),
]
Category = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.\-]{0,63})?$")]


class _RateFields(Create):
    name: Name = Field(examples=["Value added tax"])
    kind: TaxKind = "standard"
    rate: Annotated[Quantity, Field(le=1000)] = Field(description="In percent.", examples=["19"])
    compound: bool = Field(False, description="Whether it is also on the taxes before it.")
    position: Annotated[int, Field(ge=0, le=1000)] = Field(
        0, description="Where several taxes are due, in which order."
    )
    valid_from: Day | None = Field(None, description="The first day; empty: always before.")
    valid_to: Day | None = Field(None, description="The last day; empty: for good.")


class TaxRateCreate(_RateFields):
    """A new rate."""

    country: Country
    code: Code = Field("VAT", description="Which tax it is: one has one rate at a time.")
    region: Region = Field("", description="Empty: regions that have no rate of their own.")
    tax_category: Category = Field(
        "", description="That of products. Empty: those that have no rate of their own."
    )


TaxRateUpdate = patch_of("TaxRateUpdate", _RateFields, required=("kind", "compound", "position"))


class TaxRateOut(Out):
    """What a tax is of net amounts, somewhere, for some products, for some time."""

    name: str
    code: str
    country: str
    region: str
    tax_category: str
    kind: TaxKind
    rate: QuantityOut
    compound: bool
    position: int
    valid_from: date | None
    valid_to: date | None
