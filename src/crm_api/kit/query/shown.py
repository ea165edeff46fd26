"""Rows as their reader sees them: custom values without the hidden ones, with those computed."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Uuid, bindparam, func, select

from crm_api.kit.custom.catalogue import need_sight
from crm_api.kit.custom.fields import CustomField
from crm_api.kit.custom.values import decimal_text
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, Invalid, ModuleDisabled
from crm_api.kit.query.compile import Binds, rollup
from crm_api.kit.query.filters import rolled
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.selection import Selection
from crm_api.kit.query.shapes import Shape
from crm_api.kit.query.statements import prepared
from crm_api.kit.query.visibility import bound, living
from crm_api.kit.query.watching import saw


async def show(
    tx: Tx, listing: Listing, selection: Selection, rows: Sequence[Any], ids: Sequence[UUID]
) -> None:
    """Make rows ready to be shown, and write down that they are where the organization wants it."""
    if rows and tx.catalogue.watched:
        await saw(tx, listing.entity, selection.read, ids)
    await ready(tx, listing, selection, rows, ids)


async def ready(
    tx: Tx,
    listing: Listing,
    selection: Selection,
    rows: Sequence[Any],
    ids: Sequence[UUID] | None,
) -> None:
    """Have rows hold what the actor may see of them: a hidden field looks empty.

    The rollups of all rows are one statement; without ids, as for what was, there are none.
    """
    hidden = tx.actor.hidden(listing.entity)
    if rows and hidden:
        _empty(listing, selection, rows, hidden)
    if rows and "custom" in selection.columns and "custom" not in hidden:
        await _show_custom(tx, listing, selection, rows, ids)


def _empty(
    listing: Listing, selection: Selection, rows: Sequence[Any], hidden: frozenset[str]
) -> None:
    members = selection.shape(listing).__struct_fields__
    for member, column in zip(members, selection.columns, strict=False):
        if column in hidden:
            for row in rows:
                value = getattr(row, member)
                setattr(row, member, _emptied(value) if column in listing.lists else None)


def _emptied(value: Any) -> Any:
    return msgspec.Raw(b"[]") if isinstance(value, msgspec.Raw) else []


async def _show_custom(
    tx: Tx,
    listing: Listing,
    selection: Selection,
    rows: Sequence[Any],
    ids: Sequence[UUID] | None,
) -> None:
    fields = tx.catalogue.of(listing.entity)
    chosen = selection.custom
    if chosen is None and not fields.rollups and not fields.hidden_from(tx.actor):
        return
    rollups = [f for f in fields.rollups if chosen is None or f.name in chosen]
    totals = await rolled_up(tx, listing, rollups, ids) if ids and rollups else {}
    members = selection.shape(listing).__struct_fields__
    places = [
        m for m, column in zip(members, selection.columns, strict=False) if column == "custom"
    ]
    for number, row in enumerate(rows):
        computed = totals.get(ids[number], {}) if ids else {}
        for name in places:
            custom = getattr(row, name)
            values = decode(custom) if isinstance(custom, msgspec.Raw) else custom
            shown = fields.shown(values, tx.actor)
            if chosen is not None:
                shown = {name: value for name, value in shown.items() if name in chosen}
            setattr(row, name, shown | computed)


async def rolled_up(
    tx: Tx, listing: Listing, fields: Sequence[CustomField], ids: Sequence[UUID]
) -> dict[UUID, dict[str, Any]]:
    """The rollups of some records; those that the actor may not see are left out."""
    chosen = readable_rollups(tx, listing, fields)
    if not chosen:
        return {}
    cores = tuple(core for _, core, _ in chosen)
    values = [value for *_, given in chosen for value in given]
    statement = prepared(listing, ("rollups", cores), lambda: _select(listing, cores))
    named = {f"v{n}": value for n, value in enumerate(values)}
    args = statement.args({**bound(tx), "ids": list(ids), **named})
    return {
        row[0]: {
            field.name: _value(field, value)
            for (field, *_), value in zip(chosen, row[1:], strict=True)
            if value is not None
        }
        for row in await tx.fetch(statement.sql, *args)
    }


def readable_rollups(
    tx: Tx, listing: Listing, fields: Iterable[CustomField]
) -> list[tuple[CustomField, Shape, list[Any]]]:
    """Those that the actor may see, with what they compute and the values of that."""
    found: list[tuple[CustomField, Shape, list[Any]]] = []
    for field in fields:
        # Not for this reader, or over something that is not there, or not any more.
        with suppress(Forbidden, Invalid, ModuleDisabled):
            need_sight(field, tx.actor)
            found.append((field, *rolled(field, listing, tx)))
    return found


def _select(listing: Listing, cores: Sequence[Shape]) -> Any:
    model, binds = listing.model, Binds()
    found = [rollup(core, listing, model, binds).label(f"r{n}") for n, core in enumerate(cores)]
    wanted = func.any(bindparam("ids", type_=ARRAY(Uuid())))
    return select(model.id, *found).where(*living(listing, model, binned=True), model.id == wanted)


def _value(field: CustomField, value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if field.result_type == "integer" else decimal_text(value)
    return f"{value}Z" if field.kind == "instant" else value
