"""What a part of the product declares of its numbers: named, versioned, with their definition."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from crm_api.kit.db.tx import Tx

Unit = Literal["amount", "count", "days", "hours", "ratio", "percent", "number", "score"]
Filter = Mapping[str, Any]
"""A filter in the one filter language."""


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
    filter: Filter = field(default_factory=dict[str, Any])
    """Which records count at all."""
    dated_by: Sequence[str] = ()
    """The fields of which the first that has a value says on which day a record counts; without
    one it is a number of this moment."""
    figure: "Figure | None" = None
    """What it is where no measures of one kind of record come to it."""

    @property
    def is_dated(self) -> bool:
        """Whether it is of some days, and not of this moment."""
        return bool(self.dated_by) or (self.figure is not None and self.figure.is_dated)

    @property
    def id(self) -> str:
        """What stands beside the number, such as `win_rate_count.v1`."""
        return f"{self.name}.v{self.version}"

    @property
    def answer(self) -> str:
        """The measure that is the number."""
        return str(self.measures[-1]["name"])


@dataclass(frozen=True)
class Parameter:
    """What is said when a standard report is run."""

    name: str
    type: Literal["text", "integer", "decimal", "boolean", "day", "uuid"]
    text: str
    default: Any = None
    """Days may be relative, such as `@today-365d`."""
    choices: Sequence[str] = ()
    """The values that a text may have; any without them."""
    is_optional: bool = False
    """Whether nothing has to be said that has no default."""


SPAN = (
    Parameter("from", "day", "The first day.", "@today-365d"),
    Parameter("to", "day", "The last day.", "@today"),
)
"""The parameters of reports about what happened within some days, both included."""


@dataclass(frozen=True, kw_only=True)
class StandardReport:
    """A report that every organization has: a `DefinedReport`, or a `ComputedReport`."""

    name: str
    version: int = 1
    """Grows with what changes its meaning, or the names of its columns."""
    title: str
    text: str
    """Its definition, as people read it."""
    formula: str
    source: str
    """The kind of record that it is of, and that stands behind its cells."""
    areas: Sequence[str] = ()
    """What else may be read by whoever gets it: the first halves of scopes."""
    parameters: Sequence[Parameter] = ()
    chart: str | None = None
    """The measure that charts draw; the first one without it."""

    @property
    def id(self) -> str:
        """What stands beside its numbers, such as `deal_outcomes.v1`."""
        return f"{self.name}.v{self.version}"


@dataclass(frozen=True, kw_only=True)
class DefinedReport(StandardReport):
    """In the words of saved reports, run by the engine that runs those."""

    definition: Mapping[str, Any]
    """That of a report without its source; values of its filters may be `{"$param": name}`."""
    dated_by: Sequence[str] = ()
    """As those of a metric, by its parameters `from` and `to` (`SPAN`)."""


@dataclass(frozen=True)
class Records:
    """The records behind a cell."""

    filter: Filter | Callable[[], Awaitable[Filter]]
    """Which they are; a function is asked only when somebody wants to know."""
    source: str | None = None
    """Of which kind, if not that of the report."""


@dataclass(frozen=True)
class Line:
    """A row of a computed report, or a total of it, which has fewer groups."""

    values: Mapping[str, Any]
    """By the names of its columns. Amounts and numbers are exact."""
    records: Records | None = None
    """Those behind the row, and behind each measure that has none of its own."""
    own: Mapping[str, Records] = field(default_factory=dict[str, Records])
    """Those behind single measures."""


@dataclass(frozen=True)
class Computed:
    """What a computed report comes to."""

    lines: Sequence[Line] = ()
    totals: Sequence[Line] = ()


@dataclass(frozen=True)
class ReportField:
    """A column of a computed report."""

    name: str
    role: Literal["grouping", "column", "measure"]
    """What rows are told apart by, what else is said of one, and its numbers."""
    kind: Literal["text", "uuid", "day", "integer", "number", "amount", "ratio", "boolean"]
    """An amount is in the organization's currency unless a grouping is `currency`."""
    text: str
    unit: str | None = None
    label: str | None = None
    """The column that says to people what a grouping by ids means."""


Compute = Callable[[Tx, Mapping[str, Any]], Awaitable[Computed]]
Judge = Callable[[Tx, Mapping[str, Any]], Awaitable[None]]
"""Raises `Invalid` for values of parameters that are of their types and still none to ask with: a
record that there is not, too many days. Those that are said later are missing."""


@dataclass(frozen=True, kw_only=True)
class ComputedReport(StandardReport):
    """By what the domain computes already; declared beside it."""

    columns: Sequence[ReportField]
    compute: Compute
    """By the values of the parameters, as Python has them: dates, decimals, ids."""
    judge: Judge | None = None
    """Asked before it is computed, and where something names it with parameters."""
    reads: Sequence[str] = ()
    """The fields of the source that its numbers are of. Whoever does not see one of them does not
    get the report (403 `hidden_field`)."""
    also_of: Sequence[str] = ()
    """The kinds of records besides the source whose events change what it comes to."""
    kind: Literal[
        "summary", "matrix", "time_series", "funnel", "cohort", "waterfall", "comparison"
    ] = "summary"
    """How it is drawn. A waterfall has levels first and last, and signed changes in between;
    a comparison has bars side by side by its second grouping."""


@dataclass(frozen=True)
class Figure:
    """A measure of a computed report: its total, or by the groupings of the report."""

    report: ComputedReport
    measure: str
    unsaid: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Values of the report's parameters that nobody says."""
    whole: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The values by which a row is that of everything, where the report has no total."""

    @property
    def is_dated(self) -> bool:
        """Whether it is of some days."""
        return any(one.name == "from" for one in self.report.parameters)

    @property
    def has_measure(self) -> bool:
        """Whether the report has such a measure."""
        return any(c.name == self.measure and c.role == "measure" for c in self.report.columns)

    @property
    def groupings(self) -> Sequence[str]:
        """By what it can be told."""
        return [column.name for column in self.report.columns if column.role == "grouping"]


_SO_MANY = 500
"""So many values the filter language takes at once (`kit/query`)."""


def of_ids(ids: Sequence[Any], field: str = "id") -> Filter:
    """A filter that says one by one which records they are, or which ones a field of them names."""
    parts = [
        {field: {"in": [str(id) for id in ids[n : n + _SO_MANY]]}}
        for n in range(0, max(len(ids), 1), _SO_MANY)
    ]
    return parts[0] if len(parts) == 1 else {"or": parts}
