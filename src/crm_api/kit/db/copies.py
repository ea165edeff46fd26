"""A great many new rows of a transaction, as binary COPY: half the price of JSON for PostgreSQL.

COPY is refused where row-level security holds, so the rows go to tables that only the session
sees, and one statement takes them over from there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import chain, repeat
from struct import Struct
from typing import Any
from uuid import UUID

from sqlalchemy import Column, types
from sqlalchemy.dialects.postgresql import TIMESTAMP, TSVECTOR

from crm_api.kit.db.base import Base, Json
from crm_api.kit.db.failures import refused_value
from crm_api.kit.db.inserts import InsertPlan, Rows, converter, picked, plan_of
from crm_api.kit.db.json import encode

ENOUGH = 1_000
"""From how many rows on it pays: a session's own tables are not had for nothing."""
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_size = Struct(">i").pack
_SIZES = [_size(size) for size in range(1024)]
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(2000, 1, 1).toordinal()
_MICROSECOND = timedelta(microseconds=1)

Fields = list[bytes]
Encoder = Callable[[Iterable[Any]], Fields]


async def send(
    driver: Any, new: Mapping[type[Base], Sequence[Mapping[str, Any]]], organization_id: UUID
) -> None:
    """Store new rows of some tables, inside a transaction of the driver's connection.

    Foreign keys are checked at the end of the one statement that takes the rows over, so the
    order of the tables does not matter.
    """
    await driver.execute("; ".join(map(_making, new)))
    for model, rows in new.items():
        # No file: one is read in threads, each of which would wait for a busy event loop.
        try:
            content = memoryview(encoded(model, rows, organization_id))
        except OverflowError as error:
            raise refused_value() from error
        await driver.copy_to_table(
            _staged(model), schema_name="pg_temp", source=content, format="binary"
        )
    taking = ", ".join(f"w{n} AS ({_taking(model)})" for n, model in enumerate(new))
    ending = ", ".join(f'pg_temp."{_staged(model)}"' for model in new)
    await driver.execute(f"WITH {taking} SELECT 1; DROP TABLE {ending}")


def _staged(model: type[Base]) -> str:
    return f"new_{model.__tablename__}"


@cache
def _making(model: type[Base]) -> str:
    names = ", ".join(f'"{c.name}"{_sent_as(c)} AS "{c.name}"' for c in plan_of(model).columns)
    table = f'"{plan_of(model).table}"'
    made = f'CREATE TEMPORARY TABLE "{_staged(model)}"'
    return f"{made} AS SELECT {names} FROM {table} WITH NO DATA"  # noqa: S608


@cache
def _taking(model: type[Base]) -> str:
    columns = plan_of(model).columns
    names = ", ".join(f'"{c.name}"' for c in columns)
    picks = ", ".join(picked(c, f'"{c.name}"') for c in columns)
    source = f'pg_temp."{_staged(model)}"'
    return f'INSERT INTO "{plan_of(model).table}" ({names}) SELECT {picks} FROM {source}'  # noqa: S608


def _sent_as(column: Column[Any]) -> str:
    return "::text" if isinstance(column.type, TSVECTOR) else ""


def encoded(model: type[Base], rows: Rows, organization_id: UUID) -> bytes:
    """Rows as COPY takes them; whatever is no column is ignored.

    A column at a time: most hold one value in all rows, and what they hold is told once.
    """
    plan = plan_of(model)
    own = [organization_id] * len(rows)
    parts: list[Iterable[bytes]] = []
    same = len(plan.columns).to_bytes(2, "big")
    for column in plan.columns:
        key = column.key
        values = own if key == "organization_id" else _values(plan, key, rows)
        encoder = _encoder_of(column)
        if _is_one(values) and not isinstance(column.type, Json):
            same += encoder(values[:1])[0]
        else:
            parts += repeat(same, len(rows)), encoder(values)
            same = b""
    parts.append(repeat(same, len(rows)))
    return b"".join(chain((_HEADER,), chain.from_iterable(zip(*parts, strict=True)), (_TRAILER,)))


def _is_one(values: list[Any]) -> bool:
    # Where each row has its own, the ends alone tell.
    return values[0] == values[-1] and values.count(values[0]) == len(values)


def _values(plan: InsertPlan, key: str, rows: Rows) -> list[Any]:
    values = [row.get(key) for row in rows]
    if (make := plan.makers.get(key)) is not None:
        return [make(None) if value is None else value for value in values]
    if (default := plan.constants.get(key)) is not None:
        return [default if value is None else value for value in values]
    return values


@cache
def _encoder_of(column: Column[Any]) -> Encoder:
    kind = column.type
    if isinstance(kind, types.TypeDecorator) and not isinstance(kind, Json):
        convert, encoder = converter(kind), _ENCODERS[type(kind.impl)]
        assert convert is not None
        return lambda values: encoder(None if v is None else convert(v) for v in values)
    return _ENCODERS[type(kind)]


def _texts(values: Iterable[str | None]) -> Fields:
    return _sized(None if v is None else v.encode() for v in values)


def _json(values: Iterable[Any]) -> Fields:
    return _sized(None if v is None else b"\x01" + encode(v) for v in values)


def _sized(values: Iterable[bytes | None]) -> Fields:
    return [
        _NULL if v is None else (_SIZES[len(v)] if len(v) < 1024 else _size(len(v))) + v
        for v in values
    ]


def _uuids(values: Iterable[Any]) -> Fields:
    return [_NULL if v is None else _SIZES[16] + v.int.to_bytes(16, "big") for v in values]


def _numbers(size: int) -> Encoder:
    head = _SIZES[size]

    def fields(values: Iterable[int | None]) -> Fields:
        return [_NULL if v is None else head + v.to_bytes(size, "big", signed=True) for v in values]

    return fields


def _booleans(values: Iterable[bool | None]) -> Fields:
    return [_NULL if v is None else _SIZES[1] + bytes((v,)) for v in values]


def _days(values: Iterable[date | None]) -> Fields:
    return _numbers(4)(None if v is None else v.toordinal() - _EPOCH_DAY for v in values)


def _instants(values: Iterable[datetime | None]) -> Fields:
    return _numbers(8)(None if v is None else (v - _EPOCH) // _MICROSECOND for v in values)


_ENCODERS: dict[type[Any], Encoder] = {
    types.Uuid: _uuids,
    types.Text: _texts,
    TSVECTOR: _texts,
    Json: _json,
    types.Integer: _numbers(4),
    types.SmallInteger: _numbers(2),
    types.BigInteger: _numbers(8),
    types.Boolean: _booleans,
    types.Date: _days,
    TIMESTAMP: _instants,
}
