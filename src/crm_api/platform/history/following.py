"""Following the feed live: what happens comes as it happens, to whoever may still see it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_api.kit.crud.feed import Feed, Position
from crm_api.kit.crud.sight import Services
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Unauthenticated
from crm_api.kit.live import Ended, rung
from crm_api.kit.query.cursor import context_of, seal, unseal

STRETCH = 100
LOOK_S, BEAT_S, LONGEST_S = 2.0, 15.0, 3600.0
SOON_S, SOON = 0.1, 3
"""What was rung for may have to wait for an older transaction: it is looked for some times more."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event and the cursor after it; None where nothing has happened for a while."""

    event: dict[str, Any] | None
    cursor: str


@dataclass(frozen=True, slots=True)
class Follower:
    """Follows the feed for one client, who takes the events at its own pace.

    Nothing is kept for the client: the next stretch is read when the one before was taken.
    """

    services: Services
    tx: Callable[[], Awaitable[Tx]]
    """A new transaction of the credential, as it is now; raises `Unauthenticated`."""
    listening: Callable[[UUID], AbstractContextManager[asyncio.Event]]
    types: Sequence[str] = ()
    filter: Any = None

    async def begin(self, tx: Tx, cursor: str | None) -> Position:
        """Where to begin: after a cursor, or now. Raises what is wrong with what was asked."""
        feed = Feed(tx, self.services)
        tx.actor.require("events:read")
        if self.filter:
            feed.filter_of(self.filter, self.types, lax=True)
        if not cursor:
            return await feed.end()
        return Position(*unseal(tx.database.signing_key, _context(tx), cursor, parameter="after"))

    async def follow(self, organization_id: UUID, place: Position) -> AsyncIterator[Told]:
        """Every event from here on; raises `Ended`."""
        clock = asyncio.get_running_loop().time
        begun = spoke = clock()
        soon = 0
        with self.listening(organization_id) as bell:
            while clock() - begun < LONGEST_S:
                bell.clear()
                events, place, whole = await self._read(organization_id, place)
                for told in events:
                    yield told
                    spoke = clock()
                if clock() - spoke > BEAT_S:
                    spoke = clock()
                    yield Told(None, await self._cursor(place))
                if whole:
                    soon = 0 if events else soon - 1
                    if await rung(bell, SOON_S if soon > 0 else LOOK_S):
                        soon = SOON
        raise Ended("stream_ended", "Go on from the last event.")

    async def _read(
        self, organization_id: UUID, place: Position
    ) -> tuple[list[Told], Position, bool]:
        try:
            tx = await self.tx()
            if tx.organization_id != organization_id:
                raise Ended("credential_ended", "The credential is another one now.")
            feed = Feed(tx, self.services)
            source = self.filter
            passing = feed.filter_of(source, self.types, lax=True) if source else None
            found = await feed.stretch(place, STRETCH, types=self.types, filter=passing)
            shown = await feed.shown(found.rows)
        except Unauthenticated as error:
            raise Ended("credential_ended", error.detail) from None
        except CrmError as error:
            raise Ended(error.own_code, error.detail) from None
        key, context = tx.database.signing_key, _context(tx)
        told = [
            Told(event, seal(key, context, [row["tx"], row["seq"]]))
            for event, row in zip(shown, found.rows, strict=True)
        ]
        return told, found.end, found.whole

    async def _cursor(self, place: Position) -> str:
        try:
            tx = await self.tx()
        except Unauthenticated as error:
            raise Ended("credential_ended", error.detail) from None
        except CrmError as error:
            raise Ended(error.own_code, error.detail) from None
        return seal(tx.database.signing_key, _context(tx), [place.tx, place.seq])


def _context(tx: Tx) -> bytes:
    """The same as the feed's: a cursor of either goes on in the other."""
    return context_of(tx.organization_id, "events")
