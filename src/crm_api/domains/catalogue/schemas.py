"""What products, their categories and units look like from outside."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from crm_api.domains.catalogue.models import ProductType, Status
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Code,
    Create,
    Currency,
    Day,
    DescribedFields,
    DescribedOut,
    LongTranslations,
    Merged,
    Name,
    Out,
    Prose,
    Quantity,
    QuantityOut,
    Schema,
    Shape,
    Short,
    SignedAmount,
    Storable,
    Tags,
    TranslatedFields,
    TranslatedOut,
    Translations,
    Unique,
    exact_text,
    patch_of,
)

Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Ratio = Annotated[
    Decimal,
    Field(gt=0, max_digits=30, decimal_places=15, allow_inf_nan=False),
    BeforeValidator(exact_text),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d{1,15}(\.\d{1,15})?$", "examples": ["0.001"]}
    ),
]
Place = Annotated[int, Field(ge=0, le=1_000_000)]
_RATIO = "How much of the dimension's base unit one of these is; the base itself has `1`."


class UnitCreate(TranslatedFields, Create):
    """A new unit of measure."""

    key: Code = Field(description="What it goes by; no other unit has it.", examples=["kg"])
    name: Name = Field(examples=["Kilogram"])
    symbol: Short | None = Field(None, examples=["kg"])
    dimension: Code = Field(description="What it measures.", examples=["mass"])
    ratio: Ratio = Field(Decimal(1), description=_RATIO)
    decimals: Annotated[int, Field(ge=0, le=6)] = Field(
        0, description="How many decimals a quantity of it may have."
    )


UnitUpdate = patch_of("UnitUpdate", UnitCreate, required=("ratio", "decimals"))


class UnitOut(TranslatedOut, Out):
    """A unit of measure."""

    key: str
    name: str
    symbol: str | None
    dimension: str
    ratio: str = Field(description=_RATIO)
    decimals: int


class QuantityConversion(Schema):
    """A quantity to be converted."""

    quantity: Quantity
    from_unit: Code = Field(description="The key of the unit that it is in.", examples=["kg"])
    to_unit: Code = Field(description="The key of another one of its dimension.", examples=["g"])


class ConvertedQuantity(Shape):
    """A quantity in another unit."""

    quantity: QuantityOut
    unit: str
    is_exact: bool = Field(description="Whether nothing was rounded; it has 15 decimals at most.")


AttributeType = Literal[
    "text", "integer", "decimal", "date", "bool", "select", "multiselect", "url"
]


class ProductAttribute(Schema):
    """An attribute that products of a category have, and those of the categories below."""

    key: Key = Field(examples=["voltage"])
    label: Name = Field(examples=["Voltage"])
    labels: Translations = Field(default_factory=dict)
    type: AttributeType
    required: bool = Field(False, description="Whether a product without it stays a draft.")
    choices: Annotated[list[Name], Field(max_length=500), Unique] = Field(
        default_factory=list, description="What may be chosen; of the select types alone."
    )
    unit: Code | None = Field(None, description="The key of the unit of its numbers.")


class ProductAttributeOut(Shape):
    """An attribute of the products of a category."""

    key: str
    label: str
    labels: dict[str, str]
    type: str
    required: bool
    choices: list[str]
    unit: str | None


class EffectiveAttribute(ProductAttributeOut):
    """An attribute that counts for a category."""

    category_id: UUID = Field(description="The category that says so: itself or one above.")


class EffectiveAttributes(Shape):
    """Every attribute that products of a category have."""

    data: list[EffectiveAttribute]


class ProductCategoryCreate(TranslatedFields, Create):
    """A new category of products."""

    name: Name = Field(examples=["Printers"])
    description: Prose | None = None
    parent_id: UUID | None = Field(None, description="The category above it.")
    position: Place = Field(0, description="Where it stands among those beside it.")
    attributes: Annotated[list[ProductAttribute], Field(max_length=200)] = Field(
        default_factory=list,
        description="What its products and those below have, beside what the categories above "
        "say; of one key the nearest category counts.",
    )


ProductCategoryUpdate = patch_of(
    "ProductCategoryUpdate", ProductCategoryCreate, required=("position",)
)


class ProductCategoryOut(TranslatedOut, Out):
    """A category of products."""

    name: str
    description: str | None
    parent_id: UUID | None
    position: int
    attributes: list[ProductAttributeOut]


class VariantOption(Schema):
    """Something by which the variants of a product differ."""

    key: Key = Field(examples=["size"])
    label: Name = Field(examples=["Size"])
    values: Annotated[list[Short], Field(max_length=200), Unique] = Field(
        default_factory=list, description="What there is of it; empty: whatever a variant says."
    )


class VariantOptionOut(Shape):
    """Something by which the variants of a product differ."""

    key: str
    label: str
    values: list[str]


_STATUS = "Draft, active, discontinued, archived; which may follow tells `transitions`."
_ATTRIBUTES = "By the keys of its category; a patch names those that change, null takes one away."
_BARCODE = "GTIN or any other code; no other product or variant has it."
_SKU = "What it is ordered by; no other product or variant has it, however it is written."


class ProductCreate(TranslatedFields, DescribedFields, Create):
    """A new product."""

    sku: Short = Field(description=_SKU, examples=["PRN-200"])
    name: Name = Field(description="In the organization's language.", examples=["Printer 200"])
    type: ProductType
    status: Status = Field("draft", description=_STATUS)
    descriptions: LongTranslations = Field(
        default_factory=dict, description="In other languages, by BCP 47 tag."
    )
    category_id: UUID | None = None
    unit_id: UUID | None = Field(None, description="What its quantities are counted in.")
    tax_category: Code | None = Field(None, description="By which taxes find it.")
    cost: Amount | None = Field(None, description="What one costs us, in `currency`.")
    list_price: Amount | None = Field(
        None, description="What one costs where no price list says otherwise, in `currency`."
    )
    currency: Currency | None = None
    barcode: Short | None = Field(None, description=_BARCODE)
    successor_id: UUID | None = Field(None, description="What takes its place.")
    valid_from: Day | None = Field(None, description="A draft becomes active on this day.")
    valid_to: Day | None = Field(None, description="The last day; it is discontinued after it.")
    attributes: Annotated[dict[Key, Any], Field(max_length=200), Storable, Merged] = Field(
        default_factory=dict, description=_ATTRIBUTES
    )
    options: Annotated[list[VariantOption], Field(max_length=10)] = Field(
        default_factory=list, description="By what its variants differ."
    )
    needs: Tags = Field(default_factory=list, description="What it is good for.")


ProductUpdate = patch_of("ProductUpdate", ProductCreate, required=("status",))


class ProductOut(TranslatedOut, DescribedOut, Out):
    """A product."""

    sku: str
    name: str
    type: ProductType
    status: Status
    descriptions: dict[str, str]
    category_id: UUID | None
    unit_id: UUID | None
    tax_category: str | None
    cost: AmountOut | None
    list_price: AmountOut | None
    currency: str | None
    barcode: str | None
    successor_id: UUID | None
    valid_from: date | None
    valid_to: date | None
    attributes: dict[str, Any]
    options: list[VariantOptionOut]
    needs: list[str]


class StatusBlocker(Shape):
    """What stands in the way of a status."""

    code: str
    message: str
    pointer: str | None = None


class StatusTransition(Shape):
    """A status that may follow."""

    status: Status
    blockers: list[StatusBlocker] = Field(
        description="What stands in the way; empty: it may be set."
    )


class StatusTransitions(Shape):
    """Where a product stands, and where it may go from there."""

    status: Status
    allowed: list[StatusTransition]


class _VariantFields(TranslatedFields, Create):
    sku: Short = Field(description=_SKU, examples=["SHIRT-M-RED"])
    name: Name | None = Field(None, description="Without one, that of the product and its options.")
    status: Status = Field("draft", description=_STATUS)
    options: Annotated[dict[Key, Short], Field(max_length=10)] = Field(
        default_factory=dict,
        description="A value for each option of the product, together as no other variant has.",
        examples=[{"size": "M", "colour": "red"}],
    )
    barcode: Short | None = Field(None, description=_BARCODE)
    cost: Amount | None = Field(None, description="Instead of the product's, in its currency.")
    cost_delta: SignedAmount | None = Field(None, description="What it costs more, or less.")
    list_price: Amount | None = Field(None, description="Instead of the product's.")
    list_price_delta: SignedAmount | None = Field(None, description="What it costs more, or less.")


class ProductVariantCreate(_VariantFields):
    """A new variant of a product."""

    product_id: UUID


ProductVariantUpdate = patch_of(
    "ProductVariantUpdate", _VariantFields, required=("status", "options")
)


class ProductVariantOut(TranslatedOut, Out):
    """A variant of a product."""

    product_id: UUID
    sku: str
    name: str
    status: Status
    options: dict[str, str]
    barcode: str | None
    cost: AmountOut | None
    cost_delta: AmountOut | None
    list_price: AmountOut | None
    list_price_delta: AmountOut | None
