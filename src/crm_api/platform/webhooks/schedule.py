"""When a delivery is tried again, and when it is given up: the numbers of Standard Webhooks."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MINUTE, HOUR = 60.0, 3600.0
DELAYS_S = (
    5.0,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
"""After the first failed attempt, the second, and so on; then it is given up."""
JITTER = 0.2
OVERLOADED = frozenset({429, 502, 503, 504})
OVERLOAD_S = MINUTE
"""Whoever says that it is too much, or does not answer in time, is left alone this long."""
LONGEST_S = 24 * HOUR
DISABLED_AFTER = timedelta(hours=120)
LEAST_FAILURES = 10
NOTICES = (timedelta(hours=24), timedelta(hours=72))


def delay_of(
    tries: int, *, overloaded: bool = False, retry_after: str | None = None, now: datetime
) -> float | None:
    """Seconds until the next attempt after so many; None when there is none.

    `Retry-After` counts between what would be waited anyway and twice that, or an hour.
    """
    if tries > len(DELAYS_S):
        return None
    base = DELAYS_S[tries - 1]
    if overloaded:
        base = max(base, OVERLOAD_S)
    asked = _seconds(retry_after, now)
    if asked is not None:
        return min(max(asked, base), max(2 * base, HOUR), LONGEST_S)
    return base * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - not a secret


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after.strip()[:9])
    try:
        moment = parsedate_to_datetime(retry_after)
    except (ValueError, TypeError, OverflowError):
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)


def is_overload(status: int | None, error: str | None) -> bool:
    """Whether an endpoint had too much to do."""
    return status in OVERLOADED or error in {"timeout", "connect_timeout"}


def verdict_of(headers: Mapping[str, str]) -> str | None:
    """What a receiver decides by the header `webhook-delivery`: `disable` or `abort-message`."""
    said = headers.get("webhook-delivery", "").strip().lower()
    return said if said in {"disable", "abort-message"} else None
