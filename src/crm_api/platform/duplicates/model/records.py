"""What is compared, as columns: each distinct value once, and a number in its place."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["exact", "name", "text", "number", "date", "email", "phone"]
Profile = Mapping[str, Sequence[str]]
"""A record by field: its values, normalised; a field without any is left out or empty."""
Codes = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]

MOST_VALUES = 4
"""Of one field of one record that are compared; a tenth address tells nothing more."""


@dataclass(frozen=True)
class Field:
    """A field that is compared."""

    name: str
    kind: Kind
    crossed: str | None = None
    """Another field of its kind with which people mix it up, such as the first and last name."""


@dataclass(frozen=True)
class Column:
    """The values of one field of all records."""

    values: list[str]
    """The distinct ones."""
    codes: Codes
    """A row per record: the places of its values, then -1."""

    def counts(self) -> Places:
        """How many records have each value."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.values))


@dataclass(frozen=True)
class Table:
    """Records in the order in which they came."""

    ids: Sequence[Any]
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.ids)


class TableBuilder:
    """Takes records one by one, so that they need not be in memory together."""

    def __init__(self, names: Iterable[str]) -> None:
        self._ids: list[Any] = []
        self._columns = {name: _ColumnBuilder() for name in names}

    def add(self, id: Any, profile: Profile) -> None:
        """One more record."""
        self._ids.append(id)
        for name, column in self._columns.items():
            column.add(profile.get(name, ()))

    def built(self) -> Table:
        """The table of all that were added; nothing can be added any more."""
        rows, columns = len(self._ids), self._columns
        # What a column was made of goes before the next one is made.
        return Table(self._ids, {name: columns.pop(name).built(rows) for name in list(columns)})


class _ColumnBuilder:
    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._rows = 0
        # Per rank of a value: the records that have one there, and which; lists would take six times
        # the memory.
        self._ranks: list[tuple[array[int], array[int]]] = []

    def add(self, values: Sequence[str]) -> None:
        for rank, value in enumerate(values[:MOST_VALUES]):
            if rank == len(self._ranks):
                self._ranks.append((array("i"), array("i")))
            rows, codes = self._ranks[rank]
            rows.append(self._rows)
            codes.append(self._places.setdefault(value, len(self._places)))
        self._rows += 1

    def built(self, rows: int) -> Column:
        codes = np.full((rows, max(len(self._ranks), 1)), -1, np.int32)
        for rank, (places, found) in enumerate(self._ranks):
            codes[np.frombuffer(places, np.int32), rank] = np.frombuffer(found, np.int32)
        return Column(list(self._places), codes)
