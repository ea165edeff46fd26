"""Somebody's endpoint: counts what comes, and how long after its event."""

import json
import time
from datetime import datetime
from typing import Any


class Receiver:
    """Answers 204 to what is posted; whoever asks is told what came since the last time."""

    def __init__(self) -> None:
        self._got: set[tuple[str, bytes]] = set()
        self._late_ms: list[float] = []
        self._first = self._last = 0.0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """One request, or the beginning and end of the server."""
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        posted = scope["method"] == "POST"
        if posted:
            self._take(scope["path"], dict(scope["headers"]), body)
        answer = b"" if posted else self._told()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        status = 204 if posted else 200
        await send({"type": "http.response.start", "status": status, "headers": headers[posted:]})
        await send({"type": "http.response.body", "body": answer})

    def _take(self, path: str, headers: dict[bytes, bytes], body: bytes) -> None:
        now = time.time()
        self._first, self._last = self._first or now, now
        # An event has the same id at each endpoint.
        self._got.add((path, headers[b"webhook-id"]))
        at = json.loads(body).get("timestamp")
        if at is not None:
            self._late_ms.append((now - datetime.fromisoformat(at).timestamp()) * 1000)

    def _told(self) -> bytes:
        told = {
            "received": len(self._got),
            "seconds": self._last - self._first,
            "late_ms": self._late_ms,
        }
        return json.dumps(told).encode()


def create() -> Receiver:
    """The application."""
    return Receiver()
