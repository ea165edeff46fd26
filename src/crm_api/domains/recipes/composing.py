"""One draft made of wishes: what they require comes with them, what clashes stays out; pure.

Wishes are taken in the order of their strength, each with everything that it requires, or not at
all. So whatever has been taken never has to go again, and at every moment nothing is required that
is not there and nothing is there that excludes something else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.quotes.lines import MOST_LINES
from crm_api.domains.recipes.goods import Goods, Key
from crm_api.kit.pricing.rounding import ONE, ZERO

Told = dict[str, Any]
ASKED, PAST, RECIPE, NEED, OPTION, SUGGESTION = range(6)
"""How strong wishes are, the strongest first."""


Components = tuple[tuple[UUID, Decimal | None], ...]
"""The optional components of a bundle that are taken, and how many, as it was said."""


@dataclass(frozen=True)
class Wish:
    """Something that is to be in a draft, and why."""

    key: Key
    quantity: Decimal
    reason: Told
    strength: int
    is_optional: bool = False
    worth: Decimal = ZERO
    """Of an option: how much it is wanted, where there is no room for all of them."""
    section: str | None = None
    interval: str | None = None
    term: int | None = None
    unit_id: UUID | None = None
    components: Components = ()


@dataclass
class Composed:
    """The lines of a draft, in their order."""

    lines: dict[Key, Wish] = field(default_factory=dict[Key, Wish])
    left_out: list[Told] = field(default_factory=list[Told])
    takes: dict[Key, frozenset[Key]] = field(default_factory=dict[Key, frozenset[Key]])
    """By line those that it requires itself."""

    def bundle_of(self, key: Key) -> frozenset[Key]:
        """A line with everything that it requires, however indirectly."""
        found, ends = {key}, [key]
        while ends:
            more = self.takes.get(ends.pop(), frozenset()) - found
            found |= more
            ends += more
        return frozenset(found)

    def only(self, keys: frozenset[Key]) -> "Composed":
        """The same with some of the lines."""
        lines = {key: wish for key, wish in self.lines.items() if key in keys}
        return Composed(lines, list(self.left_out), self.takes)


def reason(kind: str, text: str, **more: Any) -> Told:
    """Why a line is there."""
    return {"kind": kind, "text": text, **more}


def left_out(goods: Goods, key: Key | None, why: tuple[str, str], by: UUID | None = None) -> Told:
    """What is not there, and why."""
    product, variant = key or (None, None)
    return {
        "code": why[0],
        "text": why[1],
        "product_id": product,
        "variant_id": variant,
        "name": None if product is None else goods.name_of(product),
        "by": by if by in goods.products else None,
    }


def composed(wishes: Sequence[Wish], goods: Goods) -> Composed:
    """What there is to offer of some wishes, and what not."""
    return _Composer(wishes, goods).whole()


class _Refused(Exception):
    def __init__(self, why: tuple[str, str], by: UUID | None = None) -> None:
        super().__init__(why[1])
        self.why, self.by = why, by


class _Composer:
    def __init__(self, wishes: Sequence[Wish], goods: Goods) -> None:
        self._goods = goods
        self._made = Composed()
        self._givers: dict[UUID, Key] = {}
        """By product, also one in a bundle, the line that it comes by."""
        # What can go again comes last, so that nothing that stays depends on it.
        self._wishes = sorted(wishes, key=lambda wish: (wish.is_optional, wish.strength))
        self._wished: dict[UUID, Wish] = {}
        for wish in self._wishes:
            self._wished.setdefault(wish.key[0], wish)

    def whole(self) -> Composed:
        for wish in self._wishes:
            self._take(wish)
        return self._made

    def _take(self, wish: Wish) -> None:
        offered = self._offered(wish)
        if offered is None:
            return
        known = self._made.lines.get(offered.key)
        if known is not None:
            if known.strength == wish.strength < SUGGESTION and known.reason is not wish.reason:
                self._leave_out(wish.key, ("repeated", "It is offered already."))
            return
        if offered.strength == SUGGESTION and not self._is_wanted(offered):
            return
        try:
            lines, takes = self._with_required(offered)
            self._need_no_clash(lines)
        except _Refused as refused:
            self._leave_out(wish.key, refused.why, refused.by)
            return
        for line in lines:
            self._made.lines[line.key] = line
            for inner in self._goods.contents(line.key[0]):
                self._givers.setdefault(inner, line.key)
        self._made.takes |= takes

    def _is_wanted(self, suggestion: Wish) -> bool:
        """Whether what it goes with is there, and it is not, in a bundle for instance."""
        by = suggestion.reason["product_id"]
        return suggestion.key[0] not in self._givers and by in self._givers

    def _offered(self, wish: Wish) -> Wish | None:
        """The wish, or what takes its place."""
        why = self._goods.problem(wish.key)
        if why is None:
            return wish
        other = self._goods.in_place_of(wish.key)
        # What is only suggested need not be replaced.
        if other is None or wish.strength == SUGGESTION:
            self._leave_out(wish.key, why)
            return None
        name = self._goods.name_of(wish.key[0])
        text = f"Instead of {name}: {why[1]}" if name else f"Instead of another one: {why[1]}"
        told = {**wish.reason, **reason("substitute", text, product_id=wish.key[0])}
        return replace(wish, key=other, reason=told, unit_id=None, components=())

    def _with_required(self, root: Wish) -> tuple[list[Wish], Mapping[Key, frozenset[Key]]]:
        """The line with those that it requires and that are not there yet."""
        lines, takes = [root], dict[Key, frozenset[Key]]()
        givers = dict.fromkeys(self._goods.contents(root.key[0]), root.key)
        for line in lines:
            needed = list[Key]()
            for by in sorted(self._goods.contents(line.key[0])):
                for id in self._goods.requires.get(by, ()):
                    giver = givers.get(id) or self._givers.get(id)
                    if giver is None:
                        more = self._required(id, by, root)
                        lines.append(more)
                        giver = more.key
                        for inner in self._goods.contents(id):
                            givers.setdefault(inner, giver)
                    needed.append(giver)
            takes[line.key] = frozenset(needed) - {line.key}
        if len(self._made.lines) + len(lines) > MOST_LINES:
            raise _Refused(("too_many", f"A quote has at most {MOST_LINES} lines."))
        return lines, takes

    def _required(self, id: UUID, by: UUID, root: Wish) -> Wish:
        own = self._wished.get(id)
        key: Key = (id, None) if own is None else own.key
        why = self._goods.problem(key)
        if why is not None:
            name = self._goods.name_of(id)
            text = f"It requires {name}: {why[1]}" if name else f"What it requires: {why[1]}"
            raise _Refused(("required_missing", text), id)
        if own is not None:
            return replace(own, is_optional=root.is_optional and own.is_optional)
        text = f"Required by {self._goods.name_of(by) or 'another product'}."
        told = reason("required", text, product_id=by)
        return Wish(key, ONE, told, root.strength, root.is_optional, section=root.section)

    def _need_no_clash(self, lines: Iterable[Wish]) -> None:
        present = set(self._givers)
        for line in lines:
            present |= self._goods.contents(line.key[0])
        for line in lines:
            other = self._goods.clashing(line.key[0], present)
            if other is not None:
                name = self._goods.name_of(other)
                text = f"It does not go with {name}." if name else "It does not go with another."
                raise _Refused(("excluded", text), other)

    def _leave_out(self, key: Key, why: tuple[str, str], by: UUID | None = None) -> None:
        told = left_out(self._goods, key, why, by)
        if told not in self._made.left_out:
            self._made.left_out.append(told)
