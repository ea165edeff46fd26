"""Exchange rates over REST."""

from typing import Annotated, Any

from fastapi import Query, Response

from crm_api.kit.rest import answers
from crm_api.kit.rest.params import Cursor, Limit
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import new_router
from crm_api.kit.schema import Currency
from crm_api.platform.exchange.schemas import (
    Converted,
    ConvertInput,
    ExchangeRatePage,
    RatesInput,
    RatesSet,
)
from crm_api.platform.exchange.service import ExchangeService

router = new_router("exchange_rates", "exchange-rates")
_MANY: dict[int | str, dict[str, Any]] = {200: {"model": ExchangeRatePage}}
_SET: dict[int | str, dict[str, Any]] = {200: {"model": RatesSet}}
_CONVERTED: dict[int | str, dict[str, Any]] = {200: {"model": Converted}}
Base = Annotated[Currency | None, Query(description="Only rates of this currency.")]
Quote = Annotated[Currency | None, Query(description="Only rates in this currency.")]


@router.get(
    "",
    operation_id="listExchangeRates",
    summary="List exchange rates",
    responses=_MANY | problems(403, 422),
)
async def list_rates(
    tx: Reading,
    cursor: Cursor = None,
    limit: Limit = 50,
    base: Base = None,
    quote: Quote = None,
) -> Response:
    """The latest day first."""
    found = await ExchangeService(tx).page(base=base, quote=quote, cursor=cursor, limit=limit)
    return answers.plain(found)


@router.put(
    "",
    operation_id="setExchangeRates",
    summary="Set exchange rates",
    responses=_SET | problems(400, 403, 415, 422),
)
async def set_rates(tx: Writing, body: RatesInput) -> Response:
    """All of them or none; a rate that is there for the pair and the day is replaced."""
    return answers.plain(await ExchangeService(tx).put(body))


@router.post(
    "/convert",
    operation_id="convertAmount",
    summary="Convert an amount",
    responses=_CONVERTED | problems(400, 403, 409, 415, 422),
)
async def convert(tx: Reading, body: ConvertInput) -> Response:
    """By the latest rate on or before the day; 409 where there is none, or none recent enough."""
    return answers.plain(await ExchangeService(tx).convert(body))
