"""Tax rates over GraphQL."""

from crm_api.domains.taxes.schemas import TaxRateOut
from crm_api.domains.taxes.service import TaxRateService
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.types import type_from


@type_from(TaxRateOut)
class TaxRate:
    """What a tax is of net amounts, somewhere, for some products, for some time."""


_RATES = Collection(TaxRateService, TaxRate)
Query = _RATES.query()
Mutation = _RATES.mutation()
