"""When mail to a domain may leave: moments given out one after the other. Needs no database."""

from datetime import datetime, timedelta

BURST = timedelta(seconds=1)
"""As many as fit into this may leave at once."""


def slots(
    free_from: datetime, now: datetime, number: int, per_minute: int
) -> tuple[list[datetime], datetime]:
    """The moments of the next mails to a domain, and from when on there is room after them."""
    each = timedelta(minutes=1) / per_minute
    begin = max(free_from, now - BURST)
    moments = [begin + each * (place + 1) for place in range(number)]
    return moments, moments[-1] if moments else begin
