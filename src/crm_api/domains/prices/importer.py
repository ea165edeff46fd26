"""How rows of a price sheet become rules of price lists, and contract prices."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from crm_api.domains.catalogue.importer import path_key, sold_by
from crm_api.domains.catalogue.repository import (
    ProductCategories,
    barcode_key,
    sku_key,
)
from crm_api.domains.companies.repository import Companies, name_key
from crm_api.domains.prices.repository import LISTS, PriceLists
from crm_api.domains.prices.service import ContractPriceService, PriceRuleService
from crm_api.kit.crud.index import external_key
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.query.visibility import among, sight_of
from crm_api.kit.values import codes
from crm_api.kit.values.errors import BadValue
from crm_api.platform.transfer.importer import Draft, Plan, data_of
from crm_api.platform.transfer.reading.aliases import COMPANY_FIELDS, EXTERNAL_ID, hint
from crm_api.platform.transfer.spanning import COUNTS, SpanImporter

_NOT_YET = UUID(int=0)
"""What a row refers to before that is looked up."""
_CODES: Final = {"sku": sku_key, "barcode": barcode_key}
_BASES: Final[Mapping[str, str]] = {
    "list price": "list",
    "list_price": "list",
    "listenpreis": "list",
    "розничная цена": "list",
    "cost price": "cost",
    "einkaufspreis": "cost",
    "ek": "cost",
    "себестоимость": "cost",
    "parent list": "parent",
    "parent_list": "parent",
}
"""What other systems call what a percentage is of."""
_COMMON = {
    "sku": hint(
        "SKU",
        """SKU | Product SKU | Variant SKU | Item Number | Item No. | Article Number | Part Number
    Product Code | Stock Code | Code | Product | Item | Artikelnummer | Artikel-Nr. | Art.-Nr.
    Référence | Référence article | Referencia | Código | Артикул | Код товара""",
    ),
    "barcode": hint(
        "Barcode",
        "Barcode | GTIN | EAN | UPC | EAN-13 | EAN Code | Strichcode | Штрихкод | Штрих-код",
    ),
    "min_quantity": hint(
        "Minimum quantity",
        """Minimum Quantity | Min Quantity | Min Qty | Min. Qty | Quantity | Quantity From | Qty
    From Quantity | Quantity Break | Mindestmenge | Ab Menge | Staffelmenge | Menge
    Quantité minimale | Quantité | Cantidad mínima | Cantidad | Количество от | Мин. количество
    Количество""",
        "money",
    ),
    "unit_price": hint(
        "Unit price",
        """Unit Price | Price | Fixed Price | Net Price | Sales Price | Amount | Preis | Stückpreis
    Einzelpreis | Festpreis | Prix | Prix unitaire | Precio | Precio unitario | Цена
    Цена за единицу""",
        "money",
    ),
    "currency": hint(
        "Currency",
        "Currency | Currency Code | Currency ISO Code | Währung | Devise | Moneda | Валюта",
    ),
    "valid_from": hint(
        "Valid from",
        """Valid From | Starts | Start Date | Effective From | Effective Date | Gültig ab | Gültig von
    Valable du | Válido desde | Действует с | Дата начала""",
        "date",
    ),
    "valid_to": hint(
        "Valid to",
        """Valid To | Valid Until | Ends | End Date | Effective To | Expiry Date | Gültig bis
    Valable jusqu'au | Válido hasta | Действует до | Дата окончания""",
        "date",
    ),
}
RULE_FIELDS = {
    "price_list": hint(
        "Price list",
        """Price List | Price Book | Price List Name | Price Book Name | List | Preisliste | Tarif
    Liste de prix | Lista de precios | Tarifa | Прайс-лист | Прайс | Вид цены""",
    ),
    **_COMMON,
    "category": hint(
        "Category",
        """Category | Product Category | Product Family | Category Path | Warengruppe | Kategorie
    Produktgruppe | Catégorie | Famille | Categoría | Familia | Категория | Группа""",
    ),
    "percent": hint(
        "Percent",
        "Percent | Percentage | % | Markup % | Prozent | Aufschlag % | Pourcentage | Porcentaje"
        " | Процент | Наценка %",
        "money",
    ),
    "base": hint("Percent of", "Base | Percent Of | Base Price | Basis | Base de prix | База"),
    "floor": hint(
        "Floor",
        """Floor | Price Floor | Minimum Price | Min Price | Lowest Price | Mindestpreis
    Prix minimum | Precio mínimo | Минимальная цена""",
        "money",
    ),
    "external_id": hint("External ID", f"Price ID | Rule ID | Price Rule ID | {EXTERNAL_ID}"),
}
CONTRACT_FIELDS = {
    "company": hint("Company", " | ".join(COMPANY_FIELDS["name"].aliases)),
    "domain": COMPANY_FIELDS["domain"],
    "company_external_id": hint(
        "Company external ID",
        "Company External ID | Company ID | Account ID | Customer Number | Customer ID"
        " | Kundennummer | Kunden-Nr. | Numéro client | Número de cliente | Номер клиента",
    ),
    **_COMMON,
    "tax_included": hint(
        "Tax included",
        "Tax Included | Including Tax | Gross | Inkl. MwSt. | Brutto | TTC | IVA incluido | С НДС",
        "bool",
    ),
    "reference": hint(
        "Reference", "Reference | Contract | Contract Number | Agreement | Vertrag | Договор"
    ),
    "external_id": hint("External ID", f"Price ID | Contract Price ID | {EXTERNAL_ID}"),
}


class _PriceImporter(SpanImporter):
    """Rows of prices for what the catalogue has."""

    match = ("external_id", COUNTS)

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """All that rows refer to is there already."""
        del tx, drafts

    def pointed(self, path: Sequence[str]) -> str:
        """What a price is for is given by names and codes."""
        return _GIVEN.get(path[0], path[0]) if len(path) == 1 else super().pointed(path)

    def _fail(self, draft: Draft, plan: Plan, code: str, message: str, field: str) -> None:
        draft.faults.append(self.located(Fault(code, message, f"/{field}"), draft, plan))

    def _set(self, draft: Draft, plan: Plan, field: str, ids: Collection[UUID], by: str) -> None:
        """Have a row refer to the one record that it names; `by` is the column that names it."""
        thing = field.removesuffix("_id")
        if len(ids) != 1:
            code = f"ambiguous_{thing}" if ids else f"unknown_{thing}"
            message = f"{len(ids) or 'No'} {thing.replace('_', ' ')} of that name."
            self._fail(draft, plan, code, message, by)
        elif field in plan.closed(self.target):
            self._fail(draft, plan, "read_only_field", "No role of yours lets it be set.", by)
        else:
            [draft.values[field]] = ids
            draft.given |= {field}

    async def _find_things(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find products and variants by their codes."""
        for kind, key in _CODES.items():
            wanted = {
                draft.number: key(draft.related[kind]) for draft in drafts if _first(draft) == kind
            }
            if not wanted:
                continue
            values = list(wanted.values())
            found = await sold_by(tx, kind, values)
            for draft in drafts:
                if (value := wanted.get(draft.number)) is not None:
                    self._set(draft, plan, *found[value], kind)


class PriceRuleImporter(_PriceImporter):
    """Rows of price lists; the lists, and what they price, are there already.

    The first that a row has of a SKU, a barcode and a category is what its price is for; a row
    that has none of them is for everything.
    """

    target = "price_rule"
    fields = RULE_FIELDS
    service = PriceRuleService
    touched = (PriceRuleService,)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The rule of a row, and what it calls its list and what it is for; raises `Invalid`."""
        data = data_of(texts, ("min_quantity", "unit_price", "percent", "floor", *_DAYS))
        if not texts.get("price_list"):
            raise Invalid.at("/price_list_id", "required", "A row names its price list.")
        if "percent" in data:
            if "unit_price" in data:
                message = "A price is fixed or by a percentage."
                raise Invalid.at("/percent", "not_allowed", message)
            data["method"] = "percent"
        elif "unit_price" in data:
            data["method"] = "fixed"
        if base := _one(texts, "base"):
            data["base"] = _BASES.get(base.strip().lower(), base.strip().lower())
        names = ("price_list", *_CODES, "category", "currency")
        return data | {"price_list_id": _NOT_YET}, {name: _one(texts, name) for name in names}

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find lists by name or external id, the rest by code or path."""
        await self._find_lists(tx, drafts, plan)
        await self._find_things(tx, drafts, plan)
        await self._find_categories(tx, drafts, plan)
        good = [draft for draft in drafts if not draft.faults]
        for draft in good:
            PriceRuleService.derive(draft.values, None)
        self.known(good)

    async def _find_lists(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        keys = {text: name_key(text) for draft in drafts if (text := draft.related["price_list"])}
        rows = await PriceLists(tx).named(list(keys.values()), plan.source, list(keys))
        sight = sight_of(tx.actor, LISTS, "update")
        ours = await among(tx, LISTS, sight, [row["id"] for row in rows])
        currencies = {row["id"]: row["currency"] for row in rows if row["id"] in ours}
        found: dict[tuple[str, str], set[UUID]] = {}
        for row in rows:
            if row["id"] in ours:
                for name in ("name", "external"):
                    found.setdefault((name, row[name]), set()).add(row["id"])
        for draft in drafts:
            text = draft.related["price_list"]
            ids = found.get(("name", keys[text]), set()) | found.get(("external", text), set())
            self._set(draft, plan, "price_list_id", ids, "price_list_id")
            if not draft.faults:
                self._check_currency(draft, plan, currencies[draft.values["price_list_id"]])

    def _check_currency(self, draft: Draft, plan: Plan, own: str) -> None:
        given = draft.related["currency"]
        if given is not None and given.strip().upper() != own:
            self._fail(draft, plan, "other_currency", f"The list is in {own}.", "currency")

    async def _find_categories(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        those = [draft for draft in drafts if _first(draft) == "category"]
        if not those:
            return
        ids: dict[str, set[UUID]] = {}
        for id, names in await ProductCategories(tx).named():
            for key in {path_key(name) for name in names}:
                ids.setdefault(key, set()).add(id)
        for draft in those:
            found = ids.get(path_key(draft.related["category"]), set())
            self._set(draft, plan, "category_id", found, "category_id")

    def patch(self, current: Any, draft: Draft) -> dict[str, Any]:
        """A price takes the place of tiers, which would count before it."""
        found = super().patch(current, draft)
        if "method" in found and current.tiers:
            found |= {"tiers": [], "tier_mode": None}
        return found


class ContractPriceImporter(_PriceImporter):
    """Rows of what was agreed with companies; these and what they buy are there already."""

    target = "contract_price"
    fields = CONTRACT_FIELDS
    service = ContractPriceService
    touched = (ContractPriceService,)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The price of a row, and what it calls its company and product; raises `Invalid`."""
        names = ("min_quantity", "unit_price", "currency", "tax_included", "reference", *_DAYS)
        data = data_of(texts, names)
        if "currency" in data:
            data["currency"] = data["currency"].strip().upper()
        related = {name: _one(texts, name) for name in (*_CODES, *_COMPANY)}
        if not any(related[name] for name in _COMPANY):
            raise Invalid.at("/company_id", "required", "A row names its company.")
        if not any(related[name] for name in _CODES):
            raise Invalid.at("/product_id", "required", "A row names its product or variant.")
        return data | {"company_id": _NOT_YET, "product_id": _NOT_YET}, related

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find companies by external id, domain or name; products and variants by code."""
        for draft in drafts:
            draft.values["product_id"] = None
            draft.given -= {"product_id"}
        await self._find_companies(tx, drafts, plan)
        await self._find_things(tx, drafts, plan)
        good = [draft for draft in drafts if not draft.faults]
        for draft in good:
            ContractPriceService.derive(draft.values, None)
        self.known(good)

    async def _find_companies(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        wanted: dict[int, tuple[str, str, str]] = {}
        for draft in drafts:
            try:
                wanted[draft.number] = _company_key(draft.related, plan)
            except BadValue as error:
                self._fail(draft, plan, error.code, str(error), "domain")
        for kind in {kind for _, kind, _ in wanted.values()}:
            values = [value for _, of, value in wanted.values() if of == kind]
            found = await Companies(tx).by_keys(kind, values)
            for draft in drafts:
                by, of, value = wanted.get(draft.number, ("", "", ""))
                if of == kind:
                    self._set(draft, plan, "company_id", found.get(value, ()), by)


_DAYS = ("valid_from", "valid_to")
_COMPANY = ("company_external_id", "domain", "company")
_GIVEN: Final[Mapping[str, str]] = {
    "price_list_id": "price_list",
    "product_id": "sku",
    "variant_id": "sku",
    "target_id": "sku",
    "category_id": "category",
    "company_id": "company",
}


def _one(texts: Mapping[str, list[Any]], name: str) -> Any:
    return next(iter(texts.get(name, ())), None)


def _first(draft: Draft) -> str | None:
    """By which of its columns a row says what its price is for."""
    names = (*_CODES, "category")
    return next((name for name in names if draft.related.get(name)), None)


def _company_key(related: Mapping[str, Any], plan: Plan) -> tuple[str, str, str]:
    """The best that a row says of its company: the column, the kind of key and its value."""
    if (id := related["company_external_id"]) is not None:
        return "company_external_id", "external", external_key(plan.source, id)
    if (domain := related["domain"]) is not None:
        return "domain", "domain", codes.domain(domain)
    return "company", "name", name_key(related["company"])
