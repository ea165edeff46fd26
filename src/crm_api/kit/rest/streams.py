"""Answers that go on for as long as somebody listens: server-sent events."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.live import Ended, Live
from crm_api.kit.rest.requests import authenticated, services_of


def live_of(request: Request) -> Live:
    """Whoever asks, for as long as they listen."""
    own = services_of(request)

    async def current() -> Tx:
        found = Tx(own.database, await authenticated(own, request.scope), read_only=True)
        await found.learned.learn()
        return found

    return Live(current, own.listening)


async def spoken(event: str, seen: AsyncIterator[Mapping[str, Any] | None]) -> AsyncIterator[bytes]:
    """What is seen as server-sent events of this name; a `cursor` in it is their id."""
    # At once, so that the client knows that it is connected.
    yield b": following\n\n"
    try:
        async for one in seen:
            if one is None:
                yield b": still here\n\n"
                continue
            place = b"id: " + one["cursor"].encode() + b"\n" if "cursor" in one else b""
            yield place + b"event: " + event.encode() + b"\ndata: " + encode(one) + b"\n\n"
    except Ended as end:
        said = encode({"code": end.code, "detail": str(end)})
        yield b"event: end\ndata: " + said + b"\n\n"


class EventStream(StreamingResponse):
    """Server-sent events to one client, who counts as a follower until the end."""

    def __init__(
        self, request: Request, organization_id: UUID, events: AsyncIterator[bytes]
    ) -> None:
        super().__init__(
            events,
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._followers, self._organization_id = services_of(request).followers, organization_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; raises `TooMany` or `Unavailable` before anything is sent."""
        # Here, where it ends in any case: of a client that is gone the iterator never begins.
        with self._followers.of(self._organization_id), self._followers.connected():
            await super().__call__(scope, receive, send)
