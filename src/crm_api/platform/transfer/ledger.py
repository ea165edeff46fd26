"""Which records count for the same on which days, as the rows of a file come to say it."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Self
from uuid import UUID

RecordId = UUID | int
"""A stored record, or the number of one that a run would have made by then."""
ALWAYS, FOR_GOOD = 0, date.max.toordinal() + 1


@dataclass(frozen=True, slots=True)
class Span:
    """What a record counts for, and from which day to which, both included."""

    same: tuple[str, ...]
    first: int
    last: int
    row: int | None = None
    """The row of the file that says so; None for a record as it is stored."""

    @classmethod
    def of(
        cls, same: tuple[str, ...], first: date | None, last: date | None, row: int | None = None
    ) -> Self:
        """From days, of which either may be open."""
        return cls(
            same,
            ALWAYS if first is None else first.toordinal(),
            FOR_GOOD if last is None else last.toordinal(),
            row,
        )


class Ledger:
    """The spans of records by what these count for; no two of them may share a day."""

    def __init__(self, wanted: Collection[tuple[str, ...]] = ()) -> None:
        self.wanted = wanted
        """What the rows at hand count for."""
        self._spans: dict[RecordId, Span] = {}
        self._records: dict[tuple[str, ...], dict[RecordId, None]] = {}
        self._taken: dict[RecordId, None] = {}

    def hold(self, record: RecordId, span: Span) -> None:
        """Know of a record's span, in place of any that was known."""
        if (before := self._spans.get(record)) is not None:
            del self._records[before.same][record]
        self._spans[record] = span
        self._records.setdefault(span.same, {})[record] = None

    def take(self, record: RecordId, span: Span) -> None:
        """The same, where a row of the file has come to say it."""
        self.hold(record, span)
        self._taken[record] = None

    def span(self, record: RecordId | None) -> Span | None:
        """The span of a record, if it is known."""
        return None if record is None else self._spans.get(record)

    def rival(self, record: RecordId | None, span: Span) -> tuple[RecordId, Span] | None:
        """Another record that counts for the same on one of the days, and its span."""
        for other in self._records.get(span.same, ()):
            held = self._spans[other]
            if other != record and held.first <= span.last and span.first <= held.last:
                return other, held
        return None

    def records(self) -> Iterable[RecordId]:
        """The records of which it knows."""
        return self._spans.keys()

    def taken(self) -> Iterator[tuple[RecordId, Span]]:
        """The spans that rows have come to say."""
        return ((record, self._spans[record]) for record in self._taken)
