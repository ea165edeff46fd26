"""What a part of the product has added up in advance of its records, for reports of very many."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Tally:
    """How many records there are by some of their fields, and what amounts they come to."""

    source: str
    """The kind of record."""
    dimensions: Sequence[str]
    """The fields of the record that it tells apart: text, ids and days, of which no hour matters."""
    sums: Sequence[str]
    """The fields that are added up."""
    grains: Sequence[Sequence[str]]
    """By which of the dimensions cells are kept, the coarsest first; a day may be `:month`."""
