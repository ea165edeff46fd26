"""Some columns of many records, read and locked past the ORM, to be changed like those it loads.

What the ORM takes for each object is most of the price where thousands are changed at once.
"""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, TypeVar, cast

from crm_api.kit.db.base import Entity, Json, TenantRow
from crm_api.kit.db.json import parsed

R = TypeVar("R", bound=Entity)
_MODEL = "taken_of"


def taken(model: type[R], row: Mapping[str, Any]) -> R:
    """A stand-in for a record, with the columns of a row alone, JSON as plain Python values.

    `Tx.change` and `CrudService.amend` take it. Whoever reads another column gets an
    `AttributeError`: nothing can be loaded later. No session knows it, so nobody else may have
    loaded the same record in this transaction, whose object would not see what is changed.
    """
    kind, stored_as_json = _kind_of(model)
    record = kind()
    values = vars(record)
    values.update(row)
    for name in stored_as_json:
        if name in values:
            values[name] = parsed(values[name])
    return cast("R", record)


@cache
def _kind_of(model: type[Entity]) -> tuple[type[Any], Collection[str]]:
    columns = model.__table__.columns
    kind = type(f"Taken{model.__name__}", (), {_MODEL: model, "entity": model.entity})
    return kind, [column.key for column in columns if isinstance(column.type, Json)]


def model_of(record: TenantRow) -> type[TenantRow]:
    """What a record is, or stands in for."""
    return getattr(type(record), _MODEL, type(record))


def is_taken(record: TenantRow) -> bool:
    """Whether a record only stands in for one."""
    return hasattr(type(record), _MODEL)


def columns_sql(model: type[TenantRow], names: Collection[str] | None = None) -> str:
    """Columns as a statement reads them for that; without `names`, all of them."""
    known = model.__table__.columns
    return ", ".join(f'"{c.name}"' for c in known if names is None or c.key in names)
