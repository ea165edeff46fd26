"""How rows of a price sheet become rules of price lists, and contract prices."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from crm_api.domains.catalogue.codes import barcode_key, sku_key
from crm_api.domains.catalogue.importer import path_key, paths_of, sold_by
from crm_api.domains.catalogue.repository import ProductCategories, Products, ProductVariants
from crm_api.domains.companies.repository import Companies, name_key
from crm_api.domains.prices.columns import CONTRACT_FIELDS, RULE_FIELDS, tiers_of
from crm_api.domains.prices.repository import LISTS, PriceLists
from crm_api.domains.prices.schemas import TierInput
from crm_api.domains.prices.service import UNTIERED, ContractPriceService, PriceRuleService
from crm_api.kit.crud.index import external_key
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.query.visibility import among, sight_of
from crm_api.kit.values import codes
from crm_api.kit.values.errors import BadValue
from crm_api.platform.transfer.importer import Draft, Plan, data_of
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
_METHODS: Final[Mapping[str, str]] = {
    "list": "percent",
    "percentage": "percent",
    "price": "fixed",
    "fixed_price": "fixed",
    "markup": "cost_plus",
    "cost": "cost_plus",
}
_NUMBERS = (
    *("min_quantity", "unit_price", "percent", "surcharge", "round_to", "ending", "floor"),
    *("ceiling", "min_margin", "max_margin"),
)


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
        data = data_of(texts, (*_NUMBERS, "formula", *_DAYS))
        if not texts.get("price_list"):
            raise Invalid.at("/price_list_id", "required", "A row names its price list.")
        if texts.get("tiers"):
            data["tiers"] = tiers_of(texts["tiers"][0])
        if method := _method_of(texts, data):
            data["method"] = method
        for name in ("direction", "tier_mode"):
            if texts.get(name):
                data[name] = texts[name][0].strip().lower()
        if base := _one(texts, "base"):
            data["base"] = _BASES.get(base.strip().lower(), base.strip().lower())
        names = ("price_list", *_CODES, "category", "currency", *_IDS)
        return data | {"price_list_id": _NOT_YET}, {name: _one(texts, name) for name in names}

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find lists by name or id, the rest by code, path or id."""
        await self._find_lists(tx, drafts, plan)
        await self._find_things(tx, drafts, plan)
        await self._find_categories(tx, drafts, plan)
        for field, records in _IDS.items():
            await self._find_ids(field, records(tx), drafts, plan)
        good = [draft for draft in drafts if not draft.faults]
        for draft in good:
            PriceRuleService.derive(draft.values, None)
        await self.known(tx, good, plan)

    async def _find_lists(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        keys = {text: name_key(text) for draft in drafts if (text := draft.related["price_list"])}
        rows = await PriceLists(tx).named(list(keys.values()), plan.source, list(keys))
        sight = sight_of(tx.actor, LISTS, "update")
        ours = await among(tx, LISTS, sight, [row["id"] for row in rows])
        currencies = {row["id"]: row["currency"] for row in rows if row["id"] in ours}
        found: dict[tuple[str, str], set[UUID]] = {}
        for row in rows:
            if row["id"] in ours:
                for name in ("name", "external", "own"):
                    found.setdefault((name, row[name]), set()).add(row["id"])
        for draft in drafts:
            text = draft.related["price_list"]
            asked = ("name", keys[text]), ("external", text), ("own", text)
            ids = {id for key in asked for id in found.get(key, ())}
            self._set(draft, plan, "price_list_id", ids, "price_list_id")
            if not draft.faults:
                self._check_currency(draft, plan, currencies[draft.values["price_list_id"]])

    def _check_currency(self, draft: Draft, plan: Plan, own: str) -> None:
        given = draft.related["currency"]
        if given is not None and given.strip().upper() != own:
            self._fail(draft, plan, "other_currency", f"The list is in {own}.", "currency")

    async def _find_ids(
        self, field: str, records: Repository[Any], drafts: Sequence[Draft], plan: Plan
    ) -> None:
        """Find what rows name by an id: that in the file's system, or its own."""
        those = [draft for draft in drafts if _first(draft) == field]
        texts: set[str] = {draft.related[field] for draft in those}
        own = {text: id for text in texts if (id := _id_of(text)) is not None}
        seen: set[UUID] = (
            {one.id for one in await records.some(list(own.values()))} if own else set()
        )
        keys = {text: external_key(plan.source, text) for text in texts}
        found = await records.by_keys("external", list(keys.values())) if keys else {}
        for draft in those:
            text = draft.related[field]
            ids = found.get(keys[text]) or seen & {own.get(text)}
            self._set(draft, plan, field, ids, f"{field}/id")

    async def _find_categories(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        those = [draft for draft in drafts if _first(draft) == "category"]
        if not those:
            return
        ids = await paths_of(tx)
        for draft in those:
            found = ids.get(path_key(draft.related["category"]), set())
            self._set(draft, plan, "category_id", found, "category_id")

    def patch(self, current: Any, draft: Draft) -> dict[str, Any]:
        """Tiers and any other price take each other's place: both would count."""
        found = super().patch(current, draft)
        if found.get("tiers"):
            nothing: dict[str, Any] = dict.fromkeys(("unit_price", *UNTIERED))
            found = {**nothing, **found}
            tiers = (TierInput.model_validate(tier) for tier in found["tiers"])
            found["tiers"] = [tier.model_dump() for tier in tiers]
        elif "method" in found and current.tiers:
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
        await self.known(tx, good, plan)

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
_IDS: Final[Mapping[str, Callable[[Tx], Repository[Any]]]] = {
    "variant_id": ProductVariants,
    "product_id": Products,
    "category_id": ProductCategories,
}
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
    names = (*_CODES, "category", *_IDS)
    return next((name for name in names if draft.related.get(name)), None)


def _id_of(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def _method_of(texts: Mapping[str, list[Any]], data: Mapping[str, Any]) -> str | None:
    """How a row makes its price, as it says or by what it has; raises `Invalid`."""
    if method := _one(texts, "method"):
        method = method.strip().lower().replace("-", "_").replace(" ", "_")
        return _METHODS.get(method, method)
    ways = {"unit_price": "fixed", "tiers": "fixed", "percent": "percent", "formula": "formula"}
    given = [name for name in ways if name in data]
    if len({ways[name] for name in given}) > 1:
        message = "A price is fixed, by a percentage or by a formula, unless the method is said."
        raise Invalid.at(f"/{given[-1]}", "not_allowed", message)
    return ways[given[0]] if given else None


def _company_key(related: Mapping[str, Any], plan: Plan) -> tuple[str, str, str]:
    """The best that a row says of its company: the column, the kind of key and its value."""
    if (id := related["company_external_id"]) is not None:
        return "company_external_id", "external", external_key(plan.source, id)
    if (domain := related["domain"]) is not None:
        return "domain", "domain", codes.domain(domain)
    return "company", "name", name_key(related["company"])
