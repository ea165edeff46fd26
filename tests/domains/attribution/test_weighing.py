"""Models of attribution agree with published examples, with brute force, and add up."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise, permutations
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.attribution.chains import removal_effects
from crm_api.domains.attribution.weighing import Model, Touch, shared, weights

START = datetime(2026, 3, 1, tzinfo=UTC)
KEYS = st.text("ABCDE", min_size=1, max_size=8)


def path_of(keys, direct="", days=1):
    return [
        Touch(key, START + timedelta(days=n * days), key in direct) for n, key in enumerate(keys)
    ]


def credit(model, keys, until=START + timedelta(days=30), **more):
    return [float(one) for one in weights(model, path_of(keys, **more), until)]


def test_the_rules_are_those_of_the_field():
    assert credit("first", "ABC") == [1, 0, 0]
    assert credit("last", "ABC") == [0, 0, 1]
    assert credit("last_non_direct", "ABC", direct="C") == [0, 1, 0]
    assert credit("last_non_direct", "DD", direct="D") == [0, 1]
    assert credit("linear", "ABCD") == [0.25] * 4
    assert credit("position", "ABCD") == [0.4, 0.1, 0.1, 0.4]
    assert credit("position", "ABC") == [0.4, 0.2, 0.4]
    assert credit("position", "AB") == [0.5, 0.5]
    assert credit("position", "A") == [1]
    assert credit("linear", "") == []


def test_a_touch_of_a_half_life_ago_counts_half():
    path = path_of("AB", days=7)
    until = START + timedelta(days=7)
    found = weights("time_decay", path, until, half_life=timedelta(days=7))
    assert found == [Decimal("0.333333"), Decimal("0.666667")]
    # Two half-lives, one, none: 1, 2 and 4 of 7.
    found = weights("time_decay", path_of("ABC", days=7), START + timedelta(days=14))
    assert [float(one) for one in found] == pytest.approx([1 / 7, 2 / 7, 4 / 7], abs=1e-6)
    # However long ago all of it was.
    far = START + timedelta(days=3_000)
    assert sum(weights("time_decay", path_of("AB"), far, half_life=timedelta(days=1))) == 1


def test_removal_effects_are_those_of_the_published_example():
    """The three paths after Anderl et al. that most introductions have (C1 > C2 > C3 converts,
    C1 and C2 > C3 do not): removal effects 1/2, 1 and 1, hence credits 0.2, 0.4 and 0.4.
    """
    paths = {("C1", "C2", "C3"): (1, 0), ("C1",): (0, 1), ("C2", "C3"): (0, 1)}
    effects = removal_effects(paths)
    assert effects == pytest.approx({"C1": 0.5, "C2": 1.0, "C3": 1.0})
    path = path_of(["C1", "C2", "C3"])
    found = weights("markov", path, START + timedelta(days=3), effects=effects)
    assert found == [Decimal("0.2"), Decimal("0.4"), Decimal("0.4")]


def test_without_conversions_nothing_is_lost():
    assert removal_effects({("A", "B"): (0, 3)}) == {"A": 0.0, "B": 0.0}
    assert removal_effects({}) == {}


def _converts(paths, without=None):
    """The probability of a conversion, by exact elimination; removed states lead to nothing."""
    moves: dict[str, Counter[str]] = {}
    for path, (converted, lost) in paths.items():
        way = ["(start)", *path]
        for here, there in pairwise(way):
            moves.setdefault(here, Counter())[there] += converted + lost
        moves.setdefault(way[-1], Counter())["(won)"] += converted
        moves[way[-1]]["(lost)"] += lost
    chances = {
        here: {t: Fraction(n, sum(to.values())) for t, n in to.items() if t != without}
        for here, to in moves.items()
        if here != without
    }
    for state in [one for one in chances if one != "(start)"]:
        own = chances.pop(state)
        stays = own.pop(state, Fraction(0))
        own = {t: p / (1 - stays) for t, p in own.items()} if stays != 1 else {}
        for to in chances.values():
            passing = to.pop(state, Fraction(0))
            for t, p in own.items():
                to[t] = to.get(t, Fraction(0)) + passing * p
    start = chances.get("(start)", {})
    stays = start.get("(start)", Fraction(0))
    return start.get("(won)", Fraction(0)) / (1 - stays)


COUNTS = st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(any)


@given(st.dictionaries(KEYS.map(tuple), COUNTS, min_size=1, max_size=8))
def test_removal_effects_are_those_of_exact_elimination(paths):
    whole = _converts(paths)
    effects = removal_effects(paths)
    for key, effect in effects.items():
        lost = 1 - _converts(paths, without=key) / whole if whole else Fraction(0)
        assert effect == pytest.approx(float(lost), abs=1e-9)


def _shapley(players, worth):
    """By definition: what each adds on arrival, over all orders."""
    orders = list(permutations(players))
    found = dict.fromkeys(players, Fraction(0))
    for order in orders:
        for place, player in enumerate(order):
            before, after = frozenset(order[:place]), frozenset(order[: place + 1])
            found[player] += Fraction(worth(after) - worth(before), len(orders))
    return found


def _by_path(sets):
    found: Counter[str] = Counter()
    for members, number in sets.items():
        path = path_of(sorted(members))
        for touch, part in zip(path, shared(path), strict=True):
            found[touch.key] += Fraction(number) * Fraction(1, len(members)) * int(part)
    return found


def test_the_shapley_value_is_that_of_the_textbook_game():
    """v(A)=10, B=20, C=30, AB=40, AC=50, BC=60, ABC=100, of which the values are 70/3, 100/3 and
    130/3: what each set of channels converted by itself are the dividends of that game
    (J. C. Harsanyi, International Economic Review 4, 1963, 194-220).
    """
    sets = {"A": 10, "B": 20, "C": 30, "AB": 10, "AC": 10, "BC": 10, "ABC": 10}
    assert _by_path(sets) == {
        "A": Fraction(70, 3),
        "B": Fraction(100, 3),
        "C": Fraction(130, 3),
    }


@given(st.dictionaries(st.frozensets(st.sampled_from("ABCDE"), min_size=1), st.integers(1, 50)))
def test_the_shapley_value_is_that_of_all_orders(sets):
    players = sorted({one for members in sets for one in members})

    def worth(coalition):
        return sum(number for members, number in sets.items() if members <= coalition)

    if players:
        assert dict(_by_path(sets)) == _shapley(players, worth)


@given(KEYS, st.sampled_from(get_args(Model)), st.integers(1, 400), st.integers(1, 365))
def test_weights_add_up_to_one_exactly(keys, model, days, half_life):
    path = path_of(keys, direct="E", days=days / 8)
    until = path[-1].at + timedelta(hours=days)
    effects = removal_effects({tuple(keys): (1, 0), ("A",): (0, 1)})
    half = timedelta(days=half_life)
    found = weights(model, path, until, half_life=half, effects=effects)
    assert sum(found) == 1
    assert len(found) == len(path)
    assert all(0 <= one <= 1 for one in found)


@given(st.lists(st.sampled_from("ABC"), min_size=2, max_size=6))
def test_the_share_of_a_channel_does_not_grow_with_its_touches(keys):
    times = Counter(keys)
    found = weights("shapley", path_of(keys), START + timedelta(days=30))
    by_key: Counter[str] = Counter()
    for key, part in zip(keys, found, strict=True):
        by_key[key] += part
    for part in by_key.values():
        assert float(part) == pytest.approx(1 / len(times), abs=len(keys) * 1e-6)
