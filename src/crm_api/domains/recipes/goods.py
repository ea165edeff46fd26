"""What can be offered, and what has to do with what: facts that were gathered, and pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from crm_api.kit.pricing.rounding import ZERO

Key = tuple[UUID, UUID | None]
"""A product, and the variant of it that is meant."""


@dataclass(frozen=True)
class Good:
    """A product as proposals look at it."""

    id: UUID
    name: str
    is_sold: bool
    needs: frozenset[str]
    categories: frozenset[UUID]
    """Its own, and those above it."""
    successor_id: UUID | None


@dataclass(frozen=True)
class Variant:
    """One of the forms of a product."""

    id: UUID
    product_id: UUID
    is_sold: bool


@dataclass(frozen=True)
class Relation:
    """What one product has to do with another."""

    product_id: UUID
    related_id: UUID
    kind: str
    reason: str | None


@dataclass
class Goods:
    """The products that come into question; those that are not seen are not among them."""

    products: dict[UUID, Good] = field(default_factory=dict[UUID, Good])
    variants: dict[UUID, Variant] = field(default_factory=dict[UUID, Variant])
    relations: Sequence[Relation] = ()
    components: Mapping[UUID, frozenset[UUID]] = field(default_factory=dict[UUID, frozenset[UUID]])
    """Of each bundle what is always in it."""
    prices: dict[Key, Decimal] = field(default_factory=dict[Key, Decimal])
    failed: dict[Key, tuple[str, str]] = field(default_factory=dict[Key, tuple[str, str]])
    """Why something has no price, or no time: a code and a text."""
    openings: dict[UUID, tuple[str, datetime | None]] = field(
        default_factory=dict[UUID, tuple[str, datetime | None]]
    )
    """Of what takes people or resources a sentence about when, and that moment if it is known."""

    def problem(self, key: Key) -> tuple[str, str] | None:
        """Why something cannot be offered, or None."""
        product, variant = self.products.get(key[0]), key[1]
        form = None if variant is None else self.variants.get(variant)
        if product is None or (variant is not None and form is None):
            return "gone", "It is not there (any more)."
        if not product.is_sold or (form is not None and not form.is_sold):
            return "not_sold", "It is not sold (any more)."
        return self.failed.get(key)

    def name_of(self, id: UUID) -> str | None:
        """What a product is called, if it is seen."""
        return None if id not in self.products else self.products[id].name

    def price_of(self, key: Key) -> Decimal:
        """Of one unit; nothing where none is known."""
        return self.prices.get(key, ZERO)

    @cached_property
    def requires(self) -> Mapping[UUID, Sequence[UUID]]:
        """By product what it needs, in the order of the catalogue."""
        return _by_product(self.relations, "requires")

    @cached_property
    def excludes(self) -> Mapping[UUID, Sequence[UUID]]:
        """By product what it does not go with; both ways."""
        return _both_ways(self.relations, "excludes")

    @cached_property
    def substitutes(self) -> Mapping[UUID, Sequence[UUID]]:
        """By product what takes its place; both ways."""
        return _both_ways(self.relations, "substitute")

    def related(self, id: UUID, kind: str) -> Iterable[Relation]:
        """The relations of a kind that begin at a product."""
        return self.outward.get((id, kind), ())

    @cached_property
    def outward(self) -> Mapping[tuple[UUID, str], Sequence[Relation]]:
        """By the product that they begin at, and their kind, the relations."""
        found: dict[tuple[UUID, str], list[Relation]] = {}
        for one in self.relations:
            found.setdefault((one.product_id, one.kind), []).append(one)
        return found

    def contents(self, id: UUID) -> frozenset[UUID]:
        """A product and, of a bundle, everything in it."""
        found, ends = {id}, [id]
        while ends:
            for inner in self.components.get(ends.pop(), ()):
                if inner not in found:
                    found.add(inner)
                    ends.append(inner)
        return frozenset(found)

    def taking(self, id: UUID) -> frozenset[UUID] | None:
        """Everything that comes with a product, itself too; None where some of it cannot be had."""
        found, ends = set[UUID](), [id]
        while ends:
            at = ends.pop()
            if self.problem((at, None)) is not None:
                return None
            inner = self.contents(at) - found
            found |= inner
            ends += [n for one in inner for n in self.requires.get(one, ()) if n not in found]
        return frozenset(found)

    def goes_with(self, id: UUID, present: Iterable[UUID]) -> bool:
        """Whether a product can be offered beside others, with all that it requires."""
        taken = self.taking(id)
        there = frozenset(present) | (taken or frozenset())
        return taken is not None and all(self.clashing(one, there) is None for one in taken)

    def clashing(self, id: UUID, present: Iterable[UUID]) -> UUID | None:
        """One of these products that a product does not go with, or None."""
        there = frozenset(present)
        for inner in sorted(self.contents(id)):
            for other in self.excludes.get(inner, ()):
                if other in there:
                    return other
        return None

    def in_place_of(self, key: Key) -> Key | None:
        """What can be offered instead of something that cannot: its successor, or a substitute."""
        seen, at = {key[0]}, self.products.get(key[0])
        while at is not None and at.successor_id is not None and at.successor_id not in seen:
            seen.add(at.successor_id)
            if self.problem((at.successor_id, None)) is None:
                return at.successor_id, None
            at = self.products.get(at.successor_id)
        others = ((id, None) for id in self.substitutes.get(key[0], ()))
        return next((one for one in others if self.problem(one) is None), None)

    def matching(self, *, need: Any = None, category: UUID | None = None) -> list[Key]:
        """What can be offered for a need or of a category, the cheapest first."""
        found = [key for key in self._fitting(need, category) if self.problem(key) is None]
        return sorted(found, key=lambda key: (self.price_of(key), self.products[key[0]].name, key))

    def missing(self, *, need: Any = None, category: UUID | None = None) -> list[Key]:
        """What would fit and cannot be offered, by name."""
        found = [key for key in self._fitting(need, category) if self.problem(key) is not None]
        return sorted(found, key=lambda key: (self.products[key[0]].name, key))

    def _fitting(self, need: Any, category: UUID | None) -> Iterator[Key]:
        for good in self.products.values():
            if need in good.needs if category is None else category in good.categories:
                yield good.id, None


def _by_product(relations: Iterable[Relation], kind: str) -> dict[UUID, list[UUID]]:
    found: dict[UUID, list[UUID]] = {}
    for one in relations:
        if one.kind == kind:
            found.setdefault(one.product_id, []).append(one.related_id)
    return found


def _both_ways(relations: Iterable[Relation], kind: str) -> dict[UUID, list[UUID]]:
    found: dict[UUID, list[UUID]] = {}
    for one in relations:
        if one.kind == kind:
            found.setdefault(one.product_id, []).append(one.related_id)
            found.setdefault(one.related_id, []).append(one.product_id)
    return found
