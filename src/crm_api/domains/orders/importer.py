"""How rows of a file become orders and contracts with their lines."""

from collections.abc import Mapping, Sequence
from typing import Any

from crm_api.domains.catalogue.line_importer import (
    LINE_FIELDS,
    LineImporter,
    refer_to_sold,
    with_line,
)
from crm_api.domains.companies.importer import refer_to_companies
from crm_api.domains.companies.service import CompanyService
from crm_api.domains.contacts.importer import PARTY_FIELDS, PartyImporter
from crm_api.domains.orders.contract_schemas import ContractLine
from crm_api.domains.orders.contracts import ContractService, need_term, stored_lines, worth
from crm_api.domains.orders.service import OrderService
from crm_api.domains.quotes.lines import SoldLine
from crm_api.kit.db.tx import Tx
from crm_api.platform.transfer.importer import Draft, Plan
from crm_api.platform.transfer.reading.aliases import (
    DESCRIPTION,
    EXTERNAL_ID,
    SOURCE,
    TAGS,
    hint,
)

_COMMON = {
    **PARTY_FIELDS,
    "currency": hint("Currency", "Currency | Currency ISO Code | Währung | Валюта"),
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


class LinedImporter(LineImporter, PartyImporter):
    """Rows of records with a line each; rows of the same external id are of the same record."""

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The record of a row, its line, and what it calls the company and the contact."""
        data, related = super().arrange(texts)
        if texts.get("currency"):
            data["currency"] = texts["currency"][0].strip().upper()
        return with_line((data, related), texts)

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find contacts by their addresses, and what lines are of by SKU."""
        await refer_to_sold(tx, self, drafts, plan)
        await super().refer(tx, drafts, plan)

    def fit(self, tx: Tx, draft: Draft) -> None:
        """What is left out of a line is found where it is stored."""


class OrderImporter(LinedImporter):
    """Rows of orders, which are drafts; the companies and contacts that they name are there.

    Companies are not made by the way, since what lines cost without a price depends on them.
    """

    target = "order"
    fields = ORDER_FIELDS
    service = OrderService
    touched = (OrderService,)
    plain = _plain(ORDER_FIELDS)
    lowered = ()
    line_shape = SoldLine

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Companies, too, are there already."""
        await refer_to_companies(tx, self, drafts, plan)
        await super().refer(tx, drafts, plan)

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """New orders are calculated as over the API; raises `Invalid`."""
        service = OrderService(tx)
        ids = [draft.record_id for draft in drafts if draft.record_id is not None]
        known = {order.id for order in await service.records.some(ids)}
        for draft in drafts:
            if draft.record_id in known:
                continue
            # Where a chunk is stored in halves, the same row comes again.
            said = draft.related.setdefault("said", dict(draft.values))
            lines = self.first(draft)
            draft.values = await service.prepare({**said, "lines": lines}, None)


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
