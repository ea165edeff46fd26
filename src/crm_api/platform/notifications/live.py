"""How much there is to read, as it changes."""

from collections.abc import Awaitable, Callable

from crm_api.kit.db.tx import Tx
from crm_api.platform.notifications.service import InboxService


def unread() -> Callable[[Tx], Awaitable[int | None]]:
    """Sees the number at first, and whenever it is another."""
    before: int | None = None

    async def look(tx: Tx) -> int | None:
        nonlocal before
        number = await InboxService(tx).unread()
        if number == before:
            return None
        before = number
        return number

    return look
