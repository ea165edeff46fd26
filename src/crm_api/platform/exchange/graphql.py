"""Exchange rates over GraphQL."""

from datetime import date

import strawberry

from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.exchange.schemas import Converted as ConvertedShape
from crm_api.platform.exchange.schemas import (
    ConvertInput,
    ExchangeRateOut,
    RateInput,
    RatesInput,
)
from crm_api.platform.exchange.schemas import ExchangeRatePage as ExchangeRatePageShape
from crm_api.platform.exchange.service import ExchangeService


@type_from(ExchangeRateOut)
class ExchangeRate:
    """What one unit of `base` costs in `quote` on a day."""


@type_from(ExchangeRatePageShape)
class ExchangeRatePage:
    """Rates, the latest day first."""


@type_from(ConvertedShape)
class Converted:
    """What an amount is worth."""


@strawberry.type
class ExchangeQuery:
    """Exchange rates."""

    @strawberry.field
    async def exchange_rates(
        self,
        info: GraphInfo,
        base: str | None = None,
        quote: str | None = None,
        first: int = 50,
        after: str | None = None,
    ) -> ExchangeRatePage:
        """The latest day first."""
        return await ExchangeService(info.context.tx).page(  # pyright: ignore[reportReturnType]
            base=base, quote=quote, cursor=after, limit=page_size(first)
        )

    @strawberry.field
    async def convert_amount(
        self,
        info: GraphInfo,
        amount: str,
        currency: str,
        to: str,
        on: date | None = None,
        max_age_days: int = 30,
    ) -> Converted:
        """What an amount is worth on a day."""
        given = {"amount": amount, "currency": currency, "to": to, "on": on}
        data = shape_given(ConvertInput, {**given, "max_age_days": max_age_days})
        return await ExchangeService(info.context.tx).convert(data)  # pyright: ignore[reportReturnType]


@strawberry.type
class ExchangeMutation:
    """Exchange rates."""

    @mutation
    async def set_exchange_rates(
        self,
        info: GraphInfo,
        rates: list[input_from(RateInput)],  # pyright: ignore[reportInvalidTypeForm]
    ) -> int:
        """Set rates, all or none; returns how many."""
        data = shape_given(RatesInput, {"rates": rates})
        return (await ExchangeService(info.context.tx).put(data))["count"]
