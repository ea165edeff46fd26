"""Many things at once, and by halves where one of them is refused."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from crm_api.kit.errors import CrmError

T = TypeVar("T")


async def halved(
    items: Sequence[T],
    attempt: Callable[[Sequence[T]], Awaitable[None]],
    refuse: Callable[[T, CrmError], Awaitable[None]],
) -> None:
    """Attempt all items at once; of those that cannot be, each half, down to the single ones.

    `attempt` does all of its items or none. `refuse` is told of an item that fails alone.
    """
    try:
        await attempt(items)
    except CrmError as error:
        if error.status >= 500:
            raise
        if len(items) == 1:
            await refuse(items[0], error)
            return
        middle = len(items) // 2
        await halved(items[:middle], attempt, refuse)
        await halved(items[middle:], attempt, refuse)
