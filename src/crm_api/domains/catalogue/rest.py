"""The catalogue over REST."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_api.domains.catalogue.bundles import BundleComponentService
from crm_api.domains.catalogue.categories import ProductCategoryService, UnitService
from crm_api.domains.catalogue.compositions import ProductCompatibility
from crm_api.domains.catalogue.lifecycle import LifecycleService
from crm_api.domains.catalogue.relations import MOST, ProductRelationService
from crm_api.domains.catalogue.schemas import (
    ConvertedQuantity,
    EffectiveAttributes,
    QuantityConversion,
    StatusTransitions,
)
from crm_api.domains.catalogue.service import ProductService, ProductVariantService
from crm_api.domains.catalogue.specifications import ServiceSpecificationService
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import crud_router, new_router

Responses = dict[int | str, dict[str, Any]]
With = Annotated[
    list[UUID] | None,
    Query(alias="with", max_length=MOST, description="The products that are to go with it."),
]
_CONVERTED: Responses = {200: {"model": ConvertedQuantity}}
_ATTRIBUTES: Responses = {200: {"model": EffectiveAttributes}}
_TRANSITIONS: Responses = {200: {"model": StatusTransitions}}
_COMPATIBILITY: Responses = {200: {"model": ProductCompatibility}}

conversion = new_router("units", "units")
units = crud_router(UnitService)
categories = crud_router(ProductCategoryService)
products = crud_router(ProductService)
variants = crud_router(ProductVariantService)


@conversion.post(
    "/convert",
    operation_id="convertQuantity",
    summary="Convert a quantity",
    responses=_CONVERTED | problems(400, 403, 415, 422),
)
async def convert(tx: Reading, body: QuantityConversion) -> Response:
    """Into another unit of the same dimension, exactly as far as 15 decimals go."""
    return answers.plain(await UnitService(tx).convert(body))


@categories.get(
    "/{id}/attributes",
    operation_id="getProductCategoryAttributes",
    summary="The attributes that count for a category",
    responses=_ATTRIBUTES | problems(403, 404, 422),
)
async def attributes(id: Id, tx: Reading) -> Response:
    """Its own and those of the categories above, which come first."""
    return answers.plain(await ProductCategoryService(tx).effective(id))


@products.get(
    "/{id}/compatibility",
    operation_id="getProductCompatibility",
    summary="Whether products go together",
    responses=_COMPATIBILITY | problems(403, 404, 422),
)
async def compatibility(id: Id, tx: Reading, others: With = None) -> Response:
    """What is missing, what conflicts, and what would go with them."""
    return answers.plain(await ProductRelationService(tx).compatibility(id, others or ()))


def _add_transitions(router: APIRouter, service: type[LifecycleService[Any]], word: str) -> None:
    async def transitions(id: Id, tx: Reading) -> Response:
        """Set one as `status`; what stands in its way is named."""
        return answers.plain(await service(tx).transitions(id))

    router.add_api_route(
        "/{id}/transitions",
        transitions,
        methods=["GET"],
        operation_id=f"get{word}Transitions",
        summary="Which status may follow",
        responses=_TRANSITIONS | problems(403, 404, 422),
    )


_add_transitions(products, ProductService, "Product")
_add_transitions(variants, ProductVariantService, "ProductVariant")
ROUTERS = (
    conversion,
    units,
    categories,
    products,
    variants,
    crud_router(BundleComponentService),
    crud_router(ProductRelationService),
    crud_router(ServiceSpecificationService),
)
