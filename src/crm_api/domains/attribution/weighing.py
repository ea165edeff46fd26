"""How much of a conversion each touch on its path is worth, reckoned by the database for any number.

The rules are those of the field, as Google Analytics and HubSpot document them: all to the first
or the last touch, the same for each, 40/20/40 by position, and a weight that halves with age.
`chains.py` has the removal effects of Markov chains.

Where all keys are worth the same, what the keys of a path are worth, each shared by its touches, is
the Shapley value of the game in which a coalition of channels has the conversions of everybody whom
no other channel touched: it is a sum of unanimity games, one for each conversion, and shares each
out equally over the channels of its path, for any number of channels (K. Zhao, S. H. Mahboobi,
S. R. Bagheri, Shapley value methods for attribution modeling in online advertising,
arXiv:1804.05327, 2018, theorem 1).
"""

from collections.abc import Mapping
from typing import Literal

Model = Literal[
    "first",
    "last",
    "last_non_direct",
    "linear",
    "position",
    "time_decay",
    "markov",
    "shapley",
]
STEPS = 1_000_000
"""Weights are whole numbers of millionths, and add up to one."""
_POSITIONAL = frozenset[Model]({"first", "last", "linear", "position"})
"""By which only the places on a path count, so that all paths of a length are weighed alike."""
_OF_SHAPE = "OVER (PARTITION BY u.pattern)"
# A power so small is an error of PostgreSQL, and nothing beside the largest long before.
_RAW: Mapping[Model, str] = {
    "first": "(u.k = 1)::int",
    "last": "(u.k = u.n)::int",
    "last_non_direct": "(u.k = coalesce("
    f"max(u.k) FILTER (WHERE NOT u.is_direct) {_OF_SHAPE}, u.n))::int",
    "linear": "1",
    "position": "CASE WHEN u.n <= 2 THEN 1 WHEN u.k IN (1, u.n) THEN 40 "
    "ELSE 20.0::float8 / (u.n - 2) END",
    "time_decay": f"2 ^ greatest(min(u.age) {_OF_SHAPE} - u.age, -100)",
    "markov": "coalesce(e.effect, 0) / count(*) OVER (PARTITION BY u.pattern, u.key)",
    "shapley": "1::float8 / count(*) OVER (PARTITION BY u.pattern, u.key)",
}
# Relative to the largest, so that nothing vanishes however long ago all of it was.
_PLACES = """
    SELECT n AS pattern, n, generate_series(1, n) AS k
    FROM (SELECT DISTINCT cardinality(path) AS n FROM shape) s
"""
_TOUCHES = """
    SELECT s.shape AS pattern, cardinality(s.path) AS n, o.k::int AS k, o.age, f.key, f.is_direct
    FROM shape s, unnest(s.path, s.ages) WITH ORDINALITY AS o (facet, age, k)
    JOIN facet f ON f.facet = o.facet
"""
_WEIGHTS = """
    worth AS (SELECT u.pattern, u.k, ({raw})::float8 AS raw FROM ({touches}) u {joined}),
    own AS (
        SELECT pattern, k,
            trunc(CASE WHEN largest > 0 THEN raw / largest ELSE 1 END * 1e12)::bigint AS own
        FROM (SELECT w.*, max(raw) OVER (PARTITION BY pattern) AS largest FROM worth w) w),
    weight AS MATERIALIZED (
        SELECT pattern, k, {spread} AS weight
        FROM (SELECT o.*, {steps} * own / whole AS share, {steps} * own % whole AS remainder
            FROM (SELECT o.*, (sum(own) OVER (PARTITION BY pattern))::bigint AS whole FROM own o) o
        ) x)
"""
# What is shared out by weights is split at millions of steps, so that no product grows too large:
# the millions are shared out as the weights are, and what is left over by that rest alone, so it is
# done once for all that leave as much.
_VALUES = """
    valuable AS MATERIALIZED (
        SELECT w.id, w.period, w.path, w.pattern, sign(w.value)::int * c.step AS step,
            abs(w.value) / c.step / {steps} AS millions,
            (abs(w.value) / c.step % {steps})::int AS rest
        FROM {ways} w CROSS JOIN LATERAL (SELECT CASE WHEN w.value % {coin} = 0
            THEN {coin} ELSE 1 END AS step) c
        WHERE w.value IS NOT NULL),
    owed AS MATERIALIZED (
        SELECT v.pattern, v.rest, x.k, x.weight, {steps} AS whole,
            v.rest * x.weight / {steps} AS share, (v.rest * x.weight % {steps})::int AS remainder
        FROM (SELECT DISTINCT pattern, rest FROM valuable) v
        JOIN weight x ON x.pattern = v.pattern),
    rest AS MATERIALIZED (SELECT pattern, rest, k, weight, {spread} AS part FROM owed),
    part AS (
        SELECT v.id, v.period, r.k, v.path[r.k] AS facet,
            v.step * (v.millions * r.weight + r.part) AS part
        FROM valuable v JOIN rest r ON r.pattern = v.pattern AND r.rest = v.rest)
"""


def _spread(of: str) -> str:
    """Shares by largest remainder (Hamilton): what is left goes to those that lost most.

    Of those that lost alike the earlier ones get it, as by `spread` of `kit/pricing/rounding.py`.
    """
    left = f"(sum(remainder) OVER (PARTITION BY {of}))::bigint / whole"
    rank = f"row_number() OVER (PARTITION BY {of} ORDER BY remainder DESC, k)"
    return f"(share + ({rank} <= {left})::int)"


def weights_of(model: Model, effects: int | None = None) -> str:
    """The `weight` of each place `k` on a path of each `pattern`, as a part of a statement.

    `effects` is the place of two parameters, the keys of a Markov chain and their removal effects.
    """
    joined = ""
    if model == "markov":
        joined = (
            f"LEFT JOIN unnest(${effects}::text[], ${(effects or 0) + 1}::float8[]) "
            "AS e (key, effect) ON e.key = u.key"
        )
    return _WEIGHTS.format(
        raw=_RAW[model],
        touches=_PLACES if model in _POSITIONAL else _TOUCHES,
        joined=joined,
        spread=_spread("pattern"),
        steps=STEPS,
    )


def shapes_of(model: Model) -> str:
    """Each `shape` with its `pattern`, by which it is weighed."""
    pattern = "cardinality(path)" if model in _POSITIONAL else "shape"
    return f"(SELECT shape.*, {pattern} AS pattern FROM shape)"  # noqa: S608


def ways_of(model: Model) -> str:
    """Each `way` with its `pattern`, by which it is weighed."""
    if model in _POSITIONAL:
        return "(SELECT way.*, cardinality(path) AS pattern FROM way)"
    return "(SELECT way.*, shape AS pattern FROM way JOIN shape USING (path, ages, period))"


def values_of(model: Model, coin: int) -> str:
    """What each touch is worth of the value of each `way`, to the smallest coin where it has such.

    All of it is in ten-thousandths, the coin as well.
    """
    return _VALUES.format(
        spread=_spread("pattern, rest"), steps=STEPS, coin=coin, ways=ways_of(model)
    )
