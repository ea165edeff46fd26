"""Who gets which of many leads so that the sum of the values is the highest (a transport problem).

Leads of the same score, profile and values are one supply, members with what they may have are the
demands. Each member's part is that of their weight, rounded up; where caps and fit keep all from
being given in these parts, twice of it, then four times, then whatever the caps allow. Of all ways to give as many as can be given the one of
the highest value is taken. Constraint matrices of flows are totally unimodular, so the optimal
vertex (HiGHS, through scipy) is of whole numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from crm_api.domains.leads.sharing import Choice, Ints, Sharable, Sharing, Table
from crm_api.domains.leads.values import Values

# Where somebody's part is more than they may have, or than fits them, others get more than theirs.
_TIMES = (1, 2, 4)
_WHOLE = 1e-6
_MOST_AT_ONCE = 500_000
"""Of more pairs of a lead and a member parts are solved one after the other."""

Floats = NDArray[np.float64]


@dataclass
class _Kind:
    """Leads among which it makes no difference who gets which."""

    places: Ints
    values: Floats
    ground: int
    leads: list[int]


def assigned(
    sharing: Sharing,
    leads: Sequence[Sharable],
    had: Mapping[UUID, Sequence[UUID]],
    values: Values,
) -> list[Choice]:
    """Whom each lead goes to; the pools that the first falls back on get what it cannot have."""
    choices = [Choice(0, None, 0)] * len(leads)
    if not sharing.tables:
        return choices
    table = sharing.tables[0]
    number = max(1, -(-len(leads) * len(table.seats.members) // _MOST_AT_ONCE))
    for part in range(number):
        # Each part has good leads and bad ones.
        _assign(sharing, leads, range(part, len(leads), number), had, values, choices)
    return choices


def _assign(
    sharing: Sharing,
    leads: Sequence[Sharable],
    which: Sequence[int],
    had: Mapping[UUID, Sequence[UUID]],
    values: Values,
    choices: list[Choice],
) -> None:
    table = sharing.tables[0]
    kinds, left = _kinds(table, leads, which, had, values), list[int]()
    for kind, amounts in zip(kinds, solved(kinds, table, len(which)), strict=True):
        ground = sharing.ground((kind.ground,))
        takers = np.repeat(kind.places, amounts)
        for lead, place in zip(kind.leads, takers.tolist(), strict=False):
            choices[lead] = Choice(0, place, ground)
            table.give(place)
        left += kind.leads[len(takers) :]
    for lead in left:
        # More than the first pool could have: nobody of it is open to these any more.
        choices[lead] = sharing.pick(leads[lead], had.get(leads[lead].id, ()))


def _kinds(
    table: Table,
    leads: Sequence[Sharable],
    which: Sequence[int],
    had: Mapping[UUID, Sequence[UUID]],
    values: Values,
) -> list[_Kind]:
    found: dict[Any, _Kind] = {}
    for number in which:
        lead = leads[number]
        profile = table.profile(lead, had.get(lead.id, ()))
        key = (id(profile), values.key(lead))
        kind = found.get(key)
        if kind is None:
            places = table.stand(profile)
            kind = found[key] = _Kind(places, values.of_lead(lead)[places], profile.ground, [])
        kind.leads.append(number)
    return list(found.values())


def solved(kinds: Sequence[_Kind], table: Table, count: int) -> list[Ints]:
    """By kind, how many each of its places gets."""
    supplies = np.array([len(kind.leads) for kind in kinds], np.int64)
    room = np.minimum(table.room, count)
    able = np.zeros(len(room), np.bool_)
    for kind in kinds:
        able[kind.places] = True
    total = int(table.weight[able].sum())
    for times in _TIMES:
        share = -(-count * times * table.weight // max(total, 1))
        found = transported(kinds, supplies, np.minimum(room, share))
        if sum(int(amounts.sum()) for amounts in found) == count:
            return found
    return transported(kinds, supplies, room)


def _solver() -> tuple[Any, Any]:
    """`optimize` and `sparse` of scipy, which says nothing of its types.

    They take 40 MB: of those who never solve anything too, if they were imported above.
    """
    from scipy import optimize, sparse  # pyright: ignore[reportMissingTypeStubs]

    return optimize, sparse


def transported(kinds: Sequence[_Kind], supplies: Ints, demands: Ints) -> list[Ints]:
    """The most that can be given, in the way of the highest value; by kind, who gets how many."""
    counts = np.array([len(kind.places) for kind in kinds], np.int64)
    number = int(counts.sum())
    if not number:
        return [np.zeros(0, np.int64) for _ in kinds]
    rows = np.repeat(np.arange(len(kinds)), counts)
    columns = np.concatenate([kind.places for kind in kinds])
    worth = np.concatenate([kind.values for kind in kinds])
    each, ones = np.arange(number), np.ones(number)
    _, sparse = _solver()
    limits = sparse.vstack(
        [
            sparse.csr_array((ones, (rows, each)), shape=(len(kinds), number)),
            sparse.csr_array((ones, (columns, each)), shape=(len(demands), number)),
        ]
    )
    most = np.concatenate([supplies, demands]).astype(np.float64)
    amount = int(supplies.sum())
    if not _fills(kinds, supplies, demands):
        amount = round(-_solve(-ones, limits, most).fun)
    whole = sparse.csr_array(ones.reshape(1, -1))
    found = _solve(-worth, limits, most, A_eq=whole, b_eq=[amount])
    amounts = np.rint(found.x).astype(np.int64)
    return np.split(amounts, np.cumsum(counts)[:-1])


def _fills(kinds: Sequence[_Kind], supplies: Ints, demands: Ints) -> bool:
    """Whether it is plain that all can be given: every kind is open to all, who have the room."""
    is_open = all(len(kind.places) == len(demands) for kind in kinds)
    return is_open and int(demands.sum()) >= int(supplies.sum())


def _solve(costs: Floats, limits: Any, most: Floats, **more: Any) -> Any:
    """The optimal vertex; raises `ArithmeticError`.

    The interior point method takes a tenth of the time of the simplex, and crosses over to a
    vertex at the end; where that fails the simplex does it.
    """
    optimize, _ = _solver()
    for method in ("highs-ipm", "highs-ds"):
        found = optimize.linprog(
            costs, A_ub=limits, b_ub=most, bounds=(0, None), method=method, **more
        )
        if found.status == 0 and np.abs(found.x - np.rint(found.x)).max() < _WHOLE:
            return found
    raise ArithmeticError(f"the solver gave up: {found.message}")
