"""Prices over REST."""

from typing import Annotated, Any

from fastapi import Query, Response

from crm_api.domains.prices.actions import ListActions
from crm_api.domains.prices.asking import (
    PriceAnswer,
    PriceQuestion,
    PricingSettings,
    PricingSettingsOut,
    ProductPrices,
)
from crm_api.domains.prices.resolving import PriceService
from crm_api.domains.prices.schemas import (
    Activation,
    AdjustInput,
    Adjustment,
    CheckStarted,
    ListPriceInput,
    PriceListCloneInput,
    PriceListCopy,
    PriceListOut,
    PriceRuleOut,
)
from crm_api.domains.prices.service import (
    ContractPriceService,
    PriceListService,
    PriceRuleService,
)
from crm_api.domains.prices.settings import PricingSettingsService
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.kit.rest.settings import add_settings
from crm_api.kit.schema import Currency, Day

lists = crud_router(PriceListService)
rules = crud_router(PriceRuleService)
contracts = crud_router(ContractPriceService)
pricing = new_router("pricing", "pricing")
products = new_router("pricing", "products")
Responses = dict[int | str, dict[str, Any]]
_LIST: Responses = {200: {"model": PriceListOut}}


@lists.post(
    "/{id}/schedule",
    operation_id="schedulePriceList",
    summary="Have a price list count from a day to come on",
    responses=_LIST | problems(400, 403, 404, 409, 412, 415, 422),
)
async def schedule(id: Id, tx: Writing, body: Activation, if_match: IfMatch = None) -> Response:
    """It is activated on its first day by itself."""
    expected = answers.version_of(if_match)
    return answers.record(await ListActions(tx).schedule(id, body, expected))


@lists.post(
    "/{id}/activate",
    operation_id="activatePriceList",
    summary="Have a price list count",
    responses=_LIST | problems(400, 403, 404, 409, 412, 415, 422),
)
async def activate(id: Id, tx: Writing, body: Activation, if_match: IfMatch = None) -> Response:
    """From today on, or from a day that is over."""
    expected = answers.version_of(if_match)
    return answers.record(await ListActions(tx).activate(id, body, expected))


@lists.post(
    "/{id}/expire",
    operation_id="expirePriceList",
    summary="Have a price list count no more",
    responses=_LIST | problems(403, 404, 409, 412, 422),
)
async def expire(id: Id, tx: Writing, if_match: IfMatch = None) -> Response:
    """From today on; prices of days before stay what they were."""
    return answers.record(await ListActions(tx).expire(id, answers.version_of(if_match)))


@lists.post(
    "/{id}/check",
    status_code=202,
    operation_id="checkPriceList",
    summary="Have prices of a list looked for that seem wrong",
    responses={202: {"model": CheckStarted}, **problems(403, 404, 409, 422)},
)
async def check(id: Id, tx: Writing) -> Response:
    """A job; its result has `counts` by reason, and of the first thousand `findings` each one.

    Reasons: `below_cost`, `below_floor`, `off_list_price`, `off_other_lists` (robust z-scores),
    `dearer_in_bulk`, `no_base`, `no_rate`, `outside_list_days`, `shadowed`, `target_gone`,
    `parent_currency`, and `unpriced` of active products (or variants) that nothing says the price
    of for whoever the list is for, in its currency. Costs count only for those who see them.
    """
    job_id = await ListActions(tx).check(id)
    headers = {"Location": f"/v1/jobs/{job_id}"}
    return answers.plain({"job_id": job_id}, status=202, headers=headers)


@lists.post(
    "/{id}/clone",
    operation_id="clonePriceList",
    summary="Copy a price list with its rules",
    responses={200: {"model": PriceListCopy}, **problems(400, 403, 404, 409, 415, 422)},
)
async def clone(id: Id, tx: Writing, body: PriceListCloneInput) -> Response:
    """The copy is a draft; of more than 10,000 rules, a job fills it."""
    return answers.plain(await ListActions(tx).clone(id, body))


@lists.post(
    "/{id}/adjust",
    operation_id="adjustPriceList",
    summary="Change all fixed prices of a list by so many percent",
    responses={200: {"model": Adjustment}, **problems(400, 403, 404, 409, 415, 422)},
)
async def adjust(id: Id, tx: Writing, body: AdjustInput) -> Response:
    """With `dry_run` the answer is a preview; of more than 10,000 rules, a job changes them."""
    return answers.plain(await ListActions(tx).adjust(id, body))


@lists.post(
    "/{id}/prices",
    status_code=201,
    operation_id="setListPrice",
    summary="Set a fixed price in a list",
    responses={201: {"model": PriceRuleOut}, **problems(400, 403, 404, 409, 415, 422)},
)
async def set_price(id: Id, tx: Writing, body: ListPriceInput) -> Response:
    """A price rule of the method `fixed`, for a product or a variant."""
    made = await PriceRuleService(tx).set_price(id, body)
    return answers.made("price-rules", made)


@pricing.post(
    "/resolve",
    operation_id="resolvePrices",
    summary="What lines cost, and why",
    responses={200: {"model": PriceAnswer}, **problems(400, 403, 409, 415, 422)},
)
async def resolve(tx: Reading, body: PriceQuestion) -> Response:
    """Up to 500 lines; 409 where a rate of exchange is missing."""
    return answers.plain(await PriceService(tx).resolve(body))


add_settings(
    pricing,
    PricingSettingsService,
    (PricingSettings, PricingSettingsOut),
    "Pricing",
    read=(
        "How the organization rounds",
        "What holds where a question about prices says nothing.",
    ),
    write=(
        "Say how the organization rounds",
        "Replaces what was said before; takes the permission `manage_catalogue`.",
    ),
    faults=(400, 403, 409, 415, 422),
)


@products.get(
    "/{id}/prices",
    operation_id="listProductPrices",
    summary="What a product costs, by list and quantity",
    responses={200: {"model": ProductPrices}, **problems(403, 404, 409, 422)},
)
async def product_prices(
    id: Id,
    tx: Reading,
    as_of: Annotated[Day | None, Query(description="On which day: today without it.")] = None,
    currency: Annotated[Currency | None, Query(description="Only in this one.")] = None,
) -> Response:
    """In each list that counts on the day, and its own list price.

    422 `too_many_components` of a bundle of so many that they cannot be priced at each quantity.
    """
    return answers.plain(await PriceService(tx).of_product(id, as_of, currency))
