"""How a list is parted, which needs no database: every member is in one part."""

from collections.abc import Sequence
from decimal import Decimal
from hashlib import sha256
from itertools import accumulate, pairwise
from typing import Any, TypeVar
from uuid import UUID

import numpy as np

T = TypeVar("T")
_CENT = Decimal("0.01")


def by_lot(list_id: UUID, lead_ids: Sequence[UUID]) -> list[UUID]:
    """The same leads in an order that has to do with nothing, and is always the same."""
    return sorted(lead_ids, key=lambda one: sha256(list_id.bytes + one.bytes).digest())


def apportioned(total: int, shares: Sequence[int]) -> list[int]:
    """Whole numbers in proportions, which add up: by the largest remainder (Hamilton)."""
    whole = sum(shares)
    counts = [total * share // whole for share in shares]
    # Of equal remainders the first in their order goes first.
    order = sorted(range(len(shares)), key=lambda n: (-(total * shares[n] % whole), n))
    for place in order[: total - sum(counts)]:
        counts[place] += 1
    return counts


def in_shares(items: Sequence[T], shares: Sequence[int]) -> list[list[T]]:
    """Parts in proportions, one after the other."""
    parts: list[list[T]] = []
    start = 0
    for count in apportioned(len(items), shares):
        parts.append(list(items[start : start + count]))
        start += count
    return parts


def in_turn(items: Sequence[T], shares: Sequence[int]) -> list[list[T]]:
    """Parts in proportions, dealt smoothly: of each run of items each has its share within one."""
    parts: list[list[T]] = [[] for _ in shares]
    credits, weights = np.zeros(len(shares), np.int64), np.array(shares, np.int64)
    total = sum(shares)
    for item in items:
        credits += weights
        place = int(credits.argmax())
        credits[place] -= total
        parts[place].append(item)
    return parts


def in_counts(items: Sequence[T], count: int) -> list[list[T]]:
    """So many in each part, the last one with what is left."""
    return [list(items[start : start + count]) for start in range(0, len(items), count)]


def in_each_count(items: Sequence[T], counts: Sequence[int]) -> list[list[T]]:
    """So many in each part in turn, as long as there are any, and what is left in one more."""
    ends = [0, *accumulate(counts), len(items)]
    parts = [list(items[start:end]) for start, end in pairwise(ends) if start < end]
    return [part for part in parts if part]


def by_value(rows: Sequence[Any], prefix: int | None) -> dict[str, list[UUID]]:
    """Leads by a value, or by its first characters; those without one are by themselves."""
    found: dict[str, list[UUID]] = {}
    for row in rows:
        value = row["value"] or ""
        if prefix is not None:
            value = "".join(value.split())[:prefix]
        found.setdefault(value.casefold(), []).append(row["lead_id"])
    return dict(sorted(found.items()))


def costs(cost: Decimal | None, counts: Sequence[int]) -> list[Decimal | None]:
    """What each part has cost, which adds up to the whole."""
    if cost is None or not sum(counts):
        return [cost if place == 0 else None for place in range(len(counts))]
    cents, rest = divmod(cost, _CENT)
    parts = [Decimal(number) * _CENT for number in apportioned(int(cents), counts)]
    parts[0] += rest
    return list(parts)
