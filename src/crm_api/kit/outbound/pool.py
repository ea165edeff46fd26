"""Connections that are kept for the next request to the same place.

The pool of the library goes through all of its connections, and asks the system for the state of
each, whenever a request begins or ends: with fifty of them that takes as long as all the rest.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpcore

KEPT_S = 5.0
"""So long a connection is kept that nobody uses."""
_Place = tuple[bytes, bytes, int]


class Pool:
    """At most `most` connections in use, and no more that are kept."""

    def __init__(
        self, make: Callable[[httpcore.Origin], httpcore.AsyncHTTPConnection], most: int
    ) -> None:
        self._make, self._most = make, most
        self._room = asyncio.Semaphore(most)
        self._kept: defaultdict[_Place, list[httpcore.AsyncHTTPConnection]] = defaultdict(list)
        self._swept = time.monotonic()

    @asynccontextmanager
    async def connected(
        self, origin: httpcore.Origin
    ) -> AsyncIterator[httpcore.AsyncHTTPConnection]:
        """A connection for one request; it is kept where the answer was read to its end."""
        place = (origin.scheme, origin.host, origin.port)
        async with self._room:
            connection = await self._taken(place) or self._make(origin)
            try:
                yield connection
            except BaseException:
                await connection.aclose()
                raise
            kept = sum(map(len, self._kept.values()))
            if connection.is_idle() and kept < self._most:
                self._kept[place].append(connection)
            else:
                await connection.aclose()
            if time.monotonic() - self._swept > KEPT_S:
                await self._sweep()

    async def _taken(self, place: _Place) -> httpcore.AsyncHTTPConnection | None:
        """The one that was used last, unless it has ended meanwhile."""
        # Looked up again each time: a sweep makes new lists while one that has ended is closed.
        while kept := self._kept.get(place):
            connection = kept.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return None

    async def _sweep(self) -> None:
        """End those that nobody has used for a while."""
        self._swept = time.monotonic()
        before, self._kept = self._kept, defaultdict(list)
        ended: list[httpcore.AsyncHTTPConnection] = []
        for place, connections in before.items():
            lasting = [one for one in connections if not one.has_expired()]
            ended += [one for one in connections if one not in lasting]
            if lasting:
                self._kept[place] = lasting
        for connection in ended:
            await connection.aclose()

    async def close(self) -> None:
        """End those that are kept."""
        before, self._kept = self._kept, defaultdict(list)
        for connections in before.values():
            for connection in connections:
                await connection.aclose()
