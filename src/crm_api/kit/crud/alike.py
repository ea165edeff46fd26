"""Many records that are made or changed alike: what they have in common is sent once."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Column

from crm_api.kit.db.base import Entity, Json
from crm_api.kit.db.events import event_row
from crm_api.kit.db.inserts import converter, encoded, plan_of, sent_as
from crm_api.kit.db.json import encode
from crm_api.kit.db.tables import EventRow
from crm_api.kit.ids import new_id

AT_ONCE = 1_000
"""How many a statement stores: few enough to end well before the timeout of statements."""


async def add_alike(
    service: Any, common: Mapping[str, Any], each: Mapping[str, Sequence[Any]]
) -> list[UUID]:
    """Store new records, as `CrudService.add` does: prepared values, and their own by column.

    Own values are ids, numbers, texts or JSON. Collections of which records are found by more
    than their columns are added to one by one.
    """
    count = len(next(iter(each.values())))
    ids = [new_id() for _ in range(count)]
    own = {"id": ids, **each}
    if not _are_plain(service, common):
        for row in zip(*own.values(), strict=True):
            service.add({**common, **dict(zip(own, row, strict=True))})
        return ids
    for start in range(0, count, AT_ONCE):
        piece = {name: values[start : start + AT_ONCE] for name, values in own.items()}
        await _add(service, common, piece)
    return ids


def _are_plain(service: Any, common: Mapping[str, Any]) -> bool:
    listing = service.records.listing
    return not (
        service.fields.formulas
        or listing.search is not None
        or listing.decimal_places
        or service.is_keyed
        or common.get("custom")
        or common.get("external_ids")
    )


async def _add(service: Any, common: Mapping[str, Any], own: Mapping[str, Sequence[Any]]) -> None:
    tx, listing, model = service.tx, service.records.listing, service.model
    record: dict[str, Any] = {
        "version": 1,
        "created_at": tx.now,
        "updated_at": tx.now,
        "created_by": tx.actor.id,
        **common,
    }
    service.guard.own(record)
    data = listing.event_shape(*map(record.get, listing.shown))
    ids = own["id"]
    event = event_row(tx, f"{listing.entity}.{service.begins}", listing.entity, ids[0], 1, data)
    told = tuple(name for name in own if name in listing.shown)
    await tx.write(
        _sql(model, tuple(own), told),
        encoded(model, [record], tx.organization_id),
        encoded(EventRow, [event], tx.organization_id),
        [new_id() for _ in ids],
        *(_sent(_column(model, name), values) for name, values in own.items()),
    )
    tx.told += len(ids)
    tx.stale |= service.stale
    for id in ids:
        tx.learned.touch(listing.entity, id, is_new=True)


async def change_alike(
    service: Any,
    verb: str,
    records: Sequence[Any],
    common: Mapping[str, Any],
    each: Mapping[str, Sequence[Any]],
) -> None:
    """Change locked records, as `CrudService.amend` does: to common values, and own ones by column.

    Of the records it takes their ids, versions, and what they had in the columns that are told.
    What they are found by, decimals and formulas do not follow: whoever changes such, or has
    these, changes one after the other.
    """
    names = [name for name in (*common, *each) if name in service.records.listing.known]
    before = zip(*(map(attrgetter(name), records) for name in names), strict=True)
    columns = (each[n] if n in each else repeat(common[n], len(records)) for n in names)
    told = _differences(names, zip(before, zip(*columns, strict=True), strict=True))
    for start in range(0, len(records), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        own = {name: values[part] for name, values in each.items()}
        await _change(service, verb, records[part], common, own, told[part])


async def _change(
    service: Any,
    verb: str,
    records: Sequence[Any],
    common: Mapping[str, Any],
    own: Mapping[str, Sequence[Any]],
    told: Sequence[tuple[str, str]],
) -> None:
    tx, model, entity = service.tx, service.model, service.model.entity
    ids = [record.id for record in records]
    event = event_row(tx, f"{entity}.{verb}", entity, ids[0], 1, {})
    stamped = {**common, "updated_at": tx.now, "updated_by": tx.actor.id}
    await tx.write(
        _changing(model, tuple(own), tuple(stamped)),
        tx.organization_id,
        encoded(EventRow, [event], tx.organization_id),
        [new_id() for _ in ids],
        ids,
        [record.version + 1 for record in records],
        *map(list, zip(*told, strict=True)),
        *(_sent(_column(model, name), values) for name, values in own.items()),
        *(_bound(_column(model, name), value) for name, value in stamped.items()),
    )
    tx.told += len(ids)
    tx.stale |= service.stale
    for id in ids:
        tx.learned.touch(entity, id, is_new=False)


def _differences(names: Sequence[str], both: Iterable[tuple[Any, Any]]) -> list[tuple[str, str]]:
    """What events tell of values before and after; most of what is changed alike differs alike."""
    known: dict[tuple[Any, Any], tuple[str, str]] = {}
    found: list[tuple[str, str]] = []
    for key in both:
        told = known.get(key)
        if told is None:
            before, after = (dict(zip(names, values, strict=True)) for values in key)
            changed = [name for name in names if before[name] != after[name]]
            data, previous = ({n: of[n] for n in changed} for of in (after, before))
            told = known[key] = encode(data).decode(), encode(previous).decode()
        found.append(told)
    return found


@lru_cache(maxsize=64)
def _changing(model: type[Entity], own: tuple[str, ...], common: tuple[str, ...]) -> str:
    """The changes and their events by one statement."""
    columns = [_column(model, name) for name in own]
    kinds = ("uuid", "uuid", "integer", "text", "text", *map(_element, columns))
    # How long they are is kept from the planner: it would read the whole table rather than look
    # so many rows up, for each thousand of them.
    arrays = ", ".join(f"(SELECT ${n}::{kind}[])" for n, kind in enumerate(kinds, 3))
    names = "".join(f', "{name}"' for name in own)
    sets = [f'"{c.name}" = r."{c.name}"{"::jsonb" if _is_json(c) else ""}' for c in columns]
    sets += [
        f'"{name}" = ${n}::{sent_as(_column(model, name))}'
        for n, name in enumerate(common, 8 + len(own))
    ]
    events = {
        "id": 'r."event_id"',
        "record_id": 'r."id"',
        "version": 'r."version"',
        "data": 'r."data"::jsonb',
        "previous": 'r."previous"::jsonb',
    }
    return (
        f"WITH r AS MATERIALIZED (SELECT * FROM unnest({arrays}) "  # noqa: S608
        f'AS r("event_id", "id", "version", "data", "previous"{names})), '
        f'made AS (UPDATE "{plan_of(model).table}" AS t SET "version" = r."version", '
        f"{', '.join(sets)} FROM r WHERE t.organization_id = $1 AND t.id = r.id), "
        f"told AS ({_insert(EventRow, '$2', events)}) SELECT 1"
    )


@lru_cache(maxsize=64)
def _sql(model: type[Entity], own: tuple[str, ...], told: tuple[str, ...]) -> str:
    """Both tables by one statement; `told` are those of the own columns that events show."""
    columns = [_column(model, name) for name in own]
    arrays = ", ".join(f"${n}::{_element(c)}[]" for n, c in enumerate(columns, 4))
    names = ", ".join(f'"{name}"' for name in own)
    picks = {c.name: f'r."{c.name}"{"::jsonb" if _is_json(c) else ""}' for c in columns}
    changed = ", ".join(f"'{name}', {picks[name]}" for name in told)
    events = {
        "id": 'r."event_id"',
        "record_id": 'r."id"',
        "data": f'c."data" || jsonb_strip_nulls(jsonb_build_object({changed}))',
    }
    return (
        "WITH r AS MATERIALIZED ("  # noqa: S608
        f'SELECT * FROM unnest($3::uuid[], {arrays}) AS r("event_id", {names})), '
        f"made AS ({_insert(model, '$1', picks)}), told AS ({_insert(EventRow, '$2', events)}) "
        "SELECT 1"
    )


def _insert(model: type[Any], common: str, picks: Mapping[str, str]) -> str:
    plan = plan_of(model)
    names = ", ".join(f'"{c.name}"' for c in plan.columns)
    values = ", ".join(picks.get(c.name, f'c."{c.name}"') for c in plan.columns)
    kinds = ", ".join(f'"{c.name}" {sent_as(c)}' for c in plan.columns)
    return (
        f'INSERT INTO "{plan.table}" ({names}) SELECT {values} FROM '  # noqa: S608
        f"(SELECT * FROM json_to_recordset({common}::text::json) AS c({kinds}) LIMIT 1) c, r"
    )


def _column(model: type[Entity], name: str) -> Column[Any]:
    return next(column for column in plan_of(model).columns if column.name == name)


def _sent(column: Column[Any], values: Sequence[Any]) -> list[Any]:
    if not _is_json(column):
        return list(values)
    return [None if value is None else encode(value).decode() for value in values]


def _bound(column: Column[Any], value: Any) -> Any:
    convert = None if value is None else converter(column.type)
    return value if convert is None else convert(value)


def _is_json(column: Column[Any]) -> bool:
    return isinstance(column.type, Json)


def _element(column: Column[Any]) -> str:
    return "text" if _is_json(column) else sent_as(column)
