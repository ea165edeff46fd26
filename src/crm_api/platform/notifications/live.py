"""Following how much there is to read, as it changes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError
from crm_api.platform.notifications.service import InboxService

LOOK_S, BEAT_S, LONGEST_S = 2.0, 15.0, 3600.0
TOGETHER_S = 0.2
"""Of what happens in quick succession only the end is counted."""


class Ended(Exception):
    """The end of it, and why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class UnreadFollower:
    """Counts for one client whenever something happens, and now and then."""

    tx: Callable[[], Awaitable[Tx]]
    """A new transaction of the credential, as it is now; raises `Unauthenticated`."""
    listening: Callable[[UUID], AbstractContextManager[asyncio.Event]]

    async def follow(self, organization_id: UUID) -> AsyncIterator[int | None]:
        """The number at first and whenever it is another; None for a while without. Raises `Ended`."""
        clock = asyncio.get_running_loop().time
        begun = spoke = clock()
        before: int | None = None
        with self.listening(organization_id) as bell:
            while clock() - begun < LONGEST_S:
                bell.clear()
                number = await self._count(organization_id)
                if number != before:
                    before, spoke = number, clock()
                    yield number
                elif clock() - spoke > BEAT_S:
                    spoke = clock()
                    yield None
                try:
                    await asyncio.wait_for(bell.wait(), LOOK_S)
                    await asyncio.sleep(TOGETHER_S)
                except TimeoutError:
                    continue
        raise Ended("stream_ended", "Ask again.")

    async def _count(self, organization_id: UUID) -> int:
        try:
            tx = await self.tx()
            if tx.organization_id != organization_id:
                raise Ended("credential_ended", "The credential is another one now.")
            return await InboxService(tx).unread()
        except CrmError as error:
            raise Ended(error.own_code, error.detail) from None
