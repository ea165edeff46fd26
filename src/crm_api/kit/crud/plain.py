"""Records and shapes as plain values."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from crm_api.kit.db.base import Entity
from crm_api.kit.schema import Create, Merged


def columns_of(record: Entity) -> dict[str, Any]:
    """The column values of a loaded record."""
    return {column.key: getattr(record, column.key) for column in record.__mapper__.column_attrs}


def values_of(data: Create) -> dict[str, Any]:
    """Everything a creation shape holds, as plain values."""
    return data.model_dump()


@cache
def merged_in(shape: type[Create]) -> frozenset[str]:
    """The objects of a shape that a patch merges name by name (`Merged`)."""
    fields = shape.model_fields.items()
    return frozenset(name for name, info in fields if Merged in info.metadata)


def patched(current: Mapping[str, Any], patch: Mapping[str, Any] | None) -> dict[str, Any]:
    """An object after a merge patch; null for all of it empties it."""
    after = {} if patch is None else {**current, **patch}
    return {name: value for name, value in after.items() if value is not None}
