"""How tax rates are listed and found."""

from crm_api.domains.taxes.models import TaxRate
from crm_api.domains.taxes.schemas import TaxRateOut
from crm_api.kit.crud.spans import SpanRepository
from crm_api.kit.query.listing import Listing

LISTING: Listing = Listing(
    model=TaxRate, out=TaxRateOut, area="tax_rates", sorts={"name": TaxRate.sort_name}
)


class TaxRates(SpanRepository[TaxRate]):
    """The tax rates of an organization."""

    model = TaxRate
    listing = LISTING
    same = ("country", "region", "tax_category", "code")
