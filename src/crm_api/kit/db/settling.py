"""What follows from the changes of a transaction before they are committed."""

from collections.abc import Awaitable, Callable, Collection
from typing import Any
from uuid import UUID

Settle = Callable[[Any, str, Collection[UUID]], Awaitable[None]]
"""Gets the transaction, a kind of record and the ids of those that were changed."""
_known: list[Settle] = []
Derive = Callable[[Any, Collection[UUID]], Awaitable[None]]
"""Gets the transaction and the ids of records of its kind that were changed."""
_derived: dict[str, list[Derive]] = {}


def settle_by(work: Settle) -> None:
    """Have this be done wherever records were changed that something of the state is about."""
    if work not in _known:
        _known.append(work)


def derive_by(entity: str, work: Derive) -> None:
    """Have this bring changed records of a kind in line, where the catalogue says `clocked`.

    And those of which somebody says so (`Learned.owe`).
    """
    works = _derived.setdefault(entity, [])
    if work not in works:
        works.append(work)


async def derive(tx: Any, entity: str) -> bool:
    """Do that now, for all that a transaction has changed so far; whether there was anything.

    What it changes itself is in line by then.
    """
    ids = tx.learned.awaiting.pop(entity, None)
    if not ids:
        return False
    for work in _derived[entity]:
        await work(tx, ids)
    tx.learned.awaiting.pop(entity, None)
    return True


async def settle(tx: Any) -> None:
    """Do it now, for all that a transaction has changed so far."""
    for entity in list(tx.learned.awaiting):
        await derive(tx, entity)
    touched, tx.learned.touched = tx.learned.touched, {}
    for entity, ids in touched.items():
        for work in _known:
            await work(tx, entity, ids)
