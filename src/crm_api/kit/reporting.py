"""What a part of the product declares of its numbers: named, versioned, with their definition."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal

Unit = Literal["amount", "count", "days", "hours", "ratio", "percent", "number", "score"]


Compute = Callable[[Any, date | None, date | None], Awaitable[Decimal | None]]
"""What a number comes to in a transaction between two days, for whoever asks in it."""


@dataclass(frozen=True)
class Metric:
    """A number that means the same wherever it is asked for, in the words of a report."""

    name: str
    """Such as `win_rate_count`, which no other part uses."""
    version: int
    """Grows with what changes its meaning."""
    title: str
    unit: Unit
    text: str
    """Its definition, as people read it."""
    source: str
    """The kind of record that it is counted of."""
    measures: Sequence[Mapping[str, Any]] = ()
    """Those of a report; the last one is the number."""
    filter: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Which records count at all."""
    dated_by: Sequence[str] = ()
    """The fields of which the first that has a value says on which day a record counts; without
    one it is a number of this moment."""
    compute: Compute | None = None
    """What computes it where no report of one kind of record does; it has no groups then."""

    @property
    def id(self) -> str:
        """What stands beside the number, such as `win_rate_count.v1`."""
        return f"{self.name}.v{self.version}"

    @property
    def answer(self) -> str:
        """The measure that is the number."""
        return str(self.measures[-1]["name"])


@dataclass(frozen=True)
class StandardReport:
    """A report that every organization has, in the words of saved reports."""

    name: str
    version: int
    title: str
    text: str
    """Its definition, as people read it."""
    formula: str
    definition: Mapping[str, Any]
    """That of a report; values of its filters may be `{"$param": name}`."""
    parameters: Sequence[Mapping[str, Any]] = ()

    @property
    def id(self) -> str:
        """What stands beside its numbers, such as `deal_outcomes.v1`."""
        return f"{self.name}.v{self.version}"

    @property
    def source(self) -> str:
        """The kind of record that it is of."""
        return str(self.definition["source"])
