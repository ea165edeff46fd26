"""PostgreSQL writes one part of many rows while the next one is made."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Self

from crm_api.kit.db.tx import Tx

PART = 500
"""Writes that leave together."""


class Ahead:
    """Sends what a transaction has kept back, part by part; at its end all has been sent."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._count = 0
        self._sends: list[asyncio.Task[None]] = []

    async def step(self) -> None:
        """One more write is ready."""
        self._count += 1
        if self._count % PART == 0:
            self.send(self._tx.flush())
        if self._count % 20 == 0:
            await asyncio.sleep(0)  # a part does not fit into the socket at once

    def send(self, part: Coroutine[Any, Any, None]) -> None:
        """Have a part be made and sent behind those before it: it is made while these are written."""
        self._sends.append(asyncio.create_task(part))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        ends = await asyncio.gather(*self._sends, return_exceptions=True)
        if kind is None or issubclass(kind, Exception):
            # What comes after one that fails fails as well, and only the first says why.
            for failed in filter(None, ends):
                raise failed
