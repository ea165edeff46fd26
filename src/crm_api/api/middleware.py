"""One pure ASGI layer: request id, body limit, last resort, access log."""

import re
import time
from secrets import token_hex
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm_api.api.errors import Internal, response_of
from crm_api.kit.errors import CrmError, TooLarge

log = structlog.get_logger("crm_api.access")
_CLEAN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
MANY_STATEMENTS = 20
QUIET = frozenset({"/healthz", "/readyz"})
"""Asked so often that their lines would hide the others."""


class Outermost:
    """Sees every request first and every answer last."""

    def __init__(self, app: ASGIApp, *, max_body: int, max_upload: int) -> None:
        self._app = app
        self._max_body = max_body
        self._max_upload = max_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await _Exchange(self, scope, receive, send).run(self._app)

    def limit_of(self, scope: Scope) -> int:
        """The most bytes a request's body may have."""
        return self._max_upload if scope["path"] == "/v1/imports" else self._max_body


class _Exchange:
    def __init__(self, layer: Outermost, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self.limit = layer.limit_of(scope)
        self.received = 0
        self.status = 0
        self.bytes = 0
        self.headers = dict(scope["headers"])
        self.request_id = self._request_id()
        scope["request_id"] = self.request_id

    async def run(self, app: ASGIApp) -> None:
        begun = time.perf_counter()
        try:
            length = self.headers.get(b"content-length", b"0")
            if not length.isdigit() or int(length) > self.limit:
                raise self._too_large()
            await app(self.scope, self.receive, self.send)
        except Exception as error:
            if self.status:
                raise
            known = error if isinstance(error, CrmError) else Internal("Something went wrong here.")
            if known is not error:
                log.exception("unhandled", request_id=self.request_id)
            await response_of(known, self.request_id)(self.scope, self.receive, self.send)
        finally:
            self._write_log((time.perf_counter() - begun) * 1000)

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.received += len(message.get("body", b""))
            if self.received > self.limit:
                raise self._too_large()
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self.request_id.encode()),
                (b"x-content-type-options", b"nosniff"),
            ]
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
        await self._send(message)

    def _too_large(self) -> TooLarge:
        return TooLarge(
            f"The body has more than {self.limit} bytes.", headers={"Connection": "close"}
        )

    def _request_id(self) -> str:
        given = self.headers.get(b"x-request-id", b"")
        return given.decode() if _CLEAN_ID.fullmatch(given) else token_hex(16)

    def _write_log(self, ms: float) -> None:
        actor, tx, route = (self.scope.get(key) for key in ("actor", "tx", "route"))
        fields: dict[str, Any] = {
            "request_id": self.request_id,
            "method": self.scope["method"],
            "route": getattr(route, "path", self.scope["path"][:200]),
            "status": self.status,
            "ms": round(ms, 1),
            "bytes": self.bytes,
        }
        if actor is not None:
            fields |= {"organization": actor.organization_id, "actor": actor.id}
        if tx is not None:
            fields["queries"] = tx.statements
            if tx.statements > MANY_STATEMENTS:
                log.warning("many statements", **fields)
                return
        write = log.debug if self.scope["path"] in QUIET else log.info
        write("request", **fields)
