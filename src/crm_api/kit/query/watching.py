"""Noticing that somebody reads what the organization has watched; costs nothing where it has not."""

from collections.abc import Collection, Iterable
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import Listing

EVERY = "*"
"""Stands for whatever field of a record."""


async def saw(tx: Tx, entity: str, columns: Collection[str], ids: Iterable[UUID]) -> None:
    """These columns of some records are shown: written down before they are, if they are watched."""
    note(tx, entity, columns, ids)
    await write_down(tx)


def note(tx: Tx, entity: str, columns: Collection[str], ids: Iterable[UUID]) -> None:
    """Have it written down with whatever else is read, by `write_down` or the end of the work."""
    hidden = tx.actor.hidden(entity)
    shown = [name for name in columns if name not in hidden] if hidden else columns
    fields = read_of(tx.catalogue.watched.get(entity, ()), shown)
    if fields and (known := list(ids)):
        tx.readings.add(entity, fields, known, tx.cause_id)


async def write_down(tx: Tx) -> None:
    """Write down what was noted, where no end of a unit of work will."""
    if tx.readings and not tx.bounded:
        await tx.readings.tell(tx)


def read_of(watched: Collection[str], columns: Collection[str]) -> list[str]:
    """The watched fields that are among some columns; `custom` holds all of an organization's own."""
    return [
        name
        for name in watched
        if name == EVERY or name in columns or (name.startswith("custom.") and "custom" in columns)
    ]


def exported(tx: Tx, listing: Listing, paths: Iterable[str], count: int) -> None:
    """These columns of so many records were written to a file."""
    if not tx.catalogue.watched or not count:
        return
    columns: dict[str, list[str]] = {}
    for path in paths:
        *relations, name = path.split(".")
        if relations and relations[-1] == "custom":
            name = f"custom.{name}"
            relations.pop()
        here = listing
        for relation in relations:
            here = here.related[relation].target()
        columns.setdefault(here.entity, []).append(name)
    for entity, names in columns.items():
        if fields := read_of(tx.catalogue.watched.get(entity, ()), names):
            tx.readings.add_many(entity, fields, count, tx.cause_id)
