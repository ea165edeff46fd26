"""Orders as a part of the product."""

from crm_api.domains.deals.winning import Consequences
from crm_api.domains.orders.service import OrderService
from crm_api.domains.orders.settings import AREA, CONFIGURED
from crm_api.domains.orders.states import WAYS
from crm_api.domains.orders.winning import OrderOfDeal
from crm_api.kit.access import Managed
from crm_api.kit.module import Faces, Module

Consequences.steps.append(OrderOfDeal())


def _faces() -> Faces:
    from crm_api.domains.orders.graphql import MUTATIONS, QUERIES
    from crm_api.domains.orders.rest import ROUTERS

    return Faces(
        routers=ROUTERS,
        queries=QUERIES,
        mutations=MUTATIONS,
    )


MODULE = Module(
    key="orders",
    title="Orders",
    description="What was agreed with customers, how it is handed over, and how it changes.",
    depends_on=["catalogue", "companies", "contacts", "deals", "prices", "quotes"],
    faces=_faces,
    areas=[AREA],
    managed={AREA: Managed("manage_settings")},
    events=[
        CONFIGURED,
        *(f"order.{verb}" for verb in (*(way.event for way in WAYS.values()), "handed_over")),
    ],
    services=[OrderService],
)
