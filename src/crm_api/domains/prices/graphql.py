"""Prices over GraphQL."""

from datetime import date
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.catalogue.graphql import Product, ProductCategory, ProductVariant
from crm_api.domains.companies.graphql import Company
from crm_api.domains.prices import asking, schemas
from crm_api.domains.prices.actions import ListActions
from crm_api.domains.prices.resolving import PriceService
from crm_api.domains.prices.service import (
    ContractPriceService,
    PriceListService,
    PriceRuleService,
)
from crm_api.domains.prices.settings import PricingSettingsService
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related, related_many
from crm_api.kit.graphql.types import input_from, type_from


def _later(name: str) -> Any:
    """A type of this file that stands below."""
    return Annotated[name, strawberry.lazy(__name__)]


@type_from(schemas.PriceListOut)
class PriceList:
    """Prices in one currency, for some customers, for some time."""

    parent = related(PriceListService, "parent", _later("PriceList"))
    company = related(PriceListService, "company", Company)
    children = related_many(PriceListService, "children", _later("PriceListConnection"))
    rules = related_many(PriceListService, "rules", _later("PriceRuleConnection"))


@type_from(schemas.PriceRuleOut)
class PriceRule:
    """How a list prices something."""

    list = related(PriceRuleService, "list", PriceList)
    variant = related(PriceRuleService, "variant", ProductVariant)
    product = related(PriceRuleService, "product", Product)
    category = related(PriceRuleService, "category", ProductCategory)


@type_from(schemas.ContractPriceOut)
class ContractPrice:
    """What was agreed with a company."""

    company = related(ContractPriceService, "company", Company)
    product = related(ContractPriceService, "product", Product)
    variant = related(ContractPriceService, "variant", ProductVariant)


@type_from(asking.PriceAnswer)
class PriceAnswer:
    """What the lines come to, and why."""


@type_from(asking.ProductPrices)
class ProductPrices:
    """What a product costs, by list and quantity."""


@type_from(asking.PricingSettingsOut)
class PricingSettings:
    """How the organization rounds."""


@type_from(schemas.PriceListCopy)
class PriceListCopy:
    """A copy of a list."""


@type_from(schemas.Adjustment)
class PriceAdjustment:
    """What became of the prices of a list."""


_LISTS = Collection(PriceListService, PriceList)
_RULES = Collection(PriceRuleService, PriceRule)
_CONTRACTS = Collection(ContractPriceService, ContractPrice)
PriceListConnection = _LISTS.connection
PriceRuleConnection = _RULES.connection


@strawberry.type
class PriceQuery:
    """What things cost."""

    @strawberry.field
    async def resolve_prices(
        self,
        info: GraphInfo,
        input: input_from(asking.PriceQuestion),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> PriceAnswer:
        """What up to 500 lines cost, and why."""
        asked = shape_given(asking.PriceQuestion, input)
        return cast("Any", await PriceService(info.context.tx).resolve(asked))

    @strawberry.field
    async def product_prices(
        self,
        info: GraphInfo,
        product_id: UUID,
        as_of: date | None = None,
        currency: str | None = None,
    ) -> ProductPrices:
        """What a product costs, by list and quantity."""
        asked = shape_given(asking.ProductQuestion, {"as_of": as_of, "currency": currency})
        found = await PriceService(info.context.tx).of_product(
            product_id, asked.as_of, asked.currency
        )
        return cast("Any", found)

    @strawberry.field
    async def pricing_settings(self, info: GraphInfo) -> PricingSettings:
        """How the organization rounds, where a question about prices says nothing."""
        return cast("Any", PricingSettingsService(info.context.tx).get())


@strawberry.type
class PriceMutation:
    """What is done with whole price lists, and how prices are rounded."""

    @mutation
    async def set_pricing_settings(
        self,
        info: GraphInfo,
        input: input_from(asking.PricingSettings),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> PricingSettings:
        """Say how the organization rounds; replaces what was said before."""
        data = shape_given(asking.PricingSettings, input)
        return cast("Any", await PricingSettingsService(info.context.tx).replace(data))

    @mutation
    async def schedule_price_list(
        self,
        info: GraphInfo,
        id: UUID,
        valid_from: date | None = None,
        expected_version: int | None = None,
    ) -> PriceList:
        """Have a price list count from a day to come on."""
        data = shape_given(schemas.Activation, {"valid_from": valid_from})
        return await ListActions(info.context.tx).schedule(id, data, expected_version)

    @mutation
    async def activate_price_list(
        self,
        info: GraphInfo,
        id: UUID,
        valid_from: date | None = None,
        expected_version: int | None = None,
    ) -> PriceList:
        """Have a price list count."""
        data = shape_given(schemas.Activation, {"valid_from": valid_from})
        return await ListActions(info.context.tx).activate(id, data, expected_version)

    @mutation
    async def expire_price_list(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> PriceList:
        """Have a price list count no more."""
        return await ListActions(info.context.tx).expire(id, expected_version)

    @mutation
    async def check_price_list(self, info: GraphInfo, id: UUID) -> UUID:
        """Have prices of a list looked for that seem wrong; the id of the job, which tells them."""
        return await ListActions(info.context.tx).check(id)

    @mutation
    async def clone_price_list(
        self, info: GraphInfo, id: UUID, name: str, currency: str | None = None
    ) -> PriceListCopy:
        """Copy a price list with its rules; the copy is a draft."""
        data = shape_given(schemas.PriceListCloneInput, {"name": name, "currency": currency})
        return cast("Any", await ListActions(info.context.tx).clone(id, data))

    @mutation
    async def adjust_price_list(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.AdjustInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> PriceAdjustment:
        """Change all fixed prices of a list by so many percent; with `dryRun` a preview."""
        data = shape_given(schemas.AdjustInput, input)
        return cast("Any", await ListActions(info.context.tx).adjust(id, data))

    @mutation
    async def set_list_price(
        self,
        info: GraphInfo,
        price_list_id: UUID,
        input: input_from(schemas.ListPriceInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> PriceRule:
        """Set a fixed price in a list."""
        data = shape_given(schemas.ListPriceInput, input)
        return await PriceRuleService(info.context.tx).set_price(price_list_id, data)


QUERIES = (_LISTS.query(), _RULES.query(), _CONTRACTS.query(), PriceQuery)
MUTATIONS = (_LISTS.mutation(), _RULES.mutation(), _CONTRACTS.mutation(), PriceMutation)
