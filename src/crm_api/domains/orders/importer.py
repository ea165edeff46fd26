"""How rows of a file become orders and contracts with their lines."""

from collections.abc import Mapping
from typing import Any

from crm_api.domains.catalogue.line_importer import LINE_FIELDS
from crm_api.domains.companies.service import CompanyService
from crm_api.domains.contacts.importer import PARTY_FIELDS
from crm_api.domains.orders.contract_schemas import ContractLine
from crm_api.domains.orders.contracts import ContractService, need_term, stored_lines, worth
from crm_api.domains.orders.service import OrderService, given_of
from crm_api.domains.quotes.importer import CURRENCY, CalculatedImporter, LinedImporter
from crm_api.domains.quotes.lines import SoldLine
from crm_api.kit.db.tx import Tx
from crm_api.platform.transfer.importer import Draft
from crm_api.platform.transfer.reading.aliases import (
    DESCRIPTION,
    EXTERNAL_ID,
    SOURCE,
    TAGS,
    hint,
)

_COMMON = {
    **PARTY_FIELDS,
    "currency": CURRENCY,
    "tags": hint("Tags", TAGS, "tags"),
    "description": hint("Description", DESCRIPTION),
    "source": hint("Source", SOURCE),
    **LINE_FIELDS,
}
ORDER_FIELDS = {
    "name": hint("Name", "Order Name | Name | Title | Subject | Auftrag | Заказ"),
    "reference": hint("Reference", "PO Number | Purchase Order | Reference | Bestellnummer"),
    "due_on": hint("Due on", "Delivery Date | Due Date | Due On | Liefertermin", "date"),
    "external_id": hint("External ID", f"Order ID | Order Number | {EXTERNAL_ID}"),
    **_COMMON,
}
CONTRACT_FIELDS = {
    "name": hint("Name", "Contract Name | Subscription Name | Name | Title | Vertrag | Договор"),
    "kind": hint("Kind", "Contract Type | Type | Kind | Art"),
    "starts_on": hint("Start", "Start Date | Starts On | Start | Beginn | Дата начала", "date"),
    "term_months": hint(
        "Months", "Contract Term (months) | Term (months) | Term | Months", "integer"
    ),
    "auto_renew": hint("Renews itself", "Auto Renew | Auto Renewal | Verlängerung", "bool"),
    "notice_days": hint("Notice", "Notice Period (days) | Notice Days | Notice", "integer"),
    "external_id": hint(
        "External ID", f"Contract ID | Contract Number | Subscription ID | {EXTERNAL_ID}"
    ),
    # What falls due goes on as long as the contract does.
    **{name: field for name, field in _COMMON.items() if name != "line.term"},
}


def _plain(fields: Mapping[str, Any]) -> tuple[str, ...]:
    apart = {*PARTY_FIELDS, *LINE_FIELDS, "tags", "external_id", "currency"}
    return tuple(name for name in fields if name not in apart)


class OrderImporter(CalculatedImporter):
    """Rows of orders, which are drafts; the companies and contacts that they name are there."""

    target = "order"
    fields = ORDER_FIELDS
    service = OrderService
    touched = (OrderService,)
    plain = _plain(ORDER_FIELDS)
    line_shape = SoldLine

    def given(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """What was given of a stored line."""
        return given_of(line)


class ContractImporter(LinedImporter):
    """Rows of contracts, which are drafts; companies that they name are found or made."""

    target = "contract"
    fields = CONTRACT_FIELDS
    service = ContractService
    touched = (ContractService, CompanyService)
    plain = _plain(CONTRACT_FIELDS)
    lowered = ("kind",)
    line_shape = ContractLine

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """A line without a name has that of its SKU."""
        data, related = super().arrange(texts)
        line = related["line"]
        if line and "sku" in line:
            line.setdefault("name", line["sku"])
        return data, related

    def add(self, tx: Tx, draft: Draft) -> None:
        """Store a new contract with what it comes to; raises `Invalid`."""
        values = draft.values
        values["lines"] = stored_lines(self.first(draft), values["currency"])
        need_term(values)
        draft.values = {**values, **worth(values)}
        super().add(tx, draft)
