"""Options within a budget: by hand, and against every set there is."""

from decimal import Decimal
from itertools import combinations
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.recipes.fitting import EXACT, Option, chosen

KEYS = [(UUID(int=n), None) for n in range(1, 30)]
COSTS = st.lists(st.integers(0, 30), min_size=8, max_size=8)
OPTIONS = st.lists(
    st.tuples(st.frozensets(st.integers(0, 7), min_size=1, max_size=3), st.integers(1, 10)),
    max_size=7,
)


def option(places, worth):
    return Option(frozenset(KEYS[place] for place in places), Decimal(worth))


def costs(*values):
    return dict(zip(KEYS, map(Decimal, values), strict=False))


def test_two_small_ones_are_better_than_one_large():
    """Room for 50: 60 do not fit, 50 alone is worth 10, 20 and 30 together 12."""
    options = [option([0], 20), option([1], 10), option([2], 6), option([3], 6)]
    found = chosen(options, costs(60, 50, 20, 30), Decimal(50))
    assert found == {KEYS[2], KEYS[3]}


def test_what_both_require_is_paid_once():
    """A and B take C at 30: alone 40 each, both 50."""
    options = [option([0, 2], 5), option([1, 2], 5)]
    assert chosen(options, costs(10, 10, 30), Decimal(50)) == {KEYS[0], KEYS[1], KEYS[2]}
    assert chosen(options, costs(10, 10, 30), Decimal(49)) == {KEYS[0], KEYS[2]}


def test_beyond_what_is_searched_the_rest_is_tried_one_by_one():
    options = [option([n], 20 - n) for n in range(EXACT + 3)]
    prices = dict.fromkeys(KEYS, Decimal(1))
    assert len(chosen(options, prices, Decimal(EXACT + 2))) == EXACT + 2


@given(COSTS, OPTIONS, st.integers(0, 60))
def test_no_other_set_is_better(prices, given_options, room):
    options = [option(places, worth) for places, worth in given_options]
    known = costs(*prices)
    found = chosen(options, known, Decimal(room))

    def cost(keys):
        return sum((known[key] for key in keys), Decimal(0))

    def worth(keys):
        return sum((one.worth for one in options if one.keys <= keys), Decimal(0))

    assert cost(found) <= room
    for count in range(len(options) + 1):
        for some in combinations(options, count):
            keys = frozenset(key for one in some for key in one.keys)
            assert cost(keys) > room or worth(keys) <= worth(found)
