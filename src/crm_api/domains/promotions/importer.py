"""How rows of files become promotions, coupons and discount policies."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.catalogue.codes import sku_key
from crm_api.domains.catalogue.importer import path_key, paths_of, sold_by
from crm_api.domains.promotions.repository import PROMOTIONS, Coupons, Promotions
from crm_api.domains.promotions.service import (
    CouponService,
    DiscountPolicyService,
    PromotionService,
)
from crm_api.kit.crud.tree import lock_graph
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.query.visibility import among, sight_of
from crm_api.platform.access.repository import Roles
from crm_api.platform.transfer.importer import Draft, Importer, Plan, data_of, need_same
from crm_api.platform.transfer.naming import NamedImporter, called, name_key, refer_to
from crm_api.platform.transfer.reading.aliases import DESCRIPTION, EXTERNAL_ID, hint

_NOT_YET = UUID(int=0)
"""What a row refers to before that is looked up."""
_COUPON = ("code", "max_redemptions", "max_per_customer", "is_active", "valid_from", "valid_to")
COUPON_FIELDS = {
    "code": hint(
        "Code",
        """Code | Coupon Code | Coupon | Promo Code | Discount Code | Voucher | Voucher Code
    Gutschein | Gutscheincode | Aktionscode | Code promo | Cupón | Промокод | Купон""",
    ),
    "promotion": hint(
        "Promotion",
        "Promotion | Promotion Name | Campaign | Discount | Aktion | Promoción | Акция",
    ),
    "max_redemptions": hint(
        "Most redemptions",
        """Max Redemptions | Usage Limit | Total Usage Limit | Max Uses | Uses | Einlösungen
    Max. Einlösungen | Лимит""",
        "integer",
    ),
    "max_per_customer": hint(
        "Most per customer",
        "Max Per Customer | Usage Limit Per Customer | Per Customer | Je Kunde | На клиента",
        "integer",
    ),
    "is_active": hint("Active", "Active | Is Active | Enabled | Aktiv | Actif | Activo", "bool"),
    "valid_from": hint(
        "Valid from", "Valid From | Starts | Start Date | Gültig ab | Действует с", "date"
    ),
    "valid_to": hint(
        "Valid to",
        "Valid To | Valid Until | Ends | End Date | Expiry Date | Expires | Gültig bis"
        " | Действует до",
        "date",
    ),
    "external_id": hint("External ID", f"Coupon ID | Voucher ID | {EXTERNAL_ID}"),
}


class CouponImporter(Importer):
    """Rows of coupons; the promotions that they name are there already."""

    target = "coupon"
    fields = COUPON_FIELDS
    match = ("external_id", "code")
    service = CouponService
    touched = (CouponService,)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The coupon of a row, and what it calls its promotion; raises `Invalid`."""
        if not texts.get("promotion"):
            raise Invalid.at("/promotion_id", "required", "A row names its promotion.")
        data = data_of(texts, _COUPON)
        return data | {"promotion_id": _NOT_YET}, {"promotion": texts["promotion"][0]}

    def keys(self, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Also by its code, of which there is one."""
        return [*super().keys(values), ("code", values["code"])]

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find promotions by name or external id."""
        names = {
            draft.related["promotion"]: name_key(draft.related["promotion"]) for draft in drafts
        }
        rows = await Promotions(tx).named(list(names.values()), plan.source, list(names))
        sight = sight_of(tx.actor, PROMOTIONS, "update")
        ours = await among(tx, PROMOTIONS, sight, [row["id"] for row in rows])
        found: dict[tuple[str, str], set[UUID]] = {}
        for row in rows:
            if row["id"] in ours:
                for name in ("name", "external"):
                    found.setdefault((name, row[name]), set()).add(row["id"])
        for draft in drafts:
            text = draft.related["promotion"]
            ids = found.get(("name", names[text]), set()) | found.get(("external", text), set())
            if len(ids) == 1:
                [draft.values["promotion_id"]] = ids
            else:
                code = "ambiguous_promotion" if ids else "unknown_promotion"
                message = f"{len(ids) or 'No'} promotion of that name."
                fault = Fault(code, message, "/promotion_id")
                draft.faults.append(self.located(fault, draft, plan))

    async def hold(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Codes are no look-up keys: whoever else imports coupons waits."""
        if drafts:
            await lock_graph(tx, "coupons.code")

    async def holders(self, tx: Tx, drafts: Sequence[Draft]) -> list[tuple[str, str, UUID]]:
        """The coupons that have these codes."""
        codes = [draft.values["code"] for draft in drafts]
        return [("code", row["code"], row["id"]) for row in await Coupons(tx).by_codes(codes)]

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """All that rows refer to is there already."""
        del tx, drafts

    async def absorb(self, tx: Tx, current: Any, draft: Draft) -> None:
        """A coupon stays one of its promotion, and keeps its code; raises `Invalid`."""
        need_same(current, draft, "promotion_id", "code")
        await super().absorb(tx, current, draft)

    def pointed(self, path: Sequence[str]) -> str:
        """A promotion is given by its name."""
        return "promotion" if path[0] == "promotion_id" else super().pointed(path)


_PROMOTION = (
    *("name", "percent", "amount", "currency", "needs_coupon", "priority", "is_active"),
    *("valid_from", "valid_to", "description"),
)
PROMOTION_FIELDS = {
    "name": hint("Name", f"{' | '.join(COUPON_FIELDS['promotion'].aliases)} | Name | Название"),
    "percent": hint(
        "Percent", "Percent | Percentage | % | Discount % | Prozent | Скидка %", "money"
    ),
    "amount": hint("Amount", "Amount | Amount Off | Betrag | Montant | Сумма", "money"),
    "currency": hint("Currency", "Currency | Currency Code | Währung | Devise | Валюта"),
    "product": hint("SKU", "Product SKU | SKU | Product | Artikelnummer | Артикул"),
    "category": hint("Category", "Category | Product Category | Warengruppe | Категория"),
    "needs_coupon": hint(
        "Takes a coupon", "Needs Coupon | Coupon Required | Mit Gutschein", "bool"
    ),
    "stacking": hint("Stacking", "Stacking | Combination | Kombinierbar | Сочетание"),
    "priority": hint("Priority", "Priority | Rank | Priorität | Приоритет", "integer"),
    "is_active": COUPON_FIELDS["is_active"],
    "valid_from": COUPON_FIELDS["valid_from"],
    "valid_to": COUPON_FIELDS["valid_to"],
    "description": hint("Description", DESCRIPTION),
    "external_id": hint("External ID", f"Promotion ID | Campaign ID | {EXTERNAL_ID}"),
}
POLICY_FIELDS = {
    "name": hint("Name", "Discount Policy | Policy | Name | Richtlinie | Название"),
    "role": hint("Role", "Role | Role Name | Rolle | Rôle | Роль"),
    "max_percent": hint(
        "Most percent", "Max Percent | Max Discount | Maximum Discount % | Höchstrabatt %", "money"
    ),
    "external_id": hint("External ID", f"Policy ID | {EXTERNAL_ID}"),
}


class PromotionImporter(NamedImporter):
    """Rows of promotions; the products and categories that they are off are there already."""

    target = "promotion"
    fields = PROMOTION_FIELDS
    service = PromotionService
    touched = (PromotionService,)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The promotion of a row, and what it calls its product or category; raises `Invalid`."""
        data = data_of(texts, _PROMOTION)
        if texts.get("stacking"):
            data["stacking"] = texts["stacking"][0].strip().lower()
        related = {name: next(iter(texts.get(name, ())), None) for name in ("product", "category")}
        if all(related.values()):
            message = "A promotion is off one product or category."
            raise Invalid.at("/category_id", "not_allowed", message)
        return data, related

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find products by SKU, categories by path."""
        keys = {d.number: sku_key(d.related["product"]) for d in drafts if d.related["product"]}
        sold = await sold_by(tx, "sku", list(keys.values())) if keys else {}
        paths = await paths_of(tx) if any(d.related["category"] for d in drafts) else {}
        for draft in drafts:
            if draft.number in keys:
                column, ids = sold[keys[draft.number]]
                ids = ids if column == "product_id" else ()
                refer_to(self, draft, plan, "product", ids, "product_id")
            elif (category := draft.related["category"]) is not None:
                found = paths.get(path_key(category), ())
                refer_to(self, draft, plan, "category", found, "category_id")


class DiscountPolicyImporter(NamedImporter):
    """Rows of discount policies; the roles that they are for are there already."""

    target = "discount_policy"
    fields = POLICY_FIELDS
    service = DiscountPolicyService
    touched = (DiscountPolicyService,)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The policy of a row, and what it calls its role."""
        data = data_of(texts, ("name", "max_percent"))
        return data, {"role": next(iter(texts.get("role", ())), None)}

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find roles by external id or name."""
        those = [draft for draft in drafts if draft.related["role"]]
        found = await called(Roles(tx), [draft.related["role"] for draft in those], plan)
        for draft in those:
            refer_to(self, draft, plan, "role", found.get(draft.related["role"], ()), "role_id")
