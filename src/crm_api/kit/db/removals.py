"""The rows that a transaction removes from a table of the kit, as one statement."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Table

from crm_api.kit.db.base import Base
from crm_api.kit.db.inserts import sent_as

Kind = tuple[type[Base], tuple[str, ...]]
"""A table, and the columns whose values say which of its rows go; the first one has an index."""


def statement(
    kind: Kind, organization_id: UUID, rows: Sequence[tuple[Any, ...]]
) -> tuple[str, list[Any]]:
    """SQL and its arguments."""
    return _sql(kind), [organization_id, *map(list, zip(*rows, strict=True))]


@lru_cache(maxsize=64)
def _sql(kind: Kind) -> str:
    model, names = kind
    table = model.__table__
    assert isinstance(table, Table)
    arrays = [f"${n}::{sent_as(table.columns[name])}[]" for n, name in enumerate(names, 2)]
    first, listed = names[0], ", ".join(names)
    # By the first column alone the index is used, whatever the planner believes of the table.
    exact = f" AND ({listed}) IN (SELECT * FROM unnest({', '.join(arrays)}))"  # noqa: S608
    return (
        f'DELETE FROM "{model.__tablename__}" WHERE organization_id = $1 '  # noqa: S608
        f"AND {first} = ANY({arrays[0]}){exact if len(names) > 1 else ''}"
    )
