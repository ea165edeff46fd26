"""How rows of a file become coupons."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.promotions.repository import PROMOTIONS, Coupons, Promotions
from crm_api.domains.promotions.service import CouponService
from crm_api.kit.crud.tree import lock_graph
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.query.visibility import among, sight_of
from crm_api.kit.values.names import sort_key
from crm_api.platform.transfer.importer import Draft, Importer, Plan, data_of, need_same
from crm_api.platform.transfer.reading.aliases import EXTERNAL_ID, hint

_NOT_YET = UUID(int=0)
"""What a row refers to before that is looked up."""
_PLAIN = ("code", "max_redemptions", "max_per_customer", "is_active", "valid_from", "valid_to")
FIELDS = {
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
    fields = FIELDS
    match = ("external_id", "code")
    service = CouponService
    touched = (CouponService,)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The coupon of a row, and what it calls its promotion; raises `Invalid`."""
        if not texts.get("promotion"):
            raise Invalid.at("/promotion_id", "required", "A row names its promotion.")
        data = data_of(texts, _PLAIN)
        return data | {"promotion_id": _NOT_YET}, {"promotion": texts["promotion"][0]}

    def keys(self, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Also by its code, of which there is one."""
        return [*super().keys(values), ("code", values["code"])]

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find promotions by name or external id."""
        names = {draft.related["promotion"]: _key(draft.related["promotion"]) for draft in drafts}
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


def _key(name: str) -> str:
    return sort_key(name).partition("\x01")[0]
