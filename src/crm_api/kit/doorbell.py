"""Redis as a doorbell: all contact with arq's queue from the side that rings."""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

log = structlog.get_logger("crm_api.jobs")

QUEUE = "crm:jobs"
FUNCTION = "execute"


def serialize(value: object) -> bytes:
    """JSON, never pickle: whoever can write to Redis must not run code in a worker."""
    return json.dumps(value, default=str).encode()


def deserialize(value: bytes) -> dict[str, Any]:
    """The other way."""
    return json.loads(value)


def connect(url: str) -> ArqRedis:
    """A client that gives up instead of hanging (arq's own settings have no read timeout)."""
    options = {"socket_timeout": 3}
    if not url.startswith("unix:"):
        options |= {"socket_connect_timeout": 1, "socket_keepalive": True}
    pool = ConnectionPool.from_url(url, health_check_interval=15, **options)  # pyright: ignore[reportUnknownMemberType]
    return ArqRedis(
        pool,
        job_serializer=serialize,
        job_deserializer=deserialize,
        default_queue_name=QUEUE,
    )


class Doorbell:
    """Rings after a commit; best effort, because PostgreSQL holds the truth (ADR-0007)."""

    def __init__(self, url: str | None) -> None:
        self._redis = None if url is None else connect(url)
        self._silent_until = 0.0

    async def ring(self, organization_id: UUID, jobs: Sequence[UUID]) -> None:
        """Tell the workers about new jobs; never raises."""
        if self._redis is not None and time.monotonic() >= self._silent_until:
            # Whoever is cancelled in the middle must not leave a connection half used.
            await asyncio.shield(self._ring(self._redis, organization_id, jobs))

    async def _ring(self, redis: ArqRedis, organization_id: UUID, jobs: Sequence[UUID]) -> None:
        try:
            for job in jobs:
                # A new id each time: a dead worker's lock must not swallow the second ring.
                ring = f"{job}:{time.time_ns()}"
                await redis.enqueue_job(FUNCTION, str(organization_id), str(job), _job_id=ring)
        except (RedisError, OSError) as error:
            # Requests must not queue up behind a Redis that is away.
            self._silent_until = time.monotonic() + 5
            log.warning("the doorbell is out of order", error=str(error)[:200])

    async def close(self) -> None:
        """Close the connections."""
        if self._redis is not None:
            await self._redis.aclose(close_connection_pool=True)
