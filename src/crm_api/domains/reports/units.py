"""What numbers are of: amounts, counts, shares, or stretches of time."""

from crm_api.domains.reports.schemas import ReportMeasure

PLAIN = frozenset({"amount", "count", "number", "ratio", "score"})
"""What charts and tables do not write beside a name."""
_NUMBERS = frozenset({"integer", "number", "amount", "ratio"})
_SAID = frozenset({"seconds", "minutes", "hours", "days", "percent"})
_COUNTED = frozenset({"count", "count_distinct"})


def unit_of_field(path: str, kind: str) -> str | None:
    """That of a field, whose name may end with it, such as `duration_minutes`; None of no number."""
    if kind not in _NUMBERS:
        return None
    last = path.rpartition(".")[2].rpartition("_")[2]
    return last if last in _SAID else "number" if kind == "integer" else kind


def kind_of(asked: ReportMeasure, kind: str) -> str:
    """The kind of a measure of values of this one."""
    if asked.function == "count_distinct":
        return "integer"
    averaged = asked.function in {"avg", "median", "percentile"}
    return "number" if averaged and kind == "integer" else kind


def unit_of_column(name: str, kind: str) -> str | None:
    """That of a measure that a domain computes: whole numbers are counts unless they say more."""
    found = unit_of_field(name, kind)
    return "count" if kind == "integer" and found == "number" else found


def unit_of_measure(asked: ReportMeasure, kind: str, of: str | None) -> str | None:
    """That of a measure of a report; `of` is that of what it is made of, if it is of anything."""
    if kind not in _NUMBERS:
        return None
    if asked.since is not None:
        return asked.unit
    if asked.function in _COUNTED or (kind == "integer" and of is None):
        return "count"
    if kind == "ratio" or asked.function == "calculated":
        return kind
    return of or kind


def written(unit: str | None) -> str | None:
    """What stands beside a name, if it says more than the number does."""
    return None if unit in PLAIN else unit
