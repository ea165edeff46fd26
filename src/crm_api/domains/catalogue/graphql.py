"""The catalogue over GraphQL."""

from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.catalogue import compositions, schemas
from crm_api.domains.catalogue.bundles import BundleComponentService
from crm_api.domains.catalogue.categories import ProductCategoryService, UnitService
from crm_api.domains.catalogue.relations import ProductRelationService
from crm_api.domains.catalogue.service import ProductService, ProductVariantService
from crm_api.domains.catalogue.specifications import ServiceSpecificationService
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import shape_given
from crm_api.kit.graphql.relations import related, related_many
from crm_api.kit.graphql.types import type_from


def _later(name: str) -> Any:
    """A type of this file that stands below."""
    return Annotated[name, strawberry.lazy(__name__)]


@type_from(schemas.UnitOut)
class Unit:
    """A unit of measure."""


@type_from(schemas.ProductCategoryOut)
class ProductCategory:
    """A category of products."""

    parent = related(ProductCategoryService, "parent", _later("ProductCategory"))
    children = related_many(ProductCategoryService, "children", _later("ProductCategoryConnection"))
    products = related_many(ProductCategoryService, "products", _later("ProductConnection"))


@type_from(schemas.ProductOut)
class Product:
    """A product."""

    category = related(ProductService, "category", ProductCategory)
    unit = related(ProductService, "unit", Unit)
    successor = related(ProductService, "successor", _later("Product"))
    predecessors = related_many(ProductService, "predecessors", _later("ProductConnection"))
    variants = related_many(ProductService, "variants", _later("ProductVariantConnection"))
    components = related_many(ProductService, "components", _later("BundleComponentConnection"))
    relations = related_many(ProductService, "relations", _later("ProductRelationConnection"))
    specifications = related_many(
        ProductService, "specifications", _later("ServiceSpecificationConnection")
    )


@type_from(schemas.ProductVariantOut)
class ProductVariant:
    """A variant of a product."""

    product = related(ProductVariantService, "product", Product)


@type_from(compositions.BundleComponentOut)
class BundleComponent:
    """A part of a bundle."""

    product = related(BundleComponentService, "product", Product)
    component = related(BundleComponentService, "component", Product)
    variant = related(BundleComponentService, "variant", ProductVariant)


@type_from(compositions.ProductRelationOut)
class ProductRelation:
    """What one product has to do with another."""

    product = related(ProductRelationService, "product", Product)
    related = related(ProductRelationService, "related", Product)


@type_from(compositions.ServiceSpecificationOut)
class ServiceSpecification:
    """What it takes to render a service."""

    product = related(ServiceSpecificationService, "product", Product)


@type_from(schemas.ConvertedQuantity)
class ConvertedQuantity:
    """A quantity in another unit."""


@type_from(schemas.EffectiveAttribute)
class EffectiveAttribute:
    """An attribute that counts for a category."""


@type_from(schemas.StatusTransitions)
class StatusTransitions:
    """Where a record stands, and where it may go from there."""


@type_from(compositions.ProductCompatibility)
class ProductCompatibility:
    """Whether products go together, and what would go with them."""


@strawberry.type
class CatalogueQuery:
    """What is asked of the catalogue beyond its records."""

    @strawberry.field
    async def convert_quantity(
        self, info: GraphInfo, quantity: str, from_unit: str, to_unit: str
    ) -> ConvertedQuantity:
        """A quantity in another unit of the same dimension."""
        given = {"quantity": quantity, "from_unit": from_unit, "to_unit": to_unit}
        data = shape_given(schemas.QuantityConversion, given)
        return cast("Any", await UnitService(info.context.tx).convert(data))

    @strawberry.field
    async def product_category_attributes(
        self, info: GraphInfo, id: UUID
    ) -> list[EffectiveAttribute]:
        """The attributes that count for a category, those from above first."""
        return (await ProductCategoryService(info.context.tx).effective(id))["data"]

    @strawberry.field
    async def product_transitions(self, info: GraphInfo, id: UUID) -> StatusTransitions:
        """Which status of a product may follow, and what stands in the way."""
        return cast("Any", await ProductService(info.context.tx).transitions(id))

    @strawberry.field
    async def product_variant_transitions(self, info: GraphInfo, id: UUID) -> StatusTransitions:
        """Which status of a variant may follow."""
        return cast("Any", await ProductVariantService(info.context.tx).transitions(id))

    @strawberry.field
    async def product_compatibility(
        self,
        info: GraphInfo,
        id: UUID,
        with_: Annotated[list[UUID] | None, strawberry.argument(name="with")] = None,
    ) -> ProductCompatibility:
        """Whether products go together: what is missing, what conflicts, what would go with them."""
        service = ProductRelationService(info.context.tx)
        return cast("Any", await service.compatibility(id, with_ or ()))


_UNITS = Collection(UnitService, Unit)
_CATEGORIES = Collection(ProductCategoryService, ProductCategory)
_PRODUCTS = Collection(ProductService, Product)
_VARIANTS = Collection(ProductVariantService, ProductVariant)
_COMPONENTS = Collection(BundleComponentService, BundleComponent)
_RELATIONS = Collection(ProductRelationService, ProductRelation)
_SPECIFICATIONS = Collection(ServiceSpecificationService, ServiceSpecification)
ProductCategoryConnection = _CATEGORIES.connection
ProductConnection = _PRODUCTS.connection
ProductVariantConnection = _VARIANTS.connection
BundleComponentConnection = _COMPONENTS.connection
ProductRelationConnection = _RELATIONS.connection
ServiceSpecificationConnection = _SPECIFICATIONS.connection
_ALL = (_UNITS, _CATEGORIES, _PRODUCTS, _VARIANTS, _COMPONENTS, _RELATIONS, _SPECIFICATIONS)
QUERIES = (*(one.query() for one in _ALL), CatalogueQuery)
MUTATIONS = tuple(one.mutation() for one in _ALL)
