"""What a process may know for a few seconds without asking again."""

import time
from collections.abc import Hashable
from typing import Any

REMEMBERED_S = 10.0
"""How long another process may go on with what is not so any more."""
_MOST = 10_000
Key = Hashable


class Memory:
    """Values by key, each for a short time."""

    def __init__(self) -> None:
        self._known: dict[Key, tuple[float, Any]] = {}

    def get(self, key: Key) -> Any:
        """What is known, or None."""
        found = self._known.get(key)
        return found[1] if found is not None and found[0] > time.monotonic() else None

    def put(self, key: Key, value: Any) -> None:
        """Know something for a while."""
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = (time.monotonic() + REMEMBERED_S, value)

    def forget(self, *keys: Key) -> None:
        """Ask again for these."""
        for key in keys:
            self._known.pop(key, None)
