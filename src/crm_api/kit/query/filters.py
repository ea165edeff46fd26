"""The filter language: JSON in, a shape and its values out; every mistake has a pointer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm_api.kit.actor import hidden_field
from crm_api.kit.custom.fields import INDEXED_OPERATORS, NUMBERS, CustomField
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, Invalid
from crm_api.kit.query.abouts import around, asked_about
from crm_api.kit.query.listing import Field, Linked, Listing, Relation
from crm_api.kit.query.mistakes import allowed, escape, fault, short
from crm_api.kit.query.operands import CustomTest, compared
from crm_api.kit.query.shapes import Shape
from crm_api.kit.query.taking import WRITTEN, Limits
from crm_api.kit.query.totals import Counting, Many
from crm_api.kit.query.typed import Asked, asked_fields, there
from crm_api.kit.query.visibility import sight_of

COMPARED = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "between", "is_null")
OPERATORS: dict[str, tuple[str, ...]] = {
    "text": (*COMPARED, "contains", "icontains", "starts_with", "ends_with", "search"),
    "uuid": ("eq", "ne", "in", "nin", "is_null"),
    "integer": COMPARED,
    "number": COMPARED,
    "amount": COMPARED,
    "boolean": ("eq", "ne", "is_null"),
    "instant": COMPARED,
    "day": COMPARED,
    "tags": ("has", "is_null"),
    "keys": ("has", "is_null"),
}

_ALL: Shape = ("and", ())


@dataclass
class Filter:
    """A parsed filter: what to compile, and the values in the order in which it asks for them."""

    shape: Shape = ("and", ())
    values: list[Any] = field(default_factory=list[Any])
    said: list[Any] = field(default_factory=list[Any])
    """The values as the next page says them again: `@now-7d` is then another moment."""
    led_by: list[CustomField] = field(default_factory=list[CustomField])
    """The relation fields by which it goes to other records, in the order of its shape."""

    @property
    def passes_all(self) -> bool:
        """Whether every record passes."""
        return self.shape == _ALL

    def both(self, other: "Filter") -> "Filter":
        """What passes this filter and another one."""
        if other.passes_all:
            return self
        if self.passes_all:
            return other
        shape = ("and", (self.shape, other.shape))
        values, said = [*self.values, *other.values], [*self.said, *other.said]
        return Filter(shape, values, said, [*self.led_by, *other.led_by])


def parse(
    source: Any,
    listing: Listing,
    tx: Tx,
    *,
    lax: bool = False,
    now: datetime | None = None,
    limits: Limits = WRITTEN,
) -> Filter:
    """Read a filter; `lax` lets strings stand for numbers and booleans, as query strings must.

    `now` is the moment that `@now` means, if not the transaction's. Raises `Invalid` with one fault, whose pointer starts at `/filter`.
    """
    reader = _Reader(tx, now or tx.now, lax=lax or limits.lax, limits=limits)
    shape = reader.node(source, listing, "/filter", 1)
    return Filter(shape, reader.values, reader.said, reader.led_by)


def rolled(
    field: CustomField, listing: Listing, tx: Tx, at: str = "/rollup"
) -> tuple[Shape, list[Any]]:
    """What a rollup field computes: its core in shapes, and the values of that.

    Raises `Invalid` where it is over something that is not there, `Forbidden` where the actor may
    not read it.
    """
    reader = _Reader(tx, tx.now, lax=False)
    core = reader.rolled(field, listing, at)
    return core, reader.values


def rolled_for(
    parameter: str, field: CustomField, listing: Listing, tx: Tx
) -> tuple[Shape, list[Any]]:
    """The same for a parameter that names the field, which is then what errors are about."""
    try:
        return rolled(field, listing, tx)
    except Forbidden as error:
        raise error.elsewhere(parameter=parameter) from None
    except Invalid as error:
        raise Invalid.parameter(parameter, "broken_field", error.detail) from None


class _Reader(Counting):
    def node(self, source: Any, listing: Listing, at: str, depth: int) -> Shape:
        if depth > (most := self.limits.depth):
            raise fault(at, "too_deep", f"A filter is at most {most} levels deep.")
        if not isinstance(source, Mapping):
            raise fault(at, "invalid_filter", "A filter is an object.")
        if not source:  # what it stands in is a part of the statement nevertheless
            self.tested(at)
        parts = [self.member(k, v, listing, f"{at}/{escape(k)}", depth) for k, v in source.items()]
        return parts[0] if len(parts) == 1 else ("and", tuple(parts))

    def member(self, key: str, value: Any, listing: Listing, at: str, depth: int) -> Shape:
        if key in {"and", "or"}:
            if not isinstance(value, Sequence) or isinstance(value, str) or not value:
                message = f"`{key}` takes a list of filters; in brackets they are numbered from 0."
                raise fault(at, "invalid_filter", message)
            nodes = (self.node(v, listing, f"{at}/{i}", depth + 1) for i, v in enumerate(value))
            return (key, tuple(nodes))
        if key == "not":
            return ("not", self.node(value, listing, at, depth + 1))
        relation = listing.related.get(key)
        if relation is not None:
            return self.relation(relation, value, at, depth)
        if key == "custom":
            return self.custom(value, listing, at, depth)
        if key == "about" and listing.linked is not None:
            return self.about(listing.linked, value, at)
        if key in listing.terms:
            self.tested(at)
            return ("term", key, listing.terms[key].read(self, value, at))
        known = listing.fields.get(key)
        if known is None:
            raise fault(at, "unknown_field", f"{listing.entity} has no field {short(key)!r}.")
        if key in self.actor.hidden(listing.entity):
            raise hidden_field(key, at)
        return self.tests(known, value, at)

    def about(self, linked: Linked, value: Any, at: str) -> Shape:
        """What is about a record or, by `rollup`, about what belongs to it as well."""
        self.tested(at)
        try:
            asked = asked_about(value, lax=self.lax)
        except ValueError as error:
            raise fault(at, "invalid_value", str(error)) from None
        target, places = there(asked.entity, self.tx, at), around(linked, asked, self.actor)
        self.keep(asked.key, asked.said)
        for _ in range(len(places) + 1):
            self.keep(asked.id, str(asked.id))
        return ("about", asked.entity, sight_of(self.actor, target), places)

    def relation(self, relation: Relation, value: Any, at: str, depth: int) -> Shape:
        target = relation.target()
        # What may not be read may not be guessed by its effect on a list either.
        self.actor.require(f"{target.area}:read")
        if not relation.many:
            sight = sight_of(self.actor, target)
            return ("one", relation.name, sight, self.node(value, target, at, depth + 1))
        return self.quantified(Many(relation.name, target), value, at, depth)

    def custom(self, value: Any, listing: Listing, at: str, depth: int) -> Shape:
        asked = asked_fields(value, listing, self.tx, at)
        parts = [self.custom_asked(one, listing, depth) for one in asked]
        return parts[0] if len(parts) == 1 else ("and", tuple(parts))

    def custom_asked(self, one: Asked, listing: Listing, depth: int) -> Shape:
        if one.source is None:
            return self.custom_field(one.field, one.value, one.at, listing, depth)
        way = Many(one.source.entity, one.source, one.field)
        return self.quantified(way, one.value, one.at, depth)

    def custom_field(
        self, field: CustomField, value: Any, at: str, listing: Listing, depth: int
    ) -> Shape:
        asked: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
        if field.type == "relation" and asked and not asked.keys() <= set(OPERATORS["uuid"]):
            target = there(field.relates_to or "", self.tx, at)
            self.lead(field)
            node = self.node(value, target, at, depth + 1)
            return ("refer", target.entity, sight_of(self.actor, target), node)
        if field.type == "money" and "currency" in asked:
            rest = {key: inner for key, inner in asked.items() if key != "currency"}
            code = CustomTest(field, listing, "text", of="currency")
            shape = self.tests(code, asked["currency"], f"{at}/currency")
            if not rest:
                return shape
            return ("and", (shape, self.custom_field(field, rest, at, listing, depth)))
        return self.tests(CustomTest(field, listing, field.kind), value, at)

    def tests(self, known: Field, value: Any, at: str) -> Shape:
        if not isinstance(value, Mapping):
            value = {"has" if known.kind in {"tags", "keys"} else "eq": value}
        if not value:
            raise fault(at, "invalid_filter", "Say an operator, such as eq.")
        parts: list[Shape] = []
        for operator, operand in value.items():
            here = f"{at}/{escape(operator)}"
            known_ones = OPERATORS[known.kind]
            if operator not in known_ones:
                raise fault(here, "unknown_operator", allowed(known_ones))
            parts.append(self.test(known, operator, operand, here))
        return parts[0] if len(parts) == 1 else ("and", tuple(parts))

    def test(self, known: Field, operator: str, operand: Any, at: str) -> Shape:
        if not isinstance(known, CustomTest):
            return ("test", known.name, self.take(known, operator, operand, at))
        if known.custom.rollup is not None:
            core = self.rolled(known.custom, known.listing, at)
            return self.totalled(core, known, operator, operand, at)
        place = len(self.values)
        self.keep(known.name, known.name)
        taken = self.take(known, operator, operand, at)
        by_index = known.custom.index_ready and not known.of and taken in INDEXED_OPERATORS
        scale = NUMBERS.get(known.kind) if by_index else None
        self.values[place + 1 :] = [
            compared(value, known.kind, scale) for value in self.values[place + 1 :]
        ]
        if by_index:
            self.values[place] = known.custom.id
        return ("custom", known.of or known.kind, "index" if by_index else "json", taken)
