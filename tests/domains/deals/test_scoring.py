"""The arithmetic of scores, by examples that are worked out by hand and one that is published."""

from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.deals.scoring import (
    LEAST,
    Counted,
    Example,
    Model,
    binned,
    brier,
    evidence,
    learned,
    logistic,
    prior,
)

KINDS = {"source": "choice", "age": "reach"}


def test_a_published_example_comes_out():
    """The first lead of the test of Odoo's predictive lead scoring: 33.49 % by a smoothing of 0.1.

    Won 1, lost 2; two facts that no won and one lost deal has of three values, one of two that no
    won deal is known of, one of three that the won deal has, and the stage that all came to but
    one of the lost.
    """
    facts = [
        Counted(0, 1, 1, 2, 3),
        Counted(0, 1, 1, 2, 3),
        Counted(0, 0, 1, 2, 2),
        Counted(1, 1, 0, 2, 3),
        Counted(1, 1, 1, 2, 1),
    ]
    odds = prior(1, 2, 0.1) + sum(evidence(one, 0.1) for one in facts)
    assert round(100 * logistic(odds), 2) == 33.49


def test_a_score_is_what_its_factors_make():
    """Won: 3 from fairs, 1 from calls; lost: 1 from fairs, 1 from calls, 2 of unknown source.

    By Laplace's smoothing a fair adds ln(4/6) - ln(2/4) and the prior is ln(5/5); an age of one
    step, which 2 of 4 won and 4 of 4 lost deals reached, adds ln(3/6) - ln(5/6).
    """
    won = [("fair", 0), ("fair", 0), ("fair", 1), ("call", 1)]
    lost = [("fair", 1), ("call", 1), (None, 1), (None, 1)]
    examples = [
        Example({"age": range(age + 1)} | ({"source": (of,)} if of else {}), is_won)
        for deals, is_won in ((won, True), (lost, False))
        for of, age in deals
    ]
    found = Model.of(KINDS, examples).score({"source": ("fair",), "age": range(2)})
    assert found.prior == 0.5
    by_name = {one.name: one for one in found.factors}
    assert by_name["source"].evidence == pytest.approx(log(4 / 6) - log(2 / 4))
    assert by_name["source"].counted == Counted(3, 4, 1, 2, 2)
    assert by_name["age"].evidence == pytest.approx(log(3 / 6) - log(5 / 6))
    assert [one.name for one in found.factors] == ["age", "source"]
    # Odds of (4/6)/(2/4) times (3/6)/(5/6): 4/3 times 3/5 is 4/5.
    assert found.probability == pytest.approx(4 / 9)
    # What nobody was before is one value more, and what is unknown says nothing.
    unheard = Model.of(KINDS, examples).score({"source": ("letter",)})
    assert unheard.probability == pytest.approx((1 / 7) / (1 / 7 + 1 / 5))
    assert Model.of(KINDS, examples).score({}).probability == 0.5


def test_how_far_off_is_measured():
    said = [(0.9, True), (0.2, False), (0.6, True), (0.4, True), (0.1, False)]
    assert brier(said) == pytest.approx(0.116)
    groups = binned([(n / 100, n % 4 == 0) for n in range(100)])
    assert [one.deals for one in groups] == [10] * 10
    assert (groups[0].predicted, groups[0].won) == (pytest.approx(0.045), 0.3)


def test_what_tells_is_found_in_later_deals():
    """Of 160 deals, those from fairs were won: the later quarter is told by the earlier ones."""
    examples = [
        Example({"source": ("fair" if n % 2 else "call",)}, bool(n % 2)) for n in range(160)
    ]
    _, found = learned(KINDS, examples)
    assert found is not None
    assert (found.deals, found.baseline) == (40, 0.25)
    # 61/62 is said of what was won, as 60 of 60 won deals are of fairs.
    assert found.brier == pytest.approx((1 - 61 / 62) ** 2)
    assert learned(KINDS, examples[: 2 * LEAST])[1] is None


@given(st.floats(-700, 700))
def test_odds_make_probabilities(odds):
    found = logistic(odds)
    assert 0 <= found <= 1
    assert found == pytest.approx(1 - logistic(-odds))
    if abs(odds) < 30:
        assert log(found / (1 - found)) == pytest.approx(odds, rel=1e-3, abs=1e-9)
        assert found == pytest.approx(1 / (1 + exp(-odds)))


_COUNTS = st.integers(0, 50)


@given(_COUNTS, _COUNTS, _COUNTS, _COUNTS, st.integers(1, 9))
def test_evidence_is_against_as_it_is_for(won, lost, more_won, more_lost, values):
    one = Counted(won, won + more_won, lost, lost + more_lost, values)
    other = Counted(lost, lost + more_lost, won, won + more_won, values)
    assert evidence(one) == pytest.approx(-evidence(other))
    further = Counted(won + 1, won + more_won + 1, lost, lost + more_lost, values)
    assert evidence(further) >= evidence(one)
