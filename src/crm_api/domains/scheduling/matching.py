"""Who fulfils what: requirements that share candidates, fulfilled by different ones.

Places are filled by augmenting paths (Kuhn 1955; Berge 1957): along one, whoever has a place may
change it and nobody loses theirs. So all places are filled wherever that is possible at all, and
whoever is to be among them is placed first and stays placed (Mendelsohn and Dulmage 1958).
"""

from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


def matched(
    wanted: Sequence[tuple[int, Iterable[T]]], must: Collection[T] = ()
) -> list[list[T]] | None:
    """Of each requirement its candidates, so many as it needs; None where that cannot be.

    `wanted` has for each requirement how many it needs, and who could be, the best first, to be gone
    through more than once. All of `must` are among the answer. Nobody is named twice.
    """
    found = _greedy(wanted, must)
    return found if found is not None else _Matching(wanted).solve(must)


def _greedy(wanted: Sequence[tuple[int, Iterable[T]]], must: Collection[T]) -> list[list[T]] | None:
    """The best of each that are left, where that works out, as it does almost always."""
    taken = set[T]()
    chosen: list[list[T]] = []
    for quantity, candidates in wanted:
        own: list[T] = []
        for one in candidates:
            if len(own) == quantity:
                break
            if one not in taken:
                own.append(one)
        if len(own) < quantity:
            return None
        taken.update(own)
        chosen.append(own)
    return chosen if taken.issuperset(must) else None


class _Matching(Generic[T]):
    """Places, which are as many for each requirement as it needs, and who has them."""

    def __init__(self, wanted: Sequence[tuple[int, Iterable[T]]]) -> None:
        # Gone through again and again, so it is asked once who could be.
        self.wanted = [(quantity, list(candidates)) for quantity, candidates in wanted]
        self.places = [n for n, (quantity, _) in enumerate(wanted) for _ in range(quantity)]
        self.fits = [set(candidates) for _, candidates in self.wanted]
        self.holder: dict[int, T] = {}
        self.place_of: dict[T, int] = {}

    def solve(self, must: Collection[T]) -> list[list[T]] | None:
        """All places filled, with all of those who must be; None where that cannot be."""
        if not all(self._seat(one, set()) for one in must):
            return None
        for place in range(len(self.places)):
            if place not in self.holder and not self._fill(place, set()):
                return None
        chosen: list[list[T]] = [[] for _ in self.wanted]
        for place, one in sorted(self.holder.items()):
            chosen[self.places[place]].append(one)
        return chosen

    def _seat(self, one: T, tried: set[int]) -> bool:
        """Give somebody a place; whoever had it gets another."""
        for place, requirement in enumerate(self.places):
            if place in tried or one not in self.fits[requirement]:
                continue
            tried.add(place)
            if place not in self.holder or self._seat(self.holder[place], tried):
                self.holder[place], self.place_of[one] = one, place
                return True
        return False

    def _fill(self, place: int, tried: set[T]) -> bool:
        """Give a place to somebody; the place that they had before gets somebody else."""
        for one in self.wanted[self.places[place]][1]:
            if one in tried:
                continue
            tried.add(one)
            before = self.place_of.get(one)
            if before is None or self._fill(before, tried):
                self.holder[place], self.place_of[one] = one, place
                return True
        return False
