"""The rules of recipes."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from crm_api.domains.catalogue.repository import CATEGORIES, VARIANTS
from crm_api.domains.catalogue.repository import LISTING as PRODUCTS
from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.quotes.repository import CLAUSES
from crm_api.domains.recipes.models import ProposalRecipe
from crm_api.domains.recipes.repository import AREA, Recipes
from crm_api.domains.recipes.schemas import ProposalRecipeCreate, ProposalRecipeUpdate
from crm_api.kit.crud.mentions import absent
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.json import decode, encode
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.money import shown_quantity
from crm_api.kit.query.conditions import check
from crm_api.kit.query.listing import Listing

TARGETS: Mapping[str, Listing] = {"company": COMPANIES, "contact": CONTACTS}
_KINDS: Mapping[str, Listing] = {
    "product_id": PRODUCTS,
    "variant_id": VARIANTS,
    "category_id": CATEGORIES,
    "clause_id": CLAUSES,
}


class ProposalRecipeService(NamedService[ProposalRecipe]):
    """What is proposed to which customers, for which needs."""

    repository = Recipes
    area = AREA
    plural = "proposal_recipes"
    personal = Impersonal("The organization's own recipes.")
    create_shape = ProposalRecipeCreate
    update_shape = ProposalRecipeUpdate
    records: Recipes

    async def prepare(
        self, values: dict[str, Any], current: ProposalRecipe | None
    ) -> dict[str, Any]:
        """Its parts fit together, and what it names is there."""
        values = await super().prepare(values, current)
        for name in ("sections", "tiers", "clauses"):
            if name in values:
                values[name] = stored(values[name])
        after = {**(columns_of(current) if current else {}), **values}
        if not {"target", "condition"}.isdisjoint(values):
            check(self.tx, TARGETS[after["target"]], after["condition"], "/condition")
        if faults := list(_misfits(after)):
            raise Invalid("The parts of the recipe do not fit together.", faults=faults)
        await self._need_known(values, current)
        return values

    async def _need_known(self, values: Mapping[str, Any], current: ProposalRecipe | None) -> None:
        """Raises `Invalid` where something is named anew that is not there, or not seen."""
        before = {} if current is None else columns_of(current)
        known = {id for _, _, id in _named(before)}
        new = {at: (_KINDS[name], id) for at, name, id in _named(values) if id not in known}
        if faults := await absent(self.tx, new):
            raise Invalid("A record that is named does not exist.", faults=faults)


def stored(value: Any) -> Any:
    """A part as it is stored, so that equal ones are no change."""
    return decode(encode(_plain(value)))


def _plain(value: Any) -> Any:
    """The same with quantities as they are shown."""
    if isinstance(value, Mapping):
        found = cast("Mapping[str, Any]", value)
        return {key: _plain(inner) for key, inner in found.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in cast("list[Any]", value)]
    return shown_quantity(value) if isinstance(value, Decimal) else value


def _named(values: Mapping[str, Any]) -> Iterable[tuple[str, str, UUID]]:
    """What is named: where, by which field, and its id."""
    tiers: list[dict[str, Any]] = values.get("tiers") or []
    clauses: list[dict[str, Any]] = values.get("clauses") or []
    for tier, one in enumerate(tiers):
        for place, item in enumerate(one["items"]):
            for name in ("product_id", "variant_id", "category_id"):
                if item[name] is not None:
                    yield f"/tiers/{tier}/items/{place}/{name}", name, UUID(item[name])
    for place, clause in enumerate(clauses):
        if clause["clause_id"] is not None:
            yield f"/clauses/{place}/clause_id", "clause_id", UUID(clause["clause_id"])


def _misfits(recipe: Mapping[str, Any]) -> Iterable[Fault]:
    keys: set[str] = set()
    for place, section in enumerate(recipe["sections"]):
        if section["key"] in keys:
            yield Fault("repeated", "Another one has it.", f"/sections/{place}/key")
        keys.add(section["key"])
    tiers: set[str] = set()
    for place, tier in enumerate(recipe["tiers"]):
        if tier["tier"] in tiers:
            yield Fault("repeated", "Another one is it.", f"/tiers/{place}/tier")
        tiers.add(tier["tier"])
        for at, item in enumerate(tier["items"]):
            if item["section"] is not None and item["section"] not in keys:
                pointer = f"/tiers/{place}/items/{at}/section"
                yield Fault("unknown_section", "There is no such section.", pointer)
