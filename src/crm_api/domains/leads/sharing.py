"""The choices of a desk for very many leads, by arrays: the same as one at a time, a lead each 10 µs.

What speaks against a member is the same for all leads of one profile, as long as nobody reaches a
cap; it is worked out once for all of them, and is a ground of their decisions.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from crm_api.domains.leads.areas import Located
from crm_api.domains.leads.choosing import (
    Candidate,
    Fitting,
    counts_weeks,
    full,
    goes_by_credit,
    misfit,
    room_of,
)

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
MARKS: Mapping[str, str] = {
    "inactive": "i",
    "had_it": "h",
    "skills": "s",
    "language": "l",
    "territory": "t",
    "industry": "b",
    "open_cap": "o",
    "daily_cap": "d",
    "weekly_cap": "w",
    "absent": "a",
    "off_shift": "f",
}
"""What speaks against a member, as a ground holds it: a letter each; a dot where nothing does."""
MEANINGS = {mark: reason for reason, mark in MARKS.items()}


class Sharable(NamedTuple):
    """What of a lead its choice goes by."""

    id: UUID
    version: int
    score: int | None
    skills: Sequence[str]
    language: str | None
    country: str | None
    region: str | None
    industry: str | None
    postal_code: str | None


class Profiled(Located, Protocol):
    """A lead, as far as it matters to the members of a pool."""

    @property
    def skills(self) -> Sequence[str]:
        """What it asks for."""
        ...

    @property
    def language(self) -> str | None:
        """Its language."""
        ...


@dataclass(frozen=True)
class Seats:
    """A pool as a desk has it: its members, and what speaks against each whatever the lead."""

    pool_id: UUID
    strategy: str
    members: Sequence[Mapping[str, Any]]
    candidates: Sequence[Candidate]
    turn: int
    before: Sequence[str | None]
    """`inactive`, which is asked first."""
    after: Sequence[str | None]
    """`absent` and `off_shift`, which are asked last."""


@dataclass
class _Profile:
    """Leads for which the same speaks against each member, but for the caps."""

    words: Sequence[str | None]
    open_to: Ints
    """The places of those against whom nothing speaks."""
    epoch: int = -1
    places: Ints | None = None
    total: int = 0
    ground: int = -1


class Choice(NamedTuple):
    """Who has a lead: a place among the members of a pool; None where nobody can have it."""

    pool: int
    place: int | None
    ground: int


class Table:
    """One pool, while many leads are shared out of it."""

    def __init__(self, seats: Seats) -> None:
        self.seats = seats
        members, known = seats.members, seats.candidates
        self.weight: Ints = np.array([c.weight for c in known], np.int64)
        self.credit: Ints = np.array([c.credit for c in known], np.int64)
        self.turn: Ints = np.array([c.turn for c in known], np.int64)
        self.open: Ints = np.array([c.open for c in known], np.int64)
        self.today: Ints = np.array([c.today for c in known], np.int64)
        self.week: Ints = np.array([c.week for c in known], np.int64)
        rooms = [room_of(*one) for one in zip(members, known, strict=True)]
        self.room: Ints = np.array(rooms, np.int64)
        self.given: Ints = np.zeros(len(known), np.int64)
        self.turns = seats.turn
        self._full: Bools = self.room <= 0
        self._epoch = 0
        self._fitting = Fitting.of(members)
        self._profiles: dict[Any, _Profile] = {}
        self.grounds: dict[str, int] = {}

    def words(self, lead: Profiled, had: Sequence[UUID]) -> Sequence[str | None]:
        """What speaks against each member for a lead, whenever that may be."""
        return self.profile(lead, had).words

    def begin_day(self, *, begins_week: bool) -> None:
        """Nobody has had a lead today."""
        self.today[:] = 0
        if begins_week:
            self.week[:] = 0
        for place, member in enumerate(self.seats.members):
            self.room[place] = room_of(member, self._stands(place))
        self._full = self.room <= 0
        self._profiles.clear()

    def pick(self, lead: Profiled, had: Sequence[UUID]) -> tuple[int | None, int]:
        """The place of the next for a lead, whose state moves on, and the ground of the choice."""
        profile = self.profile(lead, had)
        places = self.stand(profile)
        if not len(places):
            return None, profile.ground
        if goes_by_credit(self.seats.strategy):
            self.credit[places] += self.weight[places]
            place = int(places[self.credit[places].argmax()])
            self.credit[place] -= profile.total
        else:
            place = self._least_loaded(places)
        self.give(place)
        return place, profile.ground

    def _least_loaded(self, places: Ints) -> int:
        # Quotients of whole numbers this small are equal as floats only where they are equal.
        loads = (self.open[places] + 1) / self.weight[places]
        least = places[loads == loads.min()]
        return int(least[self.turn[least].argmin()])

    def give(self, place: int) -> None:
        """A member has one more."""
        self.turns += 1
        self.turn[place] = self.turns
        for counts in (self.open, self.today, self.week, self.given):
            counts[place] += 1
        self.room[place] -= 1
        if self.room[place] <= 0:
            self._full[place] = True
            self._epoch += 1

    def take_back(self, place: int, ground: int, *, is_today: bool, is_this_week: bool) -> None:
        """Have all stand as if a member had not been given one by a choice on this ground."""
        if goes_by_credit(self.seats.strategy):
            marks = next(islice(self.grounds, ground, None))
            able = np.array([n for n, mark in enumerate(marks) if mark == "."], np.int64)
            self.credit[able] -= self.weight[able]
            self.credit[place] += int(self.weight[able].sum())
        for counts, is_counted in (
            *((self.open, True), (self.given, True)),
            *((self.today, is_today), (self.week, is_this_week)),
        ):
            counts[place] -= is_counted
        self.room[place] = room_of(self.seats.members[place], self._stands(place))
        self._full[place] = self.room[place] <= 0
        self._epoch += 1

    def _stands(self, place: int) -> Candidate:
        """What a member has now."""
        counts = (self.open, self.today, self.week)
        open, today, week = (int(column[place]) for column in counts)
        return replace(self.seats.candidates[place], open=open, today=today, week=week)

    @property
    def has_moved(self) -> bool:
        """Whether anybody was chosen."""
        return self.turns != self.seats.turn

    def standing(self) -> list[Candidate]:
        """The members after the choices."""
        columns = (self.credit, self.turn, self.open, self.today, self.week)
        by_credit = goes_by_credit(self.seats.strategy)
        return [
            replace(
                c,
                credit=credit if by_credit else 0,
                turn=turn,
                open=open,
                today=today,
                week=week,
            )
            for c, credit, turn, open, today, week in zip(
                self.seats.candidates, *(column.tolist() for column in columns), strict=True
            )
        ]

    def profile(self, lead: Profiled, had: Sequence[UUID]) -> _Profile:
        """What speaks against whom for a lead, apart from caps."""
        key = (self._fitting.key(lead), *sorted(had)) if had else self._fitting.key(lead)
        found = self._profiles.get(key)
        if found is None:
            found = self._profiles[key] = self._new_profile(lead, had)
        return found

    def _new_profile(self, lead: Profiled, had: Sequence[UUID]) -> _Profile:
        seats, words = self.seats, list[str | None]()
        gone = set(had)
        for place, member in enumerate(seats.members):
            first = seats.before[place]
            if first is None and seats.candidates[place].user_id in gone:
                first = "had_it"
            words.append(first or misfit(member, lead))
        open_to = [
            place for place, word in enumerate(words) if word is None and seats.after[place] is None
        ]
        return _Profile(words, np.array(open_to, np.int64))

    def stand(self, profile: _Profile) -> Ints:
        """The places of those who could have a lead of a profile now."""
        if profile.places is None or profile.epoch != self._epoch:
            places = profile.open_to[~self._full[profile.open_to]]
            if profile.places is None or not np.array_equal(places, profile.places):
                profile.places = places
                profile.total = int(self.weight[places].sum())
                profile.ground = self.ground(profile)
            profile.epoch = self._epoch
        return profile.places

    def ground(self, profile: _Profile) -> int:
        """The number of what speaks against the members for a profile now."""
        marks = "".join(
            MARKS[word] if word is not None else self._mark(place)
            for place, word in enumerate(profile.words)
        )
        return self.grounds.setdefault(marks, len(self.grounds))

    def _mark(self, place: int) -> str:
        word = None
        if self._full[place]:
            word = full(self.seats.members[place], self._stands(place))
        word = word or self.seats.after[place]
        return "." if word is None else MARKS[word]


class Sharing:
    """A pool and those that it falls back on, one after the other."""

    def __init__(self, chain: Sequence[Seats | Table]) -> None:
        self.tables = [one if isinstance(one, Table) else Table(one) for one in chain]
        self._grounds: dict[tuple[int, ...], int] = {}

    def pick(self, lead: Profiled, had: Sequence[UUID] = ()) -> Choice:
        """Who is next for a lead; their state moves on."""
        asked: tuple[int, ...] = ()
        for number, table in enumerate(self.tables):
            place, ground = table.pick(lead, had)
            asked = (*asked, ground)
            if place is not None:
                return Choice(number, place, self.ground(asked))
        return Choice(len(self.tables) - 1, None, self.ground(asked))

    def ground(self, asked: tuple[int, ...]) -> int:
        """The number of what spoke against whom in the pools that were asked."""
        return self._grounds.setdefault(asked, len(self._grounds))

    def told(self, choices: Sequence[Choice] | None = None) -> dict[str, Any]:
        """The pools with their members, and the grounds, as they are kept (`LeadGrounds`).

        With the choices, by which it can be told what each of them went by.
        """
        marks = [list(table.grounds) for table in self.tables]
        found: dict[str, Any] = {
            "pools": [_pool_told(table.seats) for table in self.tables],
            "grounds": [
                [marks[pool][one] for pool, one in enumerate(asked)] for asked in self._grounds
            ],
        }
        if choices is not None:
            found["choices"] = list(zip(*choices, strict=True))
        return found


def _pool_told(seats: Seats) -> dict[str, Any]:
    weekly = counts_weeks(seats.members)
    return {
        "id": str(seats.pool_id),
        "strategy": seats.strategy,
        "members": [[str(c.user_id), c.weight] for c in seats.candidates],
        "stood": [
            [c.credit, c.open, c.today, *([c.week] if weekly else [])] for c in seats.candidates
        ],
    }


def credits_of(
    weights: Sequence[int], marks: Sequence[str], choices: Iterable[tuple[int, int]]
) -> list[int]:
    """By place, what choices come to: weights of all who could, paid by who was chosen.

    `choices` are places with the numbers of their grounds, of which `marks` are those of the pool.
    """
    paid_by = Counter(choices)
    grounds = Counter[int]()
    for (_, ground), count in paid_by.items():
        grounds[ground] += count
    found, totals = [0] * len(weights), dict[int, int]()
    for ground, count in grounds.items():
        able = [place for place, mark in enumerate(marks[ground]) if mark == "."]
        totals[ground] = sum(weights[place] for place in able)
        for place in able:
            found[place] += count * weights[place]
    for (place, ground), count in paid_by.items():
        found[place] -= count * totals[ground]
    return found


def candidates_of(
    kept: Mapping[str, Any], ground: int, nth: int | None = None
) -> list[dict[str, Any]]:
    """Everybody who was looked at, from what is kept, in the order of the pools.

    Of the `nth` of the choices that are kept also what they had then.
    """
    found: list[dict[str, Any]] = []
    pools = zip(kept["pools"], kept["grounds"][ground], strict=False)
    for number, (pool, marks) in enumerate(pools):
        stood = _stood(kept, number, marks, nth)
        for (user_id, weight), mark, standing in zip(pool["members"], marks, stood, strict=True):
            found.append(
                {
                    "user_id": user_id,
                    "pool_id": pool["id"],
                    "excluded": MEANINGS.get(mark),
                    "weight": weight,
                    **dict(zip(("credit", "open", "today", "week"), standing, strict=True)),
                }
            )
    return found


def _stood(
    kept: Mapping[str, Any], number: int, marks: str, nth: int | None
) -> Sequence[Sequence[int | None]]:
    """What each member of a pool had when a choice was made; nothing where it is not known."""
    pool = kept["pools"][number]
    weights = [weight for _, weight in pool["members"]]
    if nth is None or "choices" not in kept:
        return [(None, None, None, None)] * len(weights)
    before = zip(*(column[:nth] for column in kept["choices"]), strict=True)
    own = [(place, ground) for of, place, ground in before if of == number and place is not None]
    counts = Counter(place for place, _ in own)
    by_pool = [ground[number] if number < len(ground) else "" for ground in kept["grounds"]]
    by_credit = goes_by_credit(pool["strategy"])
    moved = credits_of(weights, by_pool, own) if by_credit else [0] * len(weights)
    return [
        (
            credit + moved[place] + (weights[place] if by_credit and marks[place] == "." else 0),
            open + counts[place],
            today + counts[place],
            # Where nobody has a cap of the week it is not kept.
            week[0] + counts[place] if week else None,
        )
        for place, (credit, open, today, *week) in enumerate(pool["stood"])
    ]
