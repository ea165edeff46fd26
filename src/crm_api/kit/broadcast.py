"""Telling every process that something it remembers is no longer true, by Redis."""

import asyncio
import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import structlog
from redis.exceptions import RedisError

from crm_api.kit.doorbell import connect

log = structlog.get_logger("crm_api.broadcast")

CHANNEL = "crm:broadcast"
NEWS = "news"
"""The topic of something having happened in an organization."""
_TOGETHER_S = 0.005
Listener = Callable[[UUID], None]


class Broadcast:
    """Best effort: whoever remembers something also forgets it by itself, a little later.

    Redis carries no values, only what to ask PostgreSQL about again.
    """

    def __init__(self, url: str | None) -> None:
        # The client's types are partly unknown.
        self._redis: Any = None if url is None else connect(url)
        self._listeners: dict[str, list[Listener]] = {}
        self._bells: dict[UUID, set[asyncio.Event]] = {}
        self._silent_until = 0.0
        self._task: asyncio.Task[None] | None = None
        self._soon: set[tuple[str, UUID]] = set()
        self._saying: asyncio.Task[None] | None = None

    def on(self, topic: str, listener: Listener) -> None:
        """Have a function called with the organization that a topic is about."""
        self._listeners.setdefault(topic, []).append(listener)

    @contextmanager
    def listening(self, organization_id: UUID) -> Generator[asyncio.Event]:
        """A bell that rings when something happens in an organization, while the block runs."""
        bell, bells = asyncio.Event(), self._bells.setdefault(organization_id, set())
        bells.add(bell)
        try:
            yield bell
        finally:
            bells.discard(bell)
            if not bells:
                self._bells.pop(organization_id, None)

    async def tell(self, topic: str, organization_id: UUID) -> None:
        """Tell this process at once and the others in a moment; never raises."""
        self._heard(topic, organization_id)
        if self._redis is None or time.monotonic() < self._silent_until:
            return
        message = json.dumps([topic, str(organization_id)])
        try:
            await asyncio.shield(self._redis.publish(CHANNEL, message))
        except (RedisError, OSError) as error:
            self._silent_until = time.monotonic() + 1
            log.warning("the broadcast is out of order", error=str(error)[:200])

    def news(self, organization_id: UUID) -> None:
        """Tell that something happened, without having anybody wait; a few of them at once."""
        self._heard(NEWS, organization_id)
        if self._redis is not None:
            self._soon.add((NEWS, organization_id))
            if self._saying is None or self._saying.done():
                self._saying = asyncio.create_task(self._say())

    async def _say(self) -> None:
        while self._soon:
            await asyncio.sleep(_TOGETHER_S)
            together, self._soon = self._soon, set()
            if time.monotonic() < self._silent_until:
                continue
            try:
                pipe = self._redis.pipeline(transaction=False)
                for topic, organization_id in together:
                    pipe.publish(CHANNEL, json.dumps([topic, str(organization_id)]))
                await pipe.execute()
            except (RedisError, OSError) as error:
                self._silent_until = time.monotonic() + 1
                log.warning("the broadcast is out of order", error=str(error)[:200])

    def start(self) -> None:
        """Listen to the other processes."""
        if self._redis is not None:
            self._task = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Stop listening and close the connections."""
        while self._task is not None and not self._task.done():
            # The Redis client may take a cancellation for its own timeout.
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1)
        if self._saying is not None and not self._saying.done():
            await asyncio.wait([self._saying], timeout=1)
        if self._redis is not None:
            await self._redis.aclose(close_connection_pool=True)

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as subscription:
                    await subscription.subscribe(CHANNEL)
                    while True:
                        message = await subscription.get_message(
                            ignore_subscribe_messages=True, timeout=1.0
                        )
                        if message is not None:
                            self._read(message["data"])
            except (RedisError, OSError) as error:
                log.warning("cannot listen to the broadcast", error=str(error)[:200])
                await asyncio.sleep(1)

    def _read(self, data: Any) -> None:
        try:
            topic, organization = json.loads(data)
            self._heard(str(topic), UUID(organization))
        except (ValueError, TypeError, AttributeError):
            log.warning("a broadcast that cannot be read")

    def _heard(self, topic: str, organization_id: UUID) -> None:
        if topic == NEWS:
            for bell in self._bells.get(organization_id, ()):
                bell.set()
        for listener in self._listeners.get(topic, ()):
            listener(organization_id)
