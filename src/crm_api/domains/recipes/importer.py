"""How rows of a file become recipes: each row gives one of its tiers an item."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from pydantic import ValidationError

from crm_api.domains.catalogue.codes import sku_key
from crm_api.domains.catalogue.importer import path_key, paths_of, sold_by
from crm_api.domains.catalogue.line_importer import LINE_FIELDS, interval_of
from crm_api.domains.quotes.importer import new_sections
from crm_api.domains.quotes.repository import Clauses
from crm_api.domains.recipes.models import TIERS
from crm_api.domains.recipes.schemas import RecipeItem
from crm_api.domains.recipes.service import TARGETS, ProposalRecipeService, stored
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.faults import faults_of
from crm_api.kit.query.conditions import check
from crm_api.platform.transfer.importer import Draft, Plan, data_of
from crm_api.platform.transfer.naming import NamedImporter, called, the_one
from crm_api.platform.transfer.preparing import PreparedImporter
from crm_api.platform.transfer.reading.aliases import DESCRIPTION, EXTERNAL_ID, hint
from crm_api.platform.transfer.reading.lists import parts_of

_NOT_YET = UUID(int=0)
"""What a row refers to before that is looked up."""
_OF = ("product_id", "variant_id", "category_id", "need")
"""What an item is of."""
_PLAIN = ("name", "description", "priority", "language", "valid_days", "introduction", "closing")
FIELDS = {
    "name": hint("Name", "Recipe | Recipe Name | Name | Title | Rezept | Рецепт"),
    "description": hint("Description", DESCRIPTION),
    "status": hint("Status", "Status | State | Статус"),
    "target": hint("For", "Target | For | Customer Type"),
    "condition": hint("Condition", "Condition | Filter | Bedingung | Условие"),
    "needs": hint("Needs", "Needs | Use Cases | Bedarf | Потребности", "tags"),
    "priority": hint("Priority", "Priority | Rank | Priorität | Приоритет", "integer"),
    "language": hint("Language", "Language | Sprache | Langue | Язык", "language"),
    "valid_days": hint("Days valid", "Valid Days | Validity (days) | Gültig (Tage)", "integer"),
    "introduction": hint("Introduction", "Introduction | Einleitung | Вступление"),
    "closing": hint("Closing", "Closing | Schlusstext | Заключение"),
    "clauses": hint("Clauses", "Clauses | Terms | Klauseln | Условия договора"),
    "external_id": hint("External ID", f"Recipe ID | {EXTERNAL_ID}"),
    "tier": hint("Tier", "Tier | Level | Stufe | Уровень"),
    "tier_name": hint("Tier's name", "Tier Name | Level Name | Name der Stufe"),
    "item.place": hint(
        "Item", "Item Number | Item No. | Item | Position | Pos. | Line | Line Number", "integer"
    ),
    "item.sku": LINE_FIELDS["line.sku"],
    "item.category": hint("Category", "Category | Product Category | Warengruppe | Категория"),
    "item.need": hint("Need", "Need | Use Case | Потребность"),
    "item.quantity": LINE_FIELDS["line.quantity"],
    "item.per": hint("Per", "Per | Multiplied By | Je"),
    "item.section": hint("Section", "Section | Abschnitt | Раздел"),
    "item.interval": LINE_FIELDS["line.interval"],
    "item.term": LINE_FIELDS["line.term"],
    "item.is_optional": hint("Optional", "Optional | Is Optional | Опция", "bool"),
    "item.reason": hint("Reason", "Reason | Why | Grund | Причина"),
}
_GIVEN_BY: Final[Mapping[str, str]] = {
    "product_id": "item.sku",
    "variant_id": "item.sku",
    "category_id": "item.category",
    "tier": "tier",
    "name": "tier_name",
}


class RecipeImporter(NamedImporter, PreparedImporter):
    """Rows of recipes with an item each; rows of the same external id or name are of one recipe.

    Products, categories and clauses that they name are there already.
    """

    target = "proposal_recipe"
    fields = FIELDS
    service = ProposalRecipeService
    touched = (ProposalRecipeService,)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The recipe of a row, its item, and what it calls what it refers to; raises `Invalid`."""
        data = data_of(texts, (*_PLAIN, "needs"))
        for name in ("status", "target"):
            if texts.get(name):
                data[name] = texts[name][0].strip().lower()
        if texts.get("condition"):
            data["condition"] = _condition(texts["condition"][0])
        said = {n.removeprefix("item."): v[0] for n, v in texts.items() if n.startswith("item.")}
        related: dict[str, Any] = {name: said.pop(name, None) for name in ("place", "sku")}
        related["category"] = said.pop("category", None)
        for name, column in (("sku", "product_id"), ("category", "category_id")):
            if related[name]:
                said[column] = _NOT_YET
        if related["place"] is None or not texts.get("tier"):
            message = "A row says of which tier its item is, and at which place it stands there."
            raise Invalid.at("/tiers/0/tier", "required", message)
        if "interval" in said:
            said["interval"] = interval_of(said["interval"])
        if "section" in said:
            data["sections"] = [{"key": said["section"]}]
        tier = {"tier": texts["tier"][0].strip().lower(), "items": [said]}
        if texts.get("tier_name"):
            tier["name"] = texts["tier_name"][0]
        clauses = parts_of(next(iter(texts.get("clauses", ())), ""))
        related |= {"said": frozenset(said), "clauses": clauses}
        return data | {"tiers": [tier]}, related

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find products by SKU, categories by path, clauses by key, external id or name."""
        keys = {d.number: sku_key(d.related["sku"]) for d in drafts if d.related["sku"]}
        sold = await sold_by(tx, "sku", set(keys.values())) if keys else {}
        paths = await paths_of(tx) if any(d.related["category"] for d in drafts) else {}
        for draft in drafts:
            item = _item(draft)
            if draft.number in keys:
                column, ids = sold[keys[draft.number]]
                item["product_id"] = None
                self._set(draft, plan, "product", ids, item, column)
            if (category := draft.related["category"]) is not None:
                ids = paths.get(path_key(category), set())
                self._set(draft, plan, "category", ids, item, "category_id")
            try:
                at = TARGETS[draft.values["target"]]
                check(tx, at, draft.values["condition"], "/condition")
            except Invalid as error:
                draft.faults += [self.located(fault, draft, plan) for fault in error.faults]
        await self._find_clauses(tx, drafts, plan)

    async def _find_clauses(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        texts = {text for draft in drafts for text in draft.related["clauses"]}
        if not texts:
            return
        keyed = await Clauses(tx).keyed(texts)
        found = await called(Clauses(tx), texts - keyed.keys(), plan)
        for draft in (draft for draft in drafts if draft.related["clauses"]):
            clauses = [{"title": None, "text": None} for _ in draft.related["clauses"]]
            for text, clause in zip(draft.related["clauses"], clauses, strict=True):
                ids = {keyed[text]} if text in keyed else set(found.get(text, ()))
                self._set(draft, plan, "clause", ids, clause, "clause_id")
            draft.values["clauses"] = clauses
            draft.given |= {"clauses"}

    def _set(
        self, draft: Draft, plan: Plan, named: str, ids: set[UUID], of: dict[str, Any], column: str
    ) -> None:
        at = "/clauses" if named == "clause" else f"/tiers/0/items/0/{column}"
        of[column] = the_one(self, draft, plan, named, ids, at)

    async def make(self, tx: Tx, draft: Draft) -> None:
        """Store a new recipe, whose first item the row gives; raises `Invalid`."""
        _need_place(draft, ())
        await super().make(tx, draft)

    def patch(self, current: Any, draft: Draft) -> dict[str, Any]:
        """What a row changes: of items, the one at its place; sections that are there stay."""
        found = super().patch(current, draft)
        if new := new_sections(current, found.pop("sections", ())):
            found["sections"] = [*current.sections, *stored(new)]
        if "clauses" in found:
            found["clauses"] = stored(found["clauses"])
        return found | {"tiers": _with_item(current.tiers, draft)}

    def pointed(self, path: Sequence[str]) -> str:
        """Items and tiers have columns of their own."""
        if path[0] == "sections":
            return "item.section"
        if path[0] != "tiers":
            return super().pointed(path)
        column = _GIVEN_BY.get(path[-1], f"item.{path[-1]}")
        return column if column in self.fields else "item.sku"


def _item(draft: Draft) -> dict[str, Any]:
    return draft.values["tiers"][0]["items"][0]


def _need_place(draft: Draft, items: Sequence[Any]) -> int:
    """The index of a row's item; raises `Invalid` where those before it are missing."""
    place: int = draft.related["place"] - 1
    if not 0 <= place <= len(items):
        message = f"The tier has {len(items)} items, so the next one is {len(items) + 1}."
        raise Invalid.at("/tiers/0/items/0/place", "item_missing", message)
    return place


def _with_item(tiers: Sequence[Mapping[str, Any]], draft: Draft) -> list[dict[str, Any]]:
    """Stored tiers with what a row says of one item; raises `Invalid`."""
    [said] = draft.values["tiers"]
    found = {one["tier"]: dict(one) for one in tiers}
    tier = found.setdefault(said["tier"], {"tier": said["tier"], "name": None, "items": []})
    if said["name"] is not None:
        tier["name"] = said["name"]
    items = list(tier["items"])
    place = _need_place(draft, items)
    own = stored(_item(draft))
    before = items[place] if place < len(items) else None
    if before is not None and all(before[name] == own[name] for name in _OF):
        own = {**before, **{name: own[name] for name in draft.related["said"]}}
    try:
        item = stored(RecipeItem.model_validate(own).model_dump())
    except ValidationError as error:
        at = [{**one, "loc": ("tiers", 0, *one["loc"])} for one in error.errors(include_url=False)]
        raise Invalid("The item makes no sense.", faults=faults_of(at)) from None
    tier["items"] = [*items[:place], item, *items[place + 1 :]]
    return [found[name] for name in TIERS if name in found]


def _condition(cell: str) -> Any:
    """A filter as JSON, as exports write it; raises `Invalid`."""
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        message = "A condition is a filter as JSON."
        raise Invalid.at("/condition", "invalid_json", message) from None
