"""Typing mistakes between words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.kit.values.typing_mistakes import distance, unlike

WORDS = st.text("abc", max_size=7)


@pytest.mark.parametrize(
    ("one", "other", "mistakes"),
    [
        ("smith", "smith", 0),
        ("smith", "smiht", 1),
        ("smith", "smth", 1),
        ("smith", "smithh", 1),
        ("smith", "smyth", 1),
        ("ca", "abc", 3),
        ("johnson", "jonsen", 2),
        ("anna", "berta", 3),
        ("", "ab", 2),
    ],
)
def test_mistakes_are_counted(one, other, mistakes):
    assert distance(one, other, 2) == mistakes
    assert distance(other, one, 2) == mistakes


def plain(one, other):
    """The same by the definition."""
    cost = [[i + j if not i * j else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            cost[i][j] = min(
                cost[i - 1][j] + 1,
                cost[i][j - 1] + 1,
                cost[i - 1][j - 1] + (one[i - 1] != other[j - 1]),
            )
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                cost[i][j] = min(cost[i][j], cost[i - 2][j - 2] + 1)
    return cost[-1][-1]


@given(WORDS, WORDS, st.integers(0, 3))
def test_mistakes_are_those_of_the_definition(one, other, most):
    assert distance(one, other, most) == min(plain(one, other), most + 1)


@given(WORDS)
def test_what_is_unlike_is_one_mistake_away(word):
    for other in unlike(word):
        assert distance(word, other, 1) == 1


def test_what_is_unlike():
    assert unlike("абвгде") == ["бавгде", "авбгде", "абгвде", "абвдге", "абвгед"]
    assert {"anan", "amna", "jnna", "nana"} <= set(unlike("anna"))
