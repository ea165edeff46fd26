"""Where published rates come from: a port, and the file that is behind it unless told otherwise."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from crm_api.platform.exchange.reading import LARGEST, RatesFile, read_rates


class RateSource(Protocol):
    """Somebody who publishes rates."""

    async def rates(self) -> RatesFile:
        """All that is published now; raises `UnreadableRates`, or `OSError` out of reach."""
        ...


class FileRates:
    """A file that something else keeps up to date."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def rates(self) -> RatesFile:
        """What stands in it at this moment."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> RatesFile:
        with self._path.open("rb") as file:
            content = file.read(LARGEST + 1)
        return read_rates(content, datetime.now(UTC).date())


SOURCES: list[RateSource] = []
"""Those that a worker asks, by its settings."""


def publish_from(path: Path | None) -> None:
    """Have rates be taken from this file from here on; from nowhere without one."""
    SOURCES[:] = [] if path is None else [FileRates(path)]
