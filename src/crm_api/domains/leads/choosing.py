"""Who is next: the arithmetic of sharing out, which needs no database.

Smooth weighted round robin is that of nginx (its commit of 2012-05-14): each who could have it
gains their weight, the highest credit wins and loses the weights of all who could. The credits add
up to nothing. At every moment nobody is a whole lead above their ideal share, or more than
1/2 + 1/3 + … + 1/n below it (the fullest of n cups is emptied, of which all together are filled by
as much: Dietz and Sleator, 1987); after each round of all weights everybody has theirs exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any
from uuid import UUID

from crm_api.domains.leads.areas import LISTED, Area, compact

EARNED = "performance"
"""The strategy by which members have the weights that they earn (`earning.py`)."""
QUEUE = "queue"
"""The strategy by which nobody is chosen: members take leads themselves (`queues.py`)."""
_BY_CREDIT = frozenset({"round_robin", EARNED})


def goes_by_credit(strategy: str) -> bool:
    """Whether whose turn it is goes by credits, and not by how many leads members have."""
    return strategy in _BY_CREDIT


def reason_of(strategy: str) -> str:
    """Why whoever is chosen by a strategy is."""
    return "highest_credit" if goes_by_credit(strategy) else "least_loaded"


@dataclass(frozen=True)
class Candidate:
    """A member of a pool, and what the choice goes by."""

    user_id: UUID
    weight: int
    credit: int = 0
    turn: int = 0
    """The how manieth choice of the pool was theirs last; 0: none was."""
    open: int = 0
    today: int = 0
    week: int = 0
    excluded: str | None = None

    @property
    def is_eligible(self) -> bool:
        """Nothing speaks against them."""
        return self.excluded is None


CAPS = (("open_cap", "open"), ("daily_cap", "today"), ("weekly_cap", "week"))
"""Of a member how many they may have, of a candidate how many they have; asked in this order."""
_ENDLESS = 2**62


def counts_weeks(members: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a member of a pool has a cap of the week; what they had that week is told then."""
    return any(member.get("weekly_cap") is not None for member in members)


def room_of(member: Mapping[str, Any], candidate: Candidate) -> int:
    """How many more leads the caps of a member allow."""
    # Members from before there was a cap do not name it.
    caps = [(member.get(cap), getattr(candidate, has)) for cap, has in CAPS]
    return max(0, min((most - has for most, has in caps if most is not None), default=_ENDLESS))


def full(member: Mapping[str, Any], candidate: Candidate) -> str | None:
    """Which cap a member has reached, in a word."""
    for cap, has in CAPS:
        most = member.get(cap)
        if most is not None and getattr(candidate, has) >= most:
            return cap
    return None


def next_by_credit(candidates: Sequence[Candidate]) -> tuple[Candidate | None, list[Candidate]]:
    """The next by smooth weighted round robin, and all with their credits before the choice.

    Of equal credits the first in their order wins. Who is excluded keeps their credit: they
    neither save up nor lose.
    """
    after = raised(candidates)
    return highest(after), after


def raised(candidates: Sequence[Candidate]) -> list[Candidate]:
    """All of them, with the turn's weight for those who could have it."""
    return [replace(c, credit=c.credit + c.weight) if c.is_eligible else c for c in candidates]


def highest(candidates: Sequence[Candidate]) -> Candidate | None:
    """The first with the highest credit of those who could have it."""
    return max((c for c in candidates if c.is_eligible), key=lambda c: c.credit, default=None)


def next_by_load(candidates: Sequence[Candidate]) -> Candidate | None:
    """Who would have the fewest open leads for their weight with one more.

    Of several the one whose turn was longest ago, then the first in their order.
    """
    eligible = [c for c in candidates if c.is_eligible]
    if not eligible:
        return None
    return min(eligible, key=lambda c: (Fraction(c.open + 1, c.weight), c.turn))


def spent(candidates: Sequence[Candidate], chosen: Candidate, turn: int) -> list[Candidate]:
    """The candidates after a choice by credit: the chosen has paid for all who could have it."""
    total = sum(c.weight for c in candidates if c.is_eligible)
    return [
        replace(
            c,
            credit=c.credit - total,
            turn=turn,
            open=c.open + 1,
            today=c.today + 1,
            week=c.week + 1,
        )
        if c.user_id == chosen.user_id
        else c
        for c in candidates
    ]


def refunded(
    credits: Mapping[str, int], weights: Mapping[str, int], user_id: str
) -> dict[str, int]:
    """The credits as if a choice had not been: `weights` are of those who could have been it."""
    total = sum(weights.values())
    found = {**credits}
    for id, weight in weights.items():
        found[id] = found.get(id, 0) - weight
    found[user_id] = found.get(user_id, 0) + total
    return found


LASTING = frozenset({"inactive", "had_it", "skills", "language", "territory", "industry"})
"""What speaks against a member for a lead whatever the time is."""


def is_spent(words: Sequence[str | None]) -> bool:
    """Whether all whom a lead is for have had it: no waiting helps, as it would for a shift."""
    return "had_it" in words and LASTING.issuperset(words)


def misfit(member: Mapping[str, Any], lead: Any) -> str | None:
    """What of a lead is not for a member, in a word."""
    skills = {skill.casefold() for skill in member["skills"]}
    if not {skill.casefold() for skill in lead.skills} <= skills:
        return "skills"
    if member["languages"] and not _speaks(member["languages"], lead.language):
        return "language"
    return Area.of(member).outside(lead)


@dataclass(frozen=True)
class Fitting:
    """What of leads matters to any member of a pool, so that few kinds of lead are left."""

    skills: bool
    languages: bool
    listed: Mapping[str, frozenset[str]]
    prefixes: frozenset[str]
    lengths: Sequence[int]

    @classmethod
    def of(cls, members: Sequence[Mapping[str, Any]]) -> "Fitting":
        """That of some members."""
        listed = {
            field: frozenset(one.casefold() for member in members for one in member[among])
            for field, among in LISTED
        }
        prefixes = frozenset(
            compact(one) for member in members for one in member["postal_prefixes"]
        )
        return cls(
            any(member["skills"] for member in members),
            any(member["languages"] for member in members),
            {field: among for field, among in listed.items() if among},
            prefixes,
            sorted({len(one) for one in prefixes}),
        )

    def key(self, lead: Any) -> tuple[Any, ...]:
        """Of two leads with the same key `misfit` says the same of each of the members."""
        found: list[Any] = []
        if lead.skills:
            # Where nobody has any, a lead that asks for some is for nobody.
            wanted = frozenset(skill.casefold() for skill in lead.skills)
            found.append(wanted if self.skills else True)
        if self.languages:
            found.append(("speaks", lead.language))
        for field, among in self.listed.items():
            value = getattr(lead, field)
            value = value and value.casefold()
            found.append((field, value if value in among else None))
        if self.prefixes:
            code = compact(lead.postal_code or "")
            found.append(tuple(code[:n] for n in self.lengths if code[:n] in self.prefixes))
        return tuple(found)


def _speaks(languages: Sequence[str], wanted: str | None) -> bool:
    # One who speaks `de` speaks `de-AT` with whoever writes so; nobody's language is everybody's.
    if wanted is None:
        return True
    return any(wanted == one or wanted.startswith(f"{one}-") for one in languages)


def jain(shares: Sequence[Fraction]) -> Fraction:
    """Jain's index of fairness of what each has for their weight: 1 is equal, 1/n all for one."""
    squares = len(shares) * sum((share * share for share in shares), Fraction())
    total = sum(shares, Fraction())
    return Fraction(1) if not squares else total * total / squares


def gini(shares: Sequence[Fraction]) -> Fraction:
    """The Gini coefficient of what each has for their weight: 0 is equal."""
    total, count = sum(shares, Fraction()), len(shares)
    if not total:
        return Fraction()
    ranked = sum((place * share for place, share in enumerate(sorted(shares), 1)), Fraction())
    return 2 * ranked / (count * total) - Fraction(count + 1, count)
