"""The rules of products and their variants."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.catalogue.attributes import lacking, read_values
from crm_api.domains.catalogue.categories import ProductCategoryService
from crm_api.domains.catalogue.codes import barcode_key, sku_key
from crm_api.domains.catalogue.lifecycle import LifecycleService
from crm_api.domains.catalogue.models import (
    BundleComponent,
    Product,
    ProductVariant,
    ServiceSpecification,
)
from crm_api.domains.catalogue.repository import PRODUCTS, Products, ProductVariants
from crm_api.domains.catalogue.schemas import (
    ProductCreate,
    ProductUpdate,
    ProductVariantCreate,
    ProductVariantUpdate,
)
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.tree import TreeService
from crm_api.kit.errors import Fault, Invalid

_READINESS = frozenset({"status", "type", "category_id", "attributes"})
"""What decides whether a product can be active."""
_OF_TYPE: Mapping[str, tuple[Any, str]] = {
    "bundle": (BundleComponent, "It has components, so it is a bundle."),
    "service": (ServiceSpecification, "It has a specification, so it is a service."),
}


class ProductService(LifecycleService[Product], TreeService[Product], NamedService[Product]):
    """Products: goods, services, bundles and subscriptions, from draft to archive."""

    repository = Products
    area = PRODUCTS
    plural = "products"
    personal = Impersonal("What is sold.")
    create_shape = ProductCreate
    update_shape = ProductUpdate
    records: Products
    EMPTY: ClassVar[Fault] = Fault("empty_bundle", "A bundle has components.", "/status")

    @cached_property
    def categories(self) -> ProductCategoryService:
        """What they are put in order by."""
        return ProductCategoryService(self.tx)

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: Product | None, country: str | None
    ) -> dict[str, Any]:
        """An amount needs a currency; it ends after it begins; each option stands there once."""
        after = {**(columns_of(current) if current else {}), **values}
        priced = after.get("cost") is not None or after.get("list_price") is not None
        if priced and after.get("currency") is None:
            raise Invalid.at("/currency", "required", "An amount needs a currency.")
        first, last = after.get("valid_from"), after.get("valid_to")
        if first is not None and last is not None and last < first:
            raise Invalid.at("/valid_to", "ends_before_start", "It ends after it begins.")
        _need_distinct(values.get("options") or [])
        return super().normalise(values, current, country)

    @classmethod
    def keys(cls, record: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Found by sku and barcode."""
        return _codes(record)

    async def prepare(self, values: dict[str, Any], current: Product | None) -> dict[str, Any]:
        """Attributes fit the category; what is there already still fits."""
        values = await super().prepare(values, current)
        changed = {n for n, v in values.items() if current is None or getattr(current, n) != v}
        if changed & {"attributes", "category_id"}:
            values["attributes"] = await self._fitting(values, current, changed)
        if current is not None:
            await self._need_parts_fit(values, current, changed)
        after = {**(columns_of(current) if current else {}), **values}
        if after["status"] == "active" and changed & _READINESS:
            await self.need_ready(after)
        return values

    async def _fitting(
        self, values: Mapping[str, Any], current: Product | None, changed: set[str]
    ) -> dict[str, Any]:
        """The attributes after a write; those that stay as they are in their category are kept."""
        before: Mapping[str, Any] = {} if current is None else current.attributes
        after: Mapping[str, Any] = values.get("attributes", before)
        kept: dict[str, Any] = {}
        if "category_id" not in changed:
            kept = {key: value for key, value in after.items() if before.get(key) == value}
        new = {key: value for key, value in after.items() if key not in kept}
        category_id = values.get("category_id", getattr(current, "category_id", None))
        schema = await self._schema(category_id)
        return {**kept, **read_values(schema, new, self.tx.actor.country)}

    async def _schema(self, category_id: UUID | None) -> Mapping[str, Any]:
        if category_id is None:
            return {}
        schema = await self.categories.schema(category_id)
        if schema is None:
            raise Invalid.at("/category_id", "unknown_reference", "There is no such category.")
        return schema

    async def _need_parts_fit(
        self, values: Mapping[str, Any], current: Product, changed: set[str]
    ) -> None:
        """Refuse a type or options that parts of the product contradict."""
        if "type" in changed and current.type in _OF_TYPE:
            model, message = _OF_TYPE[current.type]
            if await self.records.has_parts(current.id, model):
                raise Invalid.at("/type", "has_parts", message)
        if "options" in changed:
            for sku, options in await self.records.variants(current.id):
                if option_faults(values["options"], options):
                    message = f"The variant {sku} would not fit."
                    raise Invalid.at("/options", "has_variants", message)

    async def blockers(self, record: Mapping[str, Any]) -> list[Fault]:
        """The required attributes that are not there; a bundle without components."""
        found = lacking(await self._schema(record["category_id"]), record["attributes"])
        if record["type"] == "bundle" and not await self._has_components(record.get("id")):
            found.append(self.EMPTY)
        return found

    async def _has_components(self, id: UUID | None) -> bool:
        return id is not None and await self.records.has_parts(id, BundleComponent)


class ProductVariantService(LifecycleService[ProductVariant], NamedService[ProductVariant]):
    """The forms in which a product is sold, such as sizes and colours."""

    repository = ProductVariants
    area = PRODUCTS
    plural = "product_variants"
    personal = Impersonal("What is sold.")
    create_shape = ProductVariantCreate
    update_shape = ProductVariantUpdate
    records: ProductVariants
    AMOUNTS: ClassVar[tuple[str, ...]] = ("cost", "list_price")

    @cached_property
    def products(self) -> ProductService:
        """What they are forms of."""
        return ProductService(self.tx)

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: ProductVariant | None, country: str | None
    ) -> dict[str, Any]:
        """An amount is the variant's own, or the product's with a difference: not both."""
        after = {**(columns_of(current) if current else {}), **values}
        for name in cls.AMOUNTS:
            if after.get(name) is not None and after.get(f"{name}_delta") is not None:
                message = f"Either {name} or {name}_delta."
                raise Invalid.at(f"/{name}_delta", "two_amounts", message)
        return super().normalise(values, current, country)

    @classmethod
    def derive(cls, values: dict[str, Any], current: ProductVariant | None) -> dict[str, Any]:
        """The sort key follows the name, once there is one."""
        return values if values.get("name", "") is None else super().derive(values, current)

    @classmethod
    def keys(cls, record: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Found by sku and barcode."""
        return _codes(record)

    async def prepare(
        self, values: dict[str, Any], current: ProductVariant | None
    ) -> dict[str, Any]:
        """It has a value for each option of its product, and a name."""
        values = await super().prepare(values, current)
        product_id = values["product_id"] if current is None else current.product_id
        before: dict[str, str] = {} if current is None else current.options
        options: dict[str, str] = values.get("options", before)
        unnamed = "name" in values and values["name"] is None
        if current is None or options != before or unnamed:
            product = await self._fitting(product_id, options)
            if unnamed:
                values["name"] = ", ".join([product.name, *options.values()])
                values = self.derive(values, current)
        return values

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take a variant out of the bin, if it still has the options of its product."""
        self.need("delete")
        current = await self.records.get(id, lock=True, deleted=True)
        if current.deleted_at is not None:
            await self._fitting(current.product_id, current.options)
        return await super().restore(id, expected_version=expected_version)

    async def _fitting(self, product_id: UUID, options: Mapping[str, str]) -> Product:
        """The product, whose options these are; raises `Invalid`."""
        product = await product_of(self.products, product_id)
        if faults := option_faults(product.options, options):
            raise Invalid("It does not fit its product.", faults=faults)
        return product


async def product_of(products: ProductService, id: UUID, at: str = "/product_id") -> Product:
    """A product that is referred to, as it is till the commit; raises `Invalid`."""
    await products.records.hold([id])
    product = await products.records.find(id, lock=True)
    if product is None:
        raise Invalid.at(at, "unknown_reference", "There is no such product.")
    return product


def option_faults(wanted: Iterable[Mapping[str, Any]], given: Mapping[str, str]) -> list[Fault]:
    """Why values of options are not those of a product's variant; empty if they are."""
    known = {option["key"]: option for option in wanted}
    faults = [
        Fault("unknown_option", "The product has no such option.", f"/options/{key}")
        for key in given.keys() - known.keys()
    ]
    for key, option in known.items():
        if key not in given:
            faults.append(Fault("required", f"Say its {option['label']}.", f"/options/{key}"))
        elif option["values"] and given[key] not in option["values"]:
            message = f"Not one of {', '.join(option['values'][:20])}."
            faults.append(Fault("not_a_choice", message, f"/options/{key}"))
    return faults


def _need_distinct(options: Iterable[Mapping[str, Any]]) -> None:
    seen = set[str]()
    for place, option in enumerate(options):
        if option["key"] in seen:
            raise Invalid.at(f"/options/{place}/key", "duplicate", "Another option has it.")
        seen.add(option["key"])


def _codes(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    barcode = record["barcode"]
    own = [] if barcode is None else [("barcode", barcode_key(barcode))]
    return [("sku", sku_key(record["sku"])), *own]
