"""Standard reports as tests compare them: with plain Python over the rows that a client reads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from support.clients import Api
from support.reporting import behind_standard, standard

Row = dict[str, Any]
Measures = Mapping[str, Callable[[list[Row]], Any]]
SPAN = {"from": "2000-01-01", "to": "2100-01-01"}


@dataclass(frozen=True)
class Expected:
    """What a report is to come to."""

    name: str
    path: str
    """The collection whose records it is of."""
    of: Callable[[Row], bool]
    """Which of them count."""
    key: Callable[[Row], tuple[Any, ...]]
    measures: Measures
    parameters: Mapping[str, Any]
    totals: bool = True
    dated: Sequence[str] = ()
    """The fields of which the first that has a value says on which day a record counts."""

    @property
    def counted(self) -> list[str]:
        """The measures that say how many records there are."""
        return [name for name, one in self.measures.items() if isinstance(one, Count)]


async def all_of(api: Api, path: str) -> list[Row]:
    """Every record of a collection that is seen."""
    found: list[Row] = []
    cursor = None
    while True:
        page = await api.read(path, limit=200, **({"cursor": cursor} if cursor else {}))
        found += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def compared(api: Api, wanted: Expected, rows: Sequence[Row], *, opened: bool = True) -> int:
    """Have all of a report agree with these rows; how many of them count.

    What is `opened` has every cell's records looked at, too.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        if wanted.of(row):
            groups.setdefault(wanted.key(row), []).append(row)
    told = await standard(api, wanted.name, **wanted.parameters)
    columns = told["answer"]["columns"]
    assert {c["name"] for c in columns if c["role"] == "measure"} == wanted.measures.keys()
    names = [c["name"] for c in columns if c["role"] == "grouping"]
    found = {tuple(r["values"][n] for n in names): r for r in told["answer"]["rows"]}
    assert len(found) == len(told["answer"]["rows"])
    assert found.keys() == groups.keys(), wanted.name
    by_id = {row["id"]: row for row in rows}
    for key, inside in groups.items():
        agree(found[key]["values"], inside, wanted)
        if not opened:
            continue
        there = await behind_standard(api, wanted.name, found[key]["cell"], **wanted.parameters)
        assert {row["id"] for row in there} == {row["id"] for row in inside}
        agree(found[key]["values"], [by_id[row["id"]] for row in there], wanted)
    for total in told["answer"]["totals"]:
        places = [names.index(name) for name in total["by"]]
        kept = tuple(total["values"][name] for name in total["by"])
        inside = [row for key, own in groups.items() if _at(key, places) == kept for row in own]
        agree(total["values"], inside, wanted)
        if opened:
            await _opened(api, wanted, total, inside)
    assert bool(told["answer"]["totals"]) == (wanted.totals and bool(groups))
    return sum(map(len, groups.values()))


async def _opened(api: Api, wanted: Expected, line: Row, rows: Sequence[Row]) -> None:
    """Have the records behind a line be these, and those behind each count as many as it says."""
    there = await behind_standard(api, wanted.name, line["cell"], **wanted.parameters)
    assert {row["id"] for row in there} == {row["id"] for row in rows}
    for name in wanted.counted:
        there = await behind_standard(api, wanted.name, line["cell"], name, **wanted.parameters)
        assert len(there) == line["values"][name], (wanted.name, name)


def _at(key: tuple[Any, ...], places: Sequence[int]) -> tuple[Any, ...]:
    return tuple(key[place] for place in places)


def agree(found: Row, rows: list[Row], wanted: Expected) -> None:
    """Have the measures of some rows be these."""
    for name, measure in wanted.measures.items():
        value, told = measure(rows), found[name]
        assert (value is None) == (told is None), (wanted.name, name, value, told)
        if isinstance(value, Decimal):
            assert Decimal(told) == value, (wanted.name, name)
        elif value is not None:
            assert abs(float(told) - float(value)) < 0.00002, (wanted.name, name, value, told)


@dataclass(frozen=True)
class Count:
    """How many pass."""

    test: Callable[[Row], bool]

    def __call__(self, rows: list[Row]) -> int:
        """How many of these do."""
        return sum(map(self.test, rows))


def counts(test: Callable[[Row], bool] = lambda _row: True) -> Count:
    """How many pass."""
    return Count(test)


def sums(field: str, test: Callable[[Row], bool] = lambda _row: True) -> Any:
    """The sum of a field; None where none of them has a value."""

    def of(rows: list[Row]) -> Any:
        values = [row[field] for row in rows if test(row) and row[field] is not None]
        kind = Decimal if any(isinstance(value, str) for value in values) else int
        return sum(map(kind, values), kind(0)) if values else None

    return of


def distincts(field: str) -> Callable[[list[Row]], int]:
    """How many values there are."""
    return lambda rows: len({row[field] for row in rows} - {None})


def ratio(above: Any, below: Any) -> Callable[[list[Row]], float | None]:
    """One by another; None by zero."""

    def of(rows: list[Row]) -> float | None:
        top, bottom = above(rows), below(rows)
        return None if top is None or not bottom else float(top) / float(bottom)

    return of


def took(until: str, since: str, percent: int) -> Callable[[list[Row]], float | None]:
    """The hours between two fields that so many percent did not exceed, linear in between."""

    def of(rows: list[Row]) -> float | None:
        known = [row for row in rows if row[until] and row[since]]
        hours = sorted(max((at(row, until) - at(row, since)).total_seconds(), 0) for row in known)
        if not hours:
            return None
        place = (len(hours) - 1) * percent / 100
        low = int(place)
        high = min(low + 1, len(hours) - 1)
        return (hours[low] + (hours[high] - hours[low]) * (place - low)) / 3600

    return of


def at(row: Row, field: str) -> datetime:
    """The instant of a field."""
    return datetime.fromisoformat(row[field])
