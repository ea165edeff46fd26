"""The rules of companies."""

from collections.abc import Iterable, Mapping
from typing import Any

from crm_api.domains.companies.models import Company
from crm_api.domains.companies.repository import Companies
from crm_api.domains.companies.schemas import CompanyCreate, CompanyUpdate
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.tree import TreeService
from crm_api.kit.errors import Invalid
from crm_api.kit.points import keys_of, normalise_points
from crm_api.kit.values.names import fold


class CompanyService(TreeService[Company], NamedService[Company]):
    """Companies and their hierarchy."""

    repository = Companies
    area = "companies"
    plural = "companies"
    personal = Impersonal("Organizations, and where they are reached.")
    matched = True
    create_shape = CompanyCreate
    update_shape = CompanyUpdate
    records: Companies

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: Company | None, country: str | None
    ) -> dict[str, Any]:
        """Normalise contact points; an amount needs a currency."""
        normalise_points(values, current, country)
        _need_currency(values, current)
        return cls.derive(values, current)

    @classmethod
    def keys(cls, record: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Found by domain, e-mail address, phone number, tax id and exact name."""
        named = ("name", record["sort_name"].partition("\x01")[0])
        domains = (("domain", domain) for domain in record["domains"])
        taxed = [("tax", key)] if (key := tax_key(record["tax_id"])) else []
        return [named, *keys_of(record), *domains, *taxed]


def tax_key(tax_id: str | None) -> str:
    """A tax id without what people write between its letters and digits."""
    return fold(tax_id or "").replace(" ", "")


def _need_currency(values: Mapping[str, Any], current: Company | None) -> None:
    def after(name: str) -> Any:
        return values[name] if name in values else getattr(current, name, None)

    if after("annual_revenue") is not None and after("currency") is None:
        raise Invalid.at("/currency", "required", "An amount needs a currency.")
