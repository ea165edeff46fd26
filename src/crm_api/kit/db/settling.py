"""What follows from the changes of a transaction before they are committed."""

from collections.abc import Awaitable, Callable, Collection
from typing import Any
from uuid import UUID

Settle = Callable[[Any, str, Collection[UUID]], Awaitable[None]]
"""Gets the transaction, a kind of record and the ids of those that were changed."""
_known: list[Settle] = []


def settle_by(work: Settle) -> None:
    """Have this be done wherever records were changed that something of the state is about."""
    if work not in _known:
        _known.append(work)


async def settle(tx: Any) -> None:
    """Do it now, for all that a transaction has changed so far."""
    touched, tx.learned.touched = tx.learned.touched, {}
    for entity, ids in touched.items():
        for work in _known:
            await work(tx, entity, ids)
