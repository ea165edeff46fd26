"""Answers that go on for as long as somebody listens: server-sent events."""

from collections.abc import AsyncIterator
from uuid import UUID

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from crm_api.kit.rest.requests import services_of


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
