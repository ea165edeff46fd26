"""What a client is told for as long as it listens: looked at whenever something happens."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError

LOOK_S, BEAT_S, LONGEST_S = 2.0, 15.0, 3600.0
TOGETHER_S = 0.2
"""Of what happens in quick succession only the end is looked at."""
Seen = TypeVar("Seen")


class Ended(Exception):
    """The end of it, and why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


async def rung(bell: asyncio.Event, within_s: float) -> bool:
    """Whether a bell rings so soon.

    `asyncio.wait_for` forgets that it was cancelled where the bell rings at the same moment
    (before Python 3.12), and its caller would go on for a client that has gone.
    """
    try:
        async with asyncio.timeout(within_s):
            return await bell.wait()
    except TimeoutError:
        return False


@dataclass(frozen=True, slots=True)
class Live:
    """The credential of a client as it is at any moment, and a bell for what happens."""

    tx: Callable[[], Awaitable[Tx]]
    """A new transaction; raises `Unauthenticated` when the credential has ended."""
    listening: Callable[[UUID], AbstractContextManager[asyncio.Event]]

    async def follow(
        self,
        organization_id: UUID,
        look: Callable[[Tx], Awaitable[Seen | None]],
        *,
        every_s: float = LOOK_S,
    ) -> AsyncGenerator[Seen | None]:
        """What `look` sees at first and whenever something happens; None for a while of nothing.

        It looks so often though nothing is known to have happened. Raises `Ended`.
        """
        clock = asyncio.get_running_loop().time
        begun = spoke = clock()
        with self.listening(organization_id) as bell:
            while clock() - begun < LONGEST_S:
                bell.clear()
                seen = await self._look(organization_id, look)
                if seen is not None or clock() - spoke > BEAT_S:
                    spoke = clock()
                    yield seen
                if await rung(bell, every_s):
                    await asyncio.sleep(TOGETHER_S)
        raise Ended("stream_ended", "Ask again.")

    async def _look(
        self, organization_id: UUID, look: Callable[[Tx], Awaitable[Seen | None]]
    ) -> Seen | None:
        try:
            tx = await self.tx()
            if tx.organization_id != organization_id:
                raise Ended("credential_ended", "The credential is another one now.")
            return await look(tx)
        except CrmError as error:
            raise Ended(error.own_code, error.detail) from None
