"""The rules of tax rates."""

from typing import Any

from crm_api.domains.taxes.models import TaxRate
from crm_api.domains.taxes.repository import TaxRates
from crm_api.domains.taxes.schemas import TaxRateCreate, TaxRateUpdate
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.spans import SpanService, after
from crm_api.kit.errors import Invalid

_DUE = frozenset({"standard", "reduced"})


class TaxRateService(SpanService[TaxRate], NamedService[TaxRate]):
    """What taxes are of net amounts, by jurisdiction, category and day."""

    repository = TaxRates
    area = "tax_rates"
    plural = "tax_rates"
    personal = Impersonal("Rates of the law.")
    create_shape = TaxRateCreate
    update_shape = TaxRateUpdate
    records: TaxRates

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: TaxRate | None, country: str | None
    ) -> dict[str, Any]:
        """What is exempt, or for the buyer to pay, has no rate."""
        kind = after(values, current, "kind")
        if kind not in _DUE and after(values, current, "rate"):
            raise Invalid.at("/rate", "not_allowed", f"A tax of the kind {kind} has the rate 0.")
        return super().normalise(values, current, country)
