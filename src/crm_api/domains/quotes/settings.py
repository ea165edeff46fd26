"""What an organization wants to be told of quotes by themselves."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from crm_api.kit.crud.settings import SettingsService
from crm_api.kit.db.tx import Tx
from crm_api.kit.money import shown_quantity
from crm_api.kit.schema import Quantity, QuantityOut, Schema, Shape

AREA = "quote_settings"
CONFIGURED = "quotes.configured"


class QuoteSettings(Schema):
    """What owners of quotes are told of by themselves; null: they are not."""

    expiring_days: Annotated[int, Field(ge=0, le=90)] | None = Field(
        3, description="How many days before the last day of a quote that was sent."
    )
    unviewed_days: Annotated[int, Field(ge=1, le=365)] | None = Field(
        7, description="How many days after sending a quote that nobody has viewed."
    )
    drift_percent: Annotated[Quantity, Field(le=100)] | None = Field(
        Decimal(0),
        description="By how much of its net amount, in percent, the prices of an open quote have "
        "changed at least; 0: by anything at all.",
    )


class QuoteSettingsOut(Shape):
    """What owners of quotes are told of by themselves."""

    expiring_days: int | None
    unviewed_days: int | None
    drift_percent: QuantityOut | None


class QuoteSettingsService(SettingsService):
    """The one resource that says when owners are reminded of their quotes."""

    area = AREA
    event = CONFIGURED
    part = "quoting"

    async def replace(self, data: QuoteSettings) -> dict[str, Any]:
        """Have this hold from the next look at the quotes on."""
        return await self.hold(_stored(data))

    def shown(self) -> dict[str, Any]:
        """What holds now, as it is stored and told."""
        return _stored(settings_of(self.tx))


def settings_of(tx: Tx) -> QuoteSettings:
    """What the organization says; the usual where it says nothing."""
    return QuoteSettings.model_validate(tx.catalogue.quoting)


def _stored(data: QuoteSettings) -> dict[str, Any]:
    percent = data.drift_percent
    return {
        "expiring_days": data.expiring_days,
        "unviewed_days": data.unviewed_days,
        "drift_percent": None if percent is None else shown_quantity(Decimal(percent)),
    }
