"""What is learned from leads: against published values, and from leads that are made up."""

import numpy as np
import pytest

from crm_api.domains.deals.scoring import Example
from crm_api.domains.deals.scoring import Model as BayesOfDeals
from crm_api.domains.leads.learning import (
    LEAST,
    OTHER,
    Sample,
    auc,
    fit_of,
    log_loss,
    logistic,
    naive_bayes,
    regression,
    trained,
)

# Spector and Mazzeo (1980), as in Greene, Econometric Analysis: GPA, TUCE, PSI, and the grade.
SPECTOR = """
2.66 20 0 0  2.89 22 0 0  3.28 24 0 0  2.92 12 0 0  4.00 21 0 1  2.86 17 0 0  2.76 17 0 0
2.87 21 0 0  3.03 25 0 0  3.92 29 0 1  2.63 20 0 0  3.32 23 0 0  3.57 23 0 0  3.26 25 0 1
3.53 26 0 0  2.74 19 0 0  2.75 25 0 0  2.83 19 0 0  3.12 23 1 0  3.16 25 1 1  2.06 22 1 0
3.62 28 1 1  2.89 14 1 0  3.51 26 1 0  3.54 24 1 1  2.83 27 1 1  3.39 17 1 1  2.67 24 1 0
3.65 21 1 1  4.00 23 1 1  3.10 21 1 0  2.39 19 1 1
"""
NAMES = ("source", "size", "noise")
TRUE = {
    "source": {"partner": 1.2, "web": 0.0, "bought": -1.4},
    "size": {"large": 0.8, "small": -0.5, None: 0.0},
    "noise": {"a": 0.0, "b": 0.0},
}
BASE = -0.6


def spector():
    data = np.array(SPECTOR.split(), np.float64).reshape(-1, 4)
    return np.column_stack([np.ones(len(data)), data[:, :3]]), data[:, 3]


def made_up(count, seed=7, base=BASE):
    """Leads whose facts add what `TRUE` says to the logarithm of the odds, and nothing else."""
    chance = np.random.default_rng(seed)
    columns = [chance.choice(list(TRUE[name]), count) for name in NAMES]
    rows = [tuple(row) for row in zip(*columns, strict=True)]
    odds = [base + sum(TRUE[n][v] for n, v in zip(NAMES, row, strict=True)) for row in rows]
    said = 1 / (1 + np.exp(-np.array(odds)))
    return rows, [bool(one) for one in chance.random(count) < said], said


def test_regression_finds_what_is_published_of_spector_and_mazzeo():
    columns, grades = spector()
    found = regression(columns, grades)
    assert found == pytest.approx([-13.0213, 2.8261, 0.0952, 2.3787], abs=5e-5)
    said = 1 / (1 + np.exp(-columns @ found))
    assert -len(grades) * log_loss(said, grades) == pytest.approx(-12.8896, abs=5e-5)
    assert auc(said, grades) == pytest.approx(0.8831, abs=5e-5)
    assert fit_of(said, grades, 0.5).brier == pytest.approx(0.1295, abs=5e-5)


def test_measures_of_a_textbook_case():
    said, true = np.array([0.9, 0.2, 0.6, 0.4, 0.1]), np.array([1.0, 0, 1, 1, 0])
    fit = fit_of(said, true, 0.6)
    assert fit.brier == pytest.approx(0.116)
    assert fit.log_loss == pytest.approx(0.37220, abs=5e-6)
    assert fit.auc == 1
    assert auc(np.array([0.5, 0.5]), np.array([1.0, 0])) == 0.5
    assert auc(said, np.ones(5)) is None


def test_logistic_regression_recovers_what_facts_add():
    rows, outcomes, _ = made_up(20_000)
    weights = logistic(Sample(NAMES, rows, outcomes))
    for name, values in TRUE.items():
        adds = weights.adds[name]
        # What a value adds is measured from the mean of the fact: differences are what is known.
        known = [value or "(unknown)" for value in values]
        true = np.array(list(values.values()))
        found = np.array([adds[value] for value in known])
        assert found - found.mean() == pytest.approx(true - true.mean(), abs=0.12)
    assert max(abs(one) for one in weights.adds["noise"].values()) < 0.08


def test_probabilities_are_calibrated():
    rows, outcomes, said = made_up(20_000)
    found = trained("logistic", NAMES, rows, outcomes)
    later = np.array(outcomes[15_000:], np.float64)
    best = log_loss(said[15_000:], later)
    assert found.fit.leads == 5_000
    assert found.fit.calibration_error < 0.03
    assert best <= found.fit.log_loss < best + 0.005
    assert found.fit.log_loss < found.fit.log_loss_baseline
    assert found.fit.auc > 0.7
    for one in found.fit.bins:
        assert one.won == pytest.approx(one.predicted, abs=0.07)


def test_bayes_says_of_leads_what_it_says_of_deals():
    rows, outcomes, _ = made_up(2_000)
    weights = naive_bayes(Sample(NAMES, rows, outcomes))
    kinds = dict.fromkeys(NAMES, "choice")
    plain = BayesOfDeals.of(
        kinds, [Example(facts_of(row), won) for row, won in zip(rows, outcomes, strict=True)]
    )
    for row in (("partner", "large", "a"), ("bought", None, "b")):
        score = plain.score(facts_of(row))
        assert 1 / (1 + np.exp(-weights.odds(NAMES, row))) == pytest.approx(score.probability)
        told = {name: adds for name, _, adds in weights.factors(NAMES, row)}
        assert told == pytest.approx({one.name: one.evidence for one in score.factors})


def facts_of(row):
    return {n: (v,) for n, v in zip(NAMES, row, strict=True) if v is not None}


def test_the_same_leads_teach_the_same():
    rows, outcomes, _ = made_up(3_000)
    for kind in ("logistic", "naive_bayes"):
        assert trained(kind, NAMES, rows, outcomes) == trained(kind, NAMES, rows, outcomes)


@pytest.mark.parametrize("kind", ["logistic", "naive_bayes"])
def test_too_few_leads_teach_nothing(kind):
    rows, _, _ = made_up(4 * LEAST[kind])
    enough = [n < LEAST[kind] for n in range(len(rows))]
    assert trained(kind, NAMES, rows, enough) is not None
    assert trained(kind, NAMES, rows, [n < LEAST[kind] - 1 for n in range(len(rows))]) is None
    assert trained(kind, NAMES, rows, [True] * len(rows)) is None
    assert trained(kind, NAMES, [], []) is None


def test_values_that_few_have_count_together():
    rows, outcomes, _ = made_up(500)
    rare = [(f"source {n}", *row[1:]) if n < 40 else row for n, row in enumerate(rows)]
    weights = logistic(Sample(NAMES, rare, outcomes))
    assert OTHER in weights.adds["source"]
    assert not any(value.startswith("source ") for value in weights.adds["source"])
    # Of a value that nobody had the same is said.
    one, other = (weights.odds(NAMES, (s, "large", "a")) for s in ("never seen", "source 3"))
    assert one == other


def test_factors_add_up_to_the_odds():
    rows, outcomes, _ = made_up(2_000)
    weights = logistic(Sample(NAMES, rows, outcomes))
    for row in rows[:50]:
        told = weights.factors(NAMES, row)
        assert weights.base + sum(adds for *_, adds in told) == pytest.approx(
            weights.odds(NAMES, row)
        )
        assert [abs(adds) for *_, adds in told] == sorted(
            (abs(adds) for *_, adds in told), reverse=True
        )
