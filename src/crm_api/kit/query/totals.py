"""What a filter asks of many related records: whether some pass, how many, what they come to.

`{"deals": {"some": {…}}}`, `{"deals": {"count": {"where": {…}, "gte": 2}}}` and
`{"deals": {"sum": {"field": "amount", "where": {…}, "gte": "1000"}}}`, of the records to which a
relation leads or that refer by a custom field (ADR-0115, ADR-0116).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from crm_api.kit.actor import hidden_field
from crm_api.kit.custom.catalogue import need_sight
from crm_api.kit.custom.fields import NUMBERS, CustomField, Rollup
from crm_api.kit.errors import Forbidden
from crm_api.kit.query.counting import COUNTED, TOTALLED, counting
from crm_api.kit.query.listing import Field, Kind, Listing
from crm_api.kit.query.mistakes import escape, fault, short
from crm_api.kit.query.operands import compared
from crm_api.kit.query.shapes import Shape
from crm_api.kit.query.taking import Taking
from crm_api.kit.query.typed import referring
from crm_api.kit.query.visibility import Sight, sight_of
from crm_api.kit.values import codes
from crm_api.kit.values.errors import BadValue

TOTALS = ("sum", "avg", "min", "max")
QUANTIFIERS = ("some", "none", "every", "count", *TOTALS)
_SAY = f"Say {', '.join(QUANTIFIERS[:-1])} or {QUANTIFIERS[-1]}."
_AMONG_ROLLUP = 3
"""How deep the filter of a rollup begins, which stands in that of a list."""
_CURRENCY, _BASE = "currency", "base_"
Led = tuple[str, str, Sight]


@dataclass(frozen=True)
class Many:
    """A way to many records: a relation, or a relation field by which they refer to one."""

    name: str
    """Of the relation; of a field, the kind of the records."""
    target: Listing
    field: CustomField | None = None

    @property
    def how(self) -> Literal["native", "reverse"]:
        """The word of it in shapes."""
        return "native" if self.field is None else "reverse"


class Counting(Taking):
    """Reads what is asked of many records; of each of them, `node` does."""

    quantifiers = 0
    rolling = False

    def node(self, source: Any, listing: Listing, at: str, depth: int) -> Shape:
        """The shape of a filter of a collection."""
        raise NotImplementedError

    def quantified(self, way: Many, value: Any, at: str, depth: int) -> Shape:
        """What is asked of the records to which a way leads; all of it holds."""
        if not isinstance(value, Mapping) or not value:
            raise fault(at, "missing_quantifier", _SAY)
        asked = cast("Mapping[str, Any]", value)
        parts = [self._asked(way, *one, f"{at}/{escape(one[0])}", depth) for one in asked.items()]
        return parts[0] if len(parts) == 1 else ("and", tuple(parts))

    def _asked(self, way: Many, quantifier: str, inner: Any, at: str, depth: int) -> Shape:
        if quantifier not in QUANTIFIERS:
            raise fault(at, "unknown_quantifier", _SAY)
        self.quantifiers += 1
        if self.quantifiers > (most := self.limits.quantifiers):
            raise fault(at, "too_many_quantifiers", f"At most {most}.")
        led = self._begun(way)
        if quantifier == "count":
            return self._count(way, led, inner, at, depth)
        if quantifier in TOTALS:
            return self._total(way, led, quantifier, inner, at, depth)
        return (quantifier, *led, self.node(inner, way.target, at, depth + 1))

    def _begun(self, way: Many) -> Led:
        if way.field is not None:
            self.lead(way.field)
        return way.how, way.name, sight_of(self.actor, way.target)

    def _count(self, way: Many, led: Led, value: Any, at: str, depth: int) -> Shape:
        rest = _members(value, at, "count")
        inner = self._where(way, rest.pop("where", None), at, depth)
        operator, bound = counting(rest, at, known=COUNTED)
        counted = Field(way.name, "integer", None, nullable=False)
        core = (*led, "count", None, inner)
        return self.totalled(core, counted, operator, bound, f"{at}/{operator}")

    def _total(self, way: Many, led: Led, function: str, value: Any, at: str, depth: int) -> Shape:
        rest = _members(value, at, function)
        name, currency, where = (rest.pop(key, None) for key in ("field", _CURRENCY, "where"))
        if not isinstance(name, str):
            raise fault(f"{at}/field", "required", "Say which field.")
        source = self._source(way.target, name, function, at)
        if source[-1] == "amount":
            source, only = self._money(way.target, source, name, currency, at)
        elif currency is not None:
            raise fault(f"{at}/{_CURRENCY}", "invalid_filter", "Only amounts have a currency.")
        else:
            only = None
        inner = self._where(way, where, at, depth)
        both = ("and", (only, inner)) if only and inner else only or inner
        operator, bound = counting(rest, at, word=function, known=TOTALLED)
        # Whole numbers come to decimals, too, and typed clients send both as strings.
        is_plain = function == "avg" or source[-1] == "integer"
        kind = cast("Kind", "number" if is_plain else source[-1])
        known = Field(name, kind, None, nullable=True)
        core = (*led, function, source, both)
        return self.totalled(core, known, operator, bound, f"{at}/{operator}")

    def totalled(self, core: Shape, known: Field, operator: str, bound: Any, at: str) -> Shape:
        """The comparison of what some records come to, whose values were taken by now."""
        place = len(self.values)
        taken = self.take(known, operator, bound, at)
        self.values[place:] = [compared(v, known.kind, None) for v in self.values[place:]]
        return ("rollup", core, taken)

    def _where(self, way: Many, where: Any, at: str, depth: int) -> Shape | None:
        return None if where is None else self.node(where, way.target, f"{at}/where", depth + 1)

    def _source(self, target: Listing, name: str, function: str, at: str) -> Shape:
        """The field that a total is over; its name is kept if it is a custom one."""
        at = f"{at}/field"
        wanted = {*NUMBERS} if function in {"sum", "avg"} else {*NUMBERS, "day", "instant"}
        own = name.removeprefix("custom.") if name.startswith("custom.") else None
        known = (
            target.fields.get(name) if own is None else self.tx.catalogue.of(target.entity).get(own)
        )
        if known is None:
            raise fault(at, "unknown_field", f"{target.entity} has no field {short(name)!r}.")
        is_rollup = isinstance(known, CustomField) and known.rollup is not None
        if known.kind not in wanted or is_rollup:
            takes = "numbers" if function in {"sum", "avg"} else "numbers and dates"
            raise fault(at, "wrong_type", f"`{function}` takes {takes}; {short(name)} is none.")
        if isinstance(known, CustomField):
            try:
                need_sight(known, self.actor)
            except Forbidden as error:
                raise error.elsewhere(pointer=at) from None
            self.keep(known.name, known.name)
            return ("custom", "", known.kind)
        self._need_sight(target, name, at)
        return ("column", name, known.kind)

    def _money(
        self, target: Listing, source: Shape, name: str, currency: Any, at: str
    ) -> tuple[Shape, Shape | None]:
        """Amounts of one currency: those in the one that is said, or all in the organization's."""
        at, is_own = f"{at}/{_CURRENCY}", source[0] == "custom"
        has_code = _CURRENCY in target.fields and name not in target.foreign
        if currency is not None:
            if not is_own and (name.startswith(_BASE) or not has_code):
                message = f"{name} is not in the currency of the {target.entity}."
                raise fault(at, "mixed_currencies", message)
            return source, self._only(target, name if is_own else None, currency, at)
        base = name if name.startswith(_BASE) else f"{_BASE}{name}"
        if is_own or base not in target.fields:
            message = f"{short(name)} is not stored in the organization's currency: "
            say = is_own or has_code
            message += "say which to take." if say else "the records may be in different ones."
            raise fault(at, "mixed_currencies", message)
        self._need_sight(target, base, at)
        only = ("home",) if f"{_BASE}{_CURRENCY}" in target.fields else None
        return ("column", base, "amount"), only

    def _only(self, target: Listing, custom: str | None, currency: Any, at: str) -> Shape:
        """The condition that an amount is in a currency."""
        try:
            code = codes.currency(currency if isinstance(currency, str) else "")
        except BadValue as error:
            raise fault(at, error.code, str(error)) from None
        if custom is None:
            self._need_sight(target, _CURRENCY, at)
            self.keep(code, code)
            return ("test", _CURRENCY, "eq")
        own = custom.removeprefix("custom.")
        self.keep(own, own)
        self.keep(code, code)
        return ("custom", _CURRENCY, "json", "eq")

    def _need_sight(self, target: Listing, name: str, at: str) -> None:
        if name in self.actor.hidden(target.entity):
            raise hidden_field(name, at)

    def rolled(self, field: CustomField, listing: Listing, at: str) -> Shape:
        """What a rollup field computes."""
        rollup = field.rollup
        assert rollup is not None
        if self.rolling:
            raise fault(at, "nested_rollup", "A rollup is not over rollups.")
        way = self._way(rollup, listing, at)
        led = self._begun(way)
        is_count, name = rollup.function == "count", rollup.field or ""
        source = None if is_count else self._source(way.target, name, rollup.function, at)
        self.rolling, lax, self.lax = True, self.lax, False
        given = rollup.filter or None
        inner = given and self.node(given, way.target, f"{at}/filter", _AMONG_ROLLUP)
        self.rolling, self.lax = False, lax
        return (*led, rollup.function, source, inner)

    def _way(self, rollup: Rollup, listing: Listing, at: str) -> Many:
        at = f"{at}/relation"
        if "." in rollup.relation:
            target, back = referring(rollup.relation, listing, self.tx, at)
            return Many(target.entity, target, back)
        relation = listing.related.get(rollup.relation)
        if relation is None or not relation.many:
            message = f"{listing.entity} has no records under {short(rollup.relation)!r}."
            raise fault(at, "unknown_relation", message)
        target = relation.target()
        self.actor.require(f"{target.area}:read")
        return Many(relation.name, target)


def _members(value: Any, at: str, word: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise fault(at, "invalid_filter", f"`{word}` takes an object.")
    # Clients with types write null for what they leave out.
    said = cast("Mapping[str, Any]", value)
    return {key: inner for key, inner in said.items() if inner is not None}
