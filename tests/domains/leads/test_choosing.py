"""The arithmetic of sharing out: published sequences, and what always holds."""

from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.leads.choosing import (
    Candidate,
    gini,
    jain,
    next_by_credit,
    next_by_load,
    refunded,
    spent,
)


def members(*weights):
    return [Candidate(UUID(int=place), weight) for place, weight in enumerate(weights)]


def picks(candidates, count):
    found = []
    for turn in range(1, count + 1):
        chosen, raised = next_by_credit(candidates)
        candidates = spent(raised, chosen, turn)
        found.append(chosen.user_id.int)
    return found, candidates


def letters(numbers):
    return "".join("abc"[number] for number in numbers)


@pytest.mark.parametrize(
    ("weights", "sequence"),
    [
        # Of the commit that brought it to nginx.
        ((5, 1, 1), "aabacaa"),
        ((3, 2, 1), "abacbaabacba"),
    ],
)
def test_smooth_weighted_round_robin_gives_the_published_sequence(weights, sequence):
    found, after = picks(members(*weights), len(sequence))
    assert letters(found) == sequence
    assert [c.credit for c in after] == [0] * len(weights)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=8), st.integers(1, 120))
def test_every_prefix_is_near_the_ideal_share(weights, count):
    found, after = picks(members(*weights), count)
    total = sum(weights)
    behind = sum((Fraction(1, n) for n in range(2, len(weights) + 1)), Fraction())
    for length in range(1, count + 1):
        for place, weight in enumerate(weights):
            ideal = Fraction(length * weight, total)
            above = found[:length].count(place) - ideal
            assert -behind <= above < 1
    assert sum(c.credit for c in after) == 0


@given(st.lists(st.integers(1, 20), min_size=1, max_size=8), st.integers(0, 40))
def test_a_refund_is_as_if_the_choice_had_not_been(weights, before):
    _, candidates = picks(members(*weights), before)
    chosen, raised = next_by_credit(candidates)
    after = spent(raised, chosen, before + 1)
    credits = {str(c.user_id): c.credit for c in after}
    shares = {str(c.user_id): c.weight for c in raised}
    assert refunded(credits, shares, str(chosen.user_id)) == {
        str(c.user_id): c.credit for c in candidates
    }


def test_who_is_excluded_neither_saves_up_nor_loses():
    _, candidates = picks(members(1, 1, 1), 1)
    away = [
        Candidate(c.user_id, c.weight, c.credit, c.turn, excluded="absent" if place == 1 else None)
        for place, c in enumerate(candidates)
    ]
    _, after = picks(away, 10)
    assert after[1].credit == candidates[1].credit


def test_the_least_loaded_is_by_weight():
    one, other, third = members(2, 1, 1)
    loads = [Candidate(c.user_id, c.weight, open=n) for c, n in ((one, 3), (other, 2), (third, 1))]
    assert next_by_load(loads).user_id == one.user_id
    assert next_by_load(loads[1:]).user_id == third.user_id
    assert next_by_load([]) is None


@pytest.mark.parametrize(
    ("shares", "index", "coefficient"),
    [
        ((10, 10, 10, 10), 1, 0),
        ((40, 0, 0, 0), Fraction(1, 4), Fraction(3, 4)),
        ((1, 2, 3, 4), Fraction(100, 120), Fraction(1, 4)),
    ],
)
def test_measures_of_fairness(shares, index, coefficient):
    fractions = [Fraction(share) for share in shares]
    assert jain(fractions) == index
    assert gini(fractions) == coefficient
