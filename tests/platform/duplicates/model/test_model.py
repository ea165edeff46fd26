"""The model by itself: keys, levels, learning, scores."""

import tracemalloc
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.platform.duplicates.model.blocking import Blocks, Part, part, rule
from crm_api.platform.duplicates.model.comparing import LEVELS, compare
from crm_api.platform.duplicates.model.estimation import (
    Patterns,
    learn,
    prior_bits,
    random_levels,
    unseen,
)
from crm_api.platform.duplicates.model.records import Field, Table, TableBuilder
from crm_api.platform.duplicates.model.scoring import Scorer, frequencies_of


def table_of(*profiles: dict[str, tuple[str, ...]]) -> Table:
    names = dict.fromkeys(name for profile in profiles for name in profile)
    builder = TableBuilder(names)
    for number, profile in enumerate(profiles):
        builder.add(number, profile)
    return builder.built()


def level(kind: str, one: str, other: str) -> str:
    table = table_of({"f": (one,)}, {"f": (other,)})
    levels, _ = compare(table, Field("f", kind), np.array([0]), np.array([1]))
    return LEVELS[kind][levels[0]]


@pytest.mark.parametrize(
    ("kind", "one", "other", "expected"),
    [
        ("name", "martha", "martha", "equal"),
        ("name", "martha", "marhta", "close"),  # Winkler's own example, .961
        ("name", "dixon", "dickson", "similar"),  # .832
        ("name", "dwayne", "duane", "similar"),  # .84
        ("name", "anna", "boris", "different"),
        ("exact", "a", "b", "different"),
        ("number", "12345", "12354", "one_off"),
        ("number", "12345", "12435", "one_off"),
        ("number", "12345", "54321", "different"),
        ("date", "19800229", "19800228", "one_off"),
        ("date", "19801203", "19800312", "one_off"),
        ("date", "19801203", "19811204", "two_off"),
        ("date", "19801203", "19550617", "different"),
        ("email", "ann@example.com", "ann@example.org", "same_user"),
        ("email", "ann@example.com", "anm@example.com", "one_off"),
        ("email", "ann@example.com", "bob@example.com", "different"),
        ("phone", "4930901820", "30901820", "same_line"),
        ("phone", "4930901820", "4930901821", "one_off"),
        ("phone", "4930901820", "4930907777", "different"),
    ],
)
def test_levels(kind, one, other, expected):
    assert level(kind, one, other) == expected
    assert level(kind, other, one) == expected


def test_of_several_values_the_most_alike_count():
    table = table_of({"f": ("boris", "anna")}, {"f": ("carla", "anna", "dora")}, {"f": ()})
    field = Field("f", "name")
    levels, shared = compare(table, field, np.array([0, 0]), np.array([1, 2]))
    assert levels.tolist() == [3, -1]
    assert table.columns["f"].values[shared[0]] == "anna"
    assert shared[1] == -1


def test_names_are_taken_for_each_other():
    first, last = Field("first", "name", crossed="last"), Field("last", "name", crossed="first")
    table = table_of(
        {"first": ("anna",), "last": ("li",)},
        {"first": ("li",), "last": ("anna",)},
        {"first": ("li",), "last": ("boris",)},
    )
    pairs = np.array([0, 0]), np.array([1, 2])
    assert compare(table, first, *pairs)[0].tolist() == [3, 0]
    assert compare(table, last, *pairs)[0].tolist() == [3, 0]


def test_parts_of_keys():
    assert part("name") == Part("name")
    assert part("name:4").of("anna-maria") == "anna"
    assert part("phone:-7").of("4930901820") == "0901820"


VALUES = st.lists(st.sampled_from(["a", "b", "c", "ab", "bc", "abc"]), max_size=3).map(tuple)
PROFILES = st.lists(st.fixed_dictionaries({"f": VALUES, "g": VALUES}), min_size=1, max_size=14)
RULES = (rule("f"), rule("f:1", "g:1"), rule("g:-1"))


@given(PROFILES, st.integers(1, 5))
def test_every_pair_that_shares_a_key_comes_once(profiles, chunk):
    table = table_of(*profiles)
    blocks = Blocks(table, RULES, chunk=chunk)
    found = [
        pair
        for number in range(blocks.rules)
        for left, right in blocks.pairs(number)
        for pair in zip(left.tolist(), right.tolist(), strict=True)
    ]

    def keys(profile, number):
        return {
            tuple(key)
            for key in {
                0: [(v,) for v in profile["f"]],
                1: [(v[0], w[0]) for v in profile["f"] for w in profile["g"]],
                2: [(v[-1],) for v in profile["g"]],
            }[number]
        }

    expected = {
        (one, other)
        for one, other in combinations(range(len(profiles)), 2)
        if any(keys(profiles[one], n) & keys(profiles[other], n) for n in range(3))
    }
    assert len(found) == len(set(found))
    assert set(found) == expected


def test_keys_that_too_many_share_are_left_out():
    table = table_of(*({"f": ("same",)} for _ in range(6)), {"f": ("two",)}, {"f": ("two",)})
    blocks = Blocks(table, [rule("f")], largest=5)
    ((left, right),) = blocks.pairs(0)
    assert (left.tolist(), right.tolist()) == ([6], [7])


def people(count: int) -> Table:
    """Half of the people twice, with one letter wrong in one of the names."""
    chance = np.random.default_rng(1)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))

    def word() -> str:
        return "".join(chance.choice(letters, 8))

    found = []
    for _ in range(count):
        first, last, born = word(), word(), f"19{chance.integers(10**6):06}"
        found.append({"first": (first,), "last": (last,), "born": (born,)})
        wrong = chance.integers(8)
        mistyped = last[:wrong] + "x" + last[wrong + 1 :]
        found.append({"first": (first,), "last": (mistyped,), "born": (born,)})
    return table_of(*found)


FIELDS = (Field("first", "name"), Field("last", "name"), Field("born", "date"))


def test_learning_finds_how_often_mistakes_are_made():
    table = people(1_000)
    blocks = Blocks(table, [rule("first"), rule("born"), rule("last:3")])
    patterns = Patterns(FIELDS)
    for number in range(blocks.rules):
        for left, right in blocks.pairs(number):
            patterns.add([compare(table, field, left, right)[0] for field in FIELDS])
    knowledge = learn(FIELDS, len(table), random_levels(table, FIELDS, pairs=50_000), patterns)
    assert knowledge.rate == pytest.approx(0.5, rel=0.05)
    assert knowledge.fields["first"].alike[-1] > 0.95
    # One letter in 26 happens to be right.
    assert knowledge.fields["last"].alike[-1] < 0.15
    assert knowledge.fields["born"].unlike[-1] < 0.001
    scorer = Scorer(FIELDS, knowledge, len(table), frequencies_of(table, FIELDS))
    even = np.arange(0, len(table), 2)
    likely = scorer.score(table, even, even + 1).likely
    assert likely.min() > 0.5
    assert likely.mean() > 0.99
    assert scorer.score(table, even[:-1], even[1:]).likely.max() < 0.01


def test_a_weight_is_the_sum_of_its_reasons():
    table = table_of(
        {"first": ("anna",), "last": ("person",)},
        {"first": ("anna",), "last": ("persson",), "born": ("19800229",)},
    )
    scorer = Scorer(FIELDS, unseen(FIELDS), 1_000, {})
    scored = scorer.score(table, np.array([0]), np.array([1]))
    reasons = scorer.reasons(scored, 0)
    assert {r.field: r.level for r in reasons} == {"first": "equal", "last": "close"}
    total = scorer.prior + sum(r.bits for r in reasons)
    assert scored.likely[0] == pytest.approx(1 / (1 + 2**-total), abs=0.01)
    assert scorer.prior == prior_bits(unseen(FIELDS).rate, 1_000)


def test_what_many_have_tells_less():
    table = table_of(
        {"first": ("anna",)}, {"first": ("anna",)}, {"first": ("zoë",)}, {"first": ("zoë",)}
    )
    counts = {"first": {"anna": 400, "zoë": 2}}
    scorer = Scorer(FIELDS[:1], unseen(FIELDS), 1_000, counts)
    scored = scorer.score(table, np.array([0, 2]), np.array([1, 3]))
    common, rare = scored.likely
    assert common < rare


def test_fields_can_be_left_out_or_weigh_more():
    table = table_of(
        {"first": ("anna",), "born": ("19800229",)}, {"first": ("anna",), "born": ("19550617",)}
    )
    pair = np.array([0]), np.array([1])

    def likely(**weights):
        scorer = Scorer(FIELDS[::2], unseen(FIELDS), 1_000, {}, weights=weights)
        return scorer.score(table, *pair).likely[0]

    assert likely() < likely(born=0) < likely(born=0, first=2)


def test_a_table_is_made_in_little_memory():
    """Per value that some record has: a place or two, beside the distinct values themselves."""
    rows, names = 20_000, [f"f{n}" for n in range(6)]
    tracemalloc.start()
    try:
        builder = TableBuilder(names)
        for number in range(rows):
            builder.add(number, {name: (f"{name} {number % 100}",) for name in names})
        table = builder.built()
        _, peak = tracemalloc.get_traced_memory()
        blocks = Blocks(table, [rule("f0", "f1:2"), rule("f2"), rule("f3", "f4")])
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert blocks.rules == 3
    assert peak < rows * len(names) * 24
    # Nobody has so rare a value that it makes pairs: no key is kept.
    assert after < rows * len(names) * 24
