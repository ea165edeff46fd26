"""Finding out what a write would do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from crm_api.kit.db.tx import Tx


class _Rehearsed(Exception):
    """A rehearsal has come to its end."""


@asynccontextmanager
async def rehearsal(tx: Tx) -> AsyncIterator[None]:
    """A part that is checked as if it happened, and is undone."""
    links = tx.links
    with suppress(_Rehearsed):
        async with tx.atomic():
            yield
            await tx.flush()
            # What it would point at is told all the same.
            links = list(tx.links)
            raise _Rehearsed
    tx.links = links
