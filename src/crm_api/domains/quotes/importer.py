"""How rows of a file become quotes with their lines, and clauses of the library."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.catalogue.importer import NAMES_OF, translated
from crm_api.domains.catalogue.line_importer import (
    LINE_FIELDS,
    LineImporter,
    refer_to_sold,
    with_line,
)
from crm_api.domains.companies.importer import refer_to_companies
from crm_api.domains.contacts.importer import PARTY_FIELDS, PartyImporter
from crm_api.domains.deals.repository import Deals
from crm_api.domains.prices.repository import PriceLists
from crm_api.domains.quotes.lines import QuoteLine
from crm_api.domains.quotes.repository import Clauses, Quotes
from crm_api.domains.quotes.service import ClauseService, QuoteService, given_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault
from crm_api.platform.transfer.importer import Draft, Plan, data_of
from crm_api.platform.transfer.naming import NamedImporter, called, refer_to
from crm_api.platform.transfer.reading.aliases import (
    DESCRIPTION,
    EXTERNAL_ID,
    SOURCE,
    TAGS,
    hint,
)

CURRENCY = hint("Currency", "Currency | Currency ISO Code | Währung | Валюта")
QUOTE_FIELDS = {
    "name": hint("Name", "Quote Name | Name | Title | Subject | Angebot | Предложение"),
    "number": hint("Number", "Quote Number | Quote No. | Angebotsnummer | Номер предложения"),
    "currency": CURRENCY,
    "valid_until": hint(
        "Valid until", "Valid Until | Expiration Date | Expires | Gültig bis | Действует до", "date"
    ),
    "priced_on": hint("Prices of", "Price Date | Priced On | Preisstand", "date"),
    "language": hint("Language", "Language | Sprache | Langue | Язык", "language"),
    "country": hint("Country of taxes", "Tax Country | Country | Land | Страна", "country"),
    "region": hint("Region", "Region | State | Bundesland | Регион"),
    "channel": hint("Channel", "Channel | Sales Channel | Vertriebsweg | Канал"),
    "price_list": hint("Price list", "Price List | Price Book | Preisliste | Прайс-лист"),
    "deal": hint("Deal", "Deal | Opportunity | Deal Name | Opportunity Name | Сделка"),
    "coupon_codes": hint("Coupons", "Coupon Codes | Coupons | Gutscheine | Промокоды", "tags"),
    "introduction": hint("Introduction", "Introduction | Header Text | Einleitung | Вступление"),
    "closing": hint("Closing", "Closing | Footer Text | Schlusstext | Заключение"),
    **PARTY_FIELDS,
    "external_id": hint("External ID", f"Quote ID | {EXTERNAL_ID}"),
    "tags": hint("Tags", TAGS, "tags"),
    "description": hint("Description", DESCRIPTION),
    "source": hint("Source", SOURCE),
    **LINE_FIELDS,
    "line.kind": hint("Kind of line", "Line Type | Line Kind | Positionsart"),
    "line.description": hint("Text of line", "Line Text | Line Details | Positionstext"),
    "line.unit": hint("Unit", "Unit | Unit of Measure | UoM | Einheit | Единица измерения"),
    "line.tax_category": hint("Tax category", "Tax Category | Tax Class | Steuerklasse"),
    "line.price_reason": hint("Why another price", "Price Reason | Preisbegründung"),
    "line.discount_percent": hint(
        "Discount (%)",
        "Discount % | Discount | Line Discount | Discount Percent | Rabatt % | Rabatt | Скидка %",
        "money",
    ),
    "line.section": hint("Section", "Section | Line Group | Abschnitt | Раздел"),
    "line.is_optional": hint("Optional", "Optional | Is Optional | Опция", "bool"),
    "line.is_selected": hint("Selected", "Selected | Is Selected | Gewählt", "bool"),
}
CLAUSE_FIELDS = {
    "name": hint("Heading", "Clause | Clause Name | Name | Title | Heading | Überschrift | Пункт"),
    **NAMES_OF,
    "text": hint("Text", "Text | Clause Text | Body | Wording | Klauseltext | Текст"),
    **{
        f"text:{tag}": hint(f"Text ({tag})", f"Text {tag.upper()}")
        for tag in (name.partition(":")[2] for name in NAMES_OF)
    },
    "description": hint("Description", DESCRIPTION),
    "key": hint("Key", "Key | Clause Key | Schlüssel | Ключ"),
    "position": hint("Position", "Position | Sort Order | Order | Reihenfolge", "integer"),
    "is_default": hint("Of new quotes", "Default | Is Default | Standard", "bool"),
    "is_active": hint("Active", "Active | Is Active | Enabled | Aktiv", "bool"),
    "external_id": hint("External ID", f"Clause ID | {EXTERNAL_ID}"),
}
_PLAIN = tuple(
    name
    for name in QUOTE_FIELDS
    if not name.startswith("line.")
    and name
    not in {*PARTY_FIELDS, "number", "currency", "price_list", "deal", "tags", "external_id"}
)
_CLAUSE = ("name", "text", "description", "key", "position", "is_default", "is_active")
_NAMED = ("number", "deal", "price_list")


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


class CalculatedImporter(LinedImporter):
    """Rows of drafts that come to what the API says; companies that they name are there already.

    Companies are not made by the way, since what lines cost without a price depends on them.
    """

    lowered = ()

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Companies, too, are there already."""
        await refer_to_companies(tx, self, drafts, plan)
        await super().refer(tx, drafts, plan)

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """New records are calculated as over the API; raises `Invalid`."""
        service = self.service(tx)
        ids = [draft.record_id for draft in drafts if draft.record_id is not None]
        known = {record.id for record in await service.records.some(ids)}
        for draft in drafts:
            if draft.record_id in known:
                continue
            # Where a chunk is stored in halves, the same row comes again.
            said = draft.related.setdefault("said", dict(draft.values))
            lines = self.first(draft)
            draft.values = await service.prepare({**said, "lines": lines}, None)


class QuoteImporter(CalculatedImporter):
    """Rows of quotes, which are drafts until somebody sends them; what they name is there already.

    A row finds its quote by external id, or by the number that sending gave it.
    """

    target = "quote"
    fields = QUOTE_FIELDS
    match = ("external_id", "number")
    service = QuoteService
    touched = (QuoteService,)
    plain = _PLAIN
    line_shape = QuoteLine

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The quote of a row, its line, and what it calls everything that it refers to."""
        data, related = super().arrange(texts)
        if line := related["line"]:
            if "kind" in line:
                line["kind"] = line["kind"].strip().lower()
            if (percent := line.pop("discount_percent", None)) is not None:
                line["discounts"] = [{"percent": percent}] if percent else []
            if "section" in line:
                data["sections"] = [{"key": line["section"]}]
        return data, related | {name: next(iter(texts.get(name, ())), None) for name in _NAMED}

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find quotes by number, deals and price lists by external id or name."""
        await super().refer(tx, drafts, plan)
        await self._find_numbers(tx, drafts, plan)
        for name, records in (("deal", Deals(tx)), ("price_list", PriceLists(tx))):
            those = [draft for draft in drafts if draft.related[name]]
            found = await called(records, [draft.related[name] for draft in those], plan)
            for draft in those:
                refer_to(self, draft, plan, name, found.get(draft.related[name], ()), f"{name}_id")

    async def _find_numbers(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        those = [draft for draft in drafts if draft.related["number"]]
        known = await self._numbered(tx, those)
        for draft in those:
            number = draft.related["number"]
            if number in known:
                draft.keys = [*draft.keys, ("number", number)]
            else:
                message = "No quote has this number; new ones have an `external_id`."
                fault = Fault("unknown_number", message, "/number")
                draft.faults.append(self.located(fault, draft, plan))

    async def _numbered(self, tx: Tx, drafts: Sequence[Draft]) -> dict[str, UUID]:
        numbers = {number for draft in drafts if (number := draft.related["number"])}
        return await Quotes(tx).numbered(numbers) if numbers else {}

    async def holders(self, tx: Tx, drafts: Sequence[Draft]) -> list[tuple[str, str, UUID]]:
        """The quotes that have these numbers."""
        found = await self._numbered(tx, drafts)
        return [("number", number, id) for number, id in found.items()]

    def given(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """What was looked up of a product follows it."""
        return given_of(line)

    def patch(self, current: Any, draft: Draft) -> dict[str, Any]:
        """A section that the quote has stays as it is."""
        found = super().patch(current, draft)
        new = new_sections(current, found.pop("sections", ()))
        return found | ({"sections": [*current.sections, *new]} if new else {})

    def pointed(self, path: Sequence[str]) -> str:
        """Sections, and what is off, are told by lines."""
        if path[0] == "sections":
            return "line.section"
        if path[0] == "lines" and "discounts" in path:
            return "line.discount_percent"
        return super().pointed(path)


def new_sections(current: Any, given: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The sections of a row that its record does not have."""
    keys = {section["key"] for section in current.sections}
    return [one for one in given if one["key"] not in keys]


class ClauseImporter(NamedImporter):
    """Rows of clauses; one with a key is the clause of that key, whatever it is called."""

    target = "clause"
    fields = CLAUSE_FIELDS
    match = ("external_id", "key", "name")
    service = ClauseService
    touched = (ClauseService,)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The clause of a row, which refers to nothing."""
        found = {"names": translated(texts), "texts": translated(texts, "text")}
        return data_of(texts, _CLAUSE) | {name: v for name, v in found.items() if v}, {}

    def keys(self, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        """By its key, or else by its name."""
        if values["key"] is None:
            return super().keys(values)
        others = [key for key in super().keys(values) if key[0] != "name"]
        return [*others, ("key", values["key"])]

    async def holders(self, tx: Tx, drafts: Sequence[Draft]) -> list[tuple[str, str, UUID]]:
        """The clauses that have these keys or names."""
        keys = {key for draft in drafts if (key := draft.values["key"])}
        keyed = await Clauses(tx).keyed(keys) if keys else {}
        return [
            *await super().holders(tx, drafts),
            *(("key", key, id) for key, id in keyed.items()),
        ]

    def pointed(self, path: Sequence[str]) -> str:
        """Texts in other languages stand beside the own one."""
        return {"names": "name", "texts": "text"}.get(path[0]) or super().pointed(path)
