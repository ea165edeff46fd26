"""The one place that asks what time it is: PostgreSQL's, once it was heard (ADR-0007)."""

import time
from datetime import UTC, datetime, timedelta

_heard: list[tuple[datetime, float]] = []
"""What time it was, and when that was by this process's own stop watch."""


def now() -> datetime:
    """The current instant in UTC.

    That of this process's machine, which may be wrong, only until `heard` was called.
    """
    if not _heard:
        return datetime.now(UTC)
    moment, at = _heard[0]
    return moment + timedelta(seconds=time.monotonic() - at)


def heard(said: datetime, asked: float, came: float) -> None:
    """Go by another clock that said so between two moments of `time.monotonic`.

    Of what may be so by that answer, it is what is nearest to the time until now: a slow answer
    moves nothing.
    """
    latest = said + timedelta(seconds=came - asked)
    known = min(max(now(), said), latest) if _heard else said
    _heard[:] = [(known, came)]
