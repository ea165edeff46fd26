"""Models of attribution agree with published examples, with brute force, and add up."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise, permutations
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.attribution.chains import Move, removal_effects
from crm_api.domains.attribution.weighing import Model, values_of, ways_of, weights_of
from crm_api.kit.pricing.rounding import spread
from support.weighing import STEP, Touch, shared, weights

START = datetime(2026, 3, 1, tzinfo=UTC)
KEYS = st.text("ABCDE", min_size=1, max_size=8)
DAY, HALF_LIFE = timedelta(days=1), timedelta(days=7)
COIN = 100
WEEKS = START + 4 * HALF_LIFE
# Of the database, which has no paths but these.
SQL = """
    WITH facet AS (
        SELECT * FROM unnest($1::int[], $2::text[], $3::bool[]) AS f (facet, key, is_direct)),
    way AS (
        SELECT n AS id, date '2026-01-01' AS period, path::int[] AS path, ages::float8[] AS ages,
            value
        FROM unnest($4::text[], $5::text[], $6::bigint[]) WITH ORDINALITY AS w (path, ages, value, n)),
    shape AS (
        SELECT row_number() OVER ()::int AS shape, s.*
        FROM (SELECT period, path, ages, count(*) AS number FROM way GROUP BY 1, 2, 3) s),
    {weights}, {values}
    SELECT w.id, x.k, x.weight, p.part FROM way w
    JOIN {ways} v ON v.id = w.id JOIN weight x ON x.pattern = v.pattern
    LEFT JOIN part p ON p.id = w.id AND p.k = x.k ORDER BY 1, 2
"""


def path_of(keys, direct="", apart=DAY):
    return [Touch(key, START + n * apart, key in direct) for n, key in enumerate(keys)]


async def weighed(owner, model, paths, until=WEEKS, effects=None, amounts=None):
    """What the database makes of paths: the weights of each, and the parts of its amount."""
    keys = sorted({(one.key, one.is_direct) for path in paths for one in path})
    number = {key: place for place, key in enumerate(keys)}
    ways = [",".join(str(number[one.key, one.is_direct]) for one in path) for path in paths]
    aged = model == "time_decay"
    ages = [",".join(repr((until - one.at) / HALF_LIFE) for one in path) for path in paths]
    given = [
        list(number.values()),
        [key for key, _ in keys],
        [is_direct for _, is_direct in keys],
        [f"{{{way}}}" for way in ways],
        [f"{{{age}}}" if aged else "{}" for age in ages],
        amounts or [None] * len(paths),
    ]
    if model == "markov":
        given += [list(effects), list(effects.values())]
    sql = SQL.format(
        weights=weights_of(model, 7), values=values_of(model, COIN), ways=ways_of(model)
    )
    found = [([], []) for _ in paths]
    for row in await owner.fetch(sql, *given):
        shares, parts = found[row["id"] - 1]
        shares.append(row["weight"] * STEP)
        parts.append(row["part"])
    return found


async def credit(owner, model, keys, **more):
    ((found, _),) = await weighed(owner, model, [path_of(keys, **more)])
    return [float(one) for one in found]


async def test_the_rules_are_those_of_the_field(owner):
    """First, last, last but direct, linear, and 40 % for both ends with 20 % between them: as Google
    Analytics has them (Analytics Help, "About the default MCF attribution models").
    """
    assert await credit(owner, "first", "ABC") == [1, 0, 0]
    assert await credit(owner, "last", "ABC") == [0, 0, 1]
    assert await credit(owner, "last_non_direct", "ABC", direct="C") == [0, 1, 0]
    assert await credit(owner, "last_non_direct", "DD", direct="D") == [0, 1]
    assert await credit(owner, "linear", "ABCD") == [0.25] * 4
    assert await credit(owner, "position", "ABCD") == [0.4, 0.1, 0.1, 0.4]
    assert await credit(owner, "position", "ABC") == [0.4, 0.2, 0.4]
    assert await credit(owner, "position", "AB") == [0.5, 0.5]
    assert await credit(owner, "position", "A") == [1]
    assert await credit(owner, "linear", "") == []


async def test_eight_days_before_counts_half_of_one_day_before(owner):
    """The example of Google's time decay, of a half-life of seven days (Google Ads Help, "About
    attribution models").
    """
    week, day = timedelta(days=7), timedelta(days=1)
    assert week == HALF_LIFE
    path = path_of("AB", apart=week)
    ((found, _),) = await weighed(owner, "time_decay", [path], START + week + day)
    assert found == [Decimal("0.333333"), Decimal("0.666667")]


async def test_a_touch_of_a_half_life_ago_counts_half(owner):
    path = path_of("AB", apart=HALF_LIFE)
    ((found, _),) = await weighed(owner, "time_decay", [path], START + HALF_LIFE)
    assert found == [Decimal("0.333333"), Decimal("0.666667")]
    # Two half-lives, one, none: 1, 2 and 4 of 7.
    path = path_of("ABC", apart=HALF_LIFE)
    ((found, _),) = await weighed(owner, "time_decay", [path], START + 2 * HALF_LIFE)
    assert [float(one) for one in found] == pytest.approx([1 / 7, 2 / 7, 4 / 7], abs=1e-6)
    # However long ago all of it was, and however far apart.
    path = path_of("AB", apart=2_000 * HALF_LIFE)
    ((found, _),) = await weighed(owner, "time_decay", [path], START + 9_000 * HALF_LIFE)
    assert found == [0, 1]


def moves_of(paths):
    """How many went from each touch to the next."""
    found = {}
    for path, (converted, lost) in paths.items():
        for here, there in pairwise([None, *path, None]):
            before = found.get((here, there), (0, 0))
            found[here, there] = before[0] + converted, before[1] + lost
    return [Move(*ends, *numbers) for ends, numbers in found.items()]


async def test_removal_effects_are_those_of_the_published_example(owner):
    """The three paths after Anderl et al. that most introductions have (C1 > C2 > C3 converts,
    C1 and C2 > C3 do not): removal effects 1/2, 1 and 1, hence credits 0.2, 0.4 and 0.4.
    """
    paths = {("C1", "C2", "C3"): (1, 0), ("C1",): (0, 1), ("C2", "C3"): (0, 1)}
    effects = removal_effects(moves_of(paths))
    assert effects == pytest.approx({"C1": 0.5, "C2": 1.0, "C3": 1.0})
    path = path_of(["C1", "C2", "C3"])
    ((found, _),) = await weighed(owner, "markov", [path], effects=effects)
    assert found == [Decimal("0.2"), Decimal("0.4"), Decimal("0.4")]


async def test_removal_effects_are_those_of_four_paths(owner):
    """S. Puzyrov, Markov Chain Attribution: Simple Explanation Of Removal Effect, 2019: two
    conversions by advertisements alone, one by mail, one by both, and one who did not convert. Of a
    chance of 0.8 there are 0.2 left without advertisements and 0.4 without mail.
    """
    paths = {("ads",): (2, 1), ("mail",): (1, 0), ("ads", "mail"): (1, 0)}
    effects = removal_effects(moves_of(paths))
    assert effects == pytest.approx({"ads": 0.75, "mail": 0.5})
    path = path_of(["ads", "mail"])
    ((found, _),) = await weighed(owner, "markov", [path], effects=effects)
    assert found == [Decimal("0.6"), Decimal("0.4")]


def test_without_conversions_nothing_is_lost():
    assert removal_effects(moves_of({("A", "B"): (0, 3)})) == {"A": 0.0, "B": 0.0}
    assert removal_effects([]) == {}


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
    effects = removal_effects(moves_of(paths))
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


def test_the_shapley_value_is_that_of_the_airport():
    """Runways of 8, 11, 13 and 18 for four aircraft cost them 2, 3, 4 and 9 (Wikipedia, "Airport
    problem"): each part of the runway is shared alike by those who need it (S. C. Littlechild,
    G. Owen, Management Science 20, 1973, 370-372), as each conversion is by its channels.
    """
    assert _by_path({"ABCD": 8, "BCD": 3, "CD": 2, "D": 5}) == {"A": 2, "B": 3, "C": 4, "D": 9}


@given(st.dictionaries(st.frozensets(st.sampled_from("ABCDE"), min_size=1), st.integers(1, 50)))
def test_the_shapley_value_is_that_of_all_orders(sets):
    players = sorted({one for members in sets for one in members})

    def worth(coalition):
        return sum(number for members, number in sets.items() if members <= coalition)

    if players:
        assert dict(_by_path(sets)) == _shapley(players, worth)


def some_path(rng):
    keys = [rng.choice("ABCDE"[: rng.randint(1, 5)]) for _ in range(rng.randint(1, 12))]
    apart = sorted(rng.randrange(25 * 86_400) for _ in keys)
    return [
        Touch(key, START + timedelta(seconds=at), key == "E")
        for key, at in zip(keys, apart, strict=True)
    ]


@pytest.mark.parametrize("model", get_args(Model))
async def test_the_database_weighs_as_plain_python(owner, model):
    rng = random.Random(model)
    paths = [some_path(rng) for _ in range(600)]
    effects = {key: rng.choice([0.0, rng.random()]) for key in "ABCDE"}
    # Whole coins and less, what was given back, and the largest amount there may be.
    amounts = [
        rng.choice([rng.randrange(10**6) * COIN, rng.randrange(10**9), -rng.randrange(10**7), 0])
        for _ in paths
    ]
    amounts[0] = 9 * 10**18
    found = await weighed(owner, model, paths, effects=effects, amounts=amounts)
    for path, amount, (shares, parts) in zip(paths, amounts, found, strict=True):
        assert shares == weights(model, path, WEEKS, half_life=HALF_LIFE, effects=effects)
        assert sum(shares) == 1
        coin = Decimal(COIN if amount % COIN == 0 else 1)
        assert parts == spread(Decimal(amount), shares, coin)
        assert sum(parts) == amount


async def test_the_share_of_a_channel_does_not_grow_with_its_touches(owner):
    rng = random.Random(7)
    ways = [[rng.choice("ABC") for _ in range(rng.randint(2, 6))] for _ in range(50)]
    found = await weighed(owner, "shapley", list(map(path_of, ways)))
    for keys, (shares, _) in zip(ways, found, strict=True):
        by_key: Counter[str] = Counter()
        for key, part in zip(keys, shares, strict=True):
            by_key[key] += part
        for part in by_key.values():
            assert float(part) == pytest.approx(1 / len(by_key), abs=len(keys) * 1e-6)
