"""Tallies in SQL: what a record counts for, and their cells in the place of the records.

What a record counts for is the values of the dimensions as text (`keys`) and its amounts in whole
parts (`amounts`); a cell has the keys of its grain.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    Date,
    Numeric,
    Text,
    Uuid,
    bindparam,
    case,
    literal_column,
    text,
)
from sqlalchemy.orm import InstrumentedAttribute

from crm_api.domains.reports.declared import Declared
from crm_api.kit.tallying import Tally

RECORDS = "tallied_records"
"""The column that says how many records a cell is of."""
MONTHS = frozenset({"month", "quarter", "year", "fiscal_quarter", "fiscal_year"})
"""The buckets for which the month of a day is enough."""


def table_of(tally: Tally) -> str:
    """Where its records are."""
    return str(Declared.services[tally.source].repository.model.__tablename__)


def contribution(tally: Tally) -> str:
    """What a row of the table counts for, as two columns."""
    keys = [_as_text(name, _column(tally, name)) for name in tally.dimensions]
    amounts = [f"CAST({name} AS bigint)" for name in tally.sums]
    return f"ARRAY[{', '.join(keys)}] AS keys, ARRAY[{', '.join(amounts)}] AS amounts"


def grain_keys(tally: Tally, grain: int) -> list[str]:
    """The keys of a grain, of those of a record."""
    found: list[str] = []
    for named in tally.grains[grain]:
        name, _, bucket = named.partition(":")
        key = f"keys[{list(tally.dimensions).index(name) + 1}]"
        found.append(f"(left({key}, 7) || '-01')" if bucket == "month" else key)
    return found


@dataclass(frozen=True)
class Tallied:
    """A tally as it is read: one of its grains, and the records that it does not know as they are."""

    tally: Tally
    grain: int
    pending: Sequence[UUID]
    watermark: str

    @property
    def values(self) -> dict[str, Any]:
        """The parameters of its statement beside the organization."""
        found: dict[str, Any] = {"tally_source": self.tally.source, "tally_grain": self.grain}
        return {**found, "tally_pending": list(self.pending)} if self.pending else found

    def cells(self) -> CTE:
        """Its cells under the name of the table of its records, which that hides in a statement.

        What is pending counts as it is now, and no longer as it was.
        """
        pending = [bindparam("tally_pending", type_=ARRAY(Uuid()))] if self.pending else []
        source = bindparam("tally_source", type_=Text())
        told = text(" UNION ALL ".join(self._parts())).bindparams(source, *pending)
        return told.columns().cte(table_of(self.tally))

    def column(self, name: str) -> ColumnElement[Any]:
        """A column that cells have beside those of the records."""
        return literal_column(f"{table_of(self.tally)}.{name}", Numeric())

    def number(self, value: ColumnElement[Any], field: str) -> ColumnElement[Any]:
        """Of how many records of a cell a value is known that is of a field."""
        return case((value.is_not(None), self.column(_known(field))))

    def _parts(self) -> Iterator[str]:
        names = self.tally.grains[self.grain]
        own = [f"keys[{n}]" for n in range(1, len(names) + 1)]
        kept = "organization_id = :organization AND source = :tally_source"
        cells = self._select(own, "records", "amounts[{0}]", "known[{0}]")
        yield f"{cells} FROM tally_cells WHERE {kept} AND grain = :tally_grain"
        if not self.pending:
            return
        keys = grain_keys(self.tally, self.grain)
        before = self._select(keys, "-1", "-amounts[{0}]", "-num_nonnulls(amounts[{0}])")
        yield f"{before} FROM tally_records WHERE {kept} AND record_id = ANY(:tally_pending)"
        now = self._select(keys, "1", "amounts[{0}]", "num_nonnulls(amounts[{0}])")
        yield (
            f"{now} FROM (SELECT organization_id, {contribution(self.tally)} "  # noqa: S608
            f"FROM {table_of(self.tally)} WHERE organization_id = :organization "
            "AND id = ANY(:tally_pending) AND deleted_at IS NULL) AS pending"
        )

    def _select(self, keys: Sequence[str], records: str, amount: str, known: str) -> str:
        columns = ["organization_id", "CAST(NULL AS timestamptz) AS deleted_at"]
        for named, key in zip(self.tally.grains[self.grain], keys, strict=True):
            name = named.partition(":")[0]
            columns.append(f"{_of_text(key, _column(self.tally, name))} AS {name}")
        columns.append(f"CAST({records} AS numeric) AS {RECORDS}")
        for place, name in enumerate(self.tally.sums, 1):
            columns.append(f"CAST({amount.format(place)} AS numeric) AS {name}")
            columns.append(f"CAST({known.format(place)} AS numeric) AS {_known(name)}")
        return f"SELECT {', '.join(columns)}"


def _known(field: str) -> str:
    return f"tallied_{field}"


def _column(tally: Tally, name: str) -> InstrumentedAttribute[Any]:
    return getattr(Declared.services[tally.source].repository.model, name)


def _as_text(name: str, column: InstrumentedAttribute[Any]) -> str:
    # Whatever the session thinks of how days are written.
    if isinstance(column.type, Date):
        return f"to_char({name}, 'YYYY-MM-DD')"
    return f"CAST({name} AS text)"


def _of_text(key: str, column: InstrumentedAttribute[Any]) -> str:
    if isinstance(column.type, Date):
        return f"CAST({key} AS date)"
    return f"CAST({key} AS uuid)" if isinstance(column.type, Uuid) else f'{key} COLLATE "C"'
