"""Connections that are kept for the next request to the same place.

The pool of the library goes through all of its connections, and asks the system for the state of
each, whenever a request begins or ends: with fifty of them that takes as long as all the rest.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

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
        self._ending: set[asyncio.Task[None]] = set()
        self._swept, self._is_closed = time.monotonic(), False

    @asynccontextmanager
    async def connected(
        self, origin: httpcore.Origin, *, new: bool = False
    ) -> AsyncIterator[httpcore.AsyncHTTPConnection]:
        """A connection for one request, with `new` none that was kept.

        It is kept where the answer was read to its end.
        """
        place = (origin.scheme, origin.host, origin.port)
        async with self._room:
            connection = None if new else self._taken(place)
            connection = connection or self._make(origin)
            is_whole = False
            try:
                yield connection
                is_whole = not self._is_closed and connection.is_idle()
            finally:
                if is_whole and sum(map(len, self._kept.values())) < self._most:
                    self._kept[place].append(connection)
                else:
                    await asyncio.shield(self._end([connection]))
            if time.monotonic() - self._swept > KEPT_S:
                self._sweep()

    def _taken(self, place: _Place) -> httpcore.AsyncHTTPConnection | None:
        """The one that was used last, unless it has ended meanwhile."""
        kept = self._kept.get(place)
        while kept:
            connection = kept.pop()
            if not connection.has_expired():
                return connection
            self._end([connection])
        return None

    def _sweep(self) -> None:
        """End those that nobody has used for a while."""
        self._swept = time.monotonic()
        before, self._kept = self._kept, defaultdict(list)
        ended: list[httpcore.AsyncHTTPConnection] = []
        for place, connections in before.items():
            for one in connections:
                (ended if one.has_expired() else self._kept[place]).append(one)
        self._end(ended)

    def _end(self, connections: list[httpcore.AsyncHTTPConnection]) -> asyncio.Task[None]:
        """End them to the last, whether or not whoever asks for it goes on."""
        task = asyncio.create_task(_ended(connections))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    async def close(self) -> None:
        """End those that are kept; one that is still used is ended after it."""
        self._is_closed = True
        before, self._kept = self._kept, defaultdict(list)
        self._end([one for connections in before.values() for one in connections])
        await asyncio.wait(self._ending)


async def _ended(connections: list[httpcore.AsyncHTTPConnection]) -> None:
    for connection in connections:
        # Whatever goes wrong, the system lets go of it.
        with suppress(Exception):
            await connection.aclose()
