"""What bundles, relations and specifications of services look like from outside."""

from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from crm_api.domains.catalogue.models import PriceMode, RelationKind
from crm_api.domains.catalogue.schemas import Place
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Code,
    Create,
    Line,
    Out,
    Quantity,
    QuantityOut,
    Schema,
    Shape,
    Storable,
    patch_of,
)

DEEPEST_BUNDLES = 20
"""So many bundles may be in one another."""
_MODE = (
    "What it adds to the price of the bundle. `sum`: its own price; `fixed`: `price`, which is 0 for "
    "what is included; `percent`: `percent` of its own price. Optional ones add it where they are chosen."
)


class _ComponentFields(Create):
    variant_id: UUID | None = Field(None, description="The variant that it has to be.")
    quantity: Quantity = Field(Decimal(1), description="How many unless one says otherwise.")
    min_quantity: Quantity = Field(Decimal(0), description="At least, where it is chosen at all.")
    max_quantity: Quantity | None = Field(None, description="At most.")
    is_optional: bool = Field(False, description="Whether the bundle can do without.")
    price_mode: PriceMode = Field("sum", description=_MODE)
    price: Amount | None = Field(None, description="In the bundle's currency.")
    percent: Quantity | None = Field(None, examples=["90"])
    position: Place = Field(0, description="Where it stands in the bundle.")


class BundleComponentCreate(_ComponentFields):
    """Something to be a part of a bundle."""

    product_id: UUID = Field(description="The bundle.")
    component_id: UUID = Field(description="The product that is a part of it.")


BundleComponentUpdate = patch_of(
    "BundleComponentUpdate",
    _ComponentFields,
    required=("quantity", "min_quantity", "is_optional", "price_mode", "position"),
)


class BundleComponentOut(Out):
    """A part of a bundle."""

    product_id: UUID = Field(description="The bundle.")
    component_id: UUID = Field(description="The product that is a part of it.")
    variant_id: UUID | None
    quantity: QuantityOut
    min_quantity: QuantityOut
    max_quantity: QuantityOut | None
    is_optional: bool
    price_mode: PriceMode = Field(description=_MODE)
    price: AmountOut | None
    percent: QuantityOut | None
    position: int


_KIND = (
    "`requires` and the two of selling have a direction, and each is stored for itself; "
    "`substitute` and `excludes` go both ways, and are stored once."
)


class _RelationFields(Create):
    reason: Line | None = Field(None, description="Why, in the words of whoever sells it.")
    position: Place = Field(0, description="Where it stands among those of its kind.")


class ProductRelationCreate(_RelationFields):
    """What one product is to have to do with another."""

    product_id: UUID
    related_id: UUID = Field(description="The other product.")
    kind: RelationKind = Field(description=_KIND)


ProductRelationUpdate = patch_of("ProductRelationUpdate", _RelationFields, required=("position",))


class ProductRelationOut(Out):
    """What one product has to do with another."""

    product_id: UUID
    related_id: UUID = Field(description="The other product.")
    kind: RelationKind = Field(description=_KIND)
    reason: str | None
    position: int


Minutes = Annotated[int, Field(ge=0, le=525_600)]


class Skill(Schema):
    """What somebody has to be able to do."""

    skill: Code = Field(examples=["welding"])
    level: Annotated[int, Field(ge=1, le=10)] = Field(1, description="At least, of 10.")


class ResourceNeed(Schema):
    """A resource that it takes."""

    kind: Code = Field(examples=["room"])
    quantity: Annotated[int, Field(ge=1, le=10_000)] = 1
    attributes: Annotated[dict[Code, Any], Field(max_length=50), Storable] = Field(
        default_factory=dict, description="What it has to have.", examples=[{"seats": 12}]
    )


class SkillOut(Shape):
    """What somebody has to be able to do."""

    skill: str
    level: int


class ResourceNeedOut(Shape):
    """A resource that it takes."""

    kind: str
    quantity: int
    attributes: dict[str, Any]


class _SpecificationFields(Create):
    duration_minutes: Annotated[int, Field(ge=1, le=525_600)]
    buffer_before_minutes: Minutes = Field(0, description="To get ready.")
    buffer_after_minutes: Minutes = Field(0, description="To clear up.")
    capacity_per_day: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        None, description="How often a day at most."
    )
    skills: Annotated[list[Skill], Field(max_length=50)] = Field(default_factory=list)
    resources: Annotated[list[ResourceNeed], Field(max_length=50)] = Field(default_factory=list)


class ServiceSpecificationCreate(_SpecificationFields):
    """What it is to take to render a service."""

    product_id: UUID = Field(description="The service; it has one specification.")


ServiceSpecificationUpdate = patch_of(
    "ServiceSpecificationUpdate",
    _SpecificationFields,
    required=("buffer_before_minutes", "buffer_after_minutes"),
)


class ServiceSpecificationOut(Out):
    """What it takes to render a service."""

    product_id: UUID = Field(description="The service.")
    duration_minutes: int
    buffer_before_minutes: int
    buffer_after_minutes: int
    capacity_per_day: int | None
    skills: list[SkillOut]
    resources: list[ResourceNeedOut]


class MissingProduct(Shape):
    """A product that is required and not there."""

    product_id: UUID
    required_by: UUID
    relation_id: UUID


class ConflictingProducts(Shape):
    """Two products that exclude each other."""

    product_id: UUID
    other_id: UUID
    relation_id: UUID


class SuggestedProduct(Shape):
    """A product that would go with them."""

    product_id: UUID
    kind: RelationKind
    suggested_by: UUID
    reason: str | None
    relation_id: UUID


class ProductCompatibility(Shape):
    """Whether products go together, and what would go with them."""

    is_compatible: bool = Field(
        description="Whether nothing is missing and nothing conflicts, also of what bundles hold in "
        "any case."
    )
    missing: list[MissingProduct] = Field(
        description="Also what those take that are missing themselves."
    )
    conflicts: list[ConflictingProducts]
    suggestions: list[SuggestedProduct] = Field(
        description="Active products that are sold with them, or instead of them."
    )
