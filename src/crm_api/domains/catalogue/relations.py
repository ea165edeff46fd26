"""The rules of what products have to do with each other, and whether they go together."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from crm_api.domains.catalogue.compositions import ProductRelationCreate, ProductRelationUpdate
from crm_api.domains.catalogue.inside import held_in
from crm_api.domains.catalogue.models import ProductRelation
from crm_api.domains.catalogue.repository import PRODUCTS, ProductRelations
from crm_api.domains.catalogue.service import ProductService, product_of
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.service import CrudService
from crm_api.kit.crud.tree import lock_graph
from crm_api.kit.errors import Conflict, Duplicate, Fault, Invalid
from crm_api.kit.query.selection import Selection
from crm_api.kit.schema import Create

MUTUAL = frozenset({"substitute", "excludes"})
"""The kinds that go both ways, and are stored once."""
_SUGGESTING = frozenset({"cross_sell", "up_sell", "substitute"})
MOST = 200
"""So many products are asked about at once."""


class ProductRelationService(CrudService[ProductRelation]):
    """What products require, exclude, replace and sell; none requires what it excludes."""

    repository = ProductRelations
    area = PRODUCTS
    plural = "product_relations"
    personal = Impersonal("What is sold.")
    create_shape = ProductRelationCreate
    update_shape = ProductRelationUpdate
    records: ProductRelations

    @cached_property
    def products(self) -> ProductService:
        """What the relations are between."""
        return ProductService(self.tx)

    async def prepare(
        self, values: dict[str, Any], current: ProductRelation | None
    ) -> dict[str, Any]:
        """Refuse products that are not there, and what the relations between them contradict."""
        values = await super().prepare(values, current)
        if current is None:
            ends = values["product_id"], values["related_id"]
            if ends[0] == ends[1]:
                raise Invalid.at("/related_id", "itself", "A relation is to another product.")
            # Before the products are locked: nobody waits in a ring.
            await lock_graph(self.tx, "product_relations")
            await product_of(self.products, ends[0])
            await product_of(self.products, ends[1], "/related_id")
            await self._need_room(values["kind"], *ends)
        return values

    async def create(self, data: Create) -> Any:
        """A new relation; raises `Conflict` where a product would require what it excludes."""
        shown = await super().create(data)
        await self.need_consistent(shown.kind, shown.product_id, shown.related_id)
        return shown

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take a relation out of the bin, unless others contradict it by now."""
        self.need("delete")
        await lock_graph(self.tx, "product_relations")
        current = await self.records.get(id, lock=True, deleted=True)
        if current.deleted_at is not None:
            await self._need_room(current.kind, current.product_id, current.related_id)
        shown = await super().restore(id, expected_version=expected_version)
        await self.need_consistent(shown.kind, shown.product_id, shown.related_id)
        return shown

    async def _need_room(self, kind: str, product: UUID, related: UUID) -> None:
        """Refuse a mutual relation that is there the other way round, and kinds that clash."""
        # Those of the same unit of work count too.
        await self.tx.flush()
        for other in await self.records.between(product, related):
            if other == kind and kind in MUTUAL:
                message = "The relation is there already; it goes both ways."
                raise Duplicate(message, faults=[Fault("duplicate", message, "/related_id")])
            if _clash(kind, other):
                raise _contradiction(f"One of them {_WORDS[other]} the other.")

    async def need_consistent(self, kind: str, product: UUID, related: UUID) -> None:
        """Refuse what makes some product require, however indirectly, what excludes it."""
        if kind not in {"requires", "excludes"}:
            return
        await self.tx.flush()
        ends = [product] if kind == "requires" else [product, related]
        found = await self.records.contradiction(ends)
        if found is not None:
            raise _contradiction(f"A product would take both {found[0]} and {found[1]}.")

    async def compatibility(self, id: UUID, others: Sequence[UUID]) -> dict[str, Any]:
        """Whether products go together: what is missing, what conflicts, what would go with them.

        Raises `NotFound`, `Invalid`.
        """
        self.need("read")
        chosen = list(dict.fromkeys([id, *others]))
        await self._need_there(id, chosen)
        missing, together = await self._missing(chosen)
        relations = await self.records.of(together)
        conflicts = [
            {"product_id": r["product_id"], "other_id": r["related_id"], "relation_id": r["id"]}
            for r in relations
            if r["kind"] == "excludes" and {r["product_id"], r["related_id"]} <= together
        ]
        return {
            "is_compatible": not missing and not conflicts,
            "missing": missing,
            "conflicts": conflicts,
            "suggestions": await self._suggestions(set(chosen), together, relations),
        }

    async def _need_there(self, id: UUID, chosen: Sequence[UUID]) -> None:
        if len(chosen) > MOST:
            raise Invalid.parameter("with", "too_many", f"At most {MOST} products at once.")
        found = await self.products.records.rows(chosen, Selection(("id",)))
        if id not in found:
            raise await self.products.records.absence(id)
        if unknown := [one for one in chosen if one not in found]:
            raise Invalid.parameter("with", "unknown_reference", f"No product {unknown[0]}.")

    async def _missing(self, chosen: Sequence[UUID]) -> tuple[list[dict[str, Any]], set[UUID]]:
        """What is required and not chosen, and what that requires in turn; and all together.

        What a bundle holds in any case is there with it, and counts as itself does.
        """
        together, found, ends = set[UUID](), list[dict[str, Any]](), [*chosen]
        while ends:
            begun = {*ends, *(await held_in(self.tx, ends) - together)}
            together |= begun
            ends = list[UUID]()
            for r in await self.records.of(begun):
                needed, by = r["related_id"], r["product_id"]
                if r["kind"] == "requires" and by in begun and needed not in together:
                    together.add(needed)
                    ends.append(needed)
                    found.append({"product_id": needed, "required_by": by, "relation_id": r["id"]})
        return found, together

    async def _suggestions(
        self, chosen: set[UUID], together: set[UUID], relations: Iterable[Any]
    ) -> list[dict[str, Any]]:
        found = [told for r in relations for told in _suggested(r, chosen, together)]
        ids = list({told["product_id"] for told in found})
        rows = await self.products.records.rows(ids, Selection(("id", "status")))
        excluded = {
            end
            for r in relations
            if r["kind"] == "excludes" and not chosen.isdisjoint((r["product_id"], r["related_id"]))
            for end in (r["product_id"], r["related_id"])
        }
        fit = {id for id, row in rows.items() if row.status == "active"} - excluded
        return [told for told in found if told["product_id"] in fit]


def _suggested(relation: Any, chosen: set[UUID], together: set[UUID]) -> Iterable[dict[str, Any]]:
    """What a relation suggests to those who have chosen some products."""
    if relation["kind"] not in _SUGGESTING:
        return
    ways = [(relation["product_id"], relation["related_id"])]
    if relation["kind"] in MUTUAL:
        ways.append((relation["related_id"], relation["product_id"]))
    for by, suggested in ways:
        if by in chosen and suggested not in together:
            yield {
                "product_id": suggested,
                "kind": relation["kind"],
                "suggested_by": by,
                "reason": relation["reason"],
                "relation_id": relation["id"],
            }


_WORDS = {
    "requires": "requires",
    "excludes": "excludes",
    "substitute": "replaces",
    "cross_sell": "sells",
    "up_sell": "sells",
}


def _clash(kind: str, other: str) -> bool:
    """Whether two kinds between the same products contradict each other."""
    kinds = {kind, other}
    return len(kinds) == 2 and ("excludes" in kinds or kinds == {"requires", "substitute"})


def _contradiction(message: str) -> Conflict:
    code = "contradiction"
    return Conflict(message, code=code, faults=[Fault(code, message, "/kind")])
