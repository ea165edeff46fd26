"""How an organization hands orders over."""

from typing import Annotated, Any

from pydantic import Field

from crm_api.domains.orders.schemas import Handover
from crm_api.kit.crud.settings import SettingsService
from crm_api.kit.db.tx import Tx
from crm_api.kit.schema import Schema, Shape

RenewalDays = Annotated[int, Field(ge=1, le=730)]
AREA = "order_settings"
CONFIGURED = "orders.configured"


class HandoverTemplateOut(Shape):
    """Something that is done when an order is handed over."""

    key: str
    title: str
    is_required: bool


class OrderSettings(Schema):
    """What new orders begin with."""

    handover: Handover = Field(
        default_factory=list, description="The checklist of new orders, from sales to delivery."
    )
    renewal_days: Annotated[list[RenewalDays], Field(max_length=10)] = Field(
        default_factory=lambda: [90, 60, 30],
        description="How many days before the last day of a contract its renewal is told; the "
        "first makes the deal.",
    )


class OrderSettingsOut(Shape):
    """What new orders begin with."""

    handover: list[HandoverTemplateOut]
    renewal_days: list[int]


class OrderSettingsService(SettingsService):
    """The one resource that says how orders are handed over."""

    area = AREA
    event = CONFIGURED
    part = "ordering"

    async def replace(self, data: OrderSettings) -> dict[str, Any]:
        """Have this hold for orders from now on."""
        return await self.hold(data.model_dump())

    def shown(self) -> dict[str, Any]:
        """What holds now, as it is stored and told."""
        return settings_of(self.tx).model_dump()


def settings_of(tx: Tx) -> OrderSettings:
    """What the organization says; the usual where it says nothing."""
    return OrderSettings.model_validate(tx.catalogue.ordering)
