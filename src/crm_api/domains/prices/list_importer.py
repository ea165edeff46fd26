"""How rows of a file become price lists, which are drafts until they are activated."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from crm_api.domains.companies.repository import Companies
from crm_api.domains.prices.belonging import is_of_segment
from crm_api.domains.prices.columns import RULE_FIELDS
from crm_api.domains.prices.repository import PriceLists
from crm_api.domains.prices.service import PriceListService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault
from crm_api.platform.transfer.importer import Draft, Plan, data_of
from crm_api.platform.transfer.naming import NamedImporter, called, refer_to
from crm_api.platform.transfer.preparing import PreparedImporter
from crm_api.platform.transfer.reading.aliases import COMPANY_FIELDS, DESCRIPTION, EXTERNAL_ID, hint

_NOT_YET = UUID(int=0)
"""What a row refers to before that is looked up."""
_PLAIN = (
    *("name", "currency", "priority", "audience_key", "factor", "tax_included", "valid_from"),
    *("valid_to", "description"),
)
FIELDS = {
    "name": hint("Name", f"{' | '.join(RULE_FIELDS['price_list'].aliases)} | Name | Название"),
    "currency": RULE_FIELDS["currency"],
    "priority": hint("Priority", "Priority | Rank | Priorität | Приоритет", "integer"),
    "audience": hint("For whom", "Audience | For | Applies To | Zielgruppe | Аудитория"),
    "audience_key": hint(
        "Segment, channel or region", "Audience Key | Segment | Channel | Region | Сегмент | Канал"
    ),
    "company": hint("Company", " | ".join(COMPANY_FIELDS["name"].aliases)),
    "parent": hint(
        "List above it", "Parent List | Parent | Base List | Basisliste | Базовый прайс"
    ),
    "factor": hint("Factor", "Factor | Multiplier | Faktor | Coefficient | Коэффициент", "money"),
    "tax_included": hint(
        "Tax included",
        "Tax Included | Including Tax | Gross | Inkl. MwSt. | Brutto | TTC | IVA incluido | С НДС",
        "bool",
    ),
    "valid_from": RULE_FIELDS["valid_from"],
    "valid_to": RULE_FIELDS["valid_to"],
    "description": hint("Description", DESCRIPTION),
    "external_id": hint("External ID", f"Price List ID | Price Book ID | {EXTERNAL_ID}"),
}
_AUDIENCES: Final[Mapping[str, str]] = {
    "everybody": "default",
    "all": "default",
    "alle": "default",
    "company": "account",
    "customer": "account",
    "kunde": "account",
}


class PriceListImporter(NamedImporter, PreparedImporter):
    """Rows of price lists; the lists above them, and companies, are there already."""

    target = "price_list"
    fields = FIELDS
    service = PriceListService
    touched = (PriceListService,)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The list of a row, and what it calls its company and the list above."""
        data = data_of(texts, _PLAIN)
        related = {name: next(iter(texts.get(name, ())), None) for name in ("company", "parent")}
        if texts.get("audience"):
            audience = texts["audience"][0].strip().lower()
            data["audience"] = _AUDIENCES.get(audience, audience)
        elif related["company"]:
            data["audience"] = "account"
        if related["company"]:
            data["company_id"] = _NOT_YET
        return data, related

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find companies and lists by external id or name."""
        for name, records in (("company", Companies(tx)), ("parent", PriceLists(tx))):
            those = [draft for draft in drafts if draft.related[name]]
            found = await called(records, [draft.related[name] for draft in those], plan)
            for draft in those:
                refer_to(self, draft, plan, name, found.get(draft.related[name], ()), f"{name}_id")
        for draft in drafts:
            values = draft.values
            if is_of_segment(values["audience"], values["audience_key"]) and not tx.actor.covers(
                "segments:read"
            ):
                fault = Fault("missing_right", "It takes segments:read.", "/audience_key")
                draft.faults.append(self.located(fault, draft, plan))
