"""How long requests may take until their answers begin.

One look at all that wait, twenty times in that time, is a tenth of what a timer for each costs.
"""

import asyncio
import time

_LOOKS = 20


class Wait:
    """A request that waits for its answer to begin."""

    __slots__ = ("_before", "_room", "_task", "has_ended", "until")

    def __init__(self, room: "Patience") -> None:
        self._room = room
        self._task: asyncio.Task[object] | None = asyncio.current_task()
        self._before = 0 if self._task is None else self._task.cancelling()
        self.has_ended = False
        """Whether it took too long, so that its task was cancelled."""
        self.until = 0.0
        self.renew()

    def renew(self) -> None:
        """Begin to wait anew."""
        self.until = time.monotonic() + self._room.most_s

    def is_over(self, now: float) -> bool:
        """Whether it has taken too long; its task is cancelled then."""
        if now < self.until or self._task is None:
            return False
        self.has_ended = self._task.cancel()
        return True

    def absorb(self) -> bool:
        """Whether that its task was cancelled is told by this, and by nobody else."""
        ended, task = self.has_ended, self._task
        return ended and task is not None and task.uncancel() <= self._before


class Patience:
    """Cancels the tasks of requests that take too long."""

    def __init__(self, most_s: float) -> None:
        self.most_s = most_s
        self._waiting: set[Wait] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        """That which will look."""

    def begin(self) -> Wait:
        """The task that runs waits from now on."""
        wait, loop = Wait(self), asyncio.get_running_loop()
        self._waiting.add(wait)
        if loop is not self._loop:
            self._arm(loop)
        return wait

    def end(self, wait: Wait) -> None:
        """It need not wait any longer; to say so twice does no harm."""
        self._waiting.discard(wait)

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        loop.call_later(self.most_s / _LOOKS, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, now = None, time.monotonic()
        self._waiting = {wait for wait in self._waiting if not wait.is_over(now)}
        if self._waiting:
            self._arm(loop)
