"""What falls due again and again, and what it makes: in a month, in a year, in all."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Literal, Protocol

from crm_api.kit.pricing.rounding import ZERO, exactly, rounded

Interval = Literal["month", "quarter", "half_year", "year"]
MONTHS: Mapping[str | None, int] = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}
INTERVALS: Sequence[str | None] = (None, *(name for name in MONTHS if name is not None))


class Recurring(Protocol):
    """When something falls due."""

    @property
    def interval(self) -> str | None:
        """How often; None: once."""
        ...

    @property
    def term(self) -> int | None:
        """How often in all; None: without an end."""
        ...


def times(given: Recurring, *, within: bool = False) -> Decimal:
    """How often it falls due in all, or within the first year; without an end, for a year."""
    if given.interval is None:
        return Decimal(1)
    year = 12 // MONTHS[given.interval]
    if given.term is None:
        return Decimal(year)
    return Decimal(min(given.term, year) if within else given.term)


@exactly
def worth(parts: Iterable[tuple[Decimal, Recurring]], currency: str) -> dict[str, Decimal]:
    """What amounts come to together: `one_time`, `mrr`, `arr`, `acv` and `tcv`.

    Each amount is what is due each time. `mrr` is for a month and `arr` for a year, of what falls
    due again; `acv` is what of that is due within the first year, `tcv` everything.
    """
    parts = list(parts)
    again = [(amount, given) for amount, given in parts if given.interval is not None]
    once = sum((amount for amount, given in parts if given.interval is None), ZERO)
    mrr = sum((amount / MONTHS[given.interval] for amount, given in again), ZERO)
    acv = sum((amount * times(given, within=True) for amount, given in again), ZERO)
    tcv = once + sum((amount * times(given) for amount, given in again), ZERO)
    whole = {"mrr": mrr, "arr": mrr * 12, "acv": acv, "tcv": tcv}
    return {"one_time": once, **{name: rounded(v, currency) for name, v in whole.items()}}
