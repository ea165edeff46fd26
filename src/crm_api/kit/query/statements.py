"""SQL as the driver takes it, compiled once per shape."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.sql.selectable import SelectBase

from crm_api.kit.db.inserts import Converter, converter
from crm_api.kit.query.listing import Listing

_MOST = 500
_DIALECT = asyncpg_dialect()


@dataclass(frozen=True)
class Statement:
    """SQL for the driver, and the names of its parameters in order."""

    sql: str
    names: tuple[str, ...]
    converters: Mapping[str, Converter]
    constants: Mapping[str, Any]

    def args(self, values: Mapping[str, Any]) -> list[Any]:
        """The values in the order of the placeholders."""
        converters = self.converters
        given = {**self.constants, **values}
        if not converters:
            return [given[name] for name in self.names]
        return [
            converters[name](given[name]) if name in converters else given[name]
            for name in self.names
        ]


def prepared(listing: Listing, shape: Any, build: Callable[[], Select[Any]]) -> Statement:
    """The compiled statement of a shape, built on first use."""
    found = listing.statements.get(shape)
    if found is None:
        if len(listing.statements) >= _MOST:
            listing.statements.clear()
        found = compiled(build())
        listing.statements[shape] = found
    return found


def compiled(query: SelectBase) -> Statement:
    """A SQLAlchemy statement as the driver takes it."""
    done = query.compile(dialect=_DIALECT)
    names = tuple(done.positiontup or ())
    kinds = {name: converter(bind.type) for name, bind in done.binds.items()}
    constants = {name: bind.value for name, bind in done.binds.items() if not bind.required}
    return Statement(str(done), names, {n: c for n, c in kinds.items() if c}, constants)
