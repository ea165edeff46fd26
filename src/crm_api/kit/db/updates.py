"""The changes of a transaction to the rows of a table, as one statement."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Table

from crm_api.kit.db.base import Json, TenantRow
from crm_api.kit.db.inserts import converter, sent_as
from crm_api.kit.db.json import encode

Kind = tuple[type[TenantRow], frozenset[str]]
"""A table, and the columns that change."""


class Updates:
    """Changed values by the row that they belong to, until they are sent."""

    def __init__(self) -> None:
        self._rows: dict[tuple[type[TenantRow], UUID], dict[str, Any]] = {}

    def add(self, model: type[TenantRow], id: UUID, values: Mapping[str, Any]) -> None:
        """New values of some columns of a row."""
        self._rows.setdefault((model, id), {}).update(values)

    def clear(self) -> None:
        """Forget them."""
        self._rows.clear()

    def take(self, organization_id: UUID) -> list[tuple[str, list[Any]]]:
        """A statement for all rows of a table of which the same columns change."""
        rows, self._rows = self._rows, {}
        kinds: dict[Kind, list[dict[str, Any]]] = {}
        for (model, id), values in rows.items():
            kinds.setdefault((model, frozenset(values)), []).append({**values, "id": id})
        return [_statement(kind, organization_id, of) for kind, of in kinds.items()]

    def __bool__(self) -> bool:
        return bool(self._rows)


def _statement(
    kind: Kind, organization_id: UUID, rows: Sequence[dict[str, Any]]
) -> tuple[str, list[Any]]:
    table = _table(kind[0])
    for name in kind[1]:
        type_ = table.c[name].type
        # JSON stands in the statement's JSON as it is.
        convert = None if isinstance(type_, Json) else converter(type_)
        if convert is not None:
            for row in rows:
                row[name] = None if row[name] is None else convert(row[name])
    return _sql(kind), [organization_id, encode(rows).decode()]


@lru_cache(maxsize=512)
def _sql(kind: Kind) -> str:
    table = _table(kind[0])
    names = [column.name for column in table.columns if column.key in kind[1]]
    sets = ", ".join(f'"{name}" = r."{name}"' for name in names)
    kinds = ", ".join(f'"{name}" {sent_as(table.c[name])}' for name in ["id", *names])
    return (
        f'UPDATE "{table.name}" AS t SET {sets} '  # noqa: S608
        f"FROM json_to_recordset($2::text::json) AS r({kinds}) "
        "WHERE t.organization_id = $1 AND t.id = r.id"
    )


def _table(model: type[TenantRow]) -> Table:
    table = model.__table__
    assert isinstance(table, Table)
    return table
