"""Records and shapes as plain values."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from crm_api.kit.db.base import Entity
from crm_api.kit.db.taken import is_taken
from crm_api.kit.schema import Create, Merged


def columns_of(record: Entity) -> dict[str, Any]:
    """The column values of a loaded record."""
    # Where they are loaded they are there, many times faster than one attribute after the other.
    loaded = record.__dict__
    if is_taken(record):
        return loaded.copy()
    return {
        name: loaded[name] if name in loaded else getattr(record, name)
        for name in _names_of(type(record))
    }


@cache
def _names_of(model: type[Entity]) -> tuple[str, ...]:
    return tuple(column.key for column in model.__mapper__.column_attrs)


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
