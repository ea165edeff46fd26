"""One pure ASGI layer: request id, sizes, the longest wait, headers, last resort, access log."""

import asyncio
import random
import re
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm_api.api.errors import Internal, response_of
from crm_api.api.patience import Patience, Wait
from crm_api.api.telemetry import trace_of
from crm_api.kit import traces
from crm_api.kit.errors import CrmError, TooLarge, Unavailable
from crm_api.kit.meters import STATEMENTS

log = structlog.get_logger("crm_api.access")
_CLEAN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
MANY_STATEMENTS = 20
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_NO_CONTENT = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_UNKEPT = (b"cache-control", b"no-store")
_ONLY_HTTPS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_PUBLIC = "/public/"
"""What follows is a secret: whoever has it needs no other credential."""
_FILES = frozenset({"/v1/imports", "/v1/files", "/v1/inbox/email"})
QUIET = frozenset({"/healthz", "/readyz"})
"""Asked so often that their lines would hide the others."""


class Outermost:
    """Sees every request first and every answer last."""

    def __init__(
        self, app: ASGIApp, *, max_body: int, max_bulk: int, max_upload: int, patience_s: float
    ) -> None:
        self._app = app
        self.patience = Patience(patience_s)
        """How long an answer may take to begin."""
        self._max_body = max_body
        self._max_bulk = max_bulk
        self.max_upload = max_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await _Exchange(self, scope, receive, send).run(self._app)

    def limit_of(self, scope: Scope) -> int:
        """The most bytes a request's body may have."""
        path: str = scope["path"]
        if path in _FILES or (path.endswith("/attachments") and path != "/v1/attachments"):
            return self.max_upload
        many = path == "/v1/batch" or path.endswith("/bulk")
        return self._max_bulk if many else self._max_body


_Headers = Sequence[tuple[bytes, bytes]]


@lru_cache(maxsize=8)
def _common(*, is_page: bool, is_secure: bool, is_public: bool) -> _Headers:
    found = [*_ALWAYS]
    if not is_page:
        # The pages for people load scripts; nothing else is to be shown by a browser.
        found.append(_NO_CONTENT)
    if is_secure:
        found.append(_ONLY_HTTPS)
    if is_public:
        # Unless the answer says otherwise; errors never do.
        found.append(_UNKEPT)
    return tuple(found)


def _headers_of(scope: Scope, own: _Headers) -> _Headers:
    """What every answer says beside its own headers."""
    told = dict(own)
    found = _common(
        is_page=told.get(b"content-type", b"").startswith(b"text/html"),
        is_secure=scope["scheme"] == "https",
        is_public=scope["path"].startswith(_PUBLIC),
    )
    account = scope.get("account")
    if account is not None:
        found = (*found, *((n.lower().encode(), v.encode()) for n, v in account.headers.items()))
    return [header for header in found if header[0] not in told]


def route_of(scope: Scope) -> str:
    """What logs say of where a request went: no secret that stands in its path."""
    path: str = scope["path"]
    known = getattr(scope.get("route"), "path", None)
    return known or (_PUBLIC if path.startswith(_PUBLIC) else path[:200])


class _Exchange:
    def __init__(self, layer: Outermost, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self._layer = layer
        self.wait: Wait | None = None
        """Until the answer begins."""
        self.limit = layer.limit_of(scope)
        self.received = 0
        self.status = 0
        self.bytes = 0
        self.headers = dict(scope["headers"])
        self.request_id = self._request_id()
        scope["request_id"] = self.request_id
        self.trace = trace_of(scope, self.headers.get(b"traceparent"))

    async def run(self, app: ASGIApp) -> None:
        begun = time.perf_counter()
        former = traces.CURRENT.set(self.trace)
        try:
            length = self.headers.get(b"content-length", b"0")
            if not length.isdigit() or int(length) > self.limit:
                raise self._too_large()
            await self._served(app)
        except Exception as error:
            if self.status:
                raise
            known = self._known(error)
            if known is not error:
                log.exception("unhandled", request_id=self.request_id)
            await response_of(known, self.request_id)(self.scope, self.receive, self.send)
        finally:
            traces.CURRENT.reset(former)
            self._write_log((time.perf_counter() - begun) * 1000)

    async def _served(self, app: ASGIApp) -> None:
        patience = self._layer.patience
        self.wait = wait = patience.begin()
        try:
            await app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            if not wait.absorb():
                raise
            message = f"No answer within {patience.most_s:g} s; nothing may have been done."
            raise Unavailable(message, code="timeout", retry_after_s=5) from None
        finally:
            patience.end(wait)

    def _known(self, error: Exception) -> CrmError:
        return error if isinstance(error, CrmError) else Internal("Something went wrong here.")

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            if self.wait is not None and self.limit == self._layer.max_upload:
                # A large file may take its time, as long as it keeps coming.
                self.wait.renew()
            self.received += len(message.get("body", b""))
            if self.received > self.limit:
                raise self._too_large()
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.wait is not None:
                self._layer.patience.end(self.wait)
            own = message.get("headers", ())
            message["headers"] = [
                *own,
                (b"x-request-id", self.request_id.encode()),
                *_headers_of(self.scope, own),
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
        if _CLEAN_ID.fullmatch(given):
            return given.decode()
        # It tells requests apart and guards nothing, so the system is not asked for each.
        return f"{random.getrandbits(128):032x}"

    def _write_log(self, ms: float) -> None:
        actor, tx = (self.scope.get(key) for key in ("actor", "tx"))
        fields: dict[str, Any] = {
            "request_id": self.request_id,
            "method": self.scope["method"],
            "route": route_of(self.scope),
            "status": self.status,
            "ms": round(ms, 1),
            "bytes": self.bytes,
        }
        if self.trace is not None:
            fields["trace_id"] = self.trace.split("-")[1]
        if actor is not None:
            fields |= {"organization": actor.organization_id, "actor": actor.id}
        if tx is not None:
            fields["queries"] = tx.statements
            STATEMENTS.record(tx.statements, {"http.route": fields["route"]})
            if tx.statements > MANY_STATEMENTS:
                log.warning("many statements", **fields)
                return
        write = log.debug if self.scope["path"] in QUIET else log.info
        write("request", **fields)
