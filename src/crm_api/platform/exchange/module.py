"""Exchange rates as a part of the product."""

from crm_api.kit.access import Managed
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Module
from crm_api.platform.exchange.graphql import ExchangeMutation, ExchangeQuery
from crm_api.platform.exchange.jobs import take_published
from crm_api.platform.exchange.rest import router

MODULE = Module(
    key="exchange",
    title="Exchange rates",
    description="What amounts are worth in other currencies.",
    areas=["exchange_rates"],
    chores=[Chore("exchange.take_published", take_published, every_s=21_600, shared=True)],
    routers=[router],
    tags={"exchange_rates": "What amounts are worth in other currencies."},
    queries=[ExchangeQuery],
    mutations=[ExchangeMutation],
    managed={"exchange_rates": Managed("manage_settings")},
    events=["exchange_rates.set"],
)
