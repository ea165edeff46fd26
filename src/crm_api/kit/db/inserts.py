"""All the new rows of a transaction, as one statement."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Column, Table
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from crm_api.kit.db.base import UNLESS_GIVEN, Base, Json
from crm_api.kit.db.json import encode

_DIALECT = asyncpg_dialect()
Converter = Callable[[Any], Any]
Rows = Sequence[Mapping[str, Any]]


class InsertPlan:
    """How one table's values become rows of a JSON array.

    One parameter per table, whatever the number of its rows and columns: the driver's arrays look
    at every element several times, which costs more than PostgreSQL takes to read the JSON.
    """

    def __init__(self, model: type[Base]) -> None:
        table = model.__table__
        assert isinstance(table, Table)
        self.columns: list[Column[Any]] = [c for c in table.columns if _is_written(c)]
        self.table = table.name
        self.describes = "record_id" in table.primary_key.columns
        """Whether its rows hang on a record that they help to find."""
        defaults: dict[str, Any] = {c.key: c.default for c in self.columns if c.default is not None}
        self.constants = {k: d.arg for k, d in defaults.items() if not d.is_callable}
        self.makers = {k: d.arg for k, d in defaults.items() if d.is_callable}
        self._converters = {
            c.key: convert
            for c in self.columns
            if not isinstance(c.type, Json) and (convert := converter(c.type)) is not None
        }

    def row(self, values: Mapping[str, Any], organization_id: UUID) -> dict[str, Any]:
        """One row, its defaults filled; whatever is no column is left to be ignored.

        Nulls are left out: a column that is not named has its default, or is null.
        """
        row = self.constants | {k: v for k, v in values.items() if v is not None}
        row["organization_id"] = organization_id
        for key, make in self.makers.items():
            if key not in row:
                row[key] = make(None)
        for key, convert in self._converters.items():
            if key in row:
                row[key] = convert(row[key])
        return row


def _is_written(column: Column[Any]) -> bool:
    return column.server_default is None or column.default is not None


def converter(kind: TypeEngine[Any]) -> Converter | None:
    """What turns a Python value of a column type into the driver's, if anything must."""
    if isinstance(kind, Json):
        return encode
    if isinstance(kind, TypeDecorator):
        return lambda value: kind.process_bind_param(value, _DIALECT)
    if isinstance(kind, ARRAY):
        each = converter(kind.item_type)
        return None if each is None else lambda values: [each(value) for value in values]
    return None


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
    for number, model in enumerate(models):
        plan = plan_of(model)
        names = ", ".join(f'"{c.name}"' for c in plan.columns)
        picks = ", ".join(picked(c, f'r."{c.name}"') for c in plan.columns)
        kinds = ", ".join(f'"{c.name}" {sent_as(c)}' for c in plan.columns)
        parts.append(
            f'w{number} AS (INSERT INTO "{plan.table}" ({names}) SELECT {picks} '  # noqa: S608
            f"FROM json_to_recordset(${number + 1}::text::json) AS r({kinds}))"
        )
    return f"WITH {', '.join(parts)} SELECT 1"


def picked(column: Column[Any], sent: str) -> str:
    """The SQL of what a new row holds in a column, by that of what was sent for it."""
    value = f"{sent}::tsvector" if isinstance(column.type, TSVECTOR) else sent
    otherwise = column.info.get(UNLESS_GIVEN)
    return value if otherwise is None else f"coalesce({value}, {otherwise})"


def sent_as(column: Column[Any]) -> str:
    """The name of the type as which a column's values are sent."""
    if isinstance(column.type, TSVECTOR):
        return "text"
    kind: Any = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    return str(kind.compile(_DIALECT)).split(" COLLATE")[0]


def encoded(model: type[Base], rows: Rows, organization_id: UUID) -> str:
    """Rows as the JSON that a statement takes."""
    plan = plan_of(model)
    return encode([plan.row(row, organization_id) for row in rows]).decode()
