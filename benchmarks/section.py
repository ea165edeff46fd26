"""What a section of the benchmarks is: each file of `benchmarks/sections/` holds one.

A section measures, and says of each of its targets whether it was met:

    def run(setting: Setting) -> Outcome:
        rows = setting.size(100_000)
        with setting.stage(rows) as stage, serving(stage, "ours") as server:
            ...
        return Outcome([at_least("export to CSV, rows/s", rate, 50_000)])

    SECTION = Section("Export", run, within_s=180)
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from rich.table import Table

from benchmarks.stage import Stage


class NotMeasured(Exception):
    """There is no figure, or one that would mean nothing."""


@dataclass(frozen=True)
class Figure:
    """One measured value and the target that it should meet."""

    what: str
    value: float
    target: float
    at_least: bool
    form: str

    @property
    def met(self) -> bool:
        """Whether it does."""
        return self.value >= self.target if self.at_least else self.value <= self.target

    @property
    def shown(self) -> str:
        """The value for people."""
        return self.form.format(self.value)

    @property
    def wanted(self) -> str:
        """The target for people."""
        return f"{'≥' if self.at_least else '≤'} {self.form.format(self.target)}"


def at_least(what: str, value: float, target: float, form: str = "{:,.0f}") -> Figure:
    """A figure that should not be smaller than its target."""
    return Figure(what, value, target, at_least=True, form=form)


def at_most(what: str, value: float, target: float, form: str = "{:,.0f}") -> Figure:
    """A figure that should not be larger than its target."""
    return Figure(what, value, target, at_least=False, form=form)


@dataclass(frozen=True)
class Outcome:
    """What a section found: its targets, and what else is worth showing."""

    figures: list[Figure]
    table: Table | None = None
    details: Any = field(default=None)
    """For `--json`."""


class Setting(Protocol):
    """How much to measure, and on what."""

    rounds: int
    seconds: float
    """Of load per round."""

    def size(self, full: int) -> int:
        """This many, or as small a part of them as the whole run is to be."""
        ...

    def stage(self, contacts: int) -> AbstractContextManager[Stage]:
        """A database of its own with one organization and this many contacts."""
        ...


@dataclass(frozen=True)
class Section:
    """A part of the benchmarks that can be run alone."""

    title: str
    run: Callable[[Setting], Outcome]
    within_s: int = 300
    """When it is given up."""


def table(title: str, *columns: str) -> Table:
    """An empty table; figures stand on the right, words on the left."""
    made = Table("", title=title, title_justify="left")
    for column in columns:
        words = column in {"server", "way", "value"}
        made.add_column(column, justify="left" if words else "right")
    return made
