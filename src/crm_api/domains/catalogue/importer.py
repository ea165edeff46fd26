"""How rows of a file become products."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from crm_api.domains.catalogue.attributes import lacking, read_values
from crm_api.domains.catalogue.featuring import (
    COLUMN,
    columns_of,
    fitting,
    given_of,
    keyed,
    options_of,
)
from crm_api.domains.catalogue.featuring import FIELDS as FEATURES
from crm_api.domains.catalogue.lifecycle import FIRST, not_a_beginning, not_ready
from crm_api.domains.catalogue.repository import (
    ProductCategories,
    Products,
    ProductVariants,
    Units,
)
from crm_api.domains.catalogue.service import ProductService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.values.names import sort_key
from crm_api.platform.transfer.importer import Draft, Importer, Plan, data_of
from crm_api.platform.transfer.reading.aliases import (
    DESCRIPTION,
    EXTERNAL_ID,
    SOURCE,
    TAGS,
    hint,
)
from crm_api.platform.transfer.reading.mapping import FieldHint

_PLAIN = (
    "sku",
    "name",
    "description",
    "tax_category",
    "cost",
    "list_price",
    "barcode",
    "valid_from",
    "valid_to",
    "source",
)
PATH = ">"
_TYPES: Final[Mapping[str, str]] = {
    "goods": "good",
    "product": "good",
    "physical": "good",
    "ware": "good",
    "artikel": "good",
    "товар": "good",
    "dienstleistung": "service",
    "leistung": "service",
    "услуга": "service",
    "kit": "bundle",
    "set": "bundle",
    "комплект": "bundle",
    "abo": "subscription",
    "подписка": "subscription",
}
"""What other systems call the types."""
_LANGUAGES: Final[Mapping[str, str]] = {
    "en": "Name (English) | English Name | Name EN | Englische Bezeichnung",
    "de": "Name (German) | German Name | Name DE | Deutsche Bezeichnung",
    "fr": "Name (French) | French Name | Name FR | Nom français",
    "es": "Name (Spanish) | Spanish Name | Name ES | Nombre español",
    "ru": "Name (Russian) | Russian Name | Name RU | Русское название",
}
NAMES_OF = {f"name:{tag}": hint(f"Name ({tag})", aliases) for tag, aliases in _LANGUAGES.items()}
SKU, BARCODE = (
    hint(
        "SKU",
        """SKU | Product SKU | Item Number | Item No. | Article Number | Part Number | Product Code
    Stock Code | Code | Artikelnummer | Artikel-Nr. | Art.-Nr. | Bestellnummer | Référence
    Référence article | Referencia | Código | Артикул | Код товара""",
    ),
    hint(
        "Barcode",
        "Barcode | GTIN | EAN | UPC | EAN-13 | EAN Code | Strichcode | Штрихкод | Штрих-код",
    ),
)
STATUS = hint("Status", "Status | Product Status | Lifecycle | State | Статус")
COST = hint(
    "Cost",
    """Cost | Unit Cost | Cost Price | Purchase Price | Cost of Goods Sold | Einkaufspreis | EK
    Prix d'achat | Coste | Precio de compra | Себестоимость | Закупочная цена""",
    "money",
)
LIST_PRICE = hint(
    "List price",
    """List Price | Price | Unit Price | Standard Price | Retail Price | Sales Price | Preis
    Verkaufspreis | Listenpreis | VK | Prix | Prix de vente | Precio | Precio de venta | Цена
    Розничная цена""",
    "money",
)
FIELDS = {
    "sku": SKU,
    "name": hint(
        "Name",
        """Product Name | Name | Title | Item Name | Item | Product | Bezeichnung | Artikelbezeichnung
    Produktname | Nom | Désignation | Libellé | Nombre | Denominación | Наименование | Название
    Номенклатура""",
    ),
    **NAMES_OF,
    "type": hint("Type", "Product Type | Type | Item Type | Produktart | Artikelart | Тип"),
    "status": STATUS,
    "category": hint(
        "Category",
        """Category | Category Name | Product Category | Product Family | Family | Categories
    Warengruppe | Kategorie
    Produktgruppe | Catégorie | Famille | Categoría | Familia | Категория | Группа""",
    ),
    "unit": hint(
        "Unit",
        """Unit | Unit of Measure | UoM | Quantity Unit | Einheit | Mengeneinheit | ME | Unité | Unidad
    Единица измерения | Ед. изм.""",
    ),
    "tax_category": hint(
        "Tax category",
        "Tax Category | Tax Class | Tax Code | Steuerklasse | Steuerkennzeichen | Ставка НДС",
    ),
    "cost": COST,
    "list_price": LIST_PRICE,
    "currency": hint(
        "Currency",
        "Currency | Currency Code | Currency ISO Code | Währung | Devise | Moneda | Валюта",
    ),
    "barcode": BARCODE,
    "valid_from": hint(
        "Valid from", "Valid From | Available From | Start Date | Gültig ab | Действует с", "date"
    ),
    "valid_to": hint(
        "Valid to",
        "Valid To | Valid Until | Available Until | End Date | Gültig bis | Действует до",
        "date",
    ),
    **FEATURES,
    "needs": hint("Needs", "Needs | Use Cases | Use Case | Applications | Anwendungen", "tags"),
    "external_id": hint("External ID", f"Product ID | Item ID | {EXTERNAL_ID}"),
    "tags": hint("Tags", TAGS, "tags"),
    "description": hint("Description", f"{DESCRIPTION} | Product Description | Long Description"),
    "source": hint("Source", SOURCE),
}


class ProductImporter(Importer):
    """Rows of products; the units and categories that they name are there already."""

    target = "product"
    fields = FIELDS
    match = ("external_id", "sku", "barcode")
    service = ProductService
    touched = (ProductService,)
    filled: Mapping[str, str] = {"attributes": "attributes"}

    async def hints(self, tx: Tx) -> Mapping[str, FieldHint]:
        """The attributes that categories say of their products."""
        return await columns_of(tx)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The product of a row, its attributes as it has them, and its category's and unit's names.

        Raises `Invalid`.
        """
        data = data_of(texts, _PLAIN)
        kind = texts.get("type", ["good"])[0].strip().lower()
        data["type"] = _TYPES.get(kind, kind)
        for name, as_stored in (("status", str.lower), ("currency", str.upper)):
            if texts.get(name):
                data[name] = as_stored(texts[name][0].strip())
        if needs := [need for needs in texts.get("needs", ()) for need in needs]:
            data["needs"] = needs
        if names := translated(texts):
            data["names"] = names
        if texts.get("options"):
            data["options"] = options_of(texts["options"][0])
        named = {name: next(iter(texts.get(name, ())), None) for name in ("category", "unit")}
        return data, {**named, "attributes": given_of(texts)}

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find categories by their names or paths, units by key, symbol or name."""
        units = await self._ids(tx, drafts, "unit", Units)
        categories = await self._ids(tx, drafts, "category", ProductCategories)
        for draft in drafts:
            for field, ids in (("unit", units), ("category", categories)):
                if (named := draft.related[field]) is None:
                    continue
                found = ids.get(path_key(named), ())
                if len(found) == 1:
                    draft.values[f"{field}_id"] = found[0]
                    draft.given |= {f"{field}_id"}
                else:
                    code = f"ambiguous_{field}" if found else f"unknown_{field}"
                    message = f"{len(found) or 'No'} {field} of that name."
                    fault = Fault(code, message, f"/{field}_id")
                    draft.faults.append(self.located(fault, draft, plan))
        await self._look_at_schemas(tx, [draft for draft in drafts if not draft.faults], plan)

    async def _ids(
        self, tx: Tx, drafts: Sequence[Draft], field: str, kind: Any
    ) -> Mapping[str, Sequence[UUID]]:
        """What names of a field mean."""
        if not any(draft.related[field] for draft in drafts):
            return {}
        ids: dict[str, list[UUID]] = {}
        for id, names in await kind(tx).named():
            for key in {path_key(name) for name in names}:
                ids.setdefault(key, []).append(id)
        return ids

    async def _look_at_schemas(self, tx: Tx, drafts: Iterable[Draft], plan: Plan) -> None:
        """Read attributes as the categories have them, and note what active products lack."""
        schemas: dict[UUID | None, Any] = {None: {}}
        for draft in drafts:
            id: UUID | None = draft.values.get("category_id")
            given, active = draft.related["attributes"], draft.values["status"] == "active"
            schema = await _schema(tx, id if given or active else None, schemas)
            if given:
                draft.given |= {"attributes"}
                draft.values["attributes"] = given
            # Of a row without a category it is that of the product, if there is one.
            if given and id is not None:
                try:
                    draft.values["attributes"] = fitting(schema, given, tx.actor.country)
                except Invalid as error:
                    draft.faults += [self.located(one, draft, plan) for one in error.faults]
            missing = lacking(schema, draft.values["attributes"]) if active else []
            draft.related["lacking"] = missing

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Read attributes as the categories of stored products have them, where rows name none."""
        open_ones = {
            draft.record_id: draft
            for draft in drafts
            if draft.record_id and draft.related["attributes"] and not draft.related["category"]
        }
        schemas: dict[UUID | None, Any] = {None: {}}
        for product in await Products(tx).some(list(open_ones)) if open_ones else ():
            draft = open_ones[product.id]
            schema = await _schema(tx, product.category_id, schemas)
            # What does not fit is told where the row is stored.
            with suppress(Invalid):
                given = draft.related["attributes"]
                draft.values["attributes"] = fitting(schema, given, tx.actor.country)

    def patch(self, current: Any, draft: Draft) -> dict[str, Any]:
        """Options that are there keep their keys, whatever the file calls them."""
        found = super().patch(current, draft)
        if "options" in found:
            found["options"] = keyed(found["options"], current.options)
        return found

    def add(self, tx: Tx, draft: Draft) -> None:
        """Store a new product, unless its status is not one to begin with; raises `Invalid`."""
        status = draft.values["status"]
        if status not in FIRST:
            raise not_a_beginning()
        if draft.related["attributes"] and draft.related["category"] is None:
            # No category has said what they are.
            draft.values["attributes"] = read_values({}, draft.related["attributes"], None)
        if missing := draft.related["lacking"]:
            raise not_ready(missing)
        if status == "active" and draft.values["type"] == "bundle":
            raise not_ready([ProductService.EMPTY])
        super().add(tx, draft)

    def pointed(self, path: Sequence[str]) -> str:
        """Units and categories are given by their names."""
        if path[0] == "names":
            return "name"
        if path[0] == "attributes" and len(path) > 1:
            return f"{COLUMN}{path[1]}"
        return (
            super().pointed(path).removesuffix("_id") if path[0] in _IDS else super().pointed(path)
        )


async def _schema(tx: Tx, id: UUID | None, known: dict[UUID | None, Any]) -> Any:
    """What counts for a category, looked up once."""
    if id not in known and id is not None:
        known[id] = await ProductService(tx).categories.schema(id) or {}
    return known[id]


_IDS = frozenset({"category_id", "unit_id"})


def translated(texts: Mapping[str, list[Any]], of: str = "name") -> dict[str, str]:
    """What a row calls its record, or says `of` it, in other languages."""
    start = f"{of}:"
    return {name.removeprefix(start): v[0] for name, v in texts.items() if name.startswith(start)}


async def paths_of(tx: Tx) -> dict[str, set[UUID]]:
    """Which categories a name or a path means (`path_key`)."""
    ids: dict[str, set[UUID]] = {}
    for id, names in await ProductCategories(tx).named():
        for key in {path_key(name) for name in names}:
            ids.setdefault(key, set()).add(id)
    return ids


def path_key(name: str) -> str:
    """The form in which names are compared; of a path, each part."""
    return PATH.join(sort_key(part).partition("\x01")[0] for part in name.split(PATH))


async def sold_by(tx: Tx, kind: str, values: Iterable[str]) -> dict[str, tuple[str, set[UUID]]]:
    """What each code of a kind, `sku` or `barcode`, stands for: the column, and who has it."""
    wanted = list(values)
    products = await Products(tx).by_keys(kind, wanted)
    variants = await ProductVariants(tx).by_keys(kind, wanted)
    found: dict[str, tuple[str, set[UUID]]] = {}
    for value in wanted:
        is_variant = value in variants and value not in products
        ids = {*products.get(value, ()), *variants.get(value, ())}
        found[value] = "variant_id" if is_variant else "product_id", ids
    return found
