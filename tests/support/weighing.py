"""What touches are worth in plain Python, for tests of what the database makes of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from crm_api.domains.attribution.weighing import Model
from crm_api.kit.pricing.rounding import spread

STEP = Decimal("0.000001")
"""Weights are made of such steps, and add up to one."""
_FINE = 10**12


@dataclass(frozen=True, slots=True)
class Touch:
    """A touch on the way to a conversion, as models see it."""

    key: str
    """What is compared: a campaign or a channel."""
    at: datetime
    is_direct: bool = False
    """Whether nobody brought them: they came by themselves."""


def weights(
    model: Model,
    path: Sequence[Touch],
    until: datetime,
    *,
    half_life: timedelta = timedelta(days=7),
    effects: Mapping[str, float] | None = None,
) -> list[Decimal]:
    """What each touch of a path is worth, the earliest first; together exactly one.

    `until` is the moment of the conversion, `effects` are those of the keys in a Markov chain.
    """
    if not path:
        return []
    raw = _RULES[model](path) if model in _RULES else _aged(model, path, until, half_life, effects)
    largest = max(raw)
    if largest <= 0:
        raw, largest = _linear(path), 1.0
    # Relative to the largest, so that nothing vanishes however long ago all of it was.
    whole = [Decimal(int(one / largest * _FINE)) for one in raw]
    return spread(Decimal(1), whole, STEP)


def _aged(
    model: Model,
    path: Sequence[Touch],
    until: datetime,
    half_life: timedelta,
    effects: Mapping[str, float] | None,
) -> list[float]:
    if model == "time_decay":
        ages = [(until - one.at) / half_life for one in path]
        return [2.0 ** (min(ages) - age) for age in ages]
    assert effects is not None
    return shared(path, effects)


def shared(path: Sequence[Touch], worth: Mapping[str, float] | None = None) -> list[float]:
    """What the keys of a path are worth, each shared by its touches.

    Where all are worth the same this is the Shapley value of the game in which a coalition of
    channels has the conversions of everybody whom no other channel touched: it is a sum of
    unanimity games, one for each conversion, and shares each out equally over the channels of its
    path, for any number of channels (K. Zhao, S. H. Mahboobi, S. R. Bagheri, Shapley value methods
    for attribution modeling in online advertising, arXiv:1804.05327, 2018, theorem 1).
    """
    times = Counter(one.key for one in path)
    return [(1.0 if worth is None else worth[one.key]) / times[one.key] for one in path]


def _first(path: Sequence[Touch]) -> list[float]:
    return [1.0, *[0.0] * (len(path) - 1)]


def _last(path: Sequence[Touch]) -> list[float]:
    return [*[0.0] * (len(path) - 1), 1.0]


def _last_non_direct(path: Sequence[Touch]) -> list[float]:
    told = [place for place, one in enumerate(path) if not one.is_direct]
    at = told[-1] if told else len(path) - 1
    return [float(place == at) for place in range(len(path))]


def _linear(path: Sequence[Touch]) -> list[float]:
    return [1.0] * len(path)


def _position(path: Sequence[Touch]) -> list[float]:
    between = len(path) - 2
    return [40.0, *[20.0 / between] * between, 40.0] if between > 0 else [1.0] * len(path)


_RULES = {
    "first": _first,
    "last": _last,
    "last_non_direct": _last_non_direct,
    "linear": _linear,
    "position": _position,
    "shapley": shared,
}
