"""How an organization rounds, where a question about prices says nothing."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from crm_api.domains.prices.asking import PriceQuestion, PricingSettings
from crm_api.kit.crud.settings import SettingsService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.money import shown_amount
from crm_api.kit.pricing.documents import Arithmetic
from crm_api.kit.pricing.rounding import RoundingMode
from crm_api.kit.pricing.taxes import TaxRounding

AREA = "pricing"
CONFIGURED = "pricing.configured"


class PricingSettingsService(SettingsService):
    """The one resource that says how amounts, taxes and cash are rounded."""

    area = AREA
    event = CONFIGURED
    part = "rounding"

    async def replace(self, data: PricingSettings) -> dict[str, Any]:
        """Have this hold; every process goes by it within a second."""
        self.tx.actor.require(f"{AREA}:write")
        faults = [
            Fault("repeated_currency", "It stands twice.", f"/{name}/{place}/currency")
            for name in ("cash_steps", "rounding_by_currency")
            for place in _repeated([one.currency for one in getattr(data, name)])
        ]
        if faults:
            raise Invalid("A currency has one smallest coin, and one rounding.", faults=faults)
        return await self.hold(_stored(data))

    def shown(self) -> dict[str, Any]:
        """What holds now, as it is stored and told."""
        return _stored(_settings_of(self.tx))


def arithmetic_of(tx: Tx, asked: PriceQuestion) -> Arithmetic:
    """How the answer to a question is rounded: as it says, else as the organization does."""
    own = _settings_of(tx)
    step = asked.cash_step
    if "cash_step" not in asked.model_fields_set:
        step = next((one.step for one in own.cash_steps if one.currency == asked.currency), None)
    by_currency: dict[str, RoundingMode] = {
        one.currency: one.rounding for one in own.rounding_by_currency
    }
    return Arithmetic(
        asked.currency,
        asked.rounding or by_currency.get(asked.currency, own.rounding),
        asked.tax_rounding or own.tax_rounding,
        step,
    )


def _repeated(currencies: Sequence[str]) -> list[int]:
    return [n for n, one in enumerate(currencies) if one in currencies[:n]]


def tax_rounding_of(tx: Tx) -> TaxRounding:
    """How the organization rounds taxes."""
    return _settings_of(tx).tax_rounding


def _settings_of(tx: Tx) -> PricingSettings:
    return PricingSettings.model_validate(tx.catalogue.rounding)


def _stored(data: PricingSettings) -> dict[str, Any]:
    return {
        "rounding": data.rounding,
        "rounding_by_currency": [
            {"currency": one.currency, "rounding": one.rounding}
            for one in data.rounding_by_currency
        ],
        "tax_rounding": data.tax_rounding,
        "cash_steps": [
            {"currency": one.currency, "step": shown_amount(Decimal(one.step))}
            for one in data.cash_steps
        ],
    }
