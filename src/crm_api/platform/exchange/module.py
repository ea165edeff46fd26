"""Exchange rates as a part of the product."""

from crm_api.kit.module import Module
from crm_api.platform.exchange.graphql import ExchangeMutation, ExchangeQuery
from crm_api.platform.exchange.rest import router

MODULE = Module(
    name="exchange",
    routers=[router],
    tags={"exchange_rates": "What amounts are worth in other currencies."},
    queries=[ExchangeQuery],
    mutations=[ExchangeMutation],
    events=["exchange_rates.set"],
)
