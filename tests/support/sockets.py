"""Clients of graphql-transport-ws."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from support.processes import Server


@asynccontextmanager
async def opened(
    server: Server, protocol: str = "graphql-transport-ws", **options: Any
) -> AsyncIterator[ClientConnection]:
    """A socket of GraphQL."""
    url = server.url.replace("http", "ws", 1) + "/graphql"
    async with connect(
        url, subprotocols=[Subprotocol(protocol)], proxy=None, open_timeout=60, **options
    ) as socket:
        yield socket


async def say(socket: ClientConnection, **message: Any) -> None:
    """Send a message."""
    await socket.send(json.dumps(message))


async def hear(socket: ClientConnection, within_s: float = 100.0) -> Any:
    """The next message but pings."""
    async with asyncio.timeout(within_s):
        while (message := json.loads(await socket.recv())) == {"type": "ping"}:
            pass
    return message


async def begun(socket: ClientConnection, token: str | None) -> None:
    """Say who one is."""
    await say(socket, type="connection_init", payload={"Authorization": f"Bearer {token}"})
    assert await hear(socket) == {"type": "connection_ack"}
