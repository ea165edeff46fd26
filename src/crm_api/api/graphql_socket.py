"""GraphQL subscriptions over WebSockets, by the protocol graphql-transport-ws."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, cast

from fastapi import APIRouter, WebSocket
from graphql import ExecutionResult, GraphQLError, OperationType
from graphql import subscribe as _subscribe  # pyright: ignore[reportUnknownVariableType]
from starlette.websockets import WebSocketDisconnect, WebSocketState

from crm_api.api.graphql import Endpoint, shown_error
from crm_api.api.graphql_requests import Asked
from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, TooMany, Unauthenticated, Unavailable
from crm_api.kit.graphql.context import Context
from crm_api.kit.graphql.documents import Refused
from crm_api.kit.live import Live
from crm_api.kit.rest.requests import Services, authorization_of, loads

# Its types are partly unknown.
_subscribed: Any = _subscribe  # pyright: ignore[reportUnknownVariableType]
PROTOCOL = "graphql-transport-ws"
PATIENCE_S = 10.0
"""How long a client may take to say who it is."""
PING_S = 20.0
MOST = 20
"""Subscriptions of one socket."""
_MALFORMED, _UNAUTHORIZED, _FORBIDDEN, _SLOW = 4400, 4401, 4403, 4408
_TAKEN, _REPEATED, _TOO_MANY = 4409, 4429, 4429
_AGAIN_LATER = 1013  # as the registry of WebSocket codes has it


def socket_router(endpoint: Endpoint) -> APIRouter:
    """`/graphql` as a WebSocket."""
    router = APIRouter()

    @router.websocket("/graphql")
    async def connect(socket: WebSocket) -> None:
        if PROTOCOL not in socket.scope.get("subprotocols", ()):
            await socket.close(4406, "Subprotocol not acceptable")
            return
        await socket.accept(PROTOCOL)
        await _Connection(socket, endpoint).serve()

    del connect
    return router


class _Closed(Exception):
    """The client does what the protocol does not allow."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass
class _Connection:
    socket: WebSocket
    endpoint: Endpoint
    authorization: str | None = None
    places: ExitStack = field(default_factory=ExitStack)
    """What it holds among the followers of the process and of its organization."""
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, "asyncio.Task[None]"])

    @property
    def services(self) -> Services:
        return self.socket.app.state.services

    async def serve(self) -> None:
        """Everything from the first message to the last."""
        pinging = asyncio.create_task(self._ping())
        try:
            self._connect()
            await self._begin()
            while True:
                await self._take(await self._message())
        except WebSocketDisconnect:
            pass
        except _Closed as end:
            await self._close(end)
        finally:
            pinging.cancel()
            self.places.close()
            for task in list(self.running.values()):
                task.cancel()

    def _connect(self) -> None:
        try:
            self.places.enter_context(self.services.followers.connected())
        except Unavailable:
            raise _Closed(_AGAIN_LATER, "Too many followers here") from None

    async def _begin(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                message = await self._message()
        except TimeoutError:
            raise _Closed(_SLOW, "Connection initialisation timeout") from None
        if message["type"] != "connection_init":
            raise _Closed(_UNAUTHORIZED, "Unauthorized")
        given: dict[str, Any] = message.get("payload") or {}
        named = {name.lower(): value for name, value in given.items()}
        said = named.get("authorization")
        # Browsers cannot set headers of a handshake.
        self.authorization = said if isinstance(said, str) else authorization_of(self.socket.scope)
        try:
            actor = (await self._tx()).actor
            await self.services.admit(actor)
            self.places.enter_context(self.services.followers.of(actor.organization_id))
        except (Unauthenticated, Forbidden):
            raise _Closed(_FORBIDDEN, "Forbidden") from None
        except TooMany as error:
            raise _Closed(_TOO_MANY, error.detail[:120]) from None
        except Unavailable as error:
            raise _Closed(_AGAIN_LATER, error.detail[:120]) from None
        await self._say({"type": "connection_ack"})

    async def _take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "ping":
            await self._say({"type": "pong"})
        elif kind == "subscribe":
            self._subscribe(message)
        elif kind == "complete":
            task = self.running.pop(str(message.get("id")), None)
            if task is not None:
                task.cancel()
        elif kind == "connection_init":
            raise _Closed(_REPEATED, "Too many initialisation requests")
        elif kind != "pong":
            raise _Closed(_MALFORMED, f"Unknown message {kind[:40]!r}")

    def _subscribe(self, message: dict[str, Any]) -> None:
        id, payload = message.get("id"), message.get("payload")
        if not isinstance(id, str) or not isinstance(payload, dict):
            raise _Closed(_MALFORMED, "`subscribe` takes an id and a payload")
        if id in self.running:
            raise _Closed(_TAKEN, f"Subscriber for {id[:80]} already exists")
        if len(self.running) >= MOST:
            raise _Closed(_TOO_MANY, f"At most {MOST} subscriptions")
        task = asyncio.create_task(self._run(id, cast("dict[str, Any]", payload)))
        self.running[id] = task
        task.add_done_callback(lambda _: self._ended(id, task))

    def _ended(self, id: str, task: asyncio.Task[None]) -> None:
        # Another one may have its id since it was told to end.
        if self.running.get(id) is task:
            del self.running[id]

    async def _run(self, id: str, payload: dict[str, Any]) -> None:
        with suppress(WebSocketDisconnect):
            try:
                async for result in await self._results(payload):
                    await self._say({"id": id, "type": "next", "payload": self._shown(result)})
            except WebSocketDisconnect:
                raise
            except Refused as error:
                await self._refuse(id, error.errors)
            except Exception as error:  # noqa: BLE001
                # Nothing else says where the source of what is told has failed.
                await self._refuse(id, [GraphQLError(str(error), original_error=error)])
            else:
                await self._say({"id": id, "type": "complete"})

    async def _refuse(self, id: str, errors: Iterable[GraphQLError]) -> None:
        shown = [shown_error(error, self.socket.scope) for error in errors]
        await self._say({"id": id, "type": "error", "payload": shown})

    async def _results(self, payload: dict[str, Any]) -> AsyncIterator[ExecutionResult]:
        asked = Asked.of(payload)
        document, operation = self.endpoint.admitted(asked)
        if operation.kind is not OperationType.SUBSCRIPTION:
            raise Refused([GraphQLError("Send queries and mutations by POST.", operation.node)])
        operation.variables(asked.variables or {})
        context = Context(await self._tx(), document.node)
        context.live = Live(self._tx, self.services.listening)
        core = self.endpoint.schema._schema  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        # The library answers at once where nothing has to be awaited.
        found: Any = _subscribed(
            core,
            document.node,
            context_value=context,
            variable_values=asked.variables,
            operation_name=asked.operation_name,
        )
        if isawaitable(found):
            found = await found
        if isinstance(found, ExecutionResult):
            raise Refused(found.errors or ())
        return cast("AsyncIterator[ExecutionResult]", found)

    def _shown(self, result: ExecutionResult) -> dict[str, Any]:
        shown: dict[str, Any] = {"data": result.data}
        if result.errors:
            shown["errors"] = [shown_error(error, self.socket.scope) for error in result.errors]
        return shown

    async def _tx(self) -> Tx:
        """A transaction of the credential as it is now; raises `Unauthenticated`."""
        client = self.socket.client
        actor = await self.services.authenticate(self.authorization, client and client.host)
        tx = Tx(self.services.database, actor, read_only=True)
        await tx.learned.learn()
        return tx

    async def _message(self) -> dict[str, Any]:
        try:
            found = loads((await self.socket.receive_text()).encode())
        except (ValueError, KeyError):
            raise _Closed(_MALFORMED, "Not a JSON message") from None
        message = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
        if not isinstance(message.get("type"), str):
            raise _Closed(_MALFORMED, "A message has a type")
        if not isinstance(message.get("payload"), dict | None):
            raise _Closed(_MALFORMED, "A payload is an object")
        return message

    async def _say(self, message: dict[str, Any]) -> None:
        # It waits for a client that is slow, and with it whoever reads the feed for it.
        try:
            await self.socket.send_text(encode(message).decode())
        except RuntimeError:
            # It was closed meanwhile.
            raise WebSocketDisconnect from None

    async def _ping(self) -> None:
        with suppress(WebSocketDisconnect):
            while True:
                await asyncio.sleep(PING_S)
                await self._say({"type": "ping"})

    async def _close(self, end: _Closed) -> None:
        if self.socket.application_state is WebSocketState.CONNECTED:
            with suppress(RuntimeError, WebSocketDisconnect):
                await self.socket.close(end.code, end.reason)
