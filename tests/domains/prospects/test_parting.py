"""How lists are parted: every member in one part, in exact proportions, and as good as the others."""

from decimal import Decimal
from random import Random
from types import SimpleNamespace
from uuid import uuid4

import pytest

from crm_api.domains.prospects.parting import (
    apportioned,
    by_lot,
    by_value,
    costs,
    in_counts,
    in_each_count,
    in_shares,
    in_turn,
)


@pytest.mark.parametrize("seed", range(20))
def test_whole_numbers_in_proportions_add_up_and_are_within_one(seed):
    random = Random(seed)
    shares = [random.randint(1, 20) for _ in range(random.randint(2, 9))]
    total = random.randint(0, 500)
    counts = apportioned(total, shares)
    assert sum(counts) == total
    for count, share in zip(counts, shares, strict=True):
        assert abs(count - total * share / sum(shares)) < 1


def test_largest_remainders_go_first():
    # Quotas 4.16, 3.33 and 2.5: the last has the largest remainder.
    assert apportioned(10, [5, 4, 3]) == [4, 3, 3]
    assert apportioned(1, [1, 1]) == [1, 0]


@pytest.mark.parametrize("deal", [in_shares, in_turn])
@pytest.mark.parametrize("seed", range(5))
def test_everybody_is_in_one_part(deal, seed):
    random = Random(seed)
    items = [uuid4() for _ in range(random.randint(1, 200))]
    shares = [random.randint(1, 9) for _ in range(4)]
    parts = deal(items, shares)
    assert sorted(one for part in parts for one in part) == sorted(items)
    assert len(parts) == 4


def test_what_is_dealt_in_turn_is_as_good_everywhere():
    parts = in_turn(list(range(300)), [2, 1])
    assert [len(part) for part in parts] == [200, 100]
    # In each thirty neighbours the shares are exact, so no part has the best.
    for first in range(0, 300, 30):
        assert sum(first <= one < first + 30 for one in parts[0]) == 20


def test_lots_are_drawn_alike_each_time_and_differ_by_list():
    ids = [uuid4() for _ in range(50)]
    one, other = uuid4(), uuid4()
    assert by_lot(one, ids) == by_lot(one, ids[::-1])
    assert by_lot(one, ids) != by_lot(other, ids)


def test_the_last_of_equal_parts_has_what_is_left():
    assert [len(part) for part in in_counts(list(range(7)), 3)] == [3, 3, 1]
    for counts, lengths in (([3, 2], [3, 2, 2]), ([4, 3], [4, 3]), ([5, 5, 5], [5, 2]), ([9], [7])):
        parts = in_each_count(list(range(7)), counts)
        assert [len(part) for part in parts] == lengths
        assert [one for part in parts for one in part] == list(range(7))


def test_values_are_told_by_their_beginnings():
    rows = [
        SimpleNamespace(value=value, lead_id=number)
        for number, value in enumerate(("80 331", "80333", "10115", None))
    ]
    found = by_value([vars(row) for row in rows], 2)
    assert found == {"": [3], "10": [2], "80": [0, 1]}


def test_costs_add_up():
    found = costs(Decimal("100.0001"), [1, 1, 1])
    assert found == [Decimal("33.3401"), Decimal("33.33"), Decimal("33.33")]
    assert costs(None, [1, 2]) == [None, None]
