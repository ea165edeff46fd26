"""All the new rows of a transaction, as one statement."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from msgspec import Raw
from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from crm_api.kit.db.base import Base, Json
from crm_api.kit.db.json import encode

# A driver connection takes at most this many rows per array; more only costs memory.
MAX_ROWS = 5_000
_DIALECT = asyncpg_dialect()
Converter = Callable[[Any], Any]
_MISSING = object()


class InsertPlan:
    """How one table's values become the arrays of `unnest`."""

    def __init__(self, model: type[Base]) -> None:
        table = model.__table__
        assert isinstance(table, Table)
        self.columns = [c for c in table.columns if _is_written(c)]
        self.table = table.name
        self._fields = [(c.key, *_default(c), converter(c.type)) for c in self.columns]

    def row(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """One row in column order, defaults filled, ready for the driver."""
        return tuple(
            _value(values.get(key, _MISSING), default, make, convert)
            for key, default, make, convert in self._fields
        )


def _is_written(column: Column[Any]) -> bool:
    return column.server_default is None or column.default is not None


def _default(column: Column[Any]) -> tuple[Any, Callable[[], Any] | None]:
    default = column.default
    if default is None:
        return None, None
    if default.is_callable:
        make = default.arg
        return None, lambda: make(None)
    return default.arg, None


def converter(kind: TypeEngine[Any]) -> Converter | None:
    """What turns a Python value of a column type into the driver's, if anything must."""
    if isinstance(kind, Json):
        return _as_json
    if isinstance(kind, TypeDecorator):
        return lambda value: kind.process_bind_param(value, _DIALECT)
    return None


def _as_json(value: Any) -> Any:
    return value if isinstance(value, bytes | Raw) else encode(value)


def _value(
    value: Any, default: Any, make: Callable[[], Any] | None, convert: Converter | None
) -> Any:
    if value is _MISSING:
        value = make() if make is not None else default
    if value is None or convert is None:
        return value
    return convert(value)


@cache
def plan_of(model: type[Base]) -> InsertPlan:
    """The plan of a table, made once."""
    return InsertPlan(model)


@lru_cache(maxsize=512)
def statement(models: tuple[type[Base], ...]) -> str:
    """`WITH a AS (INSERT …), b AS (INSERT …) SELECT`: one round trip for any number of rows.

    Foreign keys are checked at its end, so the order of the tables does not matter.
    """
    parts: list[str] = []
    at = 0
    for number, model in enumerate(models):
        plan = plan_of(model)
        names = ", ".join(f'"{c.name}"' for c in plan.columns)
        arrays: list[str] = []
        picks: list[str] = []
        for index, column in enumerate(plan.columns):
            at += 1
            kind, cast = _array_type(column)
            arrays.append(f"${at}::{kind}[]")
            picks.append(f"r.c{index}{cast}")
        aliases = ", ".join(f"c{index}" for index in range(len(plan.columns)))
        parts.append(
            f'w{number} AS (INSERT INTO "{plan.table}" ({names}) SELECT {", ".join(picks)} '  # noqa: S608
            f"FROM unnest({', '.join(arrays)}) AS r({aliases}))"
        )
    return f"WITH {', '.join(parts)} SELECT 1"


def _array_type(column: Column[Any]) -> tuple[str, str]:
    if isinstance(column.type, TSVECTOR):
        return "text", "::tsvector"
    kind = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    name = str(kind.compile(_DIALECT))
    return name.split(" COLLATE", maxsplit=1)[0], ""


def arrays(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows turned into columns."""
    return [list(column) for column in zip(*rows, strict=True)]
