"""The filter language: JSON in, a shape and its values out; every mistake has a pointer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm_api.kit.actor import hidden_field
from crm_api.kit.custom.catalogue import need_sight
from crm_api.kit.custom.fields import INDEXED_OPERATORS, NUMBERS, CustomField, Rollup
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, Invalid
from crm_api.kit.query.abouts import around, asked_about
from crm_api.kit.query.counting import counting
from crm_api.kit.query.listing import Field, Linked, Listing, Relation
from crm_api.kit.query.mistakes import allowed, escape, fault, short
from crm_api.kit.query.operands import READERS, CustomTest, compared, said_again
from crm_api.kit.query.targets import target_of
from crm_api.kit.query.typed import asked_fields
from crm_api.kit.query.visibility import sight_of
from crm_api.kit.values.errors import BadValue

MAX_DEPTH = 6
MAX_CONDITIONS = 50
MAX_QUANTIFIERS = 5
MAX_VALUES = 500

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
QUANTIFIERS = ("some", "none", "every", "count")

# A shape is a nested tuple without values, so that equal filters share one compiled statement:
# ("and", (…)), ("or", (…)), ("not", …), ("test", field, operator), ("one", relation, sight, …),
# ("some" | "none" | "every", relation, sight, …), ("count", relation, sight, … | None, operator),
# ("custom", kind, "json" | "index", operator): the first value is the field's name or id,
# ("refer", entity, sight, …): the first value is the field's id, ("rollup", core, operator),
# ("term", name, …): as the term of the collection has read it,
# ("about", entity, sight, (place and sight of each collection around it, …)).
Shape = tuple[Any, ...]
_ALL: Shape = ("and", ())
MY_TEAMS = "@my_teams"
_OF_TEAMS = {"eq": "in", "ne": "nin", "in": "in", "nin": "nin"}


@dataclass
class Filter:
    """A parsed filter: what to compile, and the values in the order in which it asks for them."""

    shape: Shape = ("and", ())
    values: list[Any] = field(default_factory=list[Any])
    said: list[Any] = field(default_factory=list[Any])
    """The values as the next page says them again: `@now-7d` is then another moment."""

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
        return Filter(shape, [*self.values, *other.values], [*self.said, *other.said])


def parse(
    source: Any, listing: Listing, tx: Tx, *, lax: bool = False, now: datetime | None = None
) -> Filter:
    """Read a filter; `lax` lets strings stand for numbers and booleans, as query strings must.

    `now` is the moment that `@now` means, if not the transaction's. Raises `Invalid` with one fault, whose pointer starts at `/filter`.
    """
    reader = _Reader(tx, now or tx.now, lax=lax)
    shape = reader.node(source, listing, "/filter", 1)
    return Filter(shape, reader.values, reader.said)


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


class _Reader:
    def __init__(self, tx: Tx, now: datetime, *, lax: bool) -> None:
        self.tx, self.actor, self.now, self.lax = tx, tx.actor, now, lax
        self.values: list[Any] = []
        self.said: list[Any] = []
        self.conditions = 0
        self.quantifiers = 0
        self.rolling = False

    def node(self, source: Any, listing: Listing, at: str, depth: int) -> Shape:
        if depth > MAX_DEPTH:
            raise fault(at, "too_deep", f"A filter is at most {MAX_DEPTH} levels deep.")
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
        target, places = self.target(asked.entity, at), around(linked, asked, self.actor)
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
        if not isinstance(value, Mapping) or not value:
            raise fault(at, "missing_quantifier", "Say some, none, every or count.")
        parts: list[Shape] = []
        for quantifier, inner in value.items():
            here = f"{at}/{escape(quantifier)}"
            if quantifier not in QUANTIFIERS:
                raise fault(here, "unknown_quantifier", "Say some, none, every or count.")
            self.quantifiers += 1
            if self.quantifiers > MAX_QUANTIFIERS:
                raise fault(here, "too_many_quantifiers", f"At most {MAX_QUANTIFIERS}.")
            if quantifier == "count":
                parts.append(self.count(relation, inner, here, depth))
            else:
                node = self.node(inner, target, here, depth + 1)
                parts.append((quantifier, relation.name, sight_of(self.actor, target), node))
        return parts[0] if len(parts) == 1 else ("and", tuple(parts))

    def count(self, relation: Relation, value: Any, at: str, depth: int) -> Shape:
        if not isinstance(value, Mapping):
            raise fault(at, "invalid_filter", "`count` takes an object.")
        rest = dict(value)
        where = rest.pop("where", None)
        inner = None
        if where is not None:
            inner = self.node(where, relation.target(), f"{at}/where", depth + 1)
        operator, bound = counting(rest, at)
        counted = Field(relation.name, "integer", None, nullable=False)
        self.take(counted, operator, bound, f"{at}/{operator}")
        sight = sight_of(self.actor, relation.target())
        return ("count", relation.name, sight, inner, operator)

    def custom(self, value: Any, listing: Listing, at: str, depth: int) -> Shape:
        asked = asked_fields(value, listing, self.tx, at)
        parts = [self.custom_field(one.field, one.value, one.at, listing, depth) for one in asked]
        return parts[0] if len(parts) == 1 else ("and", tuple(parts))

    def custom_field(
        self, field: CustomField, value: Any, at: str, listing: Listing, depth: int
    ) -> Shape:
        asked: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
        if field.type == "relation" and asked and not asked.keys() <= set(OPERATORS["uuid"]):
            target = self.target(field.relates_to or "", at)
            self.keep(field.id, field.id)
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

    def target(self, entity: str, at: str) -> Listing:
        target = target_of(entity)
        absent = target is not None and target.part and entity not in self.tx.catalogue.objects
        if target is None or absent:
            raise fault(at, "unknown_relation", f"There are no records of the kind {entity!r}.")
        self.actor.require(f"{target.area}:read")
        return target

    def rolled(self, field: CustomField, listing: Listing, at: str) -> Shape:
        rollup = field.rollup
        assert rollup is not None
        if self.rolling:
            raise fault(at, "nested_rollup", "A rollup is not over rollups.")
        entity, _, name = rollup.relation.partition(".")
        relation = listing.related.get(entity)
        if name:
            target = self.target(entity, f"{at}/relation")
            back = self.tx.catalogue.of(entity).get(name)
            if back is None or back.relates_to != listing.entity:
                message = f"{short(rollup.relation)} does not lead here."
                raise fault(f"{at}/relation", "unknown_relation", message)
            need_sight(back, self.actor)
            self.keep(back.id, back.id)
            how = ("reverse", entity)
        elif relation is not None and relation.many:
            target = relation.target()
            self.actor.require(f"{target.area}:read")
            how = ("native", entity)
        else:
            message = f"{listing.entity} has no records under {short(rollup.relation)!r}."
            raise fault(f"{at}/relation", "unknown_relation", message)
        source = None if rollup.function == "count" else self.summed(rollup, target, at)
        self.rolling, lax, self.lax = True, self.lax, False
        inner = self.node(rollup.filter, target, f"{at}/filter", 3) if rollup.filter else None
        self.rolling, self.lax = False, lax
        return (*how, sight_of(self.actor, target), rollup.function, source, inner)

    def summed(self, rollup: Rollup, target: Listing, at: str) -> Shape:
        """The field that a rollup is over."""
        name = rollup.field or ""
        wanted = set(NUMBERS) if rollup.function in {"sum", "avg"} else {*NUMBERS, "day", "instant"}
        own = self.tx.catalogue.of(target.entity).get(name.removeprefix("custom."))
        if name.startswith("custom.") and own is not None and own.kind in wanted and not own.rollup:
            need_sight(own, self.actor)
            self.keep(own.name, own.name)
            return ("custom", "", own.kind)
        known = target.fields.get(name)
        if known is None or known.kind not in wanted:
            message = f"{rollup.function} takes numbers or dates of {target.entity}."
            raise fault(f"{at}/field", "unknown_field", message)
        if name in self.actor.hidden(target.entity):
            raise hidden_field(name, f"{at}/field")
        return ("column", name, known.kind)

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
            place = len(self.values)
            taken = self.take(known, operator, operand, at)
            self.values[place:] = [compared(v, known.kind, None) for v in self.values[place:]]
            return ("rollup", core, taken)
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

    def take(self, known: Field, operator: str, operand: Any, at: str) -> str:
        """Store an operator's values; returns the operator, which null may change."""
        self.tested(at)
        if operator == "is_null":
            return "is_null" if self.boolean(operand, at) else "not_null"
        if operand is None:
            if operator in {"eq", "ne"}:
                return "is_null" if operator == "eq" else "not_null"
            raise fault(at, "invalid_value", "null goes with eq, ne or is_null.")
        if operand == MY_TEAMS and known.kind == "uuid" and operator in _OF_TEAMS:
            operator, operand = _OF_TEAMS[operator], [operand]
        if operator in {"in", "nin"}:
            self.keep(*self.several(known, self.items(operand, at, None), at))
        elif operator == "between":
            for i, item in enumerate(self.items(operand, at, exactly=2)):
                read = self.value(known, item, f"{at}/{i}")
                self.keep(read, said_again(item, read))
        else:
            read = self.value(known, operand, at, operator)
            self.keep(read, said_again(operand, read))
        return operator

    def tested(self, at: str) -> None:
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            raise fault(at, "too_many_conditions", f"At most {MAX_CONDITIONS} conditions.")

    def keep(self, value: Any, said: Any) -> None:
        self.values.append(value)
        self.said.append(said)

    def several(self, known: Field, items: list[Any], at: str) -> tuple[list[Any], list[Any]]:
        """The values of a list, in which the actor's teams are as many as they are."""
        found, said = list[Any](), list[Any]()
        for place, item in enumerate(items):
            if item == MY_TEAMS and known.kind == "uuid":
                found += sorted(self.actor.teams)
                said.append(item)
            else:
                found.append(self.value(known, item, f"{at}/{place}"))
                said.append(said_again(item, found[-1]))
        return found, said

    def items(self, operand: Any, at: str, exactly: int | None) -> list[Any]:
        if isinstance(operand, str) and self.lax:
            operand = operand.split(",")
        if not isinstance(operand, list):
            raise fault(at, "invalid_value", "This operator takes a list.")
        items: list[Any] = list(operand)
        if exactly is not None and len(items) != exactly:
            raise fault(at, "invalid_value", f"This operator takes {exactly} values.")
        if len(items) > MAX_VALUES:
            raise fault(at, "too_many_values", f"At most {MAX_VALUES} values.")
        return items

    def boolean(self, value: Any, at: str) -> bool:
        if self.lax and isinstance(value, str) and value in {"true", "false"}:
            return value == "true"
        if not isinstance(value, bool):
            raise fault(at, "invalid_value", "Not a boolean.")
        return value

    def value(self, known: Field, value: Any, at: str, operator: str = "eq") -> Any:
        try:
            return READERS[known.kind](self, known, value, operator)
        except BadValue as error:
            raise fault(at, error.code, str(error)) from None
        except (ValueError, TypeError, ArithmeticError) as error:
            raise fault(at, "invalid_value", str(error) or "Not a value of this field.") from None
