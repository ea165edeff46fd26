"""How rows of a file become variants of products."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.catalogue.codes import sku_key
from crm_api.domains.catalogue.importer import (
    BARCODE,
    COST,
    LIST_PRICE,
    NAMES_OF,
    SKU,
    STATUS,
    translated,
)
from crm_api.domains.catalogue.lifecycle import FIRST, not_a_beginning
from crm_api.domains.catalogue.models import Product
from crm_api.domains.catalogue.repository import LISTING, Products
from crm_api.domains.catalogue.service import ProductVariantService, option_faults
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.query.visibility import among, sight_of
from crm_api.platform.transfer.importer import Draft, Importer, Plan, data_of, need_same
from crm_api.platform.transfer.reading.aliases import EXTERNAL_ID, hint
from crm_api.platform.transfer.reading.lists import parts_of

_NOT_YET = UUID(int=0)
"""What a row refers to before that is looked up."""
_PLAIN = ("sku", "name", "barcode", "cost", "list_price")
_PLACES = (1, 2, 3)
_OPTIONS = {
    f"option{n}_{what}": hint(
        f"Option {n} {what}", f"Option{n} {what} | Option {n} {what} | Attribute {n} {what}"
    )
    for n in _PLACES
    for what in ("name", "value")
}
_PRODUCT = hint(
    "Product's SKU",
    """Product SKU | Parent SKU | Product | Parent | Parent Product | Product Code | Master SKU
    Handle | Hauptartikel | Vaterartikel | Artikel | Produit | Producto | Товар | Основной артикул""",
)
_SKUS = ("Variant SKU", *(name for name in SKU.aliases if name not in _PRODUCT.aliases))
FIELDS = {
    "product": _PRODUCT,
    "sku": hint("SKU", " | ".join(_SKUS)),
    "name": hint("Name", "Variant Name | Variant Title | Name | Title | Bezeichnung | Название"),
    **NAMES_OF,
    "status": STATUS,
    "options": hint(
        "Options",
        "Options | Option Values | Attributes | Variant Options | Optionen | Merkmale | Свойства",
    ),
    **_OPTIONS,
    "barcode": BARCODE,
    "cost": COST,
    "list_price": LIST_PRICE,
    "external_id": hint("External ID", f"Variant ID | {EXTERNAL_ID}"),
}


class VariantImporter(Importer):
    """Rows of variants; their products are there already.

    Options stand in one column (`Size: M; Colour: red`), or in pairs of columns for up to three,
    as shops export them; they are named by their key or label.
    """

    target = "product_variant"
    fields = FIELDS
    match = ("external_id", "sku", "barcode")
    service = ProductVariantService
    touched = (ProductVariantService,)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The variant of a row, and what it calls its product and options; raises `Invalid`."""
        if not texts.get("product"):
            raise Invalid.at("/product_id", "required", "A row names its product.")
        data = data_of(texts, _PLAIN)
        if texts.get("status"):
            data["status"] = texts["status"][0].strip().lower()
        if names := translated(texts):
            data["names"] = names
        named = {"product": texts["product"][0], "options": dict(_options(texts))}
        return data | {"product_id": _NOT_YET}, named

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find products by their SKU; options by what the product calls them."""
        keys = {draft.number: sku_key(draft.related["product"]) for draft in drafts}
        found = await Products(tx).by_keys("sku", list(keys.values()))
        ids = [id for ids in found.values() for id in ids]
        ours = await among(tx, LISTING, sight_of(tx.actor, LISTING, "update"), ids)
        products = {one.id: one for one in await Products(tx).some(list(ours))}
        for draft in drafts:
            those = [id for id in found.get(keys[draft.number], ()) if id in products]
            if len(those) == 1:
                self._set(draft, plan, products[those[0]])
            else:
                code = "ambiguous_product" if those else "unknown_product"
                message = f"{len(those) or 'No'} product of that SKU."
                fault = Fault(code, message, "/product_id")
                draft.faults.append(self.located(fault, draft, plan))

    def _set(self, draft: Draft, plan: Plan, product: Product) -> None:
        draft.values["product_id"] = product.id
        draft.related["of"] = product
        given = draft.related["options"]
        if not given:
            return
        options = _as_keyed(product.options, given)
        draft.faults += [
            self.located(Fault(f.code, f.message, "/options"), draft, plan)
            for f in option_faults(product.options, options)
        ]
        draft.values["options"] = options
        draft.given |= {"options"}

    async def hold(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Have whoever changes the options of their products wait; what these are is known then."""
        ids = {draft.values["product_id"] for draft in drafts}
        held = {one.id: one for one in await Products(tx).locked(list(ids))} if ids else {}
        for draft in drafts:
            draft.related["of"] = held.get(draft.values["product_id"], draft.related["of"])

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """All that rows refer to is there already."""
        del tx, drafts

    def add(self, tx: Tx, draft: Draft) -> None:
        """Store a new variant, which has all options of its product; raises `Invalid`."""
        product: Product = draft.related["of"]
        if draft.values["status"] not in FIRST:
            raise not_a_beginning()
        if faults := option_faults(product.options, draft.values["options"]):
            raise Invalid("It does not fit its product.", faults=faults)
        if draft.values["name"] is None:
            name = ", ".join([product.name, *draft.values["options"].values()])
            draft.values = ProductVariantService.derive({**draft.values, "name": name}, None)
        super().add(tx, draft)

    async def absorb(self, tx: Tx, current: Any, draft: Draft) -> None:
        """A variant stays one of its product; raises `Invalid`."""
        need_same(current, draft, "product_id")
        await super().absorb(tx, current, draft)

    def pointed(self, path: Sequence[str]) -> str:
        """A product is given by its SKU, options in one column or in several."""
        if path[0] == "names":
            return "name"
        return "product" if path[0] == "product_id" else super().pointed(path)


def _options(texts: Mapping[str, list[Any]]) -> Iterable[tuple[str, str]]:
    """What a row says of options: their names and values."""
    for place in _PLACES:
        name, value = (texts.get(f"option{place}_{what}") for what in ("name", "value"))
        if value:
            # Shops name an option in its first row alone, and the only one not at all.
            yield (str(name[0]) if name else f"option{place}"), value[0].strip()
    for part in parts_of(texts["options"][0]) if texts.get("options") else ():
        name, sign, value = part.partition(":") if ":" in part else part.partition("=")
        if not sign or not value.strip():
            raise Invalid.at("/options", "invalid_options", "Not as in `Size: M; Colour: red`.")
        yield name.strip(), value.strip()


def _as_keyed(wanted: Sequence[Mapping[str, Any]], given: Mapping[str, str]) -> dict[str, str]:
    """The same by the keys of the product's options; what it does not have stays as it is."""
    keys = {str(one[by]).casefold(): one["key"] for one in wanted for by in ("label", "key")}
    places = {f"option{place}": one["key"] for place, one in enumerate(wanted, 1)}
    return {
        keys.get(name.casefold()) or places.get(name, name): value for name, value in given.items()
    }
