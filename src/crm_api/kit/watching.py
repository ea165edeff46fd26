"""Looking after one thing as long as a worker works: whenever something happened, and between."""

import asyncio
from contextlib import suppress

import structlog

from crm_api.kit.errors import CrmError
from crm_api.kit.jobs import Watch, Watcher, Workplace
from crm_api.kit.live import rung

log = structlog.get_logger("crm_api.worker")

SWEEP_S = 0.3
"""So often somebody looks though nothing is known to have happened."""
# Between two looks of somebody who finds nothing; the longest is what it may add to an answer.
SHORTEST_S, LONGEST_S, LONGEST_URGENT_S = 0.005, 0.1, 0.02


async def watch_forever(watch: Watch, place: Workplace, bell: asyncio.Event) -> None:
    """Look whenever the bell was rung, and from time to time.

    What happens rings for everybody who watches, and most of it is for one of them: whoever finds
    nothing looks away for a moment, whatever happens meanwhile.
    """
    watcher, clock = watch.begin(place), asyncio.get_running_loop().time
    pause, longest = 0.0, LONGEST_URGENT_S if watch.is_urgent else LONGEST_S
    try:
        while True:
            bell.clear()
            more = await _looked(watch, watcher)
            if more:
                continue
            pause = min(max(pause * 2, SHORTEST_S), longest) if more is None else 0.0
            looked_at = clock()
            await rung(bell, SWEEP_S)
            await asyncio.sleep(max(0.0, looked_at + max(pause, watch.pause_s) - clock()))
    finally:
        await _closed(watch, watcher)


async def _closed(watch: Watch, watcher: Watcher) -> None:
    """Close it to the end: whoever ends the work asks again and again until it is done."""
    closing = asyncio.ensure_future(watcher.close())
    while not closing.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([closing])
    if (error := closing.exception()) is not None:
        log.error("cannot close", watch=watch.name, exc_info=error)


async def _looked(watch: Watch, watcher: Watcher) -> bool | None:
    try:
        return await watcher.look()
    except (CrmError, OSError) as error:
        log.warning("cannot look", watch=watch.name, error=str(error)[:200])
    except Exception:
        # What is wrong with one thing must not end the work at all others.
        log.exception("cannot look", watch=watch.name)
    await asyncio.sleep(1)
    return False
