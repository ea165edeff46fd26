"""The columns of price sheets, and how tiers are written in a cell."""

import json
from collections.abc import Iterable
from typing import Any

from crm_api.kit.errors import Invalid
from crm_api.kit.values.dates import parse_decimal
from crm_api.kit.values.errors import BadValue
from crm_api.platform.transfer.reading.aliases import COMPANY_FIELDS, EXTERNAL_ID, hint
from crm_api.platform.transfer.reading.lists import parts_of

_MOST_TIERS = 50
_COMMON = {
    "sku": hint(
        "SKU",
        """SKU | Product SKU | Variant SKU | Item Number | Item No. | Article Number | Part Number
    Product Code | Stock Code | Code | Product | Item | Artikelnummer | Artikel-Nr. | Art.-Nr.
    Référence | Référence article | Referencia | Código | Артикул | Код товара""",
        multiple=True,
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
        """Price List | Price Book | Price List Name | Price Book Name | List Name | List | Preisliste
    Price List ID | Price Book ID | Tarif
    Liste de prix | Lista de precios | Tarifa | Прайс-лист | Прайс | Вид цены""",
    ),
    **_COMMON,
    "category": hint(
        "Category",
        """Category | Category Name | Product Category | Product Family | Category Path | Warengruppe | Kategorie
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
    "method": hint(
        "Method", "Method | Pricing Method | Price Method | Calculation | Preismethode | Метод"
    ),
    "formula": hint("Formula", "Formula | Price Formula | Formel | Formule | Fórmula | Формула"),
    "surcharge": hint("Surcharge", "Surcharge | Zuschlag | Supplément | Recargo", "money"),
    "round_to": hint("Rounded to", "Round To | Rounding | Rundung | Arrondi | Округление", "money"),
    "direction": hint("Rounding direction", "Rounding Direction | Rundungsrichtung"),
    "ending": hint("Price ending", "Price Ending | Ending | Preisendung", "money"),
    "ceiling": hint(
        "Ceiling", "Ceiling | Price Ceiling | Maximum Price | Max Price | Höchstpreis", "money"
    ),
    "min_margin": hint(
        "Least margin (%)",
        "Minimum Margin | Min Margin | Margin | Margin % | Mindestmarge | Marge | Маржа %",
        "money",
    ),
    "max_margin": hint("Most margin (%)", "Maximum Margin | Max Margin | Höchstmarge", "money"),
    "tier_mode": hint("Tier mode", "Tier Mode | Tier Type | Billing Scheme | Staffelart"),
    "tiers": hint("Tiers", "Tiers | Price Tiers | Staffeln | Staffelpreise | Paliers | Ступени"),
    **{
        f"{name}_id": hint(f"{label}'s ID", f"{label} External ID")
        for name, label in (
            ("product", "Product"),
            ("variant", "Variant"),
            ("category", "Category"),
        )
    },
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


def tiers_of(cell: str) -> list[Any]:
    """The tiers of a cell, as JSON like in exports, or as `10: 9.50; 50: 9; 8`: the price up to
    each quantity, and at last that beyond. Raises `Invalid`.
    """
    text = cell.strip()
    try:
        if not text.startswith("["):
            return list(_tiers(parts_of(text)))
        found = json.loads(text)
    except (ValueError, RecursionError, BadValue):
        message = "Tiers are not as in `10: 9.50; 50: 9; 8`."
        raise Invalid.at("/tiers", "invalid_tiers", message) from None
    return found[: _MOST_TIERS + 1]


def _tiers(parts: Iterable[str]) -> Iterable[dict[str, Any]]:
    for part in parts:
        up_to, has_end, price = (piece.strip() for piece in part.rpartition(":"))
        tier = {"unit_price": parse_decimal(price)}
        yield tier | ({"up_to": parse_decimal(up_to)} if has_end else {})
