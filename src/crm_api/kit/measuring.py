"""Gauges of the whole installation, as any worker finds them in the database."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from crm_api.kit.db.database import Database
from crm_api.kit.jobs import Workplace
from crm_api.kit.meters import Gauge, Values

EVERY_S = 15.0


class Measure(NamedTuple):
    """Some gauges, and what finds out where they stand; the database is the worker's."""

    gauges: Mapping[str, Gauge]
    take: Callable[[Database], Awaitable[Mapping[str, Values]]]


class Measuring:
    """Sets gauges from time to time, as long as somebody reads them: nothing is asked in vain."""

    def __init__(self, measure: Measure, place: Workplace) -> None:
        self._measure, self._shared = measure, place.shared
        self._taken = float("-inf")

    async def look(self) -> bool | None:
        """Measure, if it is time."""
        gauges = self._measure.gauges
        is_time = time.monotonic() - self._taken > EVERY_S
        if is_time and any(gauge.is_read for gauge in gauges.values()):
            self._taken = time.monotonic()
            found = await self._measure.take(self._shared)
            for name, gauge in gauges.items():
                gauge.set(found[name])
        return None

    async def close(self) -> None:
        """Nothing is kept."""
