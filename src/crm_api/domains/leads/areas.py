"""Where leads are from, and the tree of territories that they fall into; needs no database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from uuid import UUID

LISTED = (("country", "countries"), ("region", "regions"), ("industry", "industries"))
_LISTS = (*(name for _, name in LISTED), "postal_prefixes", "postal_ranges")


class Located(Protocol):
    """A lead, as far as it matters where it is from."""

    @property
    def country(self) -> str | None:
        """Its country."""
        ...

    @property
    def region(self) -> str | None:
        """Its region."""
        ...

    @property
    def industry(self) -> str | None:
        """Its industry."""
        ...

    @property
    def postal_code(self) -> str | None:
        """Its postal code."""
        ...


class Placed(Located, Protocol):
    """A lead, with the companies that it is of, or may be, and those that these belong to."""

    @property
    def companies(self) -> Sequence[UUID]:
        """Their ids, the nearest first."""
        ...


def compact(code: str) -> str:
    """A postal code as it is compared: `80 331` is `80331`."""
    return "".join(code.split()).casefold()


@dataclass(frozen=True)
class Area:
    """What a member or a territory takes; of what it lists nothing of, all."""

    listed: Mapping[str, frozenset[str]]
    codes: Sequence[tuple[str, str]]
    """The first and the last of the beginnings of postal codes, which are equally long."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Area":
        """That of the fields of a member or of a territory."""
        if not any(values.get(name) for name in _LISTS):
            return EVERYWHERE
        listed = {field: frozenset(one.casefold() for one in values[n]) for field, n in LISTED}
        codes = [(one, one) for one in map(compact, values["postal_prefixes"])]
        codes += [
            (compact(one["first"]), compact(one["last"])) for one in values.get("postal_ranges", ())
        ]
        return cls({field: among for field, among in listed.items() if among}, codes)

    @property
    def is_limited(self) -> bool:
        """Whether anything is outside of it."""
        return bool(self.listed or self.codes)

    def outside(self, lead: Located) -> str | None:
        """What of a lead is not in it, in a word."""
        for field, among in self.listed.items():
            value = getattr(lead, field)
            if value is None or value.casefold() not in among:
                return "territory" if field != "industry" else "industry"
        return "territory" if self.codes and not self.reach(lead) else None

    def reach(self, lead: Located) -> int:
        """How many characters of its postal code have it be in the area; the most that do."""
        if not self.codes or lead.postal_code is None:
            return 0
        code = compact(lead.postal_code)
        return max(
            (len(a) for a, b in self.codes if len(a) <= len(code) and a <= code[: len(a)] <= b),
            default=0,
        )


EVERYWHERE = Area({}, ())


@dataclass(frozen=True)
class Territory:
    """A territory in its tree."""

    id: UUID
    name: str
    place: int
    """Its place in the order of the tree, and that of its parent."""
    above: int | None
    depth: int
    area: Area
    accounts: frozenset[UUID]
    pool_id: UUID | None
    user_id: UUID | None
    """Where its leads go: as it says itself, else as the next above that says so."""


class _Rank(NamedTuple):
    nearness: int
    """Of the company by which a lead is in it; 0: it is by its area."""
    depth: int
    reach: int
    place: int
    """Negative, so that the first is the highest."""


class Tree:
    """Territories below one another, in their order.

    A lead is in a territory if it is in those above and in its own area, or if its company, or one
    that this belongs to, is one of the named accounts of this territory or of one above, wherever
    it is from. Of several the most specific has it: named accounts go before areas, the company
    before those that it belongs to, the deeper before the higher, more characters of a postal code
    before fewer, and then the first in their order.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Those that count, those that come first first; below what does not none does."""
        below: dict[UUID | None, list[Mapping[str, Any]]] = {}
        for row in rows:
            below.setdefault(row["parent_id"], []).append(row)
        self.territories: list[Territory] = []
        waiting: list[tuple[Mapping[str, Any], int | None]]
        waiting = [(row, None) for row in reversed(below.get(None, ()))]
        while waiting:
            row, above = waiting.pop()
            waiting += [(one, len(self.territories)) for one in reversed(below.get(row["id"], ()))]
            self.territories.append(self._placed(row, above))
        self._ends = list(range(1, len(self.territories) + 1))
        self._named: dict[UUID, list[int]] = {}
        for one in reversed(self.territories):
            if one.above is not None:
                self._ends[one.above] = max(self._ends[one.above], self._ends[one.place])
            for account in one.accounts:
                self._named.setdefault(account, []).append(one.place)
        self._known: dict[Any, Territory | None] = {}

    def _placed(self, row: Mapping[str, Any], above: int | None) -> Territory:
        parent = None if above is None else self.territories[above]
        leads_to = row["pool_id"], row["user_id"]
        if leads_to == (None, None) and parent is not None:
            leads_to = parent.pool_id, parent.user_id
        return Territory(
            row["id"],
            row["name"],
            len(self.territories),
            above,
            0 if parent is None else parent.depth + 1,
            Area.of(row),
            frozenset(map(UUID, row["company_ids"])),
            *leads_to,
        )

    def of(self, lead: Placed) -> Territory | None:
        """The one that a lead is in."""
        key = (*(getattr(lead, field) for field, _ in LISTED), lead.postal_code, *lead.companies)
        if key not in self._known:
            found = max(self._those(lead), key=lambda one: one[0], default=None)
            self._known[key] = None if found is None else found[1]
        return self._known[key]

    def tied(self, lead: Placed) -> list[Territory]:
        """All that are as specific for a lead as the one that it is in, in their order."""
        found = list(self._those(lead))
        best = max((rank[:3] for rank, _ in found), default=None)
        return [one for rank, one in found if rank[:3] == best]

    def _those(self, lead: Placed) -> Iterable[tuple[_Rank, Territory]]:
        """Those that a lead is in, in their order.

        What is below one that it is not in is passed over, unless its company is named there.
        """
        nearness = {id: step for step, id in enumerate(reversed(lead.companies), 1)}
        accounts = [place for id in nearness for place in self._named.get(id, ())]
        named: dict[int, int | None] = {}
        place = 0
        while place < len(self.territories):
            one, end = self.territories[place], self._ends[place]
            near = named[place] = self._takes(one, lead, nearness, named)
            if near is not None:
                yield _Rank(near, one.depth, one.area.reach(lead), -place), one
            elif not any(place < account < end for account in accounts):
                place = end
                continue
            place += 1

    def _takes(
        self,
        one: Territory,
        lead: Placed,
        nearness: Mapping[UUID, int],
        named: Mapping[int, int | None],
    ) -> int | None:
        """How near the company is by which a lead is in a territory, 0 by its area; None: it is not."""
        above = 0 if one.above is None else named[one.above]
        if own := max((nearness[id] for id in nearness.keys() & one.accounts), default=0):
            return max(own, above or 0)
        is_for_accounts = bool(one.accounts) and not one.area.is_limited
        if above is None or is_for_accounts or one.area.outside(lead) is not None:
            return None
        return above
