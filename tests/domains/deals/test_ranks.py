"""Ranks: between any two there is one, and it is short as often as it can be."""

from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.deals.ranks import CEILING, LONGEST, SHORT, between, newest, spread
from crm_api.kit.ids import new_id


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=200))
def test_there_is_one_between_any_two(places):
    ranks = []
    for number in places:
        place = number % (len(ranks) + 1)
        low = ranks[place - 1] if place else ""
        high = ranks[place] if place < len(ranks) else None
        rank = between(low, high)
        assert low < rank
        assert high is None or rank < high
        assert not rank.endswith("0")
        ranks.insert(place, rank)


@given(st.integers(0, 3000), st.booleans())
def test_a_stretch_is_ranked_in_order(count, is_bounded):
    low, high = ("VA", "VB") if is_bounded else ("", newest(new_id()))
    ranks = spread(low, high, count)
    assert len(ranks) == count
    assert ranks == sorted(set(ranks))
    assert all(low < rank < high for rank in ranks)
    assert all(len(rank) <= SHORT for rank in ranks)


def test_what_is_new_comes_last():
    ids = [new_id() for _ in range(1000)]
    ranks = [newest(id) for id in ids]
    assert ranks == sorted(ranks)
    assert max(ranks) < CEILING
    assert newest(UUID(int=2**128 - 1)) < CEILING


def test_an_order_survives_ten_thousand_moves():
    """Anywhere, and again and again to the same place; a column is ranked anew where it must."""
    chance, order = Random(7), [newest(new_id()) for _ in range(200)]
    renewed = 0
    for move in range(10_000):
        order.pop(chance.randrange(len(order)))
        place = 1 if move % 3 else chance.randrange(1, len(order))
        rank = between(order[place - 1], order[place])
        if len(rank) > LONGEST:
            order, renewed = spread("", CEILING, len(order)), renewed + 1
            rank = between(order[place - 1], order[place])
        assert order[place - 1] < rank < order[place]
        assert len(rank) <= LONGEST
        order.insert(place, rank)
    assert order == sorted(set(order))
    assert renewed < 10_000 / 50


def test_what_always_goes_between_the_same_two_grows_slowly():
    low, high = newest(new_id()), newest(new_id())
    first = high
    for _ in range(600):
        high = between(low, high)
    assert len(high) - len(first) <= 600 / 5
