"""Keys of filters that are neither fields nor relations: a domain adds them to a collection below.

The one compiler carries them out, so they go wherever filters go.
"""

from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement

from crm_api.kit.actor import Actor


class TermReader(Protocol):
    """The reader of the filter in which a term stands."""

    @property
    def actor(self) -> Actor: ...
    @property
    def now(self) -> datetime: ...
    @property
    def lax(self) -> bool: ...

    def tested(self, at: str) -> None:
        """Count one more condition; raises `Invalid` where there are too many."""
        ...

    def keep(self, value: Any, said: Any) -> None:
        """Store a value, in the order in which `condition` asks for them; `said` is how the next
        page says it again.
        """
        ...


class TermBinds(Protocol):
    """Hands out the parameters of the values that were kept, in the same order."""

    def next(self, type_: Any, *, many: bool = False) -> ColumnElement[Any]: ...


class Term(Protocol):
    """What a key means."""

    def read(self, reader: TermReader, value: Any, at: str) -> tuple[Any, ...]:
        """What is asked, without its values, so that equal filters share a statement.

        Raises `Invalid` with a pointer that begins with `at`, `Forbidden` where it may not be asked.
        """
        ...

    def condition(self, asked: tuple[Any, ...], row: Any, binds: TermBinds) -> ColumnElement[bool]:
        """The condition on a row; true or false, never null."""
        ...
