"""Exchange rates as a part of the product."""

from crm_api.kit.access import Managed
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Faces, Module
from crm_api.platform.exchange.jobs import take_published


def _faces() -> Faces:
    from crm_api.platform.exchange.graphql import ExchangeMutation, ExchangeQuery
    from crm_api.platform.exchange.rest import router

    return Faces(
        routers=[router],
        queries=[ExchangeQuery],
        mutations=[ExchangeMutation],
    )


MODULE = Module(
    key="exchange",
    title="Exchange rates",
    description="What amounts are worth in other currencies.",
    areas=["exchange_rates"],
    chores=[Chore("exchange.take_published", take_published, every_s=21_600, shared=True)],
    faces=_faces,
    tags={"exchange_rates": "What amounts are worth in other currencies."},
    managed={"exchange_rates": Managed("manage_settings")},
    events=["exchange_rates.set"],
)
